"""Rows of a table by song, made into Python objects only when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Rows = list[dict[str, Any]]


class SongRows(Mapping[str, Rows]):
    """A table as a mapping from song ids to rows; a million rows take what the table takes, about 300 MB.

    Args:
        table: rows sorted by ``song_id``.
        made_of: what is made of the rows of a song; by default they are as they are.
    """

    def __init__(self, table: pa.Table, made_of: Callable[[Rows], Rows] = list) -> None:
        self.table = table.combine_chunks()
        self._made_of = made_of
        ids = self.table["song_id"]
        runs = pc.run_end_encode(ids.combine_chunks() if table.num_rows else pa.array([], pa.string()))
        ends = np.asarray(runs.run_ends, dtype=np.int64)
        self._starts = np.concatenate([np.zeros(1, np.int64), ends])
        self._places = {song: place for place, song in enumerate(runs.values.to_pylist())}
        if len(self._places) != len(ends):
            raise ValueError("the rows of a song do not stand together; sort the table by song_id")

    def __getitem__(self, song_id: str) -> Rows:
        place = self._places[song_id]
        start, end = self._starts[place], self._starts[place + 1]
        return self._made_of(self.table.slice(start, end - start).to_pylist())

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def first(self, column: str) -> dict[str, Any]:
        """By song id, the value in the first of its rows."""
        values = self.table[column].take(pa.array(self._starts[:-1])).to_pylist()
        return dict(zip(self._places, values, strict=True))

    def without(self, songs: Collection[str]) -> SongRows:
        """The rows of the other songs."""
        return SongRows(without_songs(self.table, songs), self._made_of)


def without_songs(table: pa.Table, songs: Collection[str]) -> pa.Table:
    """The rows of a table that belong to none of some songs."""
    if not songs:
        return table
    return table.filter(pc.invert(pc.is_in(table["song_id"], pa.array(sorted(songs), pa.string()))))
