"""A catalog in an object store: everything over a real S3 interface."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from rich.console import Console

from catalogs import export as formats
from catalogs.catalog import Catalog
from catalogs.export import ExportConfig
from catalogs.manifest import PUBLISHED, CatalogError, read_manifest
from catalogs.shards import ShardError, read_crop
from catalogs.statistics_file import read_statistics, write_statistics
from catalogs.storage import SPOOLED_BYTES, Location, read_table, write_table
from catalogs.validation import validate_tables
from pipelines.config import RunOptions
from pipelines.export import export_catalog
from tests.corpora import STEMS, write_corpus
from tests.object_store import ObjectStore
from tests.signals import RATE
from tests.small_catalog import SEGMENT_FRAMES, SmallCatalog, quantisation, write_small_catalog

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def small(store: ObjectStore) -> SmallCatalog:
    return write_small_catalog(store.uri("small"), "sequential", with_targets=True)


@pytest.fixture(scope="module")
def catalog(store: ObjectStore, small: SmallCatalog) -> Catalog:
    return Catalog.open(store.uri("small"))


def test_options_of_a_uri_stay_with_the_store_and_out_of_paths(store: ObjectStore) -> None:
    for path in ("deep/catalog", "deep/catalog/"):
        location = Location.parse(store.uri(path))
        assert not location.is_local
        assert location.name == "catalog"
        part = location / "tables" / "tracks.parquet"
        assert part.path == "bucket/deep/catalog/tables/tracks.parquet"
        assert part.filesystem is location.filesystem
    (Location.parse(store.uri("deep/catalog")) / "file").write_bytes(b"x")
    assert Location.parse(store.uri("deep/catalog/file")).read_bytes() == b"x"
    assert Location.parse(store.uri("deep/catalog/")).file_names() == {"file"}


def test_files_are_found_sized_hashed_and_replaced(store: ObjectStore, tmp_path: Path) -> None:
    folder, local = Location.parse(store.uri("files")), Location.parse(tmp_path)
    assert folder.file_names() == set()
    assert not (folder / "a").exists()
    assert (folder / "a").size() is None
    for content in (b"first", b"", b"second, longer"):
        for place in (folder, local):
            (place / "a").write_bytes(content)
            (place / "inner" / "b").write_bytes(content)
        assert (folder / "a").read_bytes() == content
        assert (folder / "a").size() == len(content)
        assert (folder / "a").hash() == (local / "a").hash()
    assert folder.file_names() == {"a"}
    folder.remove_temporaries()
    assert folder.file_names() == {"a"}


def test_an_exception_leaves_the_old_object(store: ObjectStore) -> None:
    file = Location.parse(store.uri("interrupted/file"))

    def fail() -> None:
        with file.open_atomic() as stream:
            stream.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not file.exists()
    file.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        fail()
    assert file.read_bytes() == b"old"


def test_a_large_file_is_sent_whole(store: ObjectStore, tmp_path: Path) -> None:
    remote, local = Location.parse(store.uri("large/file")), Location.parse(tmp_path / "file")
    block = np.random.default_rng(0).bytes(1 << 20)
    for place in (remote, local):
        with place.open_atomic() as stream:
            for number in range(SPOOLED_BYTES // len(block) + 3):
                stream.write(number.to_bytes(4, "little") + block)
    assert remote.size() == local.size()
    assert remote.size() > SPOOLED_BYTES
    assert remote.hash() == local.hash()


def test_a_table_is_the_same_bytes_as_on_disk(store: ObjectStore, tmp_path: Path) -> None:
    table = pa.table({"number": list(range(1000)), "name": [f"n{i % 7}" for i in range(1000)]})
    remote, local = Location.parse(store.uri("tables/t.parquet")), Location.parse(tmp_path / "t.parquet")
    for place in (remote, local):
        write_table(place, table)
    assert remote.read_bytes() == local.read_bytes()
    assert read_table(remote, ["name"]).equals(table.select(["name"]))
    with pytest.raises(FileNotFoundError):
        read_table(Location.parse(store.uri("tables/nowhere.parquet")))


def test_a_catalog_is_the_same_bytes_as_on_disk(small: SmallCatalog, tmp_path: Path) -> None:
    local = write_small_catalog(tmp_path / "local", "sequential", with_targets=True)
    assert read_manifest(small.location) == local.manifest
    for folder in ("tables", "shards"):
        names = (local.location / folder).file_names()
        assert (small.location / folder).file_names() == names
        for name in names:
            assert (small.location / folder / name).hash() == (local.location / folder / name).hash()
    assert (small.location / PUBLISHED).read_bytes() == (local.location / PUBLISHED).read_bytes()


def test_tables_and_statistics_come_back(store: ObjectStore, small: SmallCatalog, catalog: Catalog) -> None:
    for name, table in small.tables.items():
        assert catalog.table(name).to_pylist() == table.to_pylist()
    assert catalog.statistics().fingerprint() == small.statistics.fingerprint()
    assert read_statistics(store.uri("small")).fingerprint() == small.statistics.fingerprint()
    write_statistics(small.statistics, store.uri("statistics.parquet"))
    assert read_statistics(store.uri("statistics.parquet")).fingerprint() == small.statistics.fingerprint()


@pytest.mark.parametrize(("start", "frames"), [(0, 500), (20_000, 30_000), (50_000, 60_000), (10**6, 10)])
def test_a_crop_is_that_stretch(small: SmallCatalog, catalog: Catalog, start: int, frames: int) -> None:
    for song_id in catalog.songs:
        for stem, samples in catalog.crop(song_id, start, frames).items():
            piece = small.audio[song_id][stem][start : start + frames]
            expected = np.pad(piece, ((0, frames - piece.shape[0]), (0, 0)))
            assert np.abs(samples - expected).max() <= quantisation(small.audio[song_id][stem], "PCM_16")


def test_what_is_missing_is_named(store: ObjectStore, catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match=r"no catalog\.json here"):
        Catalog.open(store.uri("nowhere"))
    gone = catalog.location / "shards" / "gone.parquet"
    with pytest.raises(ShardError, match=r"bucket/small/shards/gone\.parquet: shard is missing"):
        read_crop(gone, 0, 10, SEGMENT_FRAMES)


def test_refused_credentials_are_not_taken_for_a_missing_or_damaged_catalog(store: ObjectStore) -> None:
    target = store.uri("small", "stranger:wrong-secret@")
    with pytest.raises(OSError, match="ACCESS_DENIED") as caught:
        Catalog.open(target)
    assert not isinstance(caught.value, FileNotFoundError)
    with pytest.raises(OSError, match="INVALID_ACCESS_KEY_ID"):
        (Location.parse(target) / "file").write_bytes(b"x")


@pytest.mark.slow
def test_a_catalog_is_built_in_the_store(store: ObjectStore, tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=1, test=1, seconds=2.0)
    target = store.uri("built/catalog")
    command = [sys.executable, "-m", "pipelines", "build-catalog", "--corpus", "musdb18hq", str(corpus)]
    done = subprocess.run(
        [*command, "--out", target, "--workers", "2"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "0 broken" in done.stderr

    catalog = Catalog.open(target)
    assert catalog.songs == ["musdb18hq/Artist - Song 0", "musdb18hq/Artist - Song 50"]
    assert catalog.statistics().songs("vocals") == ("musdb18hq/Artist - Song 0",)
    for song_id in catalog.songs:
        native = song_id.split("/")[1]
        files = {stem: next(corpus.rglob(f"{native}/{stem}.wav")) for stem in (*STEMS, "mixture")}
        assert catalog.song(song_id).frames == {stem: soundfile.info(path).frames for stem, path in files.items()}
        crop = catalog.crop(song_id, RATE // 3, RATE)
        original, _ = soundfile.read(files["mixture"], start=RATE // 3, frames=RATE, dtype="float32")
        assert np.array_equal(crop["mixture"], original)
        assert all(crop[stem].any() for stem in STEMS)

    assert Catalog.open(target + "#1").manifest == catalog.manifest
    with pytest.raises(CatalogError, match="no version 2; there are: 1"):
        Catalog.open(target + "#2")
    frames = {name: catalog.frame(name) for name in catalog.manifest.tables}
    assert validate_tables(frames, root=target, verify_hashes=True).passed
    assert not (REPOSITORY / "s3:").exists()


@pytest.mark.parametrize("form", formats.names())
def test_an_export_between_object_stores_is_that_on_a_disk(store: ObjectStore, tmp_path: Path, form: str) -> None:
    write_small_catalog(store.uri(f"{form}-catalog"))
    write_small_catalog(tmp_path / "catalog")
    places = {f"{form}-catalog": store.uri(f"{form}-export"), tmp_path / "catalog": str(tmp_path / "export")}
    for source, out in places.items():
        catalog = store.uri(source) if isinstance(source, str) else str(source)
        for written in (True, False):
            report = export_catalog(
                catalog, out, ExportConfig(form), Console(quiet=True), options=RunOptions(workers=1)
            )
            assert bool(report.written) == written
    here, there = (Location.parse(out) for out in reversed(places.values()))
    record = json.loads((here / "export.json").read_bytes())
    names = [file["path"] for unit in record["units"] for file in unit["files"]]
    for name in ["export.json", *record["index"], *names]:
        assert (here / name).read_bytes() == (there / name).read_bytes()
    assert not (there / "unfinished").file_names()
