"""Songs of a catalog as the search for pairs takes them, and the refusal of a catalog in which a song leaks."""

from __future__ import annotations

import bisect
import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.catalog import Catalog
from catalogs.leakage.fingerprint import Landmarks
from catalogs.leakage.names import Name, canonical_name
from catalogs.leakage.pairs import KnownSong, SongPlace, evidence_in_words, find_pairs
from catalogs.manifest import CatalogError
from catalogs.storage import Location

LISTED = 10
"""Pairs that an error names."""

REMEMBERED_GROUPS = 8
"""Row groups of a table whose landmarks are kept, 10 MB each."""

TRACK_COLUMNS = ["song_id", "split", "artist", "title", "native_id"]


class LeakageError(ValueError):
    """A song stands in two splits."""


class FingerprintTable:
    """A table ``fingerprints`` that is read a row group at a time, so that its landmarks need not fit into memory.

    Args:
        location: the Parquet file.
    """

    def __init__(self, location: Location) -> None:
        source = location.filesystem.open_input_file(location.path)
        self._file = pq.ParquetFile(source, page_checksum_verification=True)
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._starts = [0, *np.cumsum(sizes).tolist()]
        self._group = functools.lru_cache(REMEMBERED_GROUPS)(self._read_group)

    def songs(self, tracks: pa.Table, label: str) -> list[KnownSong]:
        """The songs of the table.

        Args:
            tracks: rows of these songs, with TRACK_COLUMNS.
            label: path or URI of the catalog.
        """
        named = _names_and_splits(tracks)
        table = self._file.read(["song_id", "stem", "role", "audio_hash"])
        columns = (table[name].to_pylist() for name in table.column_names)
        hashes: dict[str, dict[str, str]] = {}
        whole: dict[str, int] = {}
        for row, (song_id, stem, role, hashed) in enumerate(zip(*columns, strict=True)):
            of_song = hashes.setdefault(song_id, {})
            if hashed is not None:
                of_song[stem] = hashed
            if role != "stem":
                whole[song_id] = row
        return [
            KnownSong(
                SongPlace(label, song_id, named[song_id][1]),
                named[song_id][0],
                of_song,
                functools.partial(self._landmarks, whole[song_id]),
            )
            for song_id, of_song in hashes.items()
        ]

    def _landmarks(self, row: int) -> Landmarks:
        group = bisect.bisect_right(self._starts, row) - 1
        values, times = self._group(group)
        place = row - self._starts[group]
        return Landmarks(_list_of(values, place), _list_of(times, place))

    def _read_group(self, group: int) -> tuple[pa.ListArray, pa.ListArray]:
        table = self._file.read_row_group(group, ["landmarks", "times"]).combine_chunks()
        return table["landmarks"].chunk(0), table["times"].chunk(0)


def _list_of(column: pa.ListArray, row: int) -> np.ndarray:
    return column[row].values.to_numpy()


def _names_and_splits(tracks: pa.Table) -> dict[str, tuple[Name, str]]:
    named: dict[str, tuple[Name, str]] = {}
    columns = (tracks[name].to_pylist() for name in TRACK_COLUMNS)
    for song_id, split, artist, title, native_id in zip(*columns, strict=True):
        if song_id not in named:
            named[song_id] = canonical_name(artist, title, native_id), split
    return named


def read_songs(catalog: Catalog, label: str | None = None) -> list[KnownSong]:
    """The songs of a catalog; reads tables only.

    Args:
        catalog: the catalog.
        label: what to call it; its path by default.

    Raises:
        CatalogError: the catalog was made before there were fingerprints, or a table cannot be read.
    """
    label = catalog.location.path if label is None else label
    entry = catalog.manifest.tables.get("fingerprints")
    if entry is None:
        raise CatalogError(
            f"{label}: the catalog has no fingerprints, so that no duplicates can be found; bring it up to date with "
            "'fxnorm-data analyze', 'normalize' and 'publish', or with the 'build-catalog' that made it"
        )
    tracks = catalog.table("tracks", TRACK_COLUMNS)
    try:
        return FingerprintTable(catalog.location / entry.path).songs(tracks, label)
    except (OSError, pa.ArrowException) as error:
        raise CatalogError(f"{label}/{entry.path}: cannot be read ({error})") from None


def refuse_leaks(catalog: Catalog, splits: Mapping[str, str]) -> None:
    """Refuse splits of a catalog that have a song in common; candidates do not count.

    Args:
        catalog: the catalog.
        splits: split by id of each song that is used; others do not matter.

    Raises:
        LeakageError: names the pairs.
        CatalogError: the catalog was made before there were fingerprints.
    """
    used = [
        dataclasses.replace(song, place=dataclasses.replace(song.place, split=splits[song.place.song_id]))
        for song in read_songs(catalog)
        if song.place.song_id in splits
    ]
    leaks = [pair for pair in find_pairs(used) if pair.is_leak]
    if leaks:
        listed = "; ".join(
            f"{pair.a.song_id} ({pair.a.split}) is {pair.b.song_id} ({pair.b.split}): {evidence_in_words(pair)}"
            for pair in leaks[:LISTED]
        )
        more = f"; and {len(leaks) - LISTED} more" if len(leaks) > LISTED else ""
        raise LeakageError(
            f"{catalog.location.path}: songs stand in two splits: {listed}{more}; analyze the catalog again without "
            "--keep-splits, or take one of each pair out"
        )
