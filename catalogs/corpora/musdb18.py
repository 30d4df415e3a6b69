"""MUSDB18: 150 songs as ``.stem.mp4`` files, each with five AAC streams.

Layout: ``<root>/{train,test}/<Artist - Title>.stem.mp4``. The mixture is encoded separately, so that it
differs from the sum of the stems by what the codec adds; audio is band-limited to 16 kHz. ``tracklist.csv``, if
there is one, says genre, source and licence of each song.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from catalogs.corpora.corpus import CorpusFile, CorpusSong, artist_and_title
from catalogs.corpora.folders import check_split, nothing_found, split_entries, unreachable
from catalogs.corpora.tracklist import ListedTrack, read_tracklist, track_key
from catalogs.faults import Fault
from catalogs.schemas import MIXTURE

STREAMS = (MIXTURE, "drums", "bass", "other", "vocals")
"""What the five audio streams hold, in their order."""

SUFFIX = ".stem.mp4"

LOOKED_FOR = f"train/ and test/ (directly or one folder deeper) with <Artist - Title>{SUFFIX}"

LICENCE = "for research and education; each song has its own licence, see the corpus' tracklist.csv"

CITATION = (
    "Rafii, Liutkus, Stöter, Mimilakis, Bittner: The MUSDB18 corpus for music separation (2017), "
    "doi:10.5281/zenodo.1117372"
)

VALIDATION_SONGS = frozenset(
    {
        "Actions - One Minute Smile",
        "Alexander Ross - Goodbye Bolero",
        "ANiMAL - Rockshow",
        "Clara Berry And Wooldog - Waltz For My Victims",
        "Fergessen - Nos Palpitants",
        "James May - On The Line",
        "Johnny Lokke - Promises & Lies",
        "Leaf - Summerghost",
        "Meaxic - Take A Step",
        "Patrick Talbot - A Reason To Leave",
        "Skelpolu - Human Mistakes",
        "Traffic Experiment - Sirens",
        "Triviul - Angelsaint",
        "Young Griffo - Pennies",
    }
)
"""Songs in the folder ``train`` that the corpus' own loader takes for validation."""

_CANONICAL_VALIDATION = frozenset(name.casefold() for name in VALIDATION_SONGS)


def is_validation_song(name: str) -> bool:
    """Whether ``Artist - Title`` is one of VALIDATION_SONGS, in any case."""
    return name.strip().casefold() in _CANONICAL_VALIDATION


def musdb_song(
    corpus: str,
    name: str,
    path: Path,
    split: str | None,
    files: dict[str, CorpusFile],
    faults: list[Fault],
    tracklist: Mapping[str, ListedTrack],
) -> CorpusSong:
    """A song named ``Artist - Title`` of MUSDB18 or MUSDB18-HQ; ``split`` is its folder's, if known."""
    artist, title = artist_and_title(name)
    if split is None:
        problem = "it lies in no folder named train or test, so that its split is unknown"
        faults = [*faults, Fault("unknown_split", problem, path=path)]
    if split == "train" and is_validation_song(name):
        split = "validation"
    known = tracklist.get(track_key(name), ListedTrack())
    return CorpusSong(
        corpus,
        name,
        title,
        artist,
        split or "train",
        known.licence,
        files,
        tuple(faults),
        genre=known.genre,
        provenance=known.source,
    )


@dataclass(frozen=True)
class Musdb18:
    """Adapter for MUSDB18. ``split`` is that of songs which lie in no folder named train or test."""

    split: str | None = None
    name: ClassVar[str] = "musdb18"
    licence: ClassVar[str] = LICENCE
    citation: ClassVar[str] = CITATION
    required_stems: ClassVar[tuple[str, ...]] = STREAMS

    def __post_init__(self) -> None:
        check_split(self.split)

    def songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every ``.stem.mp4`` file; see Corpus."""
        found = False
        tracklist = read_tracklist(root)
        for path, split, _ in split_entries(root, self.name, LOOKED_FOR, self.split):
            if path.name.lower().endswith(SUFFIX):
                found = True
                files = {stem: CorpusFile(path, stream) for stream, stem in enumerate(STREAMS)}
                yield musdb_song(self.name, path.name[: -len(SUFFIX)], path, split, files, [], tracklist)
            elif (fault := unreachable(path)) is not None:
                found = True
                yield musdb_song(self.name, path.name, path, split, {}, [fault], tracklist)
        if not found:
            raise nothing_found(root, self.name, LOOKED_FOR)
