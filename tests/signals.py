"""Test signals: seeded, stereo, 44 100 Hz, float32 of shape (samples, 2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 44_100


def noise(seconds: float, seed: int = 0, level: float = 0.1, correlation: float = 0.5) -> NDArray[np.float32]:
    """Pink-like noise whose channels share part of their signal."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    spectra = np.fft.rfft(rng.standard_normal((3, samples)))
    spectra /= np.sqrt(np.maximum(np.arange(spectra.shape[1]), 1.0))
    common, left, right = np.fft.irfft(spectra, n=samples)
    stereo = np.stack([correlation * common + left, correlation * common + right], axis=1)
    return (stereo * (level / np.abs(stereo).max())).astype(np.float32)


def plucks(
    seconds: float, seed: int = 0, level: float = 0.5, pan: float = 0.5, every: float = 0.4
) -> NDArray[np.float32]:
    """Decaying harmonic tones of varying level, panned with a linear law (0 left, 1 right)."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    mono = np.zeros(samples)
    for start in np.arange(0.05, seconds - 0.1, every):
        first = int(start * RATE)
        time = np.arange(min(samples - first, RATE)) / RATE
        pitch = 110.0 * 2.0 ** (rng.integers(0, 25) / 12.0)
        tone = sum(np.sin(2.0 * np.pi * pitch * k * time) / k for k in range(1, 9))
        mono[first : first + time.size] += rng.uniform(0.2, 1.0) * tone * np.exp(-6.0 * time)
    mono += 1e-4 * rng.standard_normal(samples)
    mono *= level / np.abs(mono).max()
    return np.stack([(1.0 - pan) * mono, pan * mono], axis=1).astype(np.float32)


def residual_db(actual: NDArray[np.floating], expected: NDArray[np.floating]) -> float:
    """Energy of the difference relative to the expected signal, dB."""
    difference = np.sum((actual.astype(np.float64) - expected) ** 2)
    return float(10.0 * np.log10((difference + 1e-300) / np.sum(expected.astype(np.float64) ** 2)))
