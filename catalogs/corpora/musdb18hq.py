"""MUSDB18-HQ: the 150 songs of MUSDB18 as folders of uncompressed stems.

Layout: ``<root>/{train,test}/<Artist - Title>/{mixture,drums,bass,other,vocals}.wav``; other audio formats in
place of WAV are taken too. ``tracklist.csv`` is read as for MUSDB18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusSong
from catalogs.corpora.folders import (
    by_name,
    check_split,
    is_folder,
    listed,
    missing_stems,
    nothing_found,
    one_file_each,
    split_entries,
    unreachable,
)
from catalogs.corpora.musdb18 import LICENCE, musdb_song
from catalogs.corpora.tracklist import ListedTrack, read_tracklist
from catalogs.schemas import MIXTURE

STEMS = (MIXTURE, "drums", "bass", "other", "vocals")

LOOKED_FOR = f"train/ and test/ (directly or one folder deeper) with <Artist - Title>/{{{','.join(STEMS)}}}.wav"

CITATION = (
    "Rafii, Liutkus, Stöter, Mimilakis, Bittner: MUSDB18-HQ, an uncompressed version of MUSDB18 (2019), "
    "doi:10.5281/zenodo.3338373"
)


@dataclass(frozen=True)
class Musdb18Hq:
    """Adapter for MUSDB18-HQ. ``split`` is that of songs which lie in no folder named train or test."""

    split: str | None = None
    name: ClassVar[str] = "musdb18hq"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    required_stems: ClassVar[tuple[str, ...]] = STEMS

    def __post_init__(self) -> None:
        check_split(self.split)

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every folder in a folder of the corpus, whatever it lacks; see Corpus.

        Where no folder is named train or test, a folder has to hold a stem to be taken for a song.
        """
        found = False
        tracklist = read_tracklist(root)
        for path, split, in_split in split_entries(root, self.name, LOOKED_FOR, self.split):
            song = self._song(path, split, tracklist)
            if song is not None and (in_split or song.files):
                found = True
                yield song
        if not found:
            raise nothing_found(root, self.name, LOOKED_FOR)

    def _song(self, path: Path, split: str | None, tracklist: Mapping[str, ListedTrack]) -> CorpusSong | None:
        if (fault := unreachable(path)) is not None:
            return musdb_song(self.name, path.name, path, split, {}, [fault], tracklist)
        if not is_folder(path):
            return None
        paths, faults = listed(path)
        candidates = {stem: group for stem, group in by_name(paths, {}).items() if stem in STEMS}
        files, ambiguous = one_file_each(candidates)
        if not faults:
            faults = [*ambiguous, *missing_stems(STEMS, candidates, path)]
        return musdb_song(self.name, path.name, path, split, files, faults, tracklist)
