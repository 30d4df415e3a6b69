"""Compressor against a sample-by-sample loop, onset peak level against its definition, the search against a scan."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import compression, compressor
from fxnorm.compression import OnsetPeakLevel
from fxnorm.onsets import detect_onsets
from fxnorm.settings import SOURCE_SETTINGS
from tests import signals


def plain_compressor(signal, threshold, ratio, attack_ms, release_ms):
    attack = math.exp(-1.0 / (0.001 * 44_100 * attack_ms))
    release = math.exp(-1.0 / (0.001 * 44_100 * release_ms))
    reduction, output = 0.0, []
    for sample in signal.astype(float):
        level = 20.0 * math.log10(abs(sample)) if abs(sample) >= 1e-6 else -120.0
        wanted = level - (level if level < threshold else threshold + (level - threshold) / ratio)
        coefficient = attack if wanted > reduction else release
        reduction = coefficient * reduction + (1.0 - coefficient) * wanted
        output.append(max(-1.0, min(1.0, sample * 10.0 ** (-reduction / 20.0))))
    return np.asarray(output)


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 1000),
    threshold=st.sampled_from([-10.0, -16.5, -27.0, -40.0]),
    ratio=st.sampled_from([2.0, 4.0, 11.0, 20.0]),
    attack=st.floats(1.0, 20.0),
    release=st.floats(50.0, 700.0),
)
def test_compressor_equals_the_plain_loop(seed, threshold, ratio, attack, release):
    signal = signals.plucks(0.3, seed, level=0.9)[:, 0]
    ours = compressor.Compressor(signal[None], attack, release)(threshold, ratio)[0]
    assert signals.residual_db(ours, plain_compressor(signal, threshold, ratio, attack, release)) < -120.0


def test_linked_channels_keep_their_balance():
    audio = np.ascontiguousarray(signals.plucks(1.0, pan=0.7, level=0.9).T)
    output = compressor.Compressor(audio, 10.0, 200.0)(-30.0, 8.0)
    loud = np.abs(audio[1]) > 1e-3
    np.testing.assert_allclose(output[0][loud] / output[1][loud], audio[0][loud] / audio[1][loud], rtol=1e-4)


def test_onset_peak_level_by_its_definition():
    signal = signals.plucks(8.0, 3)[:, 0]
    positions = [*detect_onsets(signal), signal.size]
    peaks = [20 * math.log10(np.abs(signal[a:b]).max()) for a, b in itertools.pairwise(positions)]
    loud = [value for value in peaks if value > np.percentile(peaks, 75)]
    level = compression.onset_peak_level(signal)
    assert level.mean == pytest.approx(np.mean(loud), abs=1e-6)
    assert level.std == pytest.approx(np.std(loud), abs=1e-6)


def test_feature_does_not_depend_on_level():
    audio = signals.plucks(5.0, 1)
    loud, quiet = (
        compression.onset_peak_feature(audio),
        compression.onset_peak_feature(audio * np.float32(0.1)),
    )
    assert loud.mean == pytest.approx(quiet.mean, abs=1e-3)


def at_minus_ten(signal):
    return signal * np.float32(10.0 ** (-10.0 / 20.0) / np.abs(signal).max())


@pytest.mark.parametrize("source", ["vocals", "drums", "other"])
@pytest.mark.parametrize("seed", range(3))
def test_bisection_finds_what_the_scan_finds(source, seed):
    signal = at_minus_ten(signals.plucks(6.0, seed)[None, :, 0])
    target = OnsetPeakLevel(-14.0, 1.0)
    output, found = compression.normalize_compression(signal, target, SOURCE_SETTINGS[source], "bisection")
    expected, scanned = compression.normalize_compression(signal, target, SOURCE_SETTINGS[source], "scan")
    assert found.outcome == scanned.outcome == "compressed"
    assert (found.ratio, found.threshold_db) == (scanned.ratio, scanned.threshold_db)
    assert found.candidates < scanned.candidates
    np.testing.assert_array_equal(output, expected)
    assert found.achieved.mean < target.mean + target.std


def test_in_range_and_below_are_left_at_minus_ten():
    signal = signals.plucks(4.0)[None, :, 0]
    before = compression.onset_peak_level(at_minus_ten(signal)[0])
    for shift, outcome in ((0.0, "within"), (5.0, "below")):
        target = OnsetPeakLevel(before.mean + shift, 1.0)
        output, result = compression.normalize_compression(signal, target, SOURCE_SETTINGS["bass"])
        assert result.outcome == outcome
        assert np.abs(output).max() == pytest.approx(10 ** (-10 / 20), rel=1e-5)


def test_an_unreachable_target_uses_the_strongest_setting_and_says_so():
    slow = dataclasses.replace(SOURCE_SETTINGS["drums"], attack_ms=500.0)
    signal = signals.plucks(4.0)[None, :, 0]
    _, result = compression.normalize_compression(signal, OnsetPeakLevel(-30.0, 0.5), slow)
    assert (result.outcome, result.ratio, result.threshold_db) == ("exhausted", 20.0, -40.0)


def test_a_channel_without_onsets_comes_back_as_it_was():
    signal = np.zeros((1, 44_100), np.float32)
    signal[0, 43_900] = 0.5
    output, result = compression.normalize_compression(signal, OnsetPeakLevel(-14.0, 1.0), SOURCE_SETTINGS["bass"])
    assert result.outcome == "no onsets"
    np.testing.assert_array_equal(output, signal)
