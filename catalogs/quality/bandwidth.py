"""Bandwidth: the highest frequency that holds energy, and how steeply the spectrum ends there.

The mean power spectrum of the stem (Hann window of 4 096 samples, every second frame) is summed over bands of 250 Hz.
Lossy codecs cut at a frequency that depends on their rate, 16 kHz for MP3 at 128 kbit/s, and leave a cliff, while
spectra of instruments run out gently.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from catalogs.quality.decibels import BOUND_DB
from fxnorm.settings import SAMPLE_RATE

N_FFT = 4_096
HOP = 2 * N_FFT
BAND_HZ = 250.0
BAND_FLOOR_DBFS = -110.0
"""A band at or below this is empty: the rounding noise of 16 bits has -121 dBFS in a band, with dither -116."""

SIDE_BANDS = 4
"""Bands (1 kHz) on either side of the edge over which its fall is measured; the two at the edge itself are left out."""

_FRAMES_AT_ONCE = 256


@dataclasses.dataclass(frozen=True)
class Bandwidth:
    """Where a spectrum ends.

    Attributes:
        upper_hz: upper end of the highest band above -110 dBFS, Hz; 0 where there is none.
        fall_db: mean level of the 1 kHz below the edge over that of the 1 kHz above it, dB, levels below -130 dBFS
            taken as that; 0 where the spectrum reaches to within that of half the sample rate.
    """

    upper_hz: float
    fall_db: float


_FALL_FLOOR_DBFS = -130.0


def band_levels(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean square in each band of 250 Hz, dBFS, mean of the channels: float64, shape (88,).

    Args:
        audio: float32, shape (samples, 2), 44 100 Hz; a shorter stem than a window is padded with zeros.
    """
    window = scipy.signal.get_window("hann", N_FFT).astype(np.float32)
    if audio.shape[0] < N_FFT:
        audio = np.pad(audio, ((0, N_FFT - audio.shape[0]), (0, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(audio, N_FFT, axis=0)[::HOP]
    power = np.zeros(N_FFT // 2 + 1)
    for first in range(0, frames.shape[0], _FRAMES_AT_ONCE):
        spectra = scipy.fft.rfft(frames[first : first + _FRAMES_AT_ONCE] * window, axis=-1, overwrite_x=True)
        parts = spectra.view(np.float32)
        power += np.square(parts, out=parts).sum(axis=(0, 1), dtype=np.float64).reshape(-1, 2).sum(axis=1)
    power *= 2.0 / (2 * frames.shape[0] * N_FFT * np.square(window, dtype=np.float64).sum())
    power[[0, -1]] /= 2.0
    bands = np.minimum(np.arange(power.shape[0]) * (SAMPLE_RATE / N_FFT) // BAND_HZ, SAMPLE_RATE // 2 // BAND_HZ - 1)
    return 10.0 * np.log10(np.bincount(bands.astype(np.int64), power) + 10.0 ** (-BOUND_DB / 10.0))


def measure_bandwidth(audio: NDArray[np.float32]) -> Bandwidth:
    """Where the spectrum of a stem ends; arguments as for :func:`band_levels`."""
    levels = band_levels(audio)
    filled = np.flatnonzero(levels > BAND_FLOOR_DBFS)
    if filled.size == 0:
        return Bandwidth(0.0, 0.0)
    edge = int(filled[-1])
    above = levels[edge + 2 : edge + 2 + SIDE_BANDS]
    below = levels[max(0, edge - SIDE_BANDS) : max(1, edge)]
    if above.size < SIDE_BANDS:
        return Bandwidth((edge + 1) * BAND_HZ, 0.0)
    fall = np.maximum(below, _FALL_FLOOR_DBFS).mean() - np.maximum(above, _FALL_FLOOR_DBFS).mean()
    return Bandwidth((edge + 1) * BAND_HZ, float(fall))
