"""The build from end to end on a real Ray: contents, determinism, resuming, adding, failing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from rich.console import Console
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from catalogs.manifest import CatalogError, read_manifest
from catalogs.storage import Location
from fxnorm.loudness import integrated_loudness
from pipelines.cli import app
from tests.corpora import STEMS, write_corpus, write_song

pytestmark = pytest.mark.usefixtures("local_ray")

REPOSITORY = Path(__file__).parents[2]


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


def build(corpus: Path, out: Path, *options: object, code: int = 0) -> str:
    return run("build-catalog", "--corpus", "musdb18hq", corpus, "--out", out, *options, code=code)


def contents(catalog: Path) -> dict[str, str]:
    """Hash of every file that belongs to a catalog, the manifest included."""
    manifest = read_manifest(Location.parse(catalog))
    assert manifest is not None
    names = ["catalog.json", *(table.path for table in manifest.tables.values())]
    names += sorted(set(Catalog.open(catalog).frame("shards").shard))
    return {name: hashlib.blake2b((catalog / name).read_bytes()).hexdigest() for name in names}


def run_apart(*arguments: object) -> str:
    """Run the command in a process of its own, with a Ray of its own."""
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True, text=True).stderr


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "catalog"
    build(corpus, out)
    return out


def test_every_song_is_there_with_all_frames(corpus: Path, built: Path) -> None:
    catalog = Catalog.open(built)
    folders = sorted(corpus.glob("*/*"))
    assert catalog.songs == sorted(f"musdb18hq/{folder.name}" for folder in folders)
    for folder in folders:
        song = catalog.song(f"musdb18hq/{folder.name}")
        assert set(song.frames) == {*STEMS, "mixture"}
        for name, frames in song.frames.items():
            assert frames == soundfile.info(folder / f"{name}.wav").frames
        mixture, _ = soundfile.read(folder / "mixture.wav", dtype="float32")
        np.testing.assert_array_equal(catalog.audio(song.song_id, "mixture"), mixture)


def test_stored_stems_have_the_loudness_of_the_receipts_and_the_statistics(built: Path) -> None:
    catalog = Catalog.open(built)
    receipts = catalog.frame("receipts")
    statistics = catalog.statistics()
    for row in receipts[receipts.effect == "loudness"].itertuples():
        assert row.target == pytest.approx(statistics.targets(row.stem).loudness)
        measured = integrated_loudness(catalog.audio(row.song_id, row.stem))
        assert measured == pytest.approx(row.achieved, abs=0.01)
        assert row.status == "limited" or measured == pytest.approx(row.target, abs=0.1)


def test_test_songs_do_not_contribute_to_statistics(built: Path) -> None:
    songs = {song for source in STEMS for song in Catalog.open(built).statistics().songs(source)}
    assert songs == {f"musdb18hq/Artist - Song {number}" for number in range(3)}


def test_crops_equal_the_whole(built: Path) -> None:
    catalog = Catalog.open(built)
    song = catalog.songs[0]
    whole = catalog.audio(song, "drums")
    crop = catalog.crop(song, start=50_000, frames=100_000)
    np.testing.assert_array_equal(crop["drums"], whole[50_000:150_000])
    assert set(crop) == {*STEMS, "mixture"}


def test_rerun_does_nothing_and_changes_nothing(corpus: Path, built: Path) -> None:
    before = contents(built)
    times = {path: path.stat().st_mtime_ns for path in (built / "shards").iterdir()}
    output = build(corpus, built)
    assert "ingest    nothing to do" in output
    assert "analyze   nothing to do" in output
    assert "normalize nothing to do" in output
    assert contents(built) == before
    assert {path: path.stat().st_mtime_ns for path in (built / "shards").iterdir()} == times


def test_one_worker_and_four_give_the_same_bytes(corpus: Path, tmp_path: Path) -> None:
    options = ("--impulse-responses", "synthetic", "--seed", 7)
    for name, workers in (("one", 1), ("four", 4)):
        command = ("build-catalog", "--corpus", "musdb18hq", corpus, "--out", tmp_path / name, "--workers", workers)
        run_apart(*command, *options)
    assert contents(tmp_path / "one") == contents(tmp_path / "four")
    build(corpus, tmp_path / "four", "--impulse-responses", "synthetic", "--seed", 8)
    assert contents(tmp_path / "one") != contents(tmp_path / "four")


def test_statistics_of_two_halves_merge_to_those_of_the_whole(corpus: Path, built: Path, tmp_path: Path) -> None:
    folders = sorted((corpus / "train").iterdir())
    for half, members in (("a", folders[:1]), ("b", folders[1:])):
        for folder in members:
            shutil.copytree(folder, tmp_path / half / "train" / folder.name)
        run("ingest", "--corpus", "musdb18hq", tmp_path / half, "--out", tmp_path / f"catalog {half}")
        run("analyze", tmp_path / f"catalog {half}")
        run("normalize", tmp_path / f"catalog {half}", "--effects", "loudness")
        run("publish", tmp_path / f"catalog {half}")
    halves = [tmp_path / "catalog b", tmp_path / "catalog a"]
    run("stats", "merge", *halves, "--out", tmp_path / "merged.parquet")
    whole = Catalog.open(built).frame("statistics").set_index(["source", "feature"])
    merged = pd.read_parquet(tmp_path / "merged.parquet").set_index(["source", "feature"])
    assert set(whole.index) == set(merged.index)
    for key, row in whole.iterrows():
        np.testing.assert_allclose(merged.loc[key, "sum"], row["sum"], rtol=1e-12)
        assert list(merged.loc[key, "songs"]) == list(row["songs"])
    run("stats", "merge", halves[0], halves[0], "--out", tmp_path / "twice.parquet", code=1)


def test_adding_a_song_does_that_song_only(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=2, test=0)
    out = tmp_path / "catalog"
    statistics = tmp_path / "fixed.parquet"
    build(corpus, out)
    run("stats", "export", out, "--out", statistics)
    build(corpus, out, "--statistics", statistics)
    write_song(corpus / "train" / "Artist - New", seed=99)
    output = build(corpus, out, "--statistics", statistics)
    for stage in ("ingest   ", "analyze  ", "normalize"):
        assert f"{stage} 1/1 songs" in output
    assert len(Catalog.open(out).songs) == 3


def test_a_fault_that_is_refused_puts_its_song_into_quarantine_until_it_is_not(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=2, test=0, seconds=2.0)
    out = tmp_path / "catalog"
    bass = corpus / "train" / "Artist - Song 1" / "bass.wav"
    audio, rate = soundfile.read(bass)
    soundfile.write(bass, -audio, rate)
    for options, songs in ((("--refuse", "inverted"), 1), ((), 2)):
        build(corpus, out, *options)
        catalog = Catalog.open(out)
        assert len(catalog.songs) == songs
        assert set(catalog.frame("quality").song_id) == set(catalog.frame("tracks").song_id) == set(catalog.songs)
        refused = catalog.frame("quarantine")
        assert list(refused.reason) == ["quality_inverted"] * (2 - songs)
        assert list(refused.stem) == ["bass"] * (2 - songs)


def test_songs_that_leave_are_named(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=2, test=0, seconds=2.0)
    out = tmp_path / "catalog"
    build(corpus, out)
    shutil.rmtree(corpus / "train" / "Artist - Song 1")
    output = build(corpus, out)
    assert "warning: 1 songs are no longer in" in output
    assert "musdb18hq/Artist - Song 1" in output
    assert Catalog.open(out).songs == ["musdb18hq/Artist - Song 0"]


def test_a_killed_build_goes_on_to_the_same_catalog(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", train=6, test=0, seconds=8.0)
    out, undisturbed = tmp_path / "catalog", tmp_path / "undisturbed"
    command = ("build-catalog", "--corpus", "musdb18hq", corpus, "--compression-search", "scan", "--workers", 1)
    driver = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *map(str, command), "--out", str(out)],
        cwd=REPOSITORY,
        start_new_session=True,
    )
    finished = out / "work" / "normalized"
    deadline = time.monotonic() + 180
    while not (finished.is_dir() and any(finished.glob("*.json"))):
        assert driver.poll() is None, "the build ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    done = len(list(finished.glob("*.json")))
    assert 0 < done < 6
    with pytest.raises(CatalogError, match=r"no catalog\.json"):
        Catalog.open(out)
    resumed = run_apart(*command, "--out", out)
    assert "ingest    nothing to do" in resumed
    assert "analyze   nothing to do" in resumed
    assert "normalize 6/6" not in resumed
    build(corpus, undisturbed, "--compression-search", "scan")
    assert contents(out) == contents(undisturbed)
    assert not list(out.rglob("*.part"))


def test_a_failing_song_is_quarantined_and_the_others_are_built(corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "corpus"
    shutil.copytree(corpus / "train", copy / "train")
    nan = np.zeros((44_100, 2), np.float32)
    nan[7] = np.nan
    soundfile.write(copy / "train" / "Artist - Song 1" / "bass.wav", nan, 44_100, subtype="FLOAT")
    (copy / "train" / "Artist - Song 2" / "drums.wav").unlink()
    out = tmp_path / "catalog"
    build(copy, out)
    catalog = Catalog.open(out)
    assert catalog.songs == ["musdb18hq/Artist - Song 0"]
    refused = {row["song_id"]: row for row in catalog.table("quarantine").to_pylist()}
    assert refused["musdb18hq/Artist - Song 1"]["reason"] == "non_finite"
    assert refused["musdb18hq/Artist - Song 1"]["stem"] == "bass"
    assert refused["musdb18hq/Artist - Song 2"]["reason"] == "missing_stem"
    shown = run("inspect", out)
    assert "non_finite" in shown
    summary = json.loads(run("inspect", out, "--json"))
    assert len(summary["quarantined"]) == 2
    assert "nothing to do" in build(copy, out)


def test_validate_names_song_stem_and_rule_of_a_damaged_shard(built: Path, tmp_path: Path) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(built, copy)
    assert "broken" in run("validate", copy, "--verify-hashes")
    shard = copy / Catalog.open(copy).frame("shards").shard[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    output = run("validate", copy, "--verify-hashes", code=1)
    assert "shards.file_hash" in output
    assert "musdb18hq/Artist - Song 0" in output
    shard.unlink()
    output = run("validate", copy, code=1)
    assert "shards.file_exists" in output
    page = (copy / "report" / "validation.html").read_text()
    assert "Artist - Song 0" in page


def test_a_broken_rule_keeps_the_earlier_catalog(built: Path, corpus: Path, tmp_path: Path) -> None:
    copy = tmp_path / "catalog"
    shutil.copytree(built, copy)
    before = contents(copy)
    victim = next((copy / "work" / "normalized").glob("*.json"))
    result = json.loads(victim.read_text())
    result["shards"][0]["frames"] += 1
    victim.write_text(json.dumps(result))
    output = build(corpus, copy, code=1)
    assert "shards.frames_equal_input" in output
    assert "not published" in output
    assert contents(copy) == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB, where this user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_a_larger_one_goes_on(corpus: Path, built: Path, small_disk: Path) -> None:
    out = small_disk / "catalog"
    output = build(corpus, out, code=1)
    assert "No space left on device" in output
    assert "Free space or mend the storage, and run again" in output
    assert not (out / "catalog.json").exists()
    assert not list(out.rglob("*.part"))
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    build(corpus, out)
    assert contents(out) == contents(built)


def test_published_statistics_and_sequential_mode(corpus: Path, built: Path, tmp_path: Path) -> None:
    features = tmp_path / "features_ours.npy"
    run("stats", "export", built, "--out", features)
    out = tmp_path / "catalog"
    build(corpus, out, "--statistics", features, "--mode", "sequential")
    catalog = Catalog.open(out)
    assert catalog.targets().mode == "published"
    assert catalog.statistics().mode == "sequential"
    raw = Catalog.open(built).statistics()
    sequential = catalog.statistics()
    np.testing.assert_array_equal(raw.sums["drums", "eq"].total, sequential.sums["drums", "eq"].total)
    for source in STEMS:
        assert raw.targets(source).loudness != pytest.approx(sequential.targets(source).loudness, abs=0.01)


def test_reverb_and_prereverb_are_in_the_receipts(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "responses"
    folder.mkdir()
    taps = np.zeros((4_410, 1), np.float32)
    taps[0], taps[2_205] = 1.0, 0.5
    soundfile.write(folder / "echo.wav", taps, 44_100, subtype="FLOAT")
    out = tmp_path / "catalog"
    build(corpus, out, "--impulse-responses", folder, "--prereverb-responses", "synthetic")
    receipts = Catalog.open(out).frame("receipts")
    vocals = receipts[(receipts.stem == "vocals") & (receipts.effect == "reverb")]
    assert {json.loads(text)["impulse_response"] for text in vocals.details} == {"echo.wav"}
    assert set(receipts[(receipts.stem == "bass") & (receipts.effect == "reverb")].status) == {"skipped"}


def test_dry_run_says_what_would_be_done_and_writes_nothing(corpus: Path, tmp_path: Path) -> None:
    output = build(corpus, tmp_path / "catalog", "--dry-run")
    assert "4 songs" in output
    assert "minutes on" in output
    assert not (tmp_path / "catalog").exists()


def test_a_second_run_is_kept_out(corpus: Path, built: Path) -> None:
    from pipelines.workspace import Workspace

    with Workspace(built).locked():
        output = build(corpus, built, code=1)
    assert "another run is building this catalog" in output


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("build-catalog", "--corpus", "nonesuch", ".", "--out", "x"), "nonesuch"),
        (("build-catalog", "--corpus", "musdb18hq", "/nowhere", "--out", "x"), "/nowhere"),
        (("build-catalog", "--corpus", "folder", ".", "--out", "x", "--pattern", "vocals"), "STEM=GLOB"),
        (("build-catalog", "--corpus", "folder", ".", "--out", "x", "--effects", "eq,chorus"), "chorus"),
        (("analyze", "{empty}"), "ingest"),
        (("normalize", "{empty}"), "analyze"),
        (("validate", "{empty}"), "no catalog here"),
        (("publish", "{empty}"), "no catalog here"),
        (("inspect", "{empty}"), "build-catalog"),
        (("stats", "show", "{empty}"), "neither a statistics file nor a catalog"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    filled = [str(tmp_path / "empty") if a == "{empty}" else str(tmp_path / a) if a == "x" else a for a in arguments]
    output = run(*filled, code=1)
    assert "error: " in output
    assert message in output


def test_progress_tells_songs_hours_speed_and_quarantine() -> None:
    from pipelines.progress import StageProgress

    console = Console(record=True, width=200)
    with StageProgress("analyze", 2, 7200.0, console) as progress:
        progress.advance(3600.0, False)
        progress.advance(3600.0, True)
    line = console.export_text()
    assert "analyze   2/2 songs, 2.00 of 2.00 hours of files" in line
    assert "1 quarantined" in line
