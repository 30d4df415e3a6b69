"""A stored catalog in parts: some songs at a time with all their rows of every table, so that memory is bounded."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from catalogs.catalog import Catalog
from catalogs.schemas import TABLES
from catalogs.validation.evidence import conform
from catalogs.validation.facts import Facts, gather_facts

ROWS_WITH_SPECTRA = 1_000
"""Rows of ``tracks`` in a part of a catalog with features, whose spectra take 260 kB a row."""

ROWS = 20_000
"""Rows of ``tracks`` in a part of a catalog without."""

WHOLE = ("statistics",)
"""Tables whose rows are no song's; those of a part name its songs only."""


@dataclass(frozen=True)
class SongRange:
    """Songs by their ids: those after one, up to another.

    Attributes:
        after: id before the first song; None for no bound, which includes rows without an id.
        up_to: id of the last song; None for no bound.
    """

    after: str | None = None
    up_to: str | None = None

    def rows(self) -> pc.Expression | None:
        """The condition on a table's rows; None for all of them."""
        song = pc.field("song_id")
        lower = None if self.after is None else song > self.after
        upper = None if self.up_to is None else song <= self.up_to
        if lower is None:
            return None if upper is None else upper | song.is_null()
        return lower if upper is None else lower & upper

    def holds(self, songs: list[str]) -> list[str]:
        """Those of some song ids that are in the range."""
        if any(songs[i] > songs[i + 1] for i in range(len(songs) - 1)):
            return [song for song in songs if self._holds(song)]
        first = 0 if self.after is None else bisect_right(songs, self.after)
        last = len(songs) if self.up_to is None else bisect_right(songs, self.up_to)
        return songs[first:last]

    def _holds(self, song: str) -> bool:
        return (self.after is None or song > self.after) and (self.up_to is None or song <= self.up_to)


class CatalogParts:
    """The tables of a catalog, some songs at a time.

    Args:
        catalog: an open catalog.
        rows: of ``tracks`` in a part; by default as many as take half a gigabyte.
    """

    def __init__(self, catalog: Catalog, rows: int | None = None) -> None:
        self._catalog = catalog
        self._names = [name for name in TABLES if name in catalog.manifest.tables]
        self._rows = rows or (ROWS_WITH_SPECTRA if "features" in self._names else ROWS)
        self.columns = {name: frozenset(catalog.columns(name)) for name in self._names}
        self._songs_of = [self._strings(songs) for songs in self._whole("statistics").get("songs", [])]

    def facts(self) -> Facts:
        """What concerns more than one song, from a few columns of all rows."""

        def columns_of(table: str, columns: tuple[str, ...]) -> pd.DataFrame | None:
            if table not in self._names:
                return None
            here = [name for name in columns if name in self.columns[table]]
            return conform(table, self._catalog.frame(table, here), columns)

        return gather_facts(columns_of)

    def whole(self) -> dict[str, pd.DataFrame]:
        """The tables that are no song's, and no rows of the others."""
        empty = {name: pd.DataFrame(columns=sorted(self.columns[name])) for name in self._names if name not in WHOLE}
        return {name: self._whole(name) if name in WHOLE else empty[name] for name in self._names}

    def __iter__(self) -> Iterator[dict[str, pd.DataFrame]]:
        for songs in self._ranges():
            tables = {}
            for name in self._names:
                if name in WHOLE:
                    frame = self._whole(name)
                    if "songs" in frame:
                        mine = [songs.holds(ids) for ids in self._songs_of]
                        frame = frame.assign(songs=pd.Series(mine, index=frame.index, dtype=object))
                else:
                    condition = songs.rows() if "song_id" in self.columns[name] else None
                    frame = self._catalog.table(name, rows=condition).to_pandas()
                tables[name] = frame
            yield tables

    def _whole(self, name: str) -> pd.DataFrame:
        return self._catalog.frame(name) if name in self._names else pd.DataFrame()

    def _ranges(self) -> list[SongRange]:
        if "song_id" not in self.columns.get("tracks", ()):
            return [SongRange()]
        ids = self._catalog.table("tracks", ["song_id"])["song_id"].drop_null()
        if not pa.types.is_string(ids.type) and not pa.types.is_large_string(ids.type):
            return [SongRange()]
        counts = pc.value_counts(ids.combine_chunks()).sort()
        totals = np.cumsum(counts.field("counts").to_numpy()) // self._rows
        cuts = np.flatnonzero(np.diff(totals))
        bounds: list[str | None] = [None, *counts.field("values").take(pa.array(cuts)).to_pylist(), None]
        return [SongRange(after, up_to) for after, up_to in itertools.pairwise(bounds)]

    @staticmethod
    def _strings(songs: object) -> list[str]:
        return [str(song) for song in songs] if isinstance(songs, list | np.ndarray) else []
