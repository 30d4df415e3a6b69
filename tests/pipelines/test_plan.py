"""The plan of a build: exact where every file is looked at, unbiased and with an honest error where a sample is."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import NormalizationConfig, RunOptions
from pipelines.ingest import Source
from pipelines.plan import Reservoir, describe_plan, plan_build

RATE = 8_000
SONGS = 60


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Songs of one stem and a mixture, of 1 to 60 tenths of a second, in one manifest."""
    folder = tmp_path_factory.mktemp("manifest")
    rows = []
    for number in range(SONGS):
        for stem in ("vocals", "mixture"):
            name = f"{number}-{stem}.wav"
            soundfile.write(folder / name, np.zeros(RATE * (number + 1) // 10), RATE, subtype="PCM_16")
            rows.append({"song": f"song {number:02}", "path": name, "stem": stem})
    pq.write_table(pa.Table.from_pylist(rows), folder / "manifest.parquet")
    return folder


def truth(folder: Path) -> tuple[float, float]:
    files = list(folder.glob("*.wav"))
    stems = folder.glob("*-vocals.wav")
    return sum(f.stat().st_size for f in files), sum(soundfile.info(f).frames / RATE for f in stems)


def test_a_plan_of_every_file_is_exact(manifest: Path) -> None:
    plan = plan_build(Source("manifest", manifest), NormalizationConfig(), RunOptions(workers=4), sample=None)
    size, seconds = truth(manifest)
    assert (plan.songs, plan.files, plan.probed) == (SONGS, 2 * SONGS, SONGS)
    assert (plan.input_bytes.value, plan.input_bytes.error) == (size, 0.0)
    assert plan.stem_seconds.value == pytest.approx(seconds)
    assert plan.seconds == pytest.approx(plan.cpu_seconds.value / 4)


@pytest.mark.parametrize("sample", [10, 30, 59])
def test_a_sample_is_within_its_error(manifest: Path, sample: int) -> None:
    plan = plan_build(Source("manifest", manifest), NormalizationConfig(), RunOptions(), sample=sample)
    size, seconds = truth(manifest)
    assert plan.probed == sample
    assert 0 < plan.input_bytes.error < size
    assert abs(plan.input_bytes.value - size) < 3 * plan.input_bytes.error
    assert abs(plan.stem_seconds.value - seconds) < 3 * plan.stem_seconds.error
    assert f"from the headers of {sample} songs" in describe_plan(plan)


def test_every_item_is_as_likely_to_be_drawn() -> None:
    counts = np.zeros(20)
    for seed in range(2_000):
        sample: Reservoir[int] = Reservoir(5, seed)
        for item in range(20):
            sample.offer(item)
        counts[sample.items] += 1
    expected = 2_000 * 5 / 20
    deviation = math.sqrt(2_000 * 0.25 * 0.75)
    assert np.abs(counts - expected).max() < 4 * deviation


@settings(deadline=None)
@given(size=st.integers(1, 30), items=st.integers(0, 100), seed=st.integers(0, 1_000))
def test_a_sample_holds_different_items_and_no_more_than_its_size(size: int, items: int, seed: int) -> None:
    sample: Reservoir[int] = Reservoir(size, seed)
    for item in range(items):
        sample.offer(item)
    assert len(sample.items) == len(set(sample.items)) == min(size, items)
    assert set(sample.items) <= set(range(items))


def test_the_command_counts_what_the_listing_refuses(manifest: Path, tmp_path: Path) -> None:
    rows = pq.read_table(manifest / "manifest.parquet").to_pylist()
    for row in rows:
        row["path"] = str(manifest / row["path"])
    rows[0]["song"] = ""
    rows[5]["stem"] = ""
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "manifest.parquet")
    result = CliRunner().invoke(app, ["plan", "--corpus", "manifest", str(tmp_path), "--json", "--every-file"])
    assert result.exit_code == 1
    plan = json.loads(result.stdout)
    assert plan["faults"] == {"bad_metadata": 2}
    assert plan["songs"] == SONGS + 1
    shown = CliRunner().invoke(app, ["plan", "--corpus", "manifest", str(tmp_path)])
    assert "the listing alone refuses 2 bad_metadata" in shown.stdout.replace("\n", " ")


def test_a_header_that_cannot_be_read_is_counted_and_not_estimated(manifest: Path, tmp_path: Path) -> None:
    for path in manifest.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "3-vocals.wav").write_bytes(b"nothing")
    plan = plan_build(Source("manifest", tmp_path), NormalizationConfig(), RunOptions(), sample=None)
    _, seconds = truth(manifest)
    assert plan.refused.value == 1
    assert plan.stem_seconds.value == pytest.approx(seconds - 0.4)
