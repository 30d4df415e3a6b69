"""Songs of a catalog as the search for pairs takes them, and the refusal of a catalog in which a song leaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from catalogs.catalog import Catalog
from catalogs.leakage.fingerprint import Landmarks
from catalogs.leakage.names import canonical_name
from catalogs.leakage.pairs import KnownSong, SongPlace, evidence_in_words, find_pairs
from catalogs.manifest import CatalogError

LISTED = 10
"""Pairs that an error names."""

NO_LANDMARKS = Landmarks(np.zeros(0, np.uint32), np.zeros(0, np.uint32))


class LeakageError(ValueError):
    """A song stands in two splits."""


def read_songs(catalog: Catalog, label: str | None = None) -> list[KnownSong]:
    """The songs of a catalog; reads tables only.

    Args:
        catalog: the catalog.
        label: what to call it; its path by default.

    Raises:
        CatalogError: the catalog was made before there were fingerprints.
    """
    label = catalog.location.path if label is None else label
    if "fingerprints" not in catalog.manifest.tables:
        raise CatalogError(
            f"{label}: the catalog has no fingerprints, so that no duplicates can be found; bring it up to date with "
            "'fxnorm-data analyze', 'normalize' and 'publish', or with the 'build-catalog' that made it"
        )
    tracks = catalog.table("tracks", ["song_id", "split", "artist", "title", "native_id"]).to_pylist()
    return list(songs_of_table(catalog.table("fingerprints"), {row["song_id"]: row for row in tracks}, label))


def songs_of_table(table: pa.Table, tracks: Mapping[str, Mapping[str, Any]], label: str) -> Iterator[KnownSong]:
    """The songs of a table ``fingerprints``, whose rows of one song lie together.

    Args:
        table: the table.
        tracks: a row of ``tracks`` for each song, by song id.
        label: path or URI of the catalog.
    """
    song_ids, stems, hashes = (table.column(name).to_pylist() for name in ("song_id", "stem", "audio_hash"))
    values, times = (_arrays(table.column(name)) for name in ("landmarks", "times"))
    songs: dict[str, dict[str, str]] = {}
    landmarks: dict[str, Landmarks] = {}
    for song_id, stem, hashed, value, time in zip(song_ids, stems, hashes, values, times, strict=True):
        found = songs.setdefault(song_id, {})
        if hashed is not None:
            found[stem] = hashed
        if value is not None and time is not None:
            landmarks[song_id] = Landmarks(value, time)
    for song_id, found in songs.items():
        track = tracks[song_id]
        yield KnownSong(
            SongPlace(label, song_id, track["split"]),
            canonical_name(track["artist"], track["title"], track["native_id"]),
            found,
            landmarks.get(song_id, NO_LANDMARKS),
        )


def _arrays(column: pa.ChunkedArray) -> Iterator[np.ndarray | None]:
    """The lists of a column as views of its memory."""
    for chunk in column.chunks:
        content = chunk.values.to_numpy(zero_copy_only=True)
        offsets, valid = chunk.offsets.to_numpy(), chunk.is_valid().to_numpy(zero_copy_only=False)
        for row in range(len(chunk)):
            yield content[offsets[row] : offsets[row + 1]] if valid[row] else None


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
