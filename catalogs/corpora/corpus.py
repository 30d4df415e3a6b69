"""What a corpus is to the rest of the package: a layout of files that yields songs."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from catalogs.faults import Fault


class CorpusLayoutError(ValueError):
    """A folder in which a corpus adapter finds none of its songs, or that it cannot list."""


@dataclass(frozen=True)
class CorpusFile:
    """A file of a song, and what the corpus says about it.

    ``stream`` is the audio stream in the file (None: it has only one). ``stem`` is the stem that the file is
    part of, where its name in the song is not the stem's. ``role`` is ``stem`` for what the engineer mixed
    down, ``raw`` for an unprocessed recording; the mixture is known by its stem. ``instruments`` are the
    corpus' own labels (``free_name``: a name that somebody gave the file), ``family`` its coarser one, and
    ``belongs_to`` names the stem file that a raw was
    made into. ``bleed`` says whether other sources are heard in it, None where the corpus does not tell;
    ``licence`` is the file's own where it differs from the song's; ``errata`` are published errors of it, in
    words.
    """

    path: Path
    stream: int | None = None
    stem: str | None = None
    role: str = "stem"
    instruments: tuple[str, ...] = ()
    family: str | None = None
    free_name: bool = False
    belongs_to: str | None = None
    bleed: bool | None = None
    licence: str | None = None
    errata: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, the finer ones first."""
        return self.instruments if self.family is None else (*self.instruments, self.family)


@dataclass(frozen=True)
class CorpusSong:
    """A song as a corpus lays it out: which file holds which stem; nothing has been read yet.

    ``files`` maps the names of its parts to files: a stem's name, ``mixture`` for the engineer's mix, or the
    corpus' name of a part of a stem. ``split`` is train, validation or test, ``licence`` that of the song
    where the corpus states one, ``provenance`` where the corpus has the song from. ``material`` is the role
    of the files that are to be normalised. ``faults`` is what the adapter found wrong. Names become valid
    Unicode text in normal form C: bytes of a file name that are no UTF-8 are escaped.
    """

    corpus: str
    native_id: str
    title: str | None
    artist: str | None
    split: str
    licence: str | None
    files: Mapping[str, CorpusFile]
    faults: tuple[Fault, ...] = field(default=())
    genre: str | None = None
    provenance: str | None = None
    material: str = "stem"

    def __post_init__(self) -> None:
        for name in ("native_id", "title", "artist"):
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else text(value))

    @property
    def song_id(self) -> str:
        """``corpus/native id``: the same on every machine and run."""
        return f"{self.corpus}/{self.native_id}"


class Corpus(Protocol):
    """An adapter for one corpus layout."""

    @property
    def name(self) -> str:
        """Name under which the adapter is registered; the first part of every song id."""

    @property
    def licence(self) -> str:
        """What the corpus states about its licence."""

    @property
    def citation(self) -> str:
        """How to cite the corpus."""

    @property
    def required_stems(self) -> tuple[str, ...]:
        """Stems, and ``mixture``, without which a song is refused."""

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song under ``root``, sorted by folder and name, the unusable ones with their faults.

        Errors: CorpusLayoutError where there is no song at all, or a folder of the layout cannot be listed.
        """


def text(name: str) -> str:
    """A file name as valid Unicode text in normal form C; bytes that are no UTF-8 become ``\\\\udcxx``."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "backslashreplace").decode("utf-8"))


def artist_and_title(name: str) -> tuple[str | None, str]:
    """The two halves of ``Artist - Title``; no artist where the name has no such form."""
    artist, separator, title = name.partition(" - ")
    return (artist.strip(), title.strip()) if separator and artist.strip() and title.strip() else (None, name)
