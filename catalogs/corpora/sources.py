"""Which source an instrument belongs to: the tables in ``sources.toml``, a user's own, and their use on a song.

A table is TOML. ``[labels.SOURCE]`` holds groups of labels (``group = ["label", ...]``) for every corpus,
``[corpora.CORPUS.SOURCE]`` those that mean something else in one corpus, ``[words.SOURCE]`` words that tell the source
of a free name, and ``[songs."SONG ID"]`` the source of single parts (``part = "source"``). Labels are compared
without regard to case, accents and punctuation. The source ``excluded`` is for what belongs to no stem.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from catalogs.corpora.corpus import CorpusFile, CorpusSong
from catalogs.faults import Fault, printable
from catalogs.schemas import EXCLUDED, MIXTURE

BUILT_IN = "sources.toml"

SECTIONS = ("labels", "corpora", "words", "songs")

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Place:
    """A place in the taxonomy: the source, and the group of instruments inside it."""

    source: str
    group: str


@dataclass(frozen=True)
class SourceTable:
    """Mappings to sources; ``labels`` by canonical label, ``corpora`` the same for one corpus each.

    ``words`` maps sequences of words, ``songs`` song ids and names of parts.
    """

    labels: Mapping[str, Place] = field(default_factory=dict)
    corpora: Mapping[str, Mapping[str, Place]] = field(default_factory=dict)
    words: Mapping[tuple[str, ...], Place] = field(default_factory=dict)
    songs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def over(self, other: SourceTable) -> SourceTable:
        """This table where it says something, else the other; its words precede the other's equal labels too."""
        labels = {label: place for label, place in other.labels.items() if tuple(label.split()) not in self.words}
        return SourceTable(
            {**labels, **self.labels},
            {
                name: {**other.corpora.get(name, {}), **self.corpora.get(name, {})}
                for name in (*other.corpora, *self.corpora)
            },
            {**other.words, **self.words},
            {**other.songs, **self.songs},
        )

    def find(self, label: str, corpus: str) -> Place | None:
        """The place of a label as this corpus uses it; None where it is not known."""
        key = canonical(label)
        return self.corpora.get(corpus, {}).get(key) or self.labels.get(key)

    def find_in_name(self, name: str, corpus: str) -> Place | None:
        """The place of a free name: that of the whole name, else the one that its words agree on.

        Of words inside each other the longer ones count (``bass drum``, not ``bass``). None where no word is
        known, or where they tell of several sources.
        """
        words = name_words(name)
        whole = self.find(" ".join(words), corpus)
        if whole is not None:
            return whole
        found = list(self._places(words))
        return found[0] if len({place.source for place in found}) == 1 else None

    def _places(self, words: list[str]) -> Iterator[Place]:
        longest = max(map(len, self.words), default=0)
        start = 0
        while start < len(words):
            for length in range(min(longest, len(words) - start), 0, -1):
                place = self.words.get(tuple(words[start : start + length]))
                if place is not None:
                    yield place
                    start += length
                    break
            else:
                start += 1

    def places(self, file: CorpusFile, corpus: str) -> list[Place | None]:
        """The place of each instrument of a file, else that of its family."""
        if file.free_name:
            return [self.find_in_name(label, corpus) for label in file.instruments]
        found = [self.find(label, corpus) for label in file.instruments]
        if file.family is not None and (None in found or not found):
            return [self.find(file.family, corpus)]
        return found

    def assign(self, song: CorpusSong) -> CorpusSong:
        """The song with the stem of every labelled file, and a fault for each file whose source is not clear."""
        own = self.songs.get(song.song_id, {})
        files: dict[str, CorpusFile] = {}
        faults = list(song.faults)
        for part, file in song.files.items():
            if part in own:
                files[part] = dataclasses.replace(file, stem=own[part])
            elif file.stem is None and file.labels and file.belongs_to is None:
                places = self.places(file, song.corpus)
                sources = {place.source for place in places if place is not None}
                if None in places:
                    faults.append(Fault("unmapped_label", _unknown(part, file), part, file.path))
                elif len(sources) > 1:
                    faults.append(Fault("mixed_sources", _mixed(part, file, sources), part, file.path))
                clear = len(sources) == 1 and None not in places
                files[part] = dataclasses.replace(file, stem=sources.pop() if clear else EXCLUDED)
            else:
                files[part] = file
        for part, file in files.items():
            if file.belongs_to is not None and file.stem is None:
                files[part] = dataclasses.replace(file, stem=files[file.belongs_to].stem)
        return dataclasses.replace(song, files=files, faults=tuple(faults))


