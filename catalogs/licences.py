"""What licences allow: a reviewed list (``licences.toml``), and which of them a corpus means. Nothing is guessed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from catalogs import corpora

Answer = Literal["yes", "no", "unstated"]

PERMISSIONS = ("share", "adapt", "commercial")
"""What a song can be asked for: passing on copies, passing on what was made from it, use for gain."""

NOT_STATED = "not stated"
"""Stands for the licence of a song where neither the song nor its corpus states one."""


@dataclass(frozen=True)
class Licence:
    """A licence, or the terms of a corpus; the keys are explained in ``licences.toml``."""

    id: str
    name: str
    url: str
    share: Answer
    adapt: Answer
    commercial: Answer
    attribution: Answer
    share_alike: Answer
    texts: tuple[str, ...]
    corpora: tuple[str, ...] = ()

    def allows(self, permission: str) -> bool:
        """Whether it says yes to one of PERMISSIONS.

        Raises:
            ValueError: another permission.
        """
        if permission not in PERMISSIONS:
            raise ValueError(f"{permission!r} is no permission; name one of {', '.join(PERMISSIONS)}")
        return getattr(self, permission) == "yes"


@dataclass(frozen=True)
class CorpusTerms:
    """What a corpus states about its licence, and how it is cited; empty where it states nothing."""

    licence: str
    citation: str


def corpus_terms(corpus: str) -> CorpusTerms:
    """Terms of a corpus by the name of its adapter; empty for a name that has none."""
    if corpus not in corpora.names():
        return CorpusTerms("", "")
    adapter = corpora.get(corpus)
    return CorpusTerms(adapter.licence, adapter.citation)


def find_licence(text: str, corpus: str) -> Licence | None:
    """The licence that a corpus means by a text; None where that is not known."""
    return _by_text().get((_canonical(text), corpus)) or _by_text().get((_canonical(text), ""))


def licence_texts(stated: Iterable[str | None], corpus: str) -> list[str]:
    """What holds for a song: the licences of its files, else what its corpus states, else NOT_STATED; sorted."""
    default = corpus_terms(corpus).licence or NOT_STATED
    return sorted({text or default for text in stated} or {default})


@cache
def known_licences() -> tuple[Licence, ...]:
    """All licences of the list."""
    document = tomllib.loads(resources.files("catalogs").joinpath("licences.toml").read_text("utf-8"))
    return tuple(
        Licence(**{**entry, "texts": tuple(entry["texts"]), "corpora": tuple(entry.get("corpora", ()))})
        for entry in document["licence"]
    )


@cache
def _by_text() -> Mapping[tuple[str, str], Licence]:
    return {
        (_canonical(text), corpus): licence
        for licence in known_licences()
        for text in licence.texts
        for corpus in licence.corpora or ("",)
    }


def _canonical(text: str) -> str:
    return " ".join(text.casefold().split())
