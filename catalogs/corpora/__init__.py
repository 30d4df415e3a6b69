"""Corpus adapters by name: each turns a folder into songs. A new corpus is one module and one line here."""

from __future__ import annotations

import dataclasses
from typing import Any

from catalogs.corpora.corpus import Corpus, CorpusFile, CorpusLayoutError, CorpusSong
from catalogs.corpora.folder import FolderCorpus
from catalogs.corpora.musdb18 import Musdb18
from catalogs.corpora.musdb18hq import Musdb18Hq

__all__ = ["Corpus", "CorpusFile", "CorpusLayoutError", "CorpusSong", "get", "names"]

_ADAPTERS: dict[str, type[FolderCorpus] | type[Musdb18] | type[Musdb18Hq]] = {
    adapter.name: adapter for adapter in (FolderCorpus, Musdb18, Musdb18Hq)
}


def names() -> list[str]:
    """Names of the known corpora, sorted."""
    return sorted(_ADAPTERS)


def get(name: str, **options: Any) -> Corpus:
    """The adapter of a corpus, with the options of its class.

    Errors: ValueError for a name or an option that is not known, or an option's value that is not possible.
    """
    if name not in _ADAPTERS:
        raise ValueError(f"no corpus is called {name!r}; the known ones are {', '.join(names())}")
    adapter = _ADAPTERS[name]
    known = [field.name for field in dataclasses.fields(adapter)]
    for option in options:
        if option not in known:
            raise ValueError(f"the corpus {name} has no option {option!r}; it has {', '.join(known)}")
    return adapter(**options)
