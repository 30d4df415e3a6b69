"""Evaluation over songs and systems: intervals, completeness, files, tables."""

import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import scipy.stats
import soundfile
from rich.console import Console

from tests import signals
from training.evaluation.bootstrap import Bootstrap
from training.evaluation.compare import UNITS, compare_mixes
from training.evaluation.evaluate import EvaluationError, SystemMix, evaluate, evaluate_folders
from training.evaluation.pair import trim_silence
from training.evaluation.report import ROWS, EvaluationReport

RATE = signals.RATE
SECONDS = 3.1
SONGS = ("First song", "Ünïcode & [brackets]")


def engineer(song: int) -> np.ndarray:
    return 0.5 * signals.plucks(SECONDS, seed=song, pan=0.4) + signals.noise(SECONDS, seed=song, level=0.05)


def imitation(song: int, noise: float) -> np.ndarray:
    return engineer(song) + signals.noise(SECONDS, seed=100 + song, level=noise)


def write(path: Path, audio: np.ndarray, rate: int = RATE) -> None:
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, audio, rate, subtype="PCM_24")


def write_folders(root: Path) -> dict[str, Path]:
    for number, song in enumerate(SONGS):
        write(root / "reference" / f"{song}.wav", engineer(number))
        write(root / "close" / f"{song}.flac", imitation(number, 0.02))
        write(root / "far" / f"{song}.wav", imitation(number, 0.3))
    return {name: root / name for name in ("reference", "close", "far")}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return write_folders(tmp_path)


