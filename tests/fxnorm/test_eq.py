"""Equaliser against scipy.signal.filtfilt and against its target."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from fxnorm import eq, stereo
from tests import signals


@settings(deadline=None, max_examples=15)
@given(samples=st.integers(3_100, 40_000), seed=st.integers(0, 1000))
def test_filtering_equals_filtfilt(samples, seed):
    rng = np.random.default_rng(seed)
    signal = rng.standard_normal(samples).astype(np.float32)
    grid = np.linspace(0.0, 1.0, 64)
    taps = scipy.signal.firwin2(eq.EQ_TAPS, grid, rng.uniform(0.3, 3.0, 64))
    assert signals.residual_db(eq.apply_fir(signal, taps), scipy.signal.filtfilt(taps, 1.0, signal)) < -120.0


def test_mean_spectrum_equals_a_loop_over_frames():
    signal = signals.noise(6.0)
    taper = np.sqrt(scipy.signal.windows.hann(65_536, sym=False))
    frames = [
        np.abs(np.fft.rfft(signal[start : start + 65_536, channel].astype(np.float64) * taper))
        for start in range(0, signal.shape[0] - 65_536 + 1, 16_384)
        for channel in range(2)
    ]
    np.testing.assert_allclose(eq.mean_spectrum(signal), np.mean(frames, axis=0), rtol=1e-3, atol=1e-5)


def test_needs_a_whole_window():
    with pytest.raises(ValueError, match="65536 samples, got 100"):
        eq.mean_spectrum(np.zeros(100, np.float32))


def test_brings_the_spectrum_to_the_reference():
    signal = stereo.pad(signals.noise(8.0)[:, 0])
    average = eq.mean_spectrum(signal)
    tilt = 10.0 ** (np.linspace(-12.0, 12.0, average.size) / 20.0)
    taps = eq.design_fir(average, average * tilt)
    achieved = eq.mean_spectrum(eq.apply_fir(signal, taps))
    deviation = eq.third_octaves(achieved) - eq.third_octaves(average * tilt)
    assert np.abs(deviation[4:]).max() < 0.5


@pytest.mark.parametrize("seed", range(3))
def test_the_response_tells_the_spectrum_after_filtering(seed):
    rng = np.random.default_rng(seed)
    signal = stereo.pad(signals.plucks(6.0, seed)[:, 0] + signals.noise(6.0, seed)[:, 0])
    average = eq.mean_spectrum(signal)
    tilt = 10.0 ** (np.linspace(-20.0, 20.0, average.size) / 20.0)
    taps = eq.design_fir(average, average * tilt * rng.uniform(0.3, 3.0, average.size), 64)
    measured = eq.third_octaves(eq.mean_spectrum(eq.apply_fir(signal, taps)))
    assert np.abs(eq.third_octaves(average * eq.fir_response(taps)) - measured).max() < 0.01


def test_a_bin_without_energy_gives_a_finite_filter():
    assert np.isfinite(eq.design_fir(np.zeros(32_769), np.ones(32_769))).all()
