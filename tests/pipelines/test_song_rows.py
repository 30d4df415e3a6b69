"""Rows by song out of a table: what a dictionary of lists would hold."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs.storage import Location, write_table
from pipelines.results import READERS, read_ahead, read_tables
from pipelines.song_rows import SongRows, without_songs

ROWS = st.lists(st.tuples(st.text("abü/", min_size=1, max_size=3), st.integers(0, 9)), max_size=30)


def table_of(rows: list[tuple[str, int]]) -> pa.Table:
    ordered = sorted(rows, key=lambda row: row[0])
    return pa.table(
        {
            "song_id": pa.array([song for song, _ in ordered], pa.string()),
            "value": pa.array([value for _, value in ordered], pa.int64()),
        }
    )


@settings(deadline=None)
@given(rows=ROWS, chosen=st.sets(st.text("abü/", min_size=1, max_size=3)))
def test_rows_are_those_of_a_dictionary(rows: list[tuple[str, int]], chosen: set[str]) -> None:
    table = table_of(rows)
    expected = {song: list(group) for song, group in groupby(table.to_pylist(), key=lambda row: row["song_id"])}
    songs = SongRows(table)
    assert dict(songs) == expected
    assert list(songs) == sorted(expected)
    assert songs.first("value") == {song: found[0]["value"] for song, found in expected.items()}
    left = {song: found for song, found in expected.items() if song not in chosen}
    assert dict(songs.without(chosen)) == left
    assert without_songs(table, chosen).to_pylist() == [row for found in left.values() for row in found]


def test_a_table_that_is_not_sorted_is_refused() -> None:
    with pytest.raises(ValueError, match="sort the table by song_id"):
        SongRows(pa.table({"song_id": ["a", "b", "a"]}))


def test_files_are_read_in_their_order_and_an_error_is_that_of_its_file(tmp_path: Path) -> None:
    folder = Location.parse(tmp_path)
    names = [f"{number}.parquet" for number in range(3 * READERS)]
    schema = pa.schema([("stem", pa.string()), ("value", pa.int64())])
    for number, name in enumerate(names):
        write_table(folder / name, pa.table({"stem": ["b", "a"], "value": [number, -number]}, schema))
    read = list(read_ahead(Location.read_bytes, folder, names))
    assert read == [(tmp_path / name).read_bytes() for name in names]
    whole = read_tables(folder, names, schema)
    assert whole["value"].to_pylist() == [value for number in range(len(names)) for value in (-number, number)]
    (tmp_path / names[40]).unlink()
    values = []
    with pytest.raises(FileNotFoundError, match=names[40]):
        values.extend(read_ahead(Location.read_bytes, folder, names))
    assert len(values) == 40