@dataclass(frozen=True)
class Run:
    folders: dict[str, Path]
    out: Path
    report: EvaluationReport
    progress: list[tuple[int, int]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("evaluation")
    folders, progress = write_folders(root), []
    out = root / "made" / "out"
    report = run(folders, out=out, on_mix=lambda number, total: progress.append((number, total)))
    return Run(folders, out, report, progress)


def run(folders: dict[str, Path], **options: Any) -> EvaluationReport:
    return evaluate_folders({"close": folders["close"], "far": folders["far"]}, folders["reference"], **options)


def values_of(draws: np.ndarray) -> pd.DataFrame:
    """A row for each number; each row of ``draws`` is a system."""
    systems = [f"system {i}" for i in range(len(draws)) for _ in draws[i]]
    return pd.DataFrame({"system": systems, "metric": "m", "unit": "dB", "value": draws.ravel()})


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_the_mean_as_often_as_they_say(confidence):
    draws = np.random.default_rng(0).gamma(4.0, 0.5, size=(400, 50))
    summary = Bootstrap(confidence, resamples=1_000).summarize(values_of(draws))
    covered = np.mean((summary["low"] <= 2.0) & (summary["high"] >= 2.0))
    assert confidence - 0.05 < covered < confidence + 0.03
    normal = scipy.stats.norm.ppf(0.5 + confidence / 2) * 2 * 1.0 / np.sqrt(50)
    assert np.mean(summary["high"] - summary["low"]) == pytest.approx(normal, rel=0.05)


def test_intervals_are_percentiles_of_resampled_means():
    sample = np.random.default_rng(1).exponential(size=30)
    rng = np.random.default_rng(2)
    means = [rng.choice(sample, sample.size).mean() for _ in range(20_000)]
    assert Bootstrap(0.9, 20_000).interval(sample) == pytest.approx(np.percentile(means, [5, 95]), rel=0.02)


def test_the_same_seed_gives_the_same_interval_and_equal_songs_to_every_system():
    sample = np.random.default_rng(0).normal(size=20)
    assert Bootstrap(seed=3).interval(sample) == Bootstrap(seed=3).interval(sample)
    assert Bootstrap(seed=3).interval(sample) != Bootstrap(seed=4).interval(sample)
    low, high = Bootstrap().interval(sample)
    assert Bootstrap().interval(sample + 10.0) == pytest.approx((low + 10.0, high + 10.0))


def test_songs_without_a_value_are_counted_out_and_one_song_has_no_interval():
    draws = np.asarray([[1.0, np.nan, 3.0], [np.nan, 5.0, np.nan], [np.nan, np.nan, np.nan]])
    summary = Bootstrap(resamples=200).summarize(values_of(draws))
    assert list(summary["songs"]) == [2, 1, 0]
    assert list(summary["mean"][:2]) == [2.0, 5.0]
    assert summary["low"][0] == 1.0
    assert summary["high"][0] == 3.0
    assert summary[["low", "high"]][1:].isna().all(axis=None)
    assert np.isnan(summary["mean"][2])


def test_a_row_for_each_system_song_and_metric(done):
    rows, folders = done.report.rows, done.folders
    assert list(rows.columns) == ROWS.names
    assert len(rows) == 2 * 2 * len(UNITS)
    assert not rows.duplicated(["system", "song", "metric"]).any()
    assert done.report.notes == ()
    assert done.progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    mix, _ = soundfile.read(folders["far"] / f"{SONGS[1]}.wav", dtype="float32")
    reference, _ = soundfile.read(folders["reference"] / f"{SONGS[1]}.wav", dtype="float32")
    expected = compare_mixes(*trim_silence(mix, reference), RATE)
    chosen = rows.query("system == 'far' and song == @SONGS[1]").set_index("metric")["value"]
    assert chosen.to_dict() == pytest.approx(expected)


def test_summary_has_the_means_and_tells_the_systems_apart(done):
    means = done.report.rows.groupby(["system", "metric"])["value"].mean()
    for row in done.report.summary.itertuples():
        assert row.mean == pytest.approx(means[row.system, row.metric])
        assert row.low <= row.mean <= row.high
    summary = done.report.summary.set_index(["metric", "system"])["mean"]
    for metric in ("overall.mean", "spectral.mean", "panning.mean", "dynamic.mean", "stft.multi_resolution"):
        assert summary[metric, "close"] < summary[metric, "far"]


def test_files_open_without_this_package(done):
    report, out = done.report, done.out
    assert sorted(path.name for path in out.iterdir()) == ["chart.svg", "evaluation.parquet", "summary.csv"]
    pd.testing.assert_frame_equal(
        pd.read_parquet(out / "evaluation.parquet").drop(columns="note"), report.rows.drop(columns="note")
    )
    query = f"select system, avg(value) from '{out}/evaluation.parquet' where metric = 'overall.mean' group by 1"
    assert len(duckdb.sql(query).fetchall()) == 2
    assert all(field.metadata for field in pq.read_schema(out / "evaluation.parquet"))
    pd.testing.assert_frame_equal(pd.read_csv(out / "summary.csv").fillna({"unit": ""}), report.summary)
    words = {element.text for element in ElementTree.parse(out / "chart.svg").iter()}
    assert {"close", "far", *UNITS} <= words


def printed(report: EvaluationReport) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(report.table())
    return console.export_text()


def test_table_shows_mean_and_interval_of_each_system(done):
    text = printed(done.report)
    row = done.report.summary.query("system == 'close' and metric == 'dynamic.crest_db'").iloc[0]
    assert "over 2 songs [95 % bootstrap interval]" in text
    assert f"{row['mean']:.3g} [{row['low']:.3g}, {row['high']:.3g}]" in text
    assert all(metric in text for metric in UNITS)


def test_whatever_is_not_defined_is_noted_and_stays_a_row():
    mono = np.repeat(engineer(0)[:, :1], 2, axis=1)
    mixes = [SystemMix("a [b]", song, imitation(0, 0.1), target) for song, target in (("x", mono), ("y", engineer(0)))]
    report = evaluate(mixes)
    undefined = report.rows[report.rows["value"].isna()]
    assert set(undefined["song"]) == {"x"}
    assert len(undefined) == 6
    assert undefined["note"].str.contains("no width").all()
    assert any("a [b], x: panning.total is not defined" in note for note in report.notes)
    text = printed(report)
    assert "(1 songs)" in text
    assert "a [b]" in text
    report = evaluate(mixes[:1])
    assert "not defined" in printed(report)
    drawing = io.StringIO()
    report.chart().save(drawing, format="svg")
    assert "a [b]" in drawing.getvalue()


def test_other_rates_mono_files_and_small_differences_of_length(folders):
    song = SONGS[0]
    write(folders["close"] / f"{song}.flac", engineer(0)[:-100])
    time = np.arange(round(SECONDS * 48_000)) / 48_000
    tone = 0.3 * np.sin(2 * np.pi * 440 * time) + signals.noise(len(time) / RATE, level=0.1)[: len(time), 0]
    write(folders["far"] / f"{song}.wav", tone, 48_000)
    report = run(folders)
    assert any(re.search("close, First song: the reference was 100 samples longer", note) for note in report.notes)
    close = report.rows.query("system == 'close' and song == @song").set_index("metric")["value"]
    assert close["overall.mean"] == pytest.approx(0.0, abs=1e-3)
    assert report.rows.query("system == 'far'")["value"].notna().all()


def test_silent_ends_do_not_count():
    ends = ((RATE, RATE), (0, 0))
    mix = SystemMix("a", "x", np.pad(engineer(0), ends, constant_values=0.01), np.pad(engineer(0), ends))

    def dynamics(report: EvaluationReport) -> float:
        return report.rows.set_index("metric")["value"]["dynamic.mean"]

    assert dynamics(evaluate([mix])) < 0.1 < dynamics(evaluate([mix], trim=False))


def remove_mix(folders: dict[str, Path]) -> None:
    (folders["close"] / f"{SONGS[1]}.flac").unlink()
    (folders["far"] / f"{SONGS[0]}.wav").unlink()


def add_mix(folders: dict[str, Path]) -> None:
    write(folders["far"] / "Third song.wav", engineer(3))


def add_double(folders: dict[str, Path]) -> None:
    write(folders["close"] / f"{SONGS[0]}.wav", engineer(0))


def break_files(folders: dict[str, Path]) -> None:
    (folders["far"] / f"{SONGS[0]}.wav").write_bytes(b"no audio")
    write(folders["close"] / f"{SONGS[0]}.flac", np.zeros((RATE * 3, 2)))
    write(folders["close"] / f"{SONGS[1]}.flac", engineer(1)[: 2 * RATE])


def empty_folder(folders: dict[str, Path]) -> None:
    for path in folders["far"].iterdir():
        path.unlink()
    (folders["far"] / "._hidden.wav").write_bytes(b"\0")


def remove_folder(folders: dict[str, Path]) -> None:
    folders["far"] = folders["far"] / "nowhere"


@pytest.mark.parametrize(
    ("spoil", "messages"),
    [
        (remove_mix, [f"close, {re.escape(SONGS[1])}: there is no mix", f"far, {SONGS[0]}: there is no mix"]),
        (add_mix, ["far, Third song: there is no reference in"]),
        (add_double, [r"First song\.wav.*is the same song; keep one"]),
        (
            break_files,
            [
                r"far.First song\.wav.*text|far.First song\.wav.*audio",
                r"close, First song: .*samples",
                r"close, .*brackets.*: the mix has 88200 samples",
            ],
        ),
        (empty_folder, ["there is no audio file in the folder", f"far, {SONGS[0]}: there is no mix"]),
        (remove_folder, ["nowhere.*there is no such folder"]),
    ],
)
def test_everything_wrong_with_the_folders_is_listed(
    folders, tmp_path, spoil: Callable[[dict[str, Path]], None], messages: list[str]
):
    spoil(folders)
    with pytest.raises(EvaluationError) as caught:
        run(folders, out=tmp_path / "out")
    for message in messages:
        assert any(re.search(message, problem) for problem in caught.value.problems), caught.value.problems
        assert re.search(message, str(caught.value))
    assert not (tmp_path / "out").exists()


def test_systems_must_have_the_same_songs():
    def mix(system: str, song: str) -> SystemMix:
        return SystemMix(system, song, imitation(0, 0.1), engineer(0))

    with pytest.raises(EvaluationError) as caught:
        evaluate(
            [mix("a", "x"), mix("a", "y"), mix("b", "x"), mix("b", "x"), SystemMix("b", "z", np.ones(9), np.ones(9))]
        )
    listed = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 4
    for part in (
        "b, x: comes twice",
        "b, z: the mix should have shape",
        "a, z: there is no mix",
        "b, y: there is no mix",
    ):
        assert part in listed


def test_no_mixes_at_all_are_refused(folders):
    with pytest.raises(EvaluationError, match="there are no mixes"):
        evaluate([])
    with pytest.raises(EvaluationError, match="there are no systems"):
        evaluate_folders({}, folders["reference"])
