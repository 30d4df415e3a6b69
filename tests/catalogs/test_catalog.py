"""Reading a catalog: with this package, and with pandas, DuckDB and Hugging Face datasets."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.catalog import Catalog
from catalogs.manifest import DRAFT, PUBLISHED, CatalogError, Manifest, TableFile, read_manifest, store_table
from catalogs.shards import ShardError
from catalogs.storage import Location
from tests.signals import RATE
from tests.small_catalog import SEGMENT_FRAMES, SPLITS, SUBTYPES, SmallCatalog, quantisation, write_small_catalog

SONGS = sorted(SPLITS)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("catalogs") / "small", "sequential", with_targets=True)


@pytest.fixture(scope="module")
def catalog(small: SmallCatalog) -> Catalog:
    return Catalog.open(small.location.path)


@pytest.fixture
def copy(small: SmallCatalog, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(small.location.path, tmp_path / "copy"))


def table_files(folder: str) -> dict[str, str]:
    """Path of every table, from ``catalog.json`` alone."""
    manifest = json.loads(Path(folder, "catalog.json").read_text())
    return {name: str(Path(folder, entry["path"])) for name, entry in manifest["tables"].items()}


def shard_files(folder: str) -> list[str]:
    """Path of every audio shard, from the ``shards`` table alone."""
    rows = pq.read_table(table_files(folder)["shards"], columns=["shard"]).column("shard").to_pylist()
    return [str(Path(folder, name)) for name in sorted(set(rows))]


def contents(catalog: Catalog) -> tuple[dict[str, pa.Table], list[str]]:
    """All that a reader can get at beside audio."""
    return {name: catalog.table(name) for name in catalog.manifest.tables}, catalog.songs


def test_a_catalog_opens_by_path_and_uri(small: SmallCatalog) -> None:
    path = Path(small.location.path)
    for target in (path, str(path), f"{path}/", path.as_uri()):
        assert contents(Catalog.open(target)) == contents(Catalog.open(path))


def test_tables_are_those_that_were_stored_with_their_schemas(small: SmallCatalog, catalog: Catalog) -> None:
    assert set(catalog.manifest.tables) == set(schemas.STORED)
    for name, expected in small.tables.items():
        table = catalog.table(name)
        assert table.to_pylist() == expected.to_pylist()
        assert catalog.manifest.tables[name].rows == expected.num_rows > 0
        assert table.schema.equals(schemas.STORED[name])
        assert table.schema.metadata[b"table"] == name.encode()
        for field in schemas.STORED[name]:
            assert table.schema.field(field.name).metadata == field.metadata


def test_a_frame_is_the_table_as_pandas(small: SmallCatalog, catalog: Catalog) -> None:
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(catalog.frame(name), table.to_pandas())


def test_columns_can_be_chosen(catalog: Catalog) -> None:
    assert catalog.table("shards", ["stem", "scale"]).column_names == ["stem", "scale"]
    assert list(catalog.frame("features", ["loudness_lufs"]).columns) == ["loudness_lufs"]
    with pytest.raises(CatalogError, match="flavour"):
        catalog.table("shards", ["flavour"])


def test_songs_are_sorted_and_described(small: SmallCatalog, catalog: Catalog) -> None:
    assert catalog.songs == SONGS
    for song_id in catalog.songs:
        song = catalog.song(song_id)
        assert song.split == SPLITS[song_id]
        assert song.frames == {stem: audio.shape[0] for stem, audio in small.audio[song_id].items()}
        assert (song.sample_rate, song.segment_frames) == (RATE, SEGMENT_FRAMES)
        assert song.shard.exists()


@pytest.mark.parametrize(("start", "frames"), [(0, 1_000), (20_000, 30_000), (40_000, 60_000), (10**6, 5)])
def test_a_crop_is_that_stretch_of_every_stem(small: SmallCatalog, catalog: Catalog, start: int, frames: int) -> None:
    for song_id in catalog.songs:
        crop = catalog.crop(song_id, start, frames)
        assert list(crop) == list(small.audio[song_id])
        for stem, samples in crop.items():
            piece = small.audio[song_id][stem][start : start + frames]
            expected = np.pad(piece, ((0, frames - piece.shape[0]), (0, 0)))
            tolerance = quantisation(small.audio[song_id][stem], SUBTYPES[stem])
            assert np.abs(samples - expected).max() <= tolerance


def test_stems_of_a_crop_can_be_chosen(catalog: Catalog) -> None:
    crop = catalog.crop(SONGS[0], 5, 10, ["mixture", "drums"])
    assert list(crop) == ["mixture", "drums"]
    assert {samples.shape for samples in crop.values()} == {(10, 2)}


def test_audio_is_a_whole_stem(small: SmallCatalog, catalog: Catalog) -> None:
    for song_id in catalog.songs:
        for stem, expected in small.audio[song_id].items():
            audio = catalog.audio(song_id, stem)
            assert audio.shape == expected.shape
            assert np.array_equal(audio, catalog.crop(song_id, 0, expected.shape[0])[stem])
    assert catalog.audio("demo/beta", "vocals").shape[0] < catalog.audio("demo/beta", "drums").shape[0]


def test_statistics_and_targets_come_back_with_their_mode(small: SmallCatalog, catalog: Catalog) -> None:
    statistics = catalog.statistics()
    assert statistics.mode == "sequential"
    assert statistics.fingerprint() == small.statistics.fingerprint()
    assert statistics.songs("drums") == ("demo/O'Brien - Élan",)
    assert catalog.targets().songs("drums") == tuple(SONGS)


def test_targets_are_the_own_statistics_where_no_others_were_given(tmp_path: Path) -> None:
    own = Catalog.open(write_small_catalog(tmp_path / "own").location.path)
    assert "targets" not in own.manifest.tables
    assert own.targets().fingerprint() == own.statistics().fingerprint()


def test_the_same_songs_give_a_catalog_of_the_same_bytes(small: SmallCatalog, tmp_path: Path) -> None:
    write_small_catalog(tmp_path / "again", "sequential", with_targets=True)
    first, again = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (Path(small.location.path), tmp_path / "again")
    )
    assert first == again


def test_a_manifest_is_the_same_bytes_in_any_order(small: SmallCatalog) -> None:
    tables = dict(reversed(small.manifest.tables.items()))
    again = Manifest(tables, dict(small.manifest.config), small.manifest.version)
    assert again.to_json() == small.manifest.to_json()
    assert read_manifest(small.location) == small.manifest


def test_hashes_of_a_manifest_are_those_of_the_files(small: SmallCatalog) -> None:
    for entry in small.manifest.tables.values():
        assert (small.location / entry.path).hash() == entry.hash
        assert entry.hash in entry.path


def test_a_folder_without_catalog_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"no catalog\.json here; build a catalog with 'fxnorm-data build-catalog"):
        Catalog.open(tmp_path)
    with pytest.raises(CatalogError, match="nowhere"):
        Catalog.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"format": "one", "tables": {}, "config": {}, "version": ""}',
        b'{"format": 1, "config": {}, "version": ""}',
        b'{"format": 1, "tables": [], "config": {}, "version": ""}',
        b'{"format": 1, "tables": {"tracks": "tables/tracks.parquet"}, "config": {}, "version": ""}',
        b'{"format": 1, "tables": {"tracks": {"path": "tables/tracks.parquet"}}, "config": {}, "version": ""}',
        b'{"format": 1, "tables": {}, "config": [1], "version": ""}',
    ],
)
def test_a_broken_manifest_is_named(copy: Path, content: bytes) -> None:
    (copy / PUBLISHED).write_bytes(content)
    with pytest.raises(CatalogError, match=rf"{copy}/catalog\.json: not a catalog manifest .*restore it or build anew"):
        Catalog.open(copy)


@pytest.mark.parametrize("tables", [{}, {"tracks": ["a", "form", "of", "later"]}])
def test_a_newer_layout_asks_for_an_upgrade(copy: Path, tables: dict[str, object]) -> None:
    newer = {"format": schemas.FORMAT_VERSION + 1, "tables": tables, "unknown": 1}
    (copy / PUBLISHED).write_text(json.dumps(newer))
    with pytest.raises(CatalogError, match="layout 2 is newer than 1; upgrade fxnorm-data"):
        Catalog.open(copy)


def test_an_unknown_table_song_or_stem_is_named_with_what_there_is(small: SmallCatalog, catalog: Catalog) -> None:
    with pytest.raises(
        CatalogError, match="no table 'lyrics'; there are: features, fingerprints, quality, quarantine, receipts"
    ):
        catalog.table("lyrics")
    with pytest.raises(CatalogError, match="no song 'demo/gamma'"):
        catalog.song("demo/gamma")
    with pytest.raises(CatalogError, match="no stem 'flute'; there are drums, vocals, mixture"):
        catalog.audio(SONGS[0], "flute")
    with pytest.raises(ShardError, match="no stem 'flute'"):
        catalog.crop(SONGS[0], 0, 10, ["flute"])


def test_a_missing_table_file_is_named(copy: Path) -> None:
    file = Path(table_files(str(copy))["features"])
    file.unlink()
    with pytest.raises(CatalogError, match=f"{file}: cannot be read"):
        Catalog.open(copy).table("features")
    assert Catalog.open(copy).songs == SONGS


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "flipped"])
def test_a_damaged_table_file_is_named(copy: Path, damage: str) -> None:
    file = Path(table_files(str(copy))["features"])
    data = bytearray(file.read_bytes())
    chunk = pq.read_metadata(file).row_group(0).column(schemas.FEATURES.get_field_index("eq"))
    data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 4
    damaged = {"empty": b"", "cut": data[: len(data) // 2], "text": b"PAR1 nothing PAR1", "flipped": data}
    file.write_bytes(bytes(damaged[damage]))
    with pytest.raises(CatalogError, match=f"{file}: cannot be read"):
        Catalog.open(copy).table("features")


def test_a_missing_shard_is_named(copy: Path) -> None:
    opened = Catalog.open(copy)
    shard = Path(opened.song(SONGS[0]).shard.path)
    shard.unlink()
    with pytest.raises(ShardError, match=f"{shard}: shard is missing"):
        opened.crop(SONGS[0], 0, 10)
    assert opened.crop(SONGS[1], 0, 10)["drums"].shape == (10, 2)


def test_what_the_manifest_does_not_name_is_invisible(small: SmallCatalog, copy: Path) -> None:
    before = contents(Catalog.open(copy))
    shutil.copy(next((copy / "shards").iterdir()), copy / "shards" / "another.parquet")
    (copy / "shards" / ".0123.part").write_bytes(b"half a shard")
    (copy / "tables" / ".tracks.part").write_bytes(b"half a table")
    (copy / "tables" / "lyrics-0123.parquet").write_bytes(b"whatever")
    store_table(Location.parse(copy), "tracks", small.tables["tracks"].slice(0, 1))
    store_table(Location.parse(copy), "shards", small.tables["shards"].slice(0, 1))
    (copy / "work").mkdir()
    (copy / "work" / "ingested.parquet").write_bytes(b"")
    assert contents(Catalog.open(copy)) == before
    with pytest.raises(CatalogError, match="no table 'lyrics'"):
        Catalog.open(copy).table("lyrics")


def test_readers_see_the_published_catalog_while_a_newer_draft_exists(small: SmallCatalog, copy: Path) -> None:
    reader = Catalog.open(copy)
    before = contents(reader)
    newer = small.tables["shards"].filter(pa.compute.equal(small.tables["shards"]["song_id"], SONGS[1]))
    stored = store_table(Location.parse(copy), "shards", newer)
    draft = small.manifest.with_stage("normalize", {"shards": stored}, {"seed": 1}).without_tables("targets")
    (copy / DRAFT).write_bytes(draft.to_json())
    assert contents(Catalog.open(copy)) == before
    assert Catalog.open(copy, DRAFT).songs == [SONGS[1]]
    assert "targets" not in Catalog.open(copy, DRAFT).manifest.tables
    (copy / PUBLISHED).write_bytes(draft.to_json())
    assert Catalog.open(copy).songs == [SONGS[1]]
    assert Catalog.open(copy).manifest.config == {"normalize": {"seed": 1}}
    assert contents(reader) == before


def test_a_table_gets_the_types_and_descriptions_of_its_schema(tmp_path: Path, small: SmallCatalog) -> None:
    plain = pa.Table.from_pylist(small.tables["shards"].to_pylist())
    assert not plain.schema.equals(schemas.SHARDS)
    location = Location.parse(tmp_path)
    stored = store_table(location, "shards", plain)
    assert isinstance(stored, TableFile)
    assert stored == small.manifest.tables["shards"]
    assert location.file_names() == set()
    assert (location / "tables").file_names() == {Path(stored.path).name}


def decode(row: dict[str, Any]) -> NDArray[np.float32]:
    samples, _ = soundfile.read(io.BytesIO(row["flac"]), dtype="float32", always_2d=True)
    return samples * np.float32(row["scale"])


def check_audio(catalog: Catalog, rows: list[dict[str, Any]]) -> None:
    """Rows of all audio shards hold, together, the audio that the catalog gives."""
    seen = set()
    for row in rows:
        assert np.array_equal(
            decode(row), catalog.crop(row["song_id"], row["start"], row["frames"], [row["stem"]])[row["stem"]]
        )
        seen.add((row["song_id"], row["stem"], row["segment"]))
    expected = {
        (row["song_id"], row["stem"], segment)
        for row in catalog.table("shards").to_pylist()
        for segment in range(row["segments"])
    }
    assert seen == expected


def test_pandas_opens_all_tables_and_shards(small: SmallCatalog, catalog: Catalog) -> None:
    folder = small.location.path
    for name, file in table_files(folder).items():
        pd.testing.assert_frame_equal(pd.read_parquet(file), small.tables[name].to_pandas())
    frames = [pd.read_parquet(file) for file in shard_files(folder)]
    check_audio(catalog, pd.concat(frames).to_dict("records"))


def test_duckdb_opens_all_tables_and_shards(small: SmallCatalog, catalog: Catalog) -> None:
    folder = small.location.path
    with duckdb.connect() as connection:

        def rows(files: list[str]) -> list[dict[str, Any]]:
            result = connection.execute("select * from read_parquet(?)", [files])
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

        for name, file in table_files(folder).items():
            assert rows([file]) == small.tables[name].to_pylist()
        check_audio(catalog, rows(shard_files(folder)))
        files = table_files(folder)
        query = (
            "select stem, count(*), avg(scale) from read_parquet(?) f join read_parquet(?) s using (song_id, stem) "
            "group by stem order by stem"
        )
        joined = connection.execute(query, [files["features"], files["shards"]]).fetchall()
    assert joined == [("drums", 2, 1.0), ("vocals", 2, 1.0)]


@pytest.fixture
def load_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[str]], Any]]:
    """Hugging Face's loader, offline and with a cache of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield lambda files: datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    datasets.enable_progress_bars()


def test_hugging_face_datasets_opens_all_tables_and_shards(
    small: SmallCatalog, catalog: Catalog, load_parquet: Callable[[list[str]], Any]
) -> None:
    folder = small.location.path
    for name, file in table_files(folder).items():
        assert load_parquet([file]).to_list() == small.tables[name].to_pylist()
    check_audio(catalog, load_parquet(shard_files(folder)).to_list())
