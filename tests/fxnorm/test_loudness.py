"""Loudness against libebur128, and levelling against its definition."""

import numpy as np
import pyebur128
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import loudness
from tests import signals


def ebu(audio: np.ndarray) -> float:
    meter = pyebur128.R128State(2, signals.RATE, pyebur128.MeasurementMode.MODE_I)
    meter.add_frames(np.ascontiguousarray(audio).ravel(), audio.shape[0])
    return float(pyebur128.get_loudness_global(meter))


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_libebur128(seed):
    audio = signals.noise(6.0, seed)
    assert loudness.integrated_loudness(audio) == pytest.approx(ebu(audio), abs=0.1)


def test_a_full_scale_sine_has_the_loudness_of_the_standard():
    time = np.arange(10 * signals.RATE) / signals.RATE
    sine = np.sin(2 * np.pi * 997.0 * time)
    stereo = np.stack([sine, np.zeros_like(sine)], axis=1)
    assert loudness.integrated_loudness(stereo) == pytest.approx(-3.01, abs=0.05)


def test_too_short_or_silent_has_no_loudness():
    assert loudness.integrated_loudness(signals.noise(0.39)) is None
    assert loudness.integrated_loudness(np.zeros((44_100, 2), np.float32)) is None


@settings(deadline=None, max_examples=20)
@given(target=st.floats(-45.0, -25.0), seed=st.integers(0, 1000))
def test_levelling_reaches_the_target_when_there_is_headroom(target, seed):
    audio = signals.noise(1.0, seed)
    measured = loudness.integrated_loudness(audio)
    gain, protected = loudness.levelling_gain(np.abs(audio).max(), measured, target)
    levelled = audio * np.float32(gain)
    assert protected == pytest.approx(0.0, abs=1e-3)
    assert loudness.integrated_loudness(levelled) == pytest.approx(target, abs=0.02)


def test_peak_protection_reports_what_it_took():
    audio = signals.plucks(2.0, level=0.9)
    measured = loudness.integrated_loudness(audio)
    gain, protected = loudness.levelling_gain(np.abs(audio).max(), measured, 0.0)
    levelled = audio * np.float32(gain)
    assert np.abs(levelled).max() <= 1.0
    assert loudness.integrated_loudness(levelled) == pytest.approx(-protected, abs=0.02)
    assert protected > 1.0
