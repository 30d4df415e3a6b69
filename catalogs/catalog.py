"""Reading a catalog: its tables, its statistics, and the audio of its songs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.manifest import PUBLISHED, CatalogError, Manifest, TableFile, read_manifest
from catalogs.shards import read_crop, read_crop_into, read_shard_metadata
from catalogs.storage import Location, read_table
from catalogs.versions import find_version, numbered

if TYPE_CHECKING:
    import pandas as pd

    from fxnorm.statistics import Statistics

REMEMBERED_SHARDS = 256
"""Shards whose footers a catalog keeps in memory, some 10 kB each."""


@dataclasses.dataclass(frozen=True)
class StoredSong:
    """Audio of a song in the shards.

    Attributes:
        song_id: id.
        split: train, validation or test.
        frames: samples per channel of each stem, the mixture included where there is one.
        sample_rate: Hz.
        shard: file.
        segment_frames: samples per channel in a segment.
    """

    song_id: str
    split: str
    frames: dict[str, int]
    sample_rate: int
    shard: Location
    segment_frames: int


class Catalog:
    """A published catalog, read-only.

    Example:
        >>> catalog = Catalog.open("demo/catalog")                      # doctest: +SKIP
        >>> catalog.frame("features").groupby("stem").loudness_lufs.mean()   # doctest: +SKIP
        >>> catalog.crop(catalog.songs[0], start=0, frames=441_000)     # doctest: +SKIP
    """

    def __init__(self, location: Location, manifest: Manifest) -> None:
        self.location = location
        self.manifest = manifest
        self._songs: dict[str, StoredSong] | None = None
        self._footers: dict[str, pq.FileMetaData] = {}

    @classmethod
    def open(cls, target: str | Path, manifest_name: str = PUBLISHED) -> Catalog:
        """Open a catalog by path or URI; ``CATALOG#2`` is its second version (see catalogs.versions).

        Raises:
            CatalogError: no catalog there, or no such version.
        """
        version = numbered(target)
        if version is not None:
            path, number = version
            return cls.open(path, find_version(path, number).path)
        location = Location.parse(target)
        manifest = read_manifest(location, manifest_name)
        if manifest is None:
            raise CatalogError(
                f"{target}: no {manifest_name} here; build a catalog with "
                "'fxnorm-data build-catalog --corpus NAME DIR --out OUT'"
            )
        return cls(location, manifest)

    def table(self, name: str, columns: list[str] | None = None, rows: pc.Expression | None = None) -> pa.Table:
        """A table as pyarrow, or some columns and rows of it.

        Raises:
            CatalogError: the catalog has no such table or column, or its file is gone or damaged.
        """
        entry = self._entry(name)
        try:
            return read_table(self.location / entry.path, columns, rows)
        except (OSError, pa.ArrowException) as error:
            raise CatalogError(f"{self.location.path}/{entry.path}: cannot be read ({error})") from None

    def batches(self, name: str, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Some columns of a table, at most so many rows at a time, in the order of the file.

        Raises:
            CatalogError: as for :meth:`table`.
        """
        location = self.location / self._entry(name).path
        try:
            with (
                location.filesystem.open_input_file(location.path) as source,
                pq.ParquetFile(source, page_checksum_verification=True) as file,
            ):
                missing = [column for column in columns if column not in file.schema_arrow.names]
                if missing:
                    raise CatalogError(f"{location.path}: has no column {missing[0]!r}")
                for group in range(file.num_row_groups):
                    yield from file.read_row_group(group, columns).to_batches(max_chunksize=rows)
        except (OSError, pa.ArrowException) as error:
            raise CatalogError(f"{location.path}: cannot be read ({error})") from None

    def _entry(self, name: str) -> TableFile:
        entry = self.manifest.tables.get(name)
        if entry is None:
            have = ", ".join(sorted(self.manifest.tables)) or "none"
            raise CatalogError(f"{self.location.path}: no table {name!r}; there are: {have}")
        return entry

    def columns(self, name: str) -> list[str]:
        """Names of a table's columns, as they are stored.

        Raises:
            CatalogError: as for :meth:`table`.
        """
        return self.table(name, rows=pc.scalar(False)).column_names

    def frame(self, name: str, columns: list[str] | None = None) -> pd.DataFrame:
        """A table as pandas."""
        return self.table(name, columns).to_pandas()

    def statistics(self) -> Statistics:
        """The catalog's own statistics."""
        return self._statistics("statistics")

    def targets(self) -> Statistics:
        """The statistics that the stems were normalised to: the catalog's own, unless others were given."""
        return self._statistics("targets" if "targets" in self.manifest.tables else "statistics")

    def _statistics(self, table: str) -> Statistics:
        from catalogs.statistics_file import table_to_statistics

        return table_to_statistics(self.table(table))

    def fingerprint(self) -> str:
        """That of the manifest."""
        return self.manifest.fingerprint()

    @property
    def songs(self) -> list[str]:
        """Ids of the songs that have audio, sorted."""
        return sorted(self._stored())

    def song(self, song_id: str) -> StoredSong:
        """Where and how long a song's audio is.

        Raises:
            CatalogError: not in the catalog.
        """
        try:
            return self._stored()[song_id]
        except KeyError:
            raise CatalogError(f"{self.location.path}: no song {song_id!r}") from None

    def crop(
        self, song_id: str, start: int, frames: int, stems: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        """A stretch of a song's normalised stems and mixture; only the segments that it touches are decoded.

        Args:
            song_id: id of the song.
            start: first sample.
            frames: samples per channel.
            stems: names; None for all, the mixture included.

        Returns:
            by name, float32 of shape (frames, 2), zeros after the end of a stem.
        """
        song = self.song(song_id)
        return read_crop(song.shard, start, frames, song.segment_frames, stems, self._footer(song.shard))

    def crop_into(self, song_id: str, start: int, output: Mapping[str, NDArray[np.float32]]) -> None:
        """The same into arrays that the caller has, such as parts of a tensor: nothing is copied once decoded.

        Args:
            song_id: id of the song.
            start: first sample.
            output: by stem, shape (samples, 2) and any strides, all of one length; filled.
        """
        song = self.song(song_id)
        read_crop_into(song.shard, start, song.segment_frames, output, self._footer(song.shard))

    def audio(self, song_id: str, stem: str) -> NDArray[np.float32]:
        """A whole stem (or ``mixture``), shape (samples, 2)."""
        song = self.song(song_id)
        if stem not in song.frames:
            raise CatalogError(f"{song_id}: no stem {stem!r}; there are {', '.join(song.frames)}")
        return self.crop(song_id, 0, song.frames[stem], [stem])[stem]

    def _footer(self, shard: Location) -> pq.FileMetaData:
        if shard.path not in self._footers:
            if len(self._footers) >= REMEMBERED_SHARDS:
                del self._footers[next(iter(self._footers))]
            self._footers[shard.path] = read_shard_metadata(shard)
        return self._footers[shard.path]

    def _stored(self) -> dict[str, StoredSong]:
        if self._songs is None:
            songs: dict[str, StoredSong] = {}
            for row in _rows(self.table("shards")):
                song = songs.get(row["song_id"])
                if song is None:
                    song = songs[row["song_id"]] = StoredSong(
                        row["song_id"],
                        row["split"],
                        {},
                        row["sample_rate"],
                        self.location / row["shard"],
                        row["segment_frames"],
                    )
                song.frames[row["stem"]] = row["frames"]
            self._songs = songs
        return self._songs


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Rows as dictionaries, some thousand at a time."""
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


__all__ = ["Catalog", "CatalogError", "StoredSong", "schemas"]