def _unknown(part: str, file: CorpusFile) -> str:
    labels = " or ".join(f'"{printable(label)}"' for label in file.labels)
    return f"the source of {labels} is not known (part {printable(part)})"


def _mixed(part: str, file: CorpusFile, sources: Iterable[str]) -> str:
    labels = ", ".join(f'"{printable(label)}"' for label in file.instruments)
    return f"part {printable(part)} holds {labels}, of the sources {' and '.join(sorted(sources))}"


def canonical(label: str) -> str:
    """A label in lower case, without accents, its words separated by single blanks."""
    plain = unicodedata.normalize("NFKD", label).casefold()
    return " ".join(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))


def name_words(name: str) -> list[str]:
    """The words of a file's name: split at punctuation and inside CamelCase, numbers left out."""
    plain = canonical(_CAMEL.sub(" ", name))
    return [word for word in re.sub(r"\d+", " ", plain).split() if word]


def read_sources(file: str | None = None) -> SourceTable:
    """The built-in table, under that of a file where one is given.

    Errors: ValueError for a file that cannot be read or is not a table of sources.
    """
    if file is None:
        return _built_in()
    try:
        content = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f'"{printable(file)}": the table of sources cannot be read ({error})') from None
    return _parse(content, file).over(_built_in())


@cache
def _built_in() -> SourceTable:
    return _parse(resources.files("catalogs.corpora").joinpath(BUILT_IN).read_text("utf-8"), BUILT_IN)


def _parse(content: str, name: str) -> SourceTable:
    try:
        document = tomllib.loads(content)
        unknown = sorted(set(document) - set(SECTIONS))
        if unknown:
            raise ValueError(f"it has a section {unknown[0]!r}; the sections are {', '.join(SECTIONS)}")
        return SourceTable(
            labels=_labels(document.get("labels", {}), "labels"),
            corpora={
                corpus: _labels(table, f"corpora.{corpus}") for corpus, table in document.get("corpora", {}).items()
            },
            words={tuple(key.split()): place for key, place in _labels(document.get("words", {}), "words").items()},
            songs={song: _parts(parts, song) for song, parts in document.get("songs", {}).items()},
        )
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ValueError(f'"{printable(name)}": no table of sources: {error}; see docs/corpora.md') from None


def _labels(table: Any, section: str) -> dict[str, Place]:
    found: dict[str, Place] = {}
    if not isinstance(table, dict):
        raise ValueError(f"[{section}] holds no sources")
    for source, groups in table.items():
        _check_source(source, section)
        if not isinstance(groups, dict):
            raise ValueError(f'[{section}.{source}] is no table of groups (group = ["label", ...])')
        for group, labels in groups.items():
            if not isinstance(labels, list) or not all(isinstance(label, str) and canonical(label) for label in labels):
                raise ValueError(f"{group} in [{section}.{source}] is no list of labels")
            for label in labels:
                place = Place(source, group)
                earlier = found.setdefault(canonical(label), place)
                if earlier != place:
                    raise ValueError(
                        f"{label!r} is in [{section}] twice: {earlier.source}.{earlier.group} and {source}.{group}"
                    )
    return found


def _parts(parts: Any, song: str) -> dict[str, str]:
    if not isinstance(parts, dict) or not all(isinstance(source, str) for source in parts.values()):
        raise ValueError(f'[songs."{song}"] is no list of parts (part = "source")')
    for source in parts.values():
        _check_source(source, f'songs."{song}"')
    return dict(parts)


def _check_source(source: str, section: str) -> None:
    if source == MIXTURE or not source.strip():
        raise ValueError(f"{source!r} in [{section}] is no source")
