"""DSD100: 100 songs, mixtures and sources in separate trees; all of them are in MUSDB18 as well.

Layout: ``<root>/Mixtures/{Dev,Test}/<NNN - Artist - Title>/mixture.wav`` and
``<root>/Sources/{Dev,Test}/<NNN - Artist - Title>/{bass,drums,other,vocals}.wav``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong, artist_and_title
from catalogs.corpora.folders import (
    Found,
    by_name,
    check_split,
    entries,
    found_folders,
    is_folder,
    listed,
    missing_stems,
    nothing_found,
    one_file_each,
    unlistable,
    unreachable,
)
from catalogs.corpora.musdb18 import is_validation_song
from catalogs.faults import Fault
from catalogs.schemas import MIXTURE

SOURCES = ("bass", "drums", "other", "vocals")

TREES = {"mixtures": (MIXTURE,), "sources": SOURCES}
"""Folders of the corpus, in lower case, and the stems in their songs' folders."""

SPLITS = {"dev": "train", "test": "test"}
"""Folders of the trees, in lower case, and the splits of the songs in them."""

LOOKED_FOR = "Mixtures/ and Sources/ (directly or deeper), each with Dev/ and Test/<NNN - Artist - Title>/<stem>.wav"

LICENCE = "for research and education; each song has its own licence, see the Cambridge-MT library"

CITATION = (
    "Liutkus, Stöter, Rafii, Kitamura, Rivet, Ito, Ono, Fontecave: The 2016 signal separation evaluation campaign "
    "(2017), doi:10.1007/978-3-319-53547-0_31"
)

_NUMBER = re.compile(r"^\d{3} - ")


@dataclass(frozen=True)
class Dsd100:
    """Adapter for DSD100. ``split`` is that of songs which lie in no folder named Dev or Test.

    Songs that MUSDB18 takes for validation are validation songs here too, so that the two can share a catalog.
    """

    split: str | None = None
    name: ClassVar[str] = "dsd100"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    required_stems: ClassVar[tuple[str, ...]] = (MIXTURE, *SOURCES)

    def __post_init__(self) -> None:
        check_split(self.split)

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song that has a folder in one of the two trees, whatever it lacks; see Corpus."""
        songs: dict[str, tuple[str | None, list[tuple[Path, tuple[str, ...]]]]] = {}
        unreachable_folders: list[Found] = []
        for tree in found_folders(root, self.name, LOOKED_FOR, _is_tree):
            if tree.fault is not None:
                unreachable_folders.append(tree)
                continue
            try:
                folders_of_tree = list(_song_folders(tree))
            except OSError as error:
                raise unlistable(root, self.name, LOOKED_FOR, error) from error
            for folder, split in folders_of_tree:
                known, folders = songs.setdefault(folder.name, (split, []))
                songs[folder.name] = (known or split, [*folders, (folder, TREES[tree.path.name.lower()])])
        for name, (split, folders) in sorted(songs.items()):
            yield self._song(name, split, folders)
        for found in unreachable_folders:
            yield self._described(found.path.name, None, {}, [] if found.fault is None else [found.fault])
        if not songs and not unreachable_folders:
            raise nothing_found(root, self.name, LOOKED_FOR)

    def _song(self, name: str, split: str | None, folders: list[tuple[Path, tuple[str, ...]]]) -> CorpusSong:
        candidates: dict[str, list[Path]] = {}
        faults: list[Fault] = []
        for folder, stems in folders:
            if (fault := unreachable(folder)) is not None:
                faults.append(fault)
                continue
            paths, unlisted = listed(folder)
            faults += unlisted
            for stem, group in by_name(paths, {}).items():
                if stem in stems:
                    candidates.setdefault(stem, []).extend(group)
        files, ambiguous = one_file_each(candidates)
        if not faults:
            faults = [*ambiguous, *missing_stems(self.required_stems, candidates, folders[0][0])]
        return self._described(name, split, files, faults)

    def _described(self, name: str, split: str | None, files: dict[str, CorpusFile], faults: list[Fault]) -> CorpusSong:
        split = split or self.split
        title = _NUMBER.sub("", name)
        if split is None and not faults:
            faults = [Fault("unknown_split", "it lies in no folder named Dev or Test, so that its split is unknown")]
        if split == "train" and is_validation_song(title):
            split = "validation"
        artist, title = artist_and_title(title)
        return CorpusSong(self.name, name, title, artist, split or "train", None, files, tuple(faults))


def _is_tree(folder: Found) -> bool:
    return folder.path.name.lower() in TREES


def _song_folders(tree: Found) -> Iterator[tuple[Path, str | None]]:
    for path in tree.entries:
        split = SPLITS.get(path.name.lower())
        if split is not None:
            yield from ((song, split) for song in entries(path) if is_folder(song) or unreachable(song))
        elif is_folder(path):
            yield path, None
