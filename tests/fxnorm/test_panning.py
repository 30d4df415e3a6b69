"""Similarity and re-panning against their formulas, and the behaviour that a user hears."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import panning
from fxnorm.settings import PANNING_GAIN_BOUND_DB
from tests import signals

NARROW = np.full(32_769, 0.97)


def repan(audio, reference=NARROW, limit_hz=16_000.0, **options):
    options = {"gain_bound_db": PANNING_GAIN_BOUND_DB, **options}
    return panning.normalize_panning(audio, reference, limit_hz, **options)


def balance_db(audio):
    left, right = np.sqrt(np.mean(audio.astype(np.float64) ** 2, axis=0))
    return 20.0 * np.log10(left / right)


@settings(deadline=None, max_examples=25)
@given(pan=st.floats(0.02, 0.98))
def test_similarity_of_a_panned_signal(pan):
    audio = signals.plucks(0.5, pan=pan)
    expected = 2.0 * pan * (1.0 - pan) / (pan**2 + (1.0 - pan) ** 2)
    assert panning.mean_similarity(audio) == pytest.approx(expected, abs=2e-3)


def test_similarity_by_its_definition():
    rng = np.random.default_rng(0)
    left, right = (rng.standard_normal((3, 9)) + 1j * rng.standard_normal((3, 9)) for _ in range(2))
    left[:, 4] = right[:, 4] = 0.0
    total = np.zeros(9)
    panning.add_similarity(left.view(float), right.view(float), total)
    a, b = left + 1e-20, right + 1e-20
    expected = (2.0 * np.abs(a * np.conj(b)) / (np.abs(a) ** 2 + np.abs(b) ** 2)).sum(axis=0)
    np.testing.assert_allclose(total, expected, rtol=1e-12)
    assert total[4] == 3.0


def test_swapping_channels_swaps_the_output():
    audio = signals.plucks(2.0, pan=0.3)
    straight, result = repan(audio)
    swapped, other = repan(np.ascontiguousarray(audio[:, ::-1]))
    assert (result.side, other.side) == ("left", "right")
    np.testing.assert_allclose(straight, swapped[:, ::-1], atol=1e-6)


@pytest.mark.parametrize("db", [-20.0, 20.0])
def test_a_lopsided_stem_of_three_minutes_is_balanced_throughout(db):
    audio = np.tile(signals.plucks(6.0, level=0.4), (30, 1))
    audio[:, 1] *= np.float32(10.0 ** (db / 20.0))
    output, result = repan(audio)
    window = 10 * signals.RATE
    assert abs(balance_db(audio)) == pytest.approx(20.0, abs=0.1)
    for start in range(0, audio.shape[0] - window + 1, window):
        assert abs(balance_db(output[start : start + window])) < 3.0
    assert result.frames > 0.9 * audio.shape[0] / 1024


def test_bins_above_the_limit_only_get_the_shift():
    audio = signals.noise(3.0, correlation=0.0)
    audio[:, 1] *= np.float32(0.4)
    output, result = repan(audio, limit_hz=6_000.0)
    assert result.side == "left"
    spectra = np.abs(np.fft.rfft(audio, axis=0)), np.abs(np.fft.rfft(output, axis=0))
    above = np.fft.rfftfreq(audio.shape[0], 1 / signals.RATE) > 6_100.0
    ratio = np.sqrt((spectra[1][above] ** 2).sum(axis=0) / (spectra[0][above] ** 2).sum(axis=0))
    np.testing.assert_allclose(ratio, [0.7, 0.3], rtol=0.01)


@pytest.mark.parametrize("offset", [0.0, 1e-5])
def test_a_mono_stem_stays_centred(offset):
    audio = signals.plucks(3.0, pan=0.5)
    audio[:, 0] += np.float32(offset) * np.random.default_rng(0).standard_normal(audio.shape[0]).astype(np.float32)
    output, result = repan(audio)
    assert result.side == "centre"
    np.testing.assert_array_equal(output, audio)


def test_compat_pushes_a_centred_stem_to_the_right():
    output, result = repan(signals.plucks(2.0, pan=0.5), reference_compat=True)
    assert result.side == "right"
    assert balance_db(output) < -1.0


def test_compat_stops_at_a_frame_and_the_default_does_not():
    audio = signals.plucks(30.0, pan=0.2)
    compat, _ = repan(audio, reference_compat=True)
    default, _ = repan(audio)
    end = 25 * signals.RATE
    shifted_only = audio[end:] * np.asarray([0.7, 0.3], np.float32)
    assert signals.residual_db(compat[end:], shifted_only) < -80.0
    assert signals.residual_db(default[end:], shifted_only) > -20.0


def test_the_exact_inverse_reaches_its_target():
    audio = signals.plucks(3.0, pan=0.2)
    _, paper = repan(audio)
    _, exact = repan(audio, inverse=True)
    assert exact.achieved == pytest.approx(exact.target, abs=0.01)
    assert abs(paper.achieved - paper.target) > abs(exact.achieved - exact.target)


def test_an_empty_channel_is_raised_no_further_than_the_bound():
    audio = signals.plucks(2.0, pan=0.0)
    dither = np.random.default_rng(0).integers(-1, 2, audio.shape[0]) / 32_768.0
    audio[:, 1] = dither.astype(np.float32)
    output, result = repan(audio)
    raised = 20.0 * np.log10(np.std(output[:, 1]) / np.std(audio[:, 1]))
    assert raised < PANNING_GAIN_BOUND_DB
    assert result.bins_at_bound > 0
    unbounded, _ = repan(audio, reference_compat=True)
    assert 20.0 * np.log10(np.std(unbounded[:, 1]) / np.std(audio[:, 1])) > PANNING_GAIN_BOUND_DB


def test_quiet_frames_are_left_alone():
    audio = signals.plucks(2.0, pan=0.2) * np.float32(1e-6)
    output, result = repan(audio)
    assert result.frames == 0
    np.testing.assert_allclose(output, audio * np.asarray([0.7, 0.3], np.float32), rtol=1e-3, atol=1e-12)


def test_reduction_to_the_bins_of_repanning():
    curve = np.arange(32_769, dtype=float)
    reduced = panning.reduce_similarity(curve)
    assert reduced.shape == (1_025,)
    assert reduced[0] == 15.5
    assert reduced[-1] == 32_768.0
    with pytest.raises(ValueError, match="32769"):
        panning.reduce_similarity(curve[:-1])


def test_a_balanced_stem_is_left_alone_and_compat_shifts_it_left():
    rng = np.random.default_rng(0)
    samples = 2 * signals.RATE
    frequency = np.fft.rfftfreq(samples, 1 / signals.RATE)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    high = (frequency > 250 * 44_100 / 2048) & (frequency < 320 * 44_100 / 2048)

    def leaning(strength):
        left = np.where(high, 1.0 - strength, 1.0) * spectrum
        right = np.where(high, 1.0, 0.8) * spectrum
        return (0.1 * np.fft.irfft(np.stack([left, right], axis=1), n=samples, axis=0)).astype(np.float32)

    low_strength, high_strength = 0.0, 0.99
    for _ in range(40):
        audio = leaning((low_strength + high_strength) / 2)
        side = panning.find_side(audio)
        if side == "balanced":
            break
        if side == "left":
            low_strength = (low_strength + high_strength) / 2
        else:
            high_strength = (low_strength + high_strength) / 2
    assert side == "balanced"
    output, result = repan(audio)
    assert result.side == "balanced"
    np.testing.assert_array_equal(output, audio)
    compat, _ = repan(audio, reference_compat=True)
    np.testing.assert_allclose(compat, audio * np.asarray([0.7, 0.3], np.float32), rtol=1e-6)
