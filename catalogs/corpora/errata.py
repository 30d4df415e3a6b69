"""Published errors of corpora (``errata.toml``), and what is done about them to the songs that have them."""

from __future__ import annotations

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.corpora.sources import canonical
from catalogs.faults import Fault, printable
from catalogs.schemas import EXCLUDED, MIXTURE

BUILT_IN = "errata.toml"

NO_ERRATA = "none"
"""What is given in place of a file to correct nothing."""

EFFECTS = ("drop", "relabel", "bleed", "note")

_KEYS = {"corpora", "song", "part", "effect", "to", "cause", "source"}
_TEXTS = ("song", "effect", "cause", "source")


@dataclass(frozen=True)
class Erratum:
    """An error of a song, or of one part of it; the keys are explained in ``errata.toml``."""

    corpora: tuple[str, ...]
    song: str
    effect: str
    cause: str
    source: str
    part: str | None = None
    to: str | None = None

    @property
    def words(self) -> str:
        """Effect, cause and source in one line, the effect first."""
        return f"{self.effect}: {self.cause} ({self.source})"


def corrected(
    songs: Iterable[CorpusSong], errata: Iterable[Erratum], decided: Mapping[str, Mapping[str, str]]
) -> Iterator[CorpusSong]:
    """The songs with what their errata do to them.

    A mixture that is the sum of the stems loses a dropped part with them. Parts of which a user has named the
    source (``decided``, by song id) are neither dropped nor relabelled.
    """
    by_song: dict[tuple[str, str], list[Erratum]] = {}
    for erratum in errata:
        for corpus in erratum.corpora:
            by_song.setdefault((corpus, canonical(erratum.song)), []).append(erratum)
    for song in songs:
        names = {canonical(song.native_id), canonical(f"{song.artist} - {song.title}")}
        for erratum in (found for name in sorted(names) for found in by_song.get((song.corpus, name), [])):
            song = _corrected(song, erratum, decided.get(song.song_id, {}))
        yield song


def _corrected(song: CorpusSong, erratum: Erratum, decided: Mapping[str, str]) -> CorpusSong:
    if erratum.part is None:
        if erratum.effect == "drop":
            path = next((file.path.parent for _, file in sorted(song.files.items())), None)
            fault = Fault("erratum", f"{erratum.cause} ({erratum.source})", path=path)
            return dataclasses.replace(song, faults=(*song.faults, fault))
        return _with_files(song, song.files, erratum, stem=None)
    stem = {"drop": EXCLUDED, "relabel": erratum.to}.get(erratum.effect)
    if stem is None or erratum.part in decided:
        parts = [part for part in (erratum.part, f"{MIXTURE}/{erratum.part}") if part in song.files]
        return _with_files(song, parts, erratum, stem=None)
    moved = [part for part, file in song.files.items() if part == erratum.part or file.belongs_to == erratum.part]
    kept = {part: file for part, file in song.files.items() if stem != EXCLUDED or part != f"{MIXTURE}/{erratum.part}"}
    return _with_files(dataclasses.replace(song, files=kept), moved, erratum, stem)


def _with_files(song: CorpusSong, parts: Iterable[str], erratum: Erratum, stem: str | None) -> CorpusSong:
    changed: dict[str, CorpusFile] = {}
    for part in parts:
        file = song.files[part]
        changed[part] = dataclasses.replace(
            file,
            stem=file.stem if stem is None else stem,
            bleed=True if erratum.effect == "bleed" else file.bleed,
            errata=(*file.errata, erratum.words),
        )
    return dataclasses.replace(song, files={**song.files, **changed})


def count_effects(songs: Iterable[CorpusSong]) -> dict[str, int]:
    """How many files the errata of each effect concern, and how many songs they drop (``songs dropped``)."""
    counts: Counter[str] = Counter()
    for song in songs:
        counts["songs dropped"] += any(fault.reason == "erratum" for fault in song.faults)
        counts.update(words.partition(":")[0] for file in song.files.values() for words in file.errata)
    return {effect: counts[effect] for effect in (*EFFECTS, "songs dropped") if counts[effect]}


def read_errata(file: str | None = None) -> tuple[Erratum, ...]:
    """The built-in errata, or those of a file.

    Errors: ValueError for a file that cannot be read or holds something else.
    """
    if file is None:
        return _built_in()
    try:
        content = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'"{printable(file)}": the errata cannot be read ({error})') from None
    return _parse(content, file)


@cache
def _built_in() -> tuple[Erratum, ...]:
    return _parse(resources.files("catalogs.corpora").joinpath(BUILT_IN).read_text("utf-8"), BUILT_IN)


def _parse(content: str, name: str) -> tuple[Erratum, ...]:
    try:
        document = tomllib.loads(content)
        unknown = sorted(set(document) - {"erratum"})
        if unknown:
            raise ValueError(f"it has a section {unknown[0]!r}; the only one is [[erratum]]")
        return tuple(_erratum(number, entry) for number, entry in enumerate(document.get("erratum", []), start=1))
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ValueError(f'"{printable(name)}": no list of errata: {error}; see docs/corpora.md') from None


def _erratum(number: int, entry: Mapping[str, Any]) -> Erratum:
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise ValueError(f"entry {number} has a key {unknown[0]!r}; the keys are {', '.join(sorted(_KEYS))}")
    absent = [key for key in _TEXTS if not isinstance(entry.get(key), str) or not entry[key].strip()]
    if absent:
        raise ValueError(f"entry {number} says no {absent[0]}")
    corpora = entry.get("corpora")
    if not isinstance(corpora, list) or not corpora or not all(isinstance(corpus, str) for corpus in corpora):
        raise ValueError(f"entry {number} names no list of corpora")
    erratum = Erratum(**{**entry, "corpora": tuple(corpora)})
    if erratum.effect not in EFFECTS:
        raise ValueError(f"entry {number} has the effect {erratum.effect!r}; the effects are {', '.join(EFFECTS)}")
    if (erratum.effect == "relabel") != (erratum.to is not None) or (erratum.effect == "relabel" and not erratum.part):
        raise ValueError(f"entry {number}: a part and 'to' belong to the effect relabel, and 'to' to no other")
    return erratum
