"""Statistics as a file: equal bytes for equal statistics, and a clear refusal of whatever is not one."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogs import schemas
from catalogs.manifest import CatalogError
from catalogs.statistics_file import read_statistics, statistics_to_table, table_to_statistics, write_statistics
from catalogs.storage import Location, write_table
from fxnorm.published import write_published
from fxnorm.statistics import FEATURE_LENGTHS, FeatureSum, Mode, Statistics, StatisticsError
from tests.small_catalog import SmallCatalog, write_small_catalog

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SONGS = ("corpus/a", 'corpus/b, "quoted"', "corpus/ç")


def make(mode: Mode = "raw", seed: int = 0, sources: tuple[str, ...] = ("vocals", "lead guitar")) -> Statistics:
    """Positive sums of every feature, one feature missing for the last source."""
    rng = np.random.default_rng(seed)
    sums = {}
    for index, source in enumerate(sources):
        for feature, length in FEATURE_LENGTHS.items():
            songs = SONGS[: 1 + (index + length) % len(SONGS)]
            sums[source, feature] = FeatureSum(rng.uniform(0.1, 0.9, length) * len(songs), songs)
    del sums[sources[-1], "compression"]
    return Statistics(sums, mode)


def assert_equal(actual: Statistics, expected: Statistics) -> None:
    assert actual.mode == expected.mode
    assert set(actual.sums) == set(expected.sums)
    for key, value in expected.sums.items():
        assert np.array_equal(actual.sums[key].total, value.total)
        assert actual.sums[key].total.dtype == np.float64
        assert actual.sums[key].songs == value.songs
    assert actual.fingerprint() == expected.fingerprint()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("catalogs") / "small", "sequential", with_targets=True)


@pytest.mark.parametrize("mode", ["raw", "sequential", "published"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, mode: Mode) -> None:
    statistics = make(mode)
    write_statistics(statistics, tmp_path / "deep" / "statistics.parquet")
    for target in (tmp_path / "deep" / "statistics.parquet", (tmp_path / "deep" / "statistics.parquet").as_uri()):
        assert_equal(read_statistics(target), statistics)


@given(
    st.dictionaries(
        st.tuples(TEXT, st.sampled_from(["loudness", "compression"])),
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.sets(TEXT, min_size=1, max_size=4)),
        max_size=5,
    )
)
@settings(max_examples=50, deadline=None)
def test_any_names_and_numbers_survive(content: dict[tuple[str, str], tuple[float, set[str]]]) -> None:
    sums = {
        key: FeatureSum(np.full(FEATURE_LENGTHS[key[1]], number), tuple(sorted(songs)))
        for key, (number, songs) in content.items()
    }
    statistics = Statistics(sums, "raw")
    assert_equal(table_to_statistics(statistics_to_table(statistics)), statistics)


def test_equal_statistics_give_equal_bytes(tmp_path: Path) -> None:
    statistics = make()
    reordered = Statistics(dict(reversed(make().sums.items())), "raw")
    write_statistics(statistics, tmp_path / "one.parquet")
    write_statistics(reordered, tmp_path / "two.parquet")
    write_statistics(read_statistics(tmp_path / "one.parquet"), tmp_path / "three.parquet")
    one, two, three = ((tmp_path / f"{name}.parquet").read_bytes() for name in ("one", "two", "three"))
    assert one == two == three


def test_other_statistics_give_other_bytes(tmp_path: Path) -> None:
    write_statistics(make(), tmp_path / "one.parquet")
    for number, other in enumerate((make("sequential"), make(seed=1), make(sources=("vocals",)))):
        write_statistics(other, tmp_path / f"{number}.parquet")
        assert (tmp_path / f"{number}.parquet").read_bytes() != (tmp_path / "one.parquet").read_bytes()


def test_a_merge_is_the_same_file_in_any_order(tmp_path: Path) -> None:
    one = make()
    two = Statistics({key: FeatureSum(value.total * 0.5, ("corpus/z",)) for key, value in make(seed=1).sums.items()})
    write_statistics(one.merge(two), tmp_path / "one.parquet")
    write_statistics(two.merge(one), tmp_path / "two.parquet")
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_the_file_opens_without_this_package(tmp_path: Path) -> None:
    statistics = make()
    write_statistics(statistics, tmp_path / "statistics.parquet")
    table = pq.read_table(tmp_path / "statistics.parquet")
    assert table.schema.equals(schemas.STATISTICS)
    assert table.schema.metadata[b"mode"] == b"raw"
    for row in table.to_pylist():
        value = statistics.sums[row["source"], row["feature"]]
        assert (row["count"], row["songs"], row["sum"]) == (value.count, list(value.songs), value.total.tolist())


def test_a_catalog_is_read_by_path_or_uri(small: SmallCatalog) -> None:
    for target in (small.location.path, Path(small.location.path).as_uri()):
        assert_equal(read_statistics(target), small.statistics)


def test_a_table_file_of_a_catalog_is_read(small: SmallCatalog) -> None:
    assert_equal(read_statistics((small.location / small.manifest.tables["statistics"].path).path), small.statistics)


def test_the_published_file_is_read(tmp_path: Path) -> None:
    statistics = make()
    write_published(statistics, tmp_path / "features.npy")
    for target in (tmp_path / "features.npy", str(tmp_path / "features.npy"), (tmp_path / "features.npy").as_uri()):
        read = read_statistics(target)
        assert read.mode == "published"
        assert set(read.sums) == set(statistics.sums)
        expected = statistics.targets("vocals")
        assert expected.eq is not None
        assert np.array_equal(read.sums["vocals", "eq"].total, expected.eq.astype(np.float32))
        assert read.sums["vocals", "loudness"].total == expected.loudness


def test_a_published_file_survives_the_form_of_ours(tmp_path: Path) -> None:
    write_published(make(), tmp_path / "features.npy")
    published = read_statistics(tmp_path / "features.npy")
    write_statistics(published, tmp_path / "features.parquet")
    assert_equal(read_statistics(tmp_path / "features.parquet"), published)


class _Dangerous:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch pwned",)


def write_garbage(folder: Path) -> dict[str, tuple[Path, str]]:
    """Files and folders that are no statistics, and what is said of them."""
    good = statistics_to_table(make())

    def table(name: str, content: pa.Table) -> Path:
        write_table(Location.parse(folder / name), content)
        return folder / name

    def column(name: str, values: pa.Array | list[object]) -> pa.Table:
        return good.set_column(good.column_names.index(name), name, [values])

    rows = good.num_rows
    names = good.column("feature").to_pylist()
    nan = [[float("nan")] * FEATURE_LENGTHS[name] for name in names]
    (folder / "empty.parquet").write_bytes(b"")
    (folder / "text.parquet").write_text("vocals: -20 LUFS\n" * 10)
    whole = table("whole.parquet", good).read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[pq.read_metadata(folder / "whole.parquet").row_group(0).column(3).data_page_offset + 5_000] ^= 1
    (folder / "flipped.parquet").write_bytes(bytes(flipped))
    (folder / "folder").mkdir()
    (folder / "empty.npy").write_bytes(b"")
    (folder / "text.npy").write_text("vocals: -20 LUFS\n" * 10)
    np.save(folder / "numbers.npy", np.arange(4.0))
    (folder / "pickle.npy").write_bytes(pickle.dumps({"eq": {}}))
    np.save(folder / "dangerous.npy", np.asarray({"eq": _Dangerous()}, dtype=object), allow_pickle=True)
    (folder / "directory.npy").mkdir()
    other = table("tracks.parquet", schemas.TRACKS.empty_table())
    return {
        "empty file": (folder / "empty.parquet", "Parquet"),
        "text": (folder / "text.parquet", "Parquet"),
        "cut": (folder / "cut.parquet", "Parquet"),
        "flipped": (folder / "flipped.parquet", "CRC"),
        "another table": (other, "not a statistics table: no column count, feature, songs, source, sum"),
        "numbers as text": (table("1.parquet", column("count", ["many"] * rows)), "not a statistics table"),
        "text as sums": (table("2.parquet", column("sum", [["loud"]] * rows)), "not a statistics table"),
        "no source": (table("3.parquet", column("source", pa.nulls(rows, pa.string()))), "not a statistics table"),
        "no songs": (table("4.parquet", column("songs", pa.nulls(rows, pa.list_(pa.string())))), "statistics table"),
        "unknown feature": (table("5.parquet", column("feature", ["width"] * rows)), "width: sum or songs"),
        "wrong lengths": (table("6.parquet", column("sum", [[1.0, 2.0, 3.0]] * rows)), "have the wrong length"),
        "wrong count": (table("7.parquet", column("count", [17] * rows)), "have the wrong length"),
        "no stems": (
            table("11.parquet", column("songs", [[]] * rows).set_column(2, "count", [[0] * rows])),
            "have the wrong length",
        ),
        "not finite": (table("8.parquet", column("sum", nan)), "not finite"),
        "twice": (table("9.parquet", pa.concat_tables([good, good])), "in the table twice"),
        "mode": (table("10.parquet", good.replace_schema_metadata({"mode": "loud"})), "unknown mode 'loud'"),
        "folder without catalog": (folder / "folder", "neither a statistics file nor a catalog"),
        "missing": (folder / "nowhere.parquet", "neither a statistics file nor a catalog"),
        "missing npy": (folder / "nowhere.npy", "no such file"),
        "folder named npy": (folder / "directory.npy", "no such file"),
        "empty npy": (folder / "empty.npy", "not a statistics file of the published code"),
        "text npy": (folder / "text.npy", "not a statistics file of the published code"),
        "numbers npy": (folder / "numbers.npy", "not a dictionary of averages"),
        "bare pickle": (folder / "pickle.npy", "not a statistics file of the published code"),
        "dangerous npy": (folder / "dangerous.npy", "refused to load"),
    }


GARBAGE = [
    "empty file",
    "text",
    "cut",
    "flipped",
    "another table",
    "numbers as text",
    "text as sums",
    "no source",
    "no songs",
    "unknown feature",
    "wrong lengths",
    "wrong count",
    "no stems",
    "not finite",
    "twice",
    "mode",
    "folder without catalog",
    "missing",
    "missing npy",
    "folder named npy",
    "empty npy",
    "text npy",
    "numbers npy",
    "bare pickle",
    "dangerous npy",
]


@pytest.fixture(scope="module")
def garbage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    written = write_garbage(tmp_path_factory.mktemp("garbage"))
    assert sorted(written) == sorted(GARBAGE)
    return written


@pytest.mark.parametrize("kind", GARBAGE)
def test_garbage_is_refused_by_name_and_reason(
    garbage: dict[str, tuple[Path, str]], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, reason = garbage[kind]
    with pytest.raises(StatisticsError, match=reason) as caught:
        read_statistics(path)
    assert str(path) in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_broken_catalog_is_refused(tmp_path: Path) -> None:
    broken = write_small_catalog(tmp_path / "broken")
    (broken.location / "catalog.json").write_bytes(b"{")
    with pytest.raises(StatisticsError, match="not a catalog manifest") as caught:
        read_statistics(broken.location.path)
    assert not isinstance(caught.value, CatalogError)


def test_a_catalog_whose_statistics_file_is_gone_is_refused(tmp_path: Path) -> None:
    broken = write_small_catalog(tmp_path / "broken")
    Path((broken.location / broken.manifest.tables["statistics"].path).path).unlink()
    with pytest.raises(StatisticsError, match="cannot be read"):
        read_statistics(broken.location.path)


def test_a_published_file_in_an_object_store_asks_to_be_downloaded() -> None:
    target = "s3://bucket/features.npy?endpoint_override=127.0.0.1:9&scheme=http"
    with pytest.raises(StatisticsError, match="download it first"):
        read_statistics(target)
