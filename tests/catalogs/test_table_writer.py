"""A table written piece by piece: the same file however it is cut, and none that is not whole."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalogs import manifest, schemas
from catalogs.manifest import TableWriter, store_table
from catalogs.storage import Location

RECEIPTS = [
    {
        "song_id": f"a/{number // 4:03}",
        "stem": "vocals",
        "position": number % 4,
        "effect": "eq",
        "status": "applied",
        "details": "{}",
    }
    for number in range(200)
]


@pytest.fixture(autouse=True)
def small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "ROW_GROUP_BYTES", 512 * 30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(cuts=st.sets(st.integers(1, 199), max_size=20))
def test_pieces_make_the_file_that_the_whole_makes(tmp_path: Path, cuts: set[int]) -> None:
    location = Location.parse(tmp_path)
    whole = store_table(location, "receipts", pa.Table.from_pylist(RECEIPTS, schema=schemas.RECEIPTS))
    bounds = [0, *sorted(cuts), 200]
    with TableWriter(location, "receipts") as writer:
        for first, last in itertools.pairwise(bounds):
            writer.write_rows(RECEIPTS[first:last])
    assert writer.stored == whole
    stored = (tmp_path / whole.path).read_bytes()
    assert whole.hash == hashlib.blake2b(stored, digest_size=16).hexdigest()
    assert whole.path == f"tables/receipts-{whole.hash}.parquet"
    table = pq.ParquetFile(tmp_path / whole.path)
    assert [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)] == [30] * 6 + [20]
    assert pa.Table.from_pylist(RECEIPTS, schema=schemas.RECEIPTS).equals(table.read())


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    with TableWriter(Location.parse(tmp_path), "quarantine") as writer:
        pass
    table = pq.read_table(tmp_path / writer.stored.path)
    assert (table.num_rows, table.column_names) == (0, schemas.QUARANTINE.names)


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with TableWriter(Location.parse(tmp_path), "receipts") as writer:
            writer.write_rows(RECEIPTS)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not list((tmp_path / "tables").iterdir())


def test_a_table_is_not_named_before_it_is_whole(tmp_path: Path) -> None:
    with TableWriter(Location.parse(tmp_path), "receipts") as writer:
        writer.write_rows(RECEIPTS)
        with pytest.raises(ValueError, match="the table receipts is not whole yet"):
            _ = writer.stored
