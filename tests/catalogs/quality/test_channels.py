"""Measures of one stem against formulas, SciPy and pyebur128."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np
import pyebur128
import pytest
import scipy.signal
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from catalogs.audio_file import decode_into, decode_streams
from catalogs.quality import true_peak as true_peak_module
from catalogs.quality.bandwidth import BAND_HZ, band_levels, measure_bandwidth
from catalogs.quality.clipping import FULL_SCALE, SHORTEST_RUN, Clipping
from catalogs.quality.decibels import BOUND_DB, power_db, ratio_db
from catalogs.quality.silence import BLOCK, block_peaks, silence_share
from catalogs.quality.stereo import measure_channels
from catalogs.quality.true_peak import true_peak
from tests import signals
from tests.signals import RATE

Audio = NDArray[np.float32]


def stereo(left: NDArray[np.floating], right: NDArray[np.floating]) -> Audio:
    return np.stack([left, right], axis=1).astype(np.float32)


def clipping_of(samples: NDArray[np.floating]) -> tuple[int, int]:
    found = Clipping()
    found.add(np.asarray(samples, dtype=np.float32).reshape(len(samples), 1))
    return found.runs, found.longest


def test_decibels_are_bounded() -> None:
    assert power_db(0.0) == -BOUND_DB
    assert power_db(1e-40) == -BOUND_DB
    assert power_db(0.01) == pytest.approx(-20.0)
    assert (ratio_db(0.0, 0.0), ratio_db(1.0, 0.0), ratio_db(0.0, 1.0)) == (0.0, BOUND_DB, -BOUND_DB)


@given(st.lists(st.sampled_from([-1.0, -FULL_SCALE, -0.5, 0.0, FULL_SCALE - 1e-4, FULL_SCALE, 1.0]), max_size=60))
def test_runs_at_full_scale_are_those_of_a_plain_count(values: list[float]) -> None:
    signs = [np.sign(value) if abs(value) >= FULL_SCALE else 0.0 for value in values]
    lengths = [len(list(group)) for sign, group in groupby(signs) if sign]
    runs = [length for length in lengths if length >= SHORTEST_RUN]
    assert clipping_of(np.array(values)) == (len(runs), max(runs, default=0))


def test_float_audio_that_comes_down_again_is_not_clipped() -> None:
    tone = 1.5 * np.sin(2.0 * np.pi * 441.0 * np.arange(RATE) / RATE)
    assert clipping_of(tone) == (0, 0)
    runs, longest = clipping_of(np.clip(tone, -1.0, 1.0))
    assert runs == 882
    assert longest == pytest.approx(100 / np.pi * np.arccos(1 / 1.5), abs=2)


def test_clipping_is_counted_at_the_rate_of_the_file_and_over_all_channels(tmp_path: Path) -> None:
    samples = np.zeros((48_000, 2))
    samples[100:105, 0] = samples[200:203, 1] = samples[300:302, 1] = 1.0
    samples[400:404, 0] = -1.0
    soundfile.write(tmp_path / "x.wav", samples, 48_000, subtype="PCM_16")
    found = Clipping()
    decode_streams(tmp_path / "x.wav", {None: None}, RATE, found.add)
    assert (found.runs, found.longest) == (3, 5)
    into = Clipping()
    decode_into(tmp_path / "x.wav", None, 48_000, np.zeros((RATE, 2), np.float32), into.of_file())
    assert into == found


@given(st.lists(st.integers(0, 60), max_size=4), st.integers(0, 50))
def test_runs_go_on_from_block_to_block_and_not_from_file_to_file(cuts: list[int], seed: int) -> None:
    samples = np.random.default_rng(seed).choice([-1.0, 0.5, 1.0], (60, 2)).astype(np.float32)
    found = Clipping()
    add = found.of_file()
    for block in np.split(samples, sorted(cuts)):
        add(block)
    left, right = (clipping_of(channel) for channel in samples.T)
    assert (found.runs, found.longest) == (left[0] + right[0], max(left[1], right[1]))
    two = Clipping()
    two.add(np.ones((2, 1), np.float32))
    two.add(np.ones((2, 1), np.float32))
    assert two.runs == 0


def test_the_layout_of_the_array_does_not_matter() -> None:
    audio = signals.noise(1.0, 3, 0.9)
    columns = np.asfortranarray(audio)
    assert measure_channels(columns) == measure_channels(audio)
    np.testing.assert_array_equal(block_peaks(columns), block_peaks(audio))
    assert true_peak(columns, block_peaks(columns)) == true_peak(audio, block_peaks(audio))
    assert measure_bandwidth(columns) == measure_bandwidth(audio)


def test_channels_against_their_formulas() -> None:
    audio = signals.noise(2.0, 1, 0.5) + np.array([0.01, -0.02], dtype=np.float32)
    left, right = audio.T.astype(np.float64)
    found = measure_channels(audio)
    assert found.level_dbfs == pytest.approx(10 * np.log10(np.mean(audio.astype(np.float64) ** 2)))
    assert found.dc_offset_dbfs == pytest.approx(20 * np.log10(max(abs(left.mean()), abs(right.mean()))))
    assert found.imbalance_db == pytest.approx(10 * np.log10(np.mean(left**2) / np.mean(right**2)))
    assert found.side_db == pytest.approx(10 * np.log10(np.mean((left - right) ** 2) / np.mean((left + right) ** 2)))
    assert found.correlation == pytest.approx(left @ right / np.sqrt((left @ left) * (right @ right)))
    centred = audio - audio.mean(axis=0)
    assert measure_channels(centred).correlation == pytest.approx(np.corrcoef(centred.T)[0, 1], abs=1e-6)


def test_channels_at_their_ends() -> None:
    tone = signals.plucks(1.0, 3)[:, 0]
    same, opposite, one = (measure_channels(stereo(tone, factor * tone)) for factor in (1.0, -1.0, 0.0))
    assert (same.side_db, same.correlation) == (-BOUND_DB, pytest.approx(1.0))
    assert (opposite.side_db, opposite.correlation) == (BOUND_DB, pytest.approx(-1.0))
    assert (one.imbalance_db, one.side_db, one.correlation) == (BOUND_DB, 0.0, None)
    nothing = measure_channels(np.zeros((0, 2), np.float32))
    assert (nothing.level_dbfs, nothing.dc_offset_dbfs, nothing.imbalance_db) == (-BOUND_DB, -BOUND_DB, 0.0)


@settings(max_examples=20, deadline=None)
@given(st.floats(-60.0, 12.0), st.integers(0, 5))
def test_a_gain_moves_levels_and_leaves_ratios(decibels: float, seed: int) -> None:
    audio = signals.noise(0.3, seed)
    before, after = measure_channels(audio), measure_channels(audio * np.float32(10 ** (decibels / 20)))
    assert after.level_dbfs == pytest.approx(before.level_dbfs + decibels, abs=1e-3)
    assert after.side_db == pytest.approx(before.side_db, abs=1e-3)
    assert after.correlation == pytest.approx(before.correlation, abs=1e-5)


@given(st.integers(0, 3 * BLOCK + 5), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_blocks_hold_every_sample_once(samples: int, seed: int) -> None:
    audio = np.random.default_rng(seed).uniform(-1, 1, (samples, 2)).astype(np.float32)
    expected = [np.abs(audio[start : start + BLOCK]).max(axis=0) for start in range(0, samples, BLOCK)]
    np.testing.assert_array_equal(block_peaks(audio), np.array(expected, np.float32).reshape(-1, 2))


def test_silence_at_its_thresholds() -> None:
    audio = np.zeros((10 * BLOCK, 2), np.float32)
    for block, level in ((7, -90.0), (8, -70.0), (9, -50.0)):
        audio[block * BLOCK + 5, block % 2] = 10 ** (level / 20)
    peaks = block_peaks(audio)
    assert [silence_share(peaks, level) for level in (None, -80.0, -60.0)] == [0.7, 0.8, 0.9]
    assert silence_share(block_peaks(audio[:0]), -60.0) == 1.0


def ebu_true_peak(audio: Audio) -> float:
    meter = pyebur128.R128State(2, RATE, pyebur128.MeasurementMode.MODE_TRUE_PEAK)
    tail = np.concatenate([audio, np.zeros((100, 2), np.float32)])
    meter.add_frames(tail.ravel(), tail.shape[0])
    return max(pyebur128.get_true_peak(meter, channel) for channel in range(2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [signals.noise, signals.plucks])
def test_true_peak_is_that_of_libebur128(kind, seed: int) -> None:
    audio = kind(2.0, seed, 0.9)
    assert true_peak(audio, block_peaks(audio)) == pytest.approx(ebu_true_peak(audio), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2_000), st.floats(0.5, 8.0))
def test_no_stretch_that_is_left_out_holds_the_true_peak(seed: int, samples: int, power: float) -> None:
    rng = np.random.default_rng(seed)
    audio = (np.sign(x := rng.uniform(-1, 1, (samples, 2))) * np.abs(x) ** power).astype(np.float32)
    taps = np.zeros(true_peak_module.TAPS)
    for phase, response in enumerate(true_peak_module.PHASES, start=1):
        taps[phase :: true_peak_module.FACTOR] = response
    taps[true_peak_module.TAPS // 2] = 1.0
    everything = np.abs(scipy.signal.upfirdn(taps, audio, up=true_peak_module.FACTOR, axis=0)).max()
    assert true_peak(audio, block_peaks(audio)) == pytest.approx(everything, rel=1e-5)


def test_true_peak_of_a_tone_between_its_samples() -> None:
    tone = 0.5 * np.sin(np.pi / 2 * np.arange(8_820) + np.pi / 4) * scipy.signal.get_window("hann", 8_820)
    audio = stereo(tone, 0.1 * tone)
    assert power_db(true_peak(audio, block_peaks(audio)) ** 2) == pytest.approx(20 * np.log10(0.5), abs=0.1)
    assert power_db(np.abs(audio).max() ** 2) == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.1)
    assert true_peak(audio[:0], block_peaks(audio[:0])) == 0.0


def limited(cutoff: float, seconds: float = 4.0, level: float = 0.1) -> Audio:
    noise = np.random.default_rng(0).standard_normal((round(seconds * RATE), 2)) * level
    taps = scipy.signal.firwin(1_023, cutoff, fs=RATE, window=("kaiser", 12.0))
    return scipy.signal.fftconvolve(noise, taps[:, None], axes=0, mode="same").astype(np.float32)


@pytest.mark.parametrize("cutoff", [4_000.0, 11_025.0, 16_000.0, 19_000.0])
def test_bandwidth_of_noise_that_a_filter_has_cut(cutoff: float) -> None:
    found = measure_bandwidth(limited(cutoff))
    assert found.upper_hz == pytest.approx(cutoff, abs=2 * BAND_HZ)
    assert found.fall_db > 40.0


def test_rounding_to_16_bits_does_not_hide_a_cut() -> None:
    rng = np.random.default_rng(1)
    audio = limited(16_000.0)
    dither = rng.uniform(-0.5, 0.5, audio.shape) + rng.uniform(-0.5, 0.5, audio.shape)
    rounded = (np.round(audio * 32_768 + dither) / 32_768).astype(np.float32)
    assert measure_bandwidth(rounded).upper_hz == pytest.approx(16_000.0, abs=2 * BAND_HZ)


def test_a_spectrum_that_runs_out_gently_has_no_cliff() -> None:
    noise = np.random.default_rng(2).standard_normal((4 * RATE, 2))
    spectra = np.fft.rfft(noise, axis=0)
    spectra *= 10 ** (-6.0 * np.fft.rfftfreq(len(noise), 1 / RATE) / 1_000 / 20)[:, None]
    found = measure_bandwidth(np.fft.irfft(spectra, axis=0).astype(np.float32))
    assert 10_000 < found.upper_hz < 20_000
    assert found.fall_db == pytest.approx(6.0 * 1.5, abs=1.0)


def test_bands_are_those_of_a_spectrogram() -> None:
    audio = signals.noise(3.0, 4, 0.5)
    frequencies, _, density = scipy.signal.spectrogram(
        audio.T.astype(np.float64), RATE, "hann", 4_096, noverlap=0, detrend=False
    )
    power = density[:, :, ::2].mean(axis=(0, 2)) * RATE / 4_096
    expected = [
        power[(frequencies >= low) & (frequencies < low + BAND_HZ + 51.0 * (low == 21_750.0))].sum()
        for low in np.arange(0.0, 22_000.0, BAND_HZ)
    ]
    np.testing.assert_allclose(band_levels(audio), 10 * np.log10(expected), atol=1e-3)


def test_bandwidth_of_little_or_nothing() -> None:
    for samples in (0, 100, RATE):
        assert measure_bandwidth(np.zeros((samples, 2), np.float32)).upper_hz == 0.0
    assert measure_bandwidth(np.full((100, 2), 0.5, np.float32)).upper_hz > 0.0
