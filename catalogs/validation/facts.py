"""What rules need to know of all songs of a catalog at once: whatever two songs, or all, may have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

CONFIGURATIONS = {
    "features": "analysis_hash",
    "quality": "analysis_hash",
    "fingerprints": "analysis_hash",
    "shards": "normalization_hash",
}
"""Column of each table that names the configuration its rows were made with."""

ColumnsOf = Callable[[str, tuple[str, ...]], "pd.DataFrame | None"]
"""Gives some columns of a table in plain types (see catalogs.validation.evidence.conform), None without the table."""


@dataclass(frozen=True)
class Twin:
    """The first song with some audio: its id and split."""

    song_id: str | None
    split: str | None


@dataclass(frozen=True)
class Facts:
    """What concerns more than one song.

    Attributes:
        songs: number of songs in ``tracks``.
        twins: by ``song_hash``, the first song with that audio, where several have it.
        audio_twins: by ``audio_hash``, the first song with a stem that sounds so, where several have it.
        read_twice: files (or streams) that several parts read, the mixture apart: (source, is mixture).
        shard_songs: by path of a shard, the first of its songs, where it has several.
        configurations: by table, the configuration hash of most of its rows.
    """

    songs: int
    twins: Mapping[str, Twin]
    audio_twins: Mapping[str, Twin]
    read_twice: Collection[tuple[str, bool]]
    shard_songs: Mapping[str, str]
    configurations: Mapping[str, str | None]


def gather_facts(columns_of: ColumnsOf) -> Facts:
    """Gather what concerns more than one song, a few columns at a time."""
    songs = columns_of("tracks", ("song_id",))
    splits = columns_of("tracks", ("song_id", "split"))
    return Facts(
        songs=0 if songs is None else songs["song_id"].nunique(),
        twins=_twins(columns_of("tracks", ("song_id", "split", "song_hash")), "song_hash"),
        audio_twins=_twins(_with_splits(columns_of("fingerprints", ("song_id", "audio_hash")), splits), "audio_hash"),
        read_twice=_read_twice(columns_of("tracks", ("uri", "stream", "role"))),
        shard_songs=_shard_songs(columns_of("shards", ("song_id", "shard"))),
        configurations={
            table: _most_common(columns_of(table, (column,)), column) for table, column in CONFIGURATIONS.items()
        },
    )


def sources_of(tracks: pd.DataFrame) -> pd.Series:
    """What each row reads: the URI of its file, with the stream where there is one; null without a URI."""
    pairs = zip(tracks["uri"], tracks["stream"], strict=True)
    return pd.Series([_source(uri, stream) for uri, stream in pairs], index=tracks.index, dtype=object)


def _source(uri: str | None, stream: float) -> str | None:
    return uri if uri is None or np.isnan(stream) else f"{uri}, stream {stream:.0f}"


def _with_splits(table: pd.DataFrame | None, splits: pd.DataFrame | None) -> pd.DataFrame | None:
    """Rows of a table with the split of their song; None without either table."""
    if table is None or splits is None:
        return None
    return table[["song_id", "audio_hash"]].merge(
        splits[["song_id", "split"]].drop_duplicates("song_id"), on="song_id", how="left"
    )


def _twins(songs: pd.DataFrame | None, mark: str) -> dict[str, Twin]:
    """By what a column marks songs with, the first song, where several have the same mark."""
    if songs is None:
        return {}
    marked = songs[songs[mark].notna()].drop_duplicates([mark, "song_id"])
    several = marked[marked[mark].duplicated(keep=False)].drop_duplicates(mark)
    rows = zip(several[mark], several["song_id"], several["split"], strict=True)
    return {value: Twin(song, split) for value, song, split in rows}


def _read_twice(tracks: pd.DataFrame | None) -> frozenset[tuple[str, bool]]:
    if tracks is None:
        return frozenset()
    reads = pd.DataFrame({"source": sources_of(tracks), "mixture": tracks["role"].eq("mixture")})
    twice = reads[reads["source"].notna() & reads.duplicated(keep=False)].drop_duplicates()
    return frozenset(zip(twice["source"], twice["mixture"].astype(bool), strict=True))


def _shard_songs(shards: pd.DataFrame | None) -> dict[str, str]:
    if shards is None:
        return {}
    songs = shards[shards["shard"].notna()].drop_duplicates(["shard", "song_id"])
    several = songs[songs["shard"].duplicated(keep=False)].drop_duplicates("shard")
    return dict(zip(several["shard"], several["song_id"], strict=True))


def _most_common(table: pd.DataFrame | None, column: str) -> str | None:
    """The most frequent text that is not null; None where there is none."""
    if table is None:
        return None
    counts = table[column].value_counts()
    return str(counts.index[0]) if len(counts) else None
