"""Quality through the analysis of a song, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from typer.testing import CliRunner

from catalogs import corpora, schemas
from catalogs.ingest import ingest_song
from catalogs.manifest import DRAFT, PUBLISHED, Manifest, store_table
from catalogs.storage import Location, read_table
from fxnorm.features import analyze_stem
from fxnorm.statistics import Statistics
from pipelines.analyze import FOLDER, AnalyzeSong, _refused_for_quality, quality_file
from pipelines.cli import app
from pipelines.config import AnalysisConfig
from pipelines.runner import Job
from pipelines.workspace import Workspace
from tests.corpora import STEMS, write_song
from tests.small_catalog import write_small_catalog

SECONDS = 4.0


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def faulty_song(folder: Path) -> Path:
    """Bass inverted, drums late and clipped, other without its right channel in the file."""
    write_song(folder, 3, SECONDS)
    bass, rate = soundfile.read(folder / "bass.wav")
    soundfile.write(folder / "bass.wav", -bass, rate, subtype="PCM_16")
    drums, _ = soundfile.read(folder / "drums.wav")
    drums = np.roll(drums, 64, axis=0)
    for start in range(1_000, 13_000, 1_000):
        drums[start : start + 4] = 1.0
    soundfile.write(folder / "drums.wav", drums, rate, subtype="PCM_16")
    other, _ = soundfile.read(folder / "other.wav")
    other[:, 1] = 0.0
    soundfile.write(folder / "other.wav", other, rate, subtype="PCM_16")
    return folder


def job_of(root: Path) -> Job:
    (song,) = corpora.get("musdb18hq").songs(root)
    return {"song_id": song.song_id, "key": "key", "tracks": ingest_song(song).tracks}


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Workspace]:
    root = tmp_path_factory.mktemp("quality")
    faulty_song(root / "corpus" / "train" / "Artist - Song")
    job = job_of(root / "corpus")
    workspace = Workspace(root / "catalog")
    assert AnalyzeSong(workspace.target, AnalysisConfig())(job)["status"] == "ok"
    return job, workspace


def rows_of(workspace: Workspace) -> dict[str, dict[str, Any]]:
    table = read_table(workspace.folder(FOLDER) / quality_file("key"))
    assert table.schema.equals(schemas.QUALITY)
    return {row["stem"]: row for row in table.to_pylist()}


def test_the_analysis_of_a_song_finds_its_faults(measured: tuple[Job, Workspace]) -> None:
    rows = rows_of(measured[1])
    assert set(rows) == {*STEMS, "mixture"}
    assert {stem: rows[stem]["polarity"] for stem in STEMS} == {"vocals": 1, "drums": 1, "bass": -1, "other": 1}
    assert {stem: rows[stem]["lag"] for stem in STEMS} == {"vocals": 0, "drums": -64, "bass": 0, "other": 0}
    assert rows["other"]["imbalance_db"] == 200.0
    assert (rows["drums"]["clipped_runs"], rows["drums"]["clipped_longest"]) == (24, 4)
    assert rows["mixture"]["residual_right_db"] > rows["mixture"]["residual_left_db"]
    assert all(row["length_difference"] == 0 for row in rows.values())


def test_features_are_what_they_are_without_quality(measured: tuple[Job, Workspace]) -> None:
    job, workspace = measured
    features = {row["stem"]: row for row in read_table(workspace.folder(FOLDER) / "key.parquet").to_pylist()}
    assert set(features) == set(STEMS)
    for track in job["tracks"]:
        if track["role"] == "stem":
            audio, _ = soundfile.read(track["uri"].removeprefix("file://").replace("%20", " "), dtype="float32")
            expected = analyze_stem(audio)
            assert features[track["stem"]]["loudness_lufs"] == expected.loudness
            np.testing.assert_array_equal(features[track["stem"]]["eq"], expected.eq.astype(np.float32))


def test_sequential_statistics_do_not_measure_it_again(measured: tuple[Job, Workspace], tmp_path: Path) -> None:
    job, _ = measured
    workspace = Workspace(tmp_path / "catalog")
    task = AnalyzeSong(workspace.target, AnalysisConfig(), Statistics({}, "sequential"), ("eq",))
    assert task(job)["status"] == "ok"
    assert workspace.folder(FOLDER).file_names() == {"key.parquet"}


def test_refused_faults_become_quarantine_rows(measured: tuple[Job, Workspace]) -> None:
    job, workspace = measured
    songs = {job["song_id"]: job["tracks"]}
    quality = read_table(workspace.folder(FOLDER) / quality_file("key"))
    assert _refused_for_quality(songs, quality, ()) == []
    (row,) = _refused_for_quality(songs, quality, ("dead_channel",))
    assert (row["stage"], row["reason"], row["stem"]) == ("analyze", "quality_dead_channel", "other")
    assert row["uri"].endswith("other.wav")
    assert "without --refuse dead_channel" in row["message"]
    pa.Table.from_pylist([row], schema=schemas.QUARANTINE)


def test_a_song_without_a_mixture_is_measured_too(measured: tuple[Job, Workspace], tmp_path: Path) -> None:
    job, _ = measured
    workspace = Workspace(tmp_path / "catalog")
    tracks = [track for track in job["tracks"] if track["role"] == "stem"]
    assert AnalyzeSong(workspace.target, AnalysisConfig())({**job, "tracks": tracks})["status"] == "ok"
    rows = rows_of(workspace)
    assert set(rows) == set(STEMS)
    assert all(row["length_difference"] is None and row["gain_db"] is None for row in rows.values())


def catalog_with(measured: tuple[Job, Workspace], target: Path, name: str = PUBLISHED) -> Path:
    """The small catalog with the quality of the faulty song."""
    small = write_small_catalog(target)
    table = read_table(measured[1].folder(FOLDER) / quality_file("key"))
    stored = store_table(Location.parse(target), "quality", table)
    manifest = Manifest({**small.manifest.tables, "quality": stored}, small.manifest.config, "0.0.0")
    (small.location / name).write_bytes(manifest.to_json())
    return target


def test_the_command_lists_and_counts(measured: tuple[Job, Workspace], tmp_path: Path) -> None:
    catalog = catalog_with(measured, tmp_path / "catalog")
    view = json.loads(run("quality", catalog, "--json"))
    found = {(finding["stem"], finding["fault"]): finding for finding in view["findings"]}
    assert {("bass", "inverted"), ("drums", "lag"), ("drums", "clipped"), ("other", "dead_channel")} <= set(found)
    assert found["drums", "clipped"]["value"] == 24.0
    assert view["counts"]["clipped"] == 1
    assert view["thresholds"]["clipped_runs"] == 10.0
    assert "clipped" not in json.loads(run("quality", catalog, "--json", "--threshold", "clipped_runs=25"))["counts"]
    listed = run("quality", catalog)
    assert f"{len(view['findings'])} findings: " in listed
    assert "1 clipped" in listed
    assert json.loads(run("inspect", catalog, "--json"))["faults"] == view["counts"]
    assert "findings on quality" in run("inspect", catalog)
    assert "unknown threshold" in run("quality", catalog, "--threshold", "x=1", code=1)
    assert "unknown fault 'x'" in run("analyze", catalog, "--refuse", "x", code=1)


def test_the_command_reads_the_draft(measured: tuple[Job, Workspace], tmp_path: Path) -> None:
    catalog = catalog_with(measured, tmp_path / "catalog", DRAFT)
    published = json.loads(run("quality", catalog, "--json"))["counts"]
    assert json.loads(run("quality", catalog, "--json", "--draft"))["counts"] != published


def test_a_catalog_of_before_says_what_to_do(tmp_path: Path) -> None:
    small = write_small_catalog(tmp_path)
    tables = {name: table for name, table in small.manifest.tables.items() if name != "quality"}
    (small.location / PUBLISHED).write_bytes(Manifest(tables, {}, "0.0.0").to_json())
    assert "no table 'quality'" in run("quality", tmp_path, code=1)
    assert json.loads(run("inspect", tmp_path, "--json"))["faults"] == {}
