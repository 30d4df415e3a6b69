"""Mixing: normalisation and network, missing and odd stems, long songs, files at the rate and depth of the stems."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from typer.testing import CliRunner

from catalogs.statistics_file import write_statistics
from fxnorm.chain import normalize_stem
from fxnorm.features import analyze_stem
from fxnorm.statistics import Statistics, measure_statistics
from pipelines.cli import app
from tests import signals
from tests.training.test_train import PRESET, quiet
from training.mixing import LoadedMixer, MixConfig, StemFiles, find_stems, load_mixer, mix_song, mix_stems
from training.models import build_model
from training.presets import read_preset

SOURCES = ("vocals", "drums")


@pytest.fixture(scope="module")
def statistics() -> Statistics:
    return measure_statistics(
        (f"song {n}", source, analyze_stem(signals.plucks(3.0, 7 * n + i, level=0.1, pan=0.4)))
        for n in range(2)
        for i, source in enumerate(SOURCES)
    )


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preset") / "smallest.toml"
    path.write_text(PRESET)
    return path


@pytest.fixture(scope="module")
def mixer(preset: Path) -> LoadedMixer:
    torch.manual_seed(0)
    model = build_model(read_preset(preset).model)
    return LoadedMixer(model.eval(), model.sources)


@pytest.fixture
def stems() -> dict[str, np.ndarray]:
    return {"vocals": signals.plucks(3.0, 1, pan=0.4), "drums": signals.plucks(3.0, 2, pan=0.6)}


def test_the_baseline_is_the_sum_of_the_normalised_stems(statistics: Statistics, stems: dict[str, np.ndarray]) -> None:
    mix = mix_stems(stems, statistics, None)
    expected = sum(normalize_stem(audio, name, statistics.targets(name))[0] for name, audio in stems.items())
    np.testing.assert_allclose(mix.audio, expected, atol=1e-6)
    assert set(mix.receipts) == set(SOURCES)


def test_a_missing_stem_is_silence_and_named(
    statistics: Statistics, mixer: LoadedMixer, stems: dict[str, np.ndarray]
) -> None:
    alone = mix_stems({"drums": stems["drums"]}, statistics, mixer)
    silent = mix_stems({"drums": stems["drums"], "vocals": 0 * stems["vocals"]}, statistics, mixer)
    assert alone.silent == ("vocals",)
    np.testing.assert_array_equal(alone.audio, silent.audio)


def test_shorter_stems_are_padded_at_the_end(statistics: Statistics, stems: dict[str, np.ndarray]) -> None:
    stems["vocals"] = stems["vocals"][:60_000]
    mix = mix_stems(stems, statistics, None)
    assert mix.audio.shape == stems["drums"].shape
    drums, _ = normalize_stem(stems["drums"], "drums", statistics.targets("drums"))
    np.testing.assert_allclose(mix.audio[70_000:], drums[70_000:], atol=2e-4)


def test_what_does_not_fit_is_refused(statistics: Statistics, mixer: LoadedMixer, stems: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="no stems"):
        mix_stems({}, statistics, None)
    with pytest.raises(ValueError, match="does not know the stem 'kazoo'; it takes vocals, drums"):
        mix_stems({"kazoo": stems["drums"]}, statistics, mixer)
    with pytest.raises(ValueError, match="hold nothing on 'kazoo'"):
        mix_stems({"kazoo": stems["drums"]}, statistics, None)


@pytest.mark.parametrize("lead_seconds", [0.0, 0.7, 10.0])
def test_a_song_in_windows_is_the_network_over_the_whole_song(
    statistics: Statistics, mixer: LoadedMixer, lead_seconds: float
) -> None:
    stems = {name: signals.plucks(5.0, i, pan=0.4, every=0.25)[:200_123] for i, name in enumerate(SOURCES)}
    mix = mix_stems(stems, statistics, mixer, MixConfig(lead_seconds=lead_seconds, window_seconds=0.9)).audio
    normalised = torch.stack(
        [torch.from_numpy(normalize_stem(stems[name], name, statistics.targets(name))[0].T) for name in SOURCES]
    )
    lead = min(round(lead_seconds * signals.RATE), 200_123)
    heard = torch.cat([normalised[..., :lead], normalised], dim=-1)
    padded = torch.nn.functional.pad(heard, (0, mixer.model.input_samples(heard.shape[-1]) - heard.shape[-1]))
    with torch.no_grad():
        whole = mixer.model(padded[None])[0, :, lead : lead + 200_123].T.numpy()
    assert mix.shape == whole.shape
    for start in range(0, 200_123, 4_410):
        around = slice(start, start + 4_410)
        assert np.abs(mix[around] - whole[around]).max() < 1e-5 * np.abs(whole).max()
    assert signals.residual_db(mix, whole) < -100.0


@pytest.mark.parametrize("rate, subtype, suffix", [(48_000, "PCM_16", ".wav"), (44_100, "PCM_24", ".flac")])
def test_the_mix_has_the_rate_and_depth_of_the_stems(
    statistics: Statistics, mixer: LoadedMixer, tmp_path: Path, rate: int, subtype: str, suffix: str
) -> None:
    files = {}
    for i, name in enumerate(SOURCES):
        files[name] = tmp_path / f"{name}.wav"
        audio = signals.plucks(2.0, i)[: 2 * 44_100]
        mono = audio[:, 0] if name == "vocals" else audio
        soundfile.write(files[name], mono, rate, subtype=subtype)
    out = tmp_path / f"mix{suffix}"
    written = mix_song(StemFiles("song", files), out, statistics, mixer)
    info = soundfile.info(out)
    assert (info.samplerate, info.subtype, info.channels) == (rate, subtype, 2)
    assert info.frames == 2 * 44_100
    assert written.subtype == subtype
    assert np.isfinite(soundfile.read(out)[0]).all()


def test_a_sum_above_full_scale_is_turned_down_and_said(statistics: Statistics, tmp_path: Path) -> None:
    loud = {
        key: type(value)(value.total + 25.0 * value.count if key[1] == "loudness" else value.total, value.songs)
        for key, value in statistics.sums.items()
    }
    files = {}
    for name in SOURCES:
        files[name] = tmp_path / f"{name}.wav"
        soundfile.write(files[name], signals.plucks(2.0, 5), 44_100, subtype="PCM_16")
    written = mix_song(StemFiles("song", files), tmp_path / "mix.wav", Statistics(loud), None)
    peak = np.abs(written.mixdown.audio).max()
    assert peak > 1.0
    assert written.turned_down_db == pytest.approx(20 * np.log10(peak), abs=1e-3)
    assert np.abs(soundfile.read(written.path)[0]).max() == pytest.approx(1.0, abs=1e-3)


def test_folders_of_songs(tmp_path: Path) -> None:
    for song in ("one", "two"):
        (tmp_path / song).mkdir()
        for name in (*SOURCES, "mixture"):
            soundfile.write(tmp_path / song / f"{name}.wav", signals.plucks(1.0), 44_100)
    found = find_stems(tmp_path)
    assert [song.name for song in found] == ["one", "two"]
    assert all(set(song.files) == set(SOURCES) for song in found)


def test_the_command_mixes_and_says_what_is_wrong(statistics: Statistics, preset: Path, tmp_path: Path) -> None:
    from tests.small_catalog import write_small_catalog
    from training.train import TrainOptions, train

    catalog = write_small_catalog(tmp_path / "catalog").location.path
    train(TrainOptions(catalog, tmp_path / "run", str(preset), steps=1, device="cpu"), quiet)
    averages = tmp_path / "averages.parquet"
    write_statistics(statistics, averages)
    for name in SOURCES:
        (tmp_path / "song").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "song" / f"{name}.wav", signals.plucks(1.0), 44_100)
    common = ["mix", "--statistics", str(averages), "--stems", str(tmp_path / "song")]
    checkpoint = tmp_path / "run" / "best.pt"
    result = CliRunner().invoke(app, [*common, "--checkpoint", str(checkpoint), "-o", str(tmp_path / "mix.wav")])
    assert result.exit_code == 0, result.output
    assert "44100 Hz, PCM_16" in result.output
    assert soundfile.info(tmp_path / "mix.wav").frames == 44_100
    result = CliRunner().invoke(app, [*common, "-o", str(tmp_path / "mix.wav")])
    assert result.exit_code == 1
    assert "either --checkpoint or --baseline-sum" in result.output
    result = CliRunner().invoke(app, [*common, "--baseline-sum", "-o", str(tmp_path / "mix.mp3")])
    assert result.exit_code == 1
    assert ".wav or .flac" in result.output
    assert load_mixer(checkpoint).sources == SOURCES


def test_evaluation_on_a_split_has_the_baseline_and_the_network(mixer: LoadedMixer, tmp_path: Path) -> None:
    from catalogs.catalog import Catalog
    from tests.small_catalog import write_small_catalog
    from training.evaluation.catalog_split import NORMALISED_SUM, evaluate_split

    catalog = Catalog.open(write_small_catalog(tmp_path / "catalog").location.path)
    report = evaluate_split(catalog, "test", {"smallest": mixer})
    assert set(report.rows["system"]) == {NORMALISED_SUM, "smallest"}
    assert report.rows["song"].nunique() == 1
    with pytest.raises(ValueError, match="no validation song"):
        evaluate_split(catalog, "validation", {})
