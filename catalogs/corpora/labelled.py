"""What the corpora share whose files are labelled with instruments: songs in folders, and a table of sources."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusSong, artist_and_title
from catalogs.corpora.folders import Found, check_split, found_folders, nothing_found, own_split, split_of
from catalogs.corpora.sources import SourceTable, read_sources
from catalogs.schemas import EXCLUDED, MATERIALS, MIXTURE


@dataclass(frozen=True)
class LabelledCorpus(ABC):
    """Base of the adapters whose files have instruments, not sources, for names.

    ``split`` is that of songs whose folders do not tell, train without it. ``sources`` is a file of mappings
    that precede the built-in ones. ``roles`` (stem or raw) is what is to be normalised; without it the
    class's ``material``.
    """

    split: str | None = None
    sources: str | None = None
    roles: str | None = None
    name: ClassVar[str]
    licence: ClassVar[str]
    citation: ClassVar[str]
    looked_for: ClassVar[str]
    material: ClassVar[str] = "stem"
    mixture_is_sum: ClassVar[bool] = False
    required_stems: ClassVar[tuple[str, ...]] = ()
    table: SourceTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_split(self.split)
        if self.roles is not None and self.roles not in MATERIALS:
            raise ValueError(f"{self.roles!r} is no role to normalise; name one of {', '.join(MATERIALS)}")
        object.__setattr__(self, "table", read_sources(self.sources))

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song under ``root`` with the sources of its files; see Corpus."""
        found = False
        for song in self.labelled_songs(root):
            found = True
            assigned = self.table.assign(song)
            yield with_mixture_of_stems(assigned) if self.mixture_is_sum else assigned
        if not found:
            raise nothing_found(root, self.name, self.looked_for)

    @abstractmethod
    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song under ``root``, its files with the corpus' labels; nothing where there is none.

        Errors: CorpusLayoutError where a folder of the layout cannot be listed.
        """

    def found(self, root: Path, wanted: Callable[[Found], bool]) -> Iterator[Found]:
        """Folders of ``root`` that are wanted; see catalogs.corpora.folders.found_folders."""
        return found_folders(root, self.name, self.looked_for, wanted)

    def split_of(self, root: Path, folder: Path) -> str:
        """The split that a folder between corpus and song tells, else the option's, else the corpus folder's."""
        return split_of(root, folder) or self.split or own_split(root) or "train"

    def refused(self, folder: Found, split: str) -> CorpusSong:
        """A song of which nothing is known but what is wrong with its folder."""
        faults = () if folder.fault is None else (folder.fault,)
        artist, title = artist_and_title(folder.path.name)
        return CorpusSong(self.name, folder.path.name, title, artist, split, None, {}, faults)

    @property
    def song_material(self) -> str:
        """The role of the files to be normalised."""
        return self.roles or self.material


def with_mixture_of_stems(song: CorpusSong) -> CorpusSong:
    """The song with all its stem files that belong to a source as parts of its mixture, which is their sum."""
    mixture = {
        f"{MIXTURE}/{part}": dataclasses.replace(file, stem=MIXTURE)
        for part, file in song.files.items()
        if file.role == "stem" and file.stem != EXCLUDED
    }
    return dataclasses.replace(song, files={**song.files, **mixture})
