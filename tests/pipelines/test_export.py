"""The commands ``export`` and ``datasheet``, on Ray and alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from pipelines.cli import app
from tests.small_catalog import SPLITS, write_small_catalog


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def printed(*arguments: object) -> Any:
    """What a command prints for a program."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def hashes(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogs") / "small"
    write_small_catalog(folder)
    return folder


@pytest.fixture
def two_workers() -> Iterator[None]:
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.usefixtures("two_workers")
def test_two_workers_write_what_one_writes(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = ("--segment-seconds", 0.4, "--shard-size", 1.0)
    run("export", "webdataset", catalog, "--out", tmp_path / "one", "--workers", 1, *options)
    said = run("export", "webdataset", catalog, "--out", "two", *options)
    files = [name for name in hashes(tmp_path / "two") if name.endswith(".tar")]
    assert f"{len(files)}/{len(files)} files" in said
    assert len(files) >= 2
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    damaged = next((catalog / "shards").glob("*.parquet"))
    damaged.rename(tmp_path / "unplugged")
    try:
        said = run("export", "webdataset", catalog, "-o", tmp_path / "three", *options, code=1)
    finally:
        (tmp_path / "unplugged").rename(damaged)
    assert "could not be exported, the first:" in said
    assert "shard is missing" in said
    assert not (tmp_path / "three" / "export.json").exists()


def test_options_reach_the_export(catalog: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--split", "test", "--subtype", "PCM_24")
    report = printed("export", "folders", catalog, "-o", out, *options, "--json")
    assert (report["songs"], report["files"]) == (1, 4)
    assert report["turned_down"] == 1
    assert {path.name for path in out.glob("*/*/*")} == {"drums.wav", "vocals.wav", "mixture.wav", "song.json"}
    said = run("export", "folders", catalog, "-o", out, *options)
    assert "nothing to do" in said
    assert "1 files are turned down to fit" in said
    config = json.loads((out / "export.json").read_text())["config"]
    assert (config["format"], config["subtype"], config["container"]) == ("folders", "PCM_24", "wav")


def test_errors_are_one_line(catalog: Path, tmp_path: Path) -> None:
    assert run("export", "zip", catalog, "-o", tmp_path / "out", code=1).startswith("error: no format is called 'zip'")
    assert "no catalog.json here" in run("export", "folders", tmp_path, "-o", tmp_path / "out", code=1)
    (tmp_path / "none.txt").write_text("\n")
    said = run("export", "folders", catalog, "-o", tmp_path / "out", "--songs", tmp_path / "none.txt", code=1)
    assert "lists no song" in said


def test_songs_that_allow_something_are_exported(catalog: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["datasheet", str(catalog), "--allows", "commercial"])
    assert result.output.splitlines() == sorted(SPLITS)
    (tmp_path / "songs.txt").write_text(result.output.splitlines()[1] + "\n")
    run("export", "folders", catalog, "-o", tmp_path / "out", "--songs", tmp_path / "songs.txt")
    (described,) = (tmp_path / "out").glob("*/*/song.json")
    about = json.loads(described.read_text())
    assert (about["song_id"], about["artist"], about["licences"]) == ("demo/beta", "Nobody", ["CC0-1.0"])


def test_a_datasheet_is_written_or_printed(catalog: Path, tmp_path: Path) -> None:
    run("datasheet", catalog, "--out", tmp_path / "sheet")
    run("datasheet", catalog)
    for name in ("datasheet.md", "datasheet.json"):
        assert (tmp_path / "sheet" / name).read_bytes() == (catalog / "report" / name).read_bytes()
    content = json.loads((tmp_path / "sheet" / "datasheet.json").read_text())
    assert content["catalog_hash"] == Catalog.open(catalog).fingerprint()
    assert printed("datasheet", catalog, "--json") == content
