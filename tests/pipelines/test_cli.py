"""Commands on single files and statistics, and the help of every command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from catalogs.statistics_file import read_statistics, write_statistics
from fxnorm.chain import normalize_stem
from fxnorm.features import analyze_stem
from fxnorm.settings import SOURCES
from fxnorm.statistics import measure_statistics
from pipelines.cli import app
from tests import signals

COMMANDS = (
    "build-catalog", "ingest", "analyze", "normalize", "validate", "publish", "inspect", "export", "datasheet",
    "demo-corpus", "analyze-stem", "normalize-stem", "quality", "stats show", "stats merge", "stats export",
    "stats import", "sources show", "sources check",
)  # fmt: skip


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def statistics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("statistics") / "ours.parquet"
    stems = [
        (f"song {n}", source, analyze_stem(signals.plucks(3.0, n + i, pan=0.4)))
        for n in range(2)
        for i, source in enumerate(SOURCES)
    ]
    write_statistics(measure_statistics(stems), path)
    return path


@pytest.fixture
def stem(tmp_path: Path) -> Path:
    path = tmp_path / "vox.wav"
    soundfile.write(path, signals.plucks(3.0, 42, pan=0.3), signals.RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str) -> None:
    assert f"Example: fxnorm-data {command}" in " ".join(run(*command.split(), "--help").split())


def test_analyze_stem_prints_what_the_library_measures(stem: Path) -> None:
    values = json.loads(run("analyze-stem", stem, "--source", "vocals", "--json"))
    features = analyze_stem(soundfile.read(stem, dtype="float32")[0])
    assert features.compression is not None
    assert values["loudness_lufs"] == features.loudness
    assert values["compression_mean_db"] == features.compression.mean
    np.testing.assert_array_equal(values["eq"], features.eq)
    np.testing.assert_array_equal(values["panning"], features.panning)
    assert "32769 bins" in run("analyze-stem", stem, "--source", "vocals")


@pytest.mark.parametrize("effects", ["eq", "compression,panning", "eq,compression,panning,loudness"])
def test_normalize_stem_writes_what_the_library_makes(
    stem: Path, statistics: Path, tmp_path: Path, effects: str
) -> None:
    from fxnorm.chain import ChainConfig

    out, receipt = tmp_path / "out.wav", tmp_path / "receipt.json"
    run(
        "normalize-stem", stem, "--source", "vocals", "--statistics", statistics, "--effects", effects,
        "--subtype", "FLOAT", "-o", out, "--receipt", receipt,
    )  # fmt: skip
    targets = read_statistics(statistics).targets("vocals")
    audio = soundfile.read(stem, dtype="float32")[0]
    expected, _ = normalize_stem(audio, "vocals", targets, ChainConfig(effects=tuple(effects.split(","))))
    np.testing.assert_array_equal(soundfile.read(out, dtype="float32")[0], expected)
    done = json.loads(receipt.read_text())
    assert [entry["effect"] for entry in done["effects"]] == effects.split(",")
    assert done["version"]
    assert done["settings_hash"]
    assert done["statistics_hash"] == read_statistics(statistics).fingerprint()


def test_integer_output_is_turned_down_instead_of_clipped(tmp_path: Path, statistics: Path) -> None:
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, 6.0 * signals.plucks(1.0, 1), signals.RATE, subtype="FLOAT")
    out, receipt = tmp_path / "out.flac", tmp_path / "receipt.json"
    arguments = ("normalize-stem", loud, "--source", "bass", "--statistics", statistics, "-o", out)
    output = run(*arguments, "--effects", "panning", "--receipt", receipt)
    assert "turned down by" in output
    assert json.loads(receipt.read_text())["turned_down_db"] > 0.0
    assert np.abs(soundfile.read(out)[0]).max() == pytest.approx(1.0, abs=1e-4)
    assert "cannot write FLOAT" in run(*arguments, "--subtype", "FLOAT", code=1)


def test_silent_and_broken_files(tmp_path: Path, statistics: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros((44_100, 2)), 44_100)
    assert json.loads(run("analyze-stem", silent, "--source", "bass", "--json"))["silent"] is True
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    output = run("analyze-stem", broken, "--source", "bass", code=1)
    assert "error: " in output
    assert "broken.wav" in output
    missing = run("normalize-stem", broken, "--source", "bass", "--statistics", "none.parquet", "-o", "x.wav", code=1)
    assert "none.parquet" in missing


def test_statistics_export_import_show(tmp_path: Path, statistics: Path) -> None:
    exported, imported = tmp_path / "features_ours.npy", tmp_path / "imported.parquet"
    run("stats", "export", statistics, "-o", exported)
    run("stats", "import", exported, "-o", imported)
    shown = json.loads(run("stats", "show", imported, "--json"))
    assert shown["mode"] == "published"
    ours = json.loads(run("stats", "show", statistics, "--json"))
    assert shown["sources"]["bass"]["loudness_lufs"] == pytest.approx(ours["sources"]["bass"]["loudness_lufs"])
    assert "vocals" in run("stats", "show", statistics)
    assert "ends in .npy" in run("stats", "export", statistics, "-o", tmp_path / "x.txt", code=1)
    assert "cannot be merged" in run("stats", "merge", statistics, imported, "-o", tmp_path / "x.parquet", code=1)
