"""Onsets by high-frequency content, as the compression feature needs them.

Detection function of Masri (weights grow with the bin) on logarithmically compressed magnitudes, smoothed over seven
frames, thresholded adaptively, with a minimum interval of 50 ms; parameters as in aubio's ``hfc`` method at a window
and hop of 1 024 samples, which the published code uses. Written from the description, without aubio's code.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.fft
from numba import njit
from numpy.typing import NDArray

from fxnorm.lanes import add_logarithms, sum_of_squares

FRAME = 1_024
"""Window and hop in samples."""

SILENCE_DB = -70.0
"""A frame whose mean square is below this (dB) cannot hold an onset."""

DELAY = 4_403
"""Latency subtracted from a detected position: int(4.3 x 1 024) samples."""

MINIMUM_INTERVAL = 2_205
"""Samples between two onsets: 50 ms."""

THRESHOLD = 0.058
"""Weight of the local mean in the adaptive threshold."""

HISTORY = 7
"""Frames of the detection function that the adaptive threshold looks at."""

SMOOTHING_B = (0.15998789, 0.31997577, 0.15998789)
SMOOTHING_A = 0.23484048
"""Second-order low-pass on the detection function, applied forwards and backwards."""

_BLOCK_FRAMES = 256


@lru_cache(maxsize=1)
def _hann() -> NDArray[np.float32]:
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


@njit(cache=True, nogil=True, error_model="numpy")
def _weighted_log_sums(spectra: NDArray[np.complex64], content: NDArray[np.float64]) -> None:
    bins = spectra.shape[1]
    parts = spectra.view(np.float32)
    weights = np.arange(1, bins + 1).astype(np.float64)
    magnitudes = np.empty(bins, dtype=np.float32)
    for frame in range(spectra.shape[0]):
        for k in range(bins):
            real, imaginary = parts[frame, 2 * k], parts[frame, 2 * k + 1]
            magnitudes[k] = np.float32(1.0) + np.sqrt(real * real + imaginary * imaginary)
        content[frame] = add_logarithms(magnitudes, weights)


@njit(cache=True, nogil=True, error_model="numpy")
def _frame_energies(frames: NDArray[np.float32], energies: NDArray[np.float64]) -> None:
    for frame in range(frames.shape[0]):
        energies[frame] = sum_of_squares(frames[frame])


def high_frequency_content(signal: NDArray[np.float32], gain: float = 1.0) -> NDArray[np.float64]:
    """Sum over bins of (k + 1) log(1 + |X_k|) for each whole frame of 1 024 samples.

    Args:
        signal: one channel, shape (samples,).
        gain: factor on the signal.

    Returns:
        shape (samples // 1 024,).
    """
    count = signal.shape[0] // FRAME
    frames = signal[: count * FRAME].reshape(count, FRAME)
    taper = _hann() * np.float32(gain)
    content = np.empty(count)
    for first in range(0, count, _BLOCK_FRAMES):
        spectra = scipy.fft.rfft(frames[first : first + _BLOCK_FRAMES] * taper, axis=-1, overwrite_x=True)
        _weighted_log_sums(spectra, content[first : first + _BLOCK_FRAMES])
    return content


@njit(cache=True, nogil=True)
def _lowpass(values: NDArray[np.float64]) -> None:
    b0, b1, b2 = SMOOTHING_B
    x1 = x2 = y1 = 0.0
    for i in range(values.shape[0]):
        x0 = values[i]
        y0 = b0 * x0 + b1 * x1 + b2 * x2 - SMOOTHING_A * y1
        values[i] = y0
        x2, x1, y1 = x1, x0, y0


@njit(cache=True, nogil=True)
def adaptive_threshold(content: NDArray[np.float64]) -> NDArray[np.float64]:
    """Detection function minus its local threshold: positive where an onset may be.

    Args:
        content: shape (frames,).

    Returns:
        shape (frames,); the value of frame i looks at frames i - 6 to i, zeros before the start.
    """
    result = np.empty(content.shape[0])
    for i in range(content.shape[0]):
        recent = np.zeros(HISTORY)
        for j in range(HISTORY):
            source = i - HISTORY + 1 + j
            if source >= 0:
                recent[j] = content[source]
        _lowpass(recent)
        backwards = recent[::-1].copy()
        _lowpass(backwards)
        smooth = backwards[::-1]
        result[i] = smooth[HISTORY - 2] - np.median(smooth) - THRESHOLD * smooth.mean()
    return result


@njit(cache=True, nogil=True)
def _pick(energies: NDArray[np.float64], thresholded: NDArray[np.float64]) -> NDArray[np.int64]:
    positions = np.empty(thresholded.shape[0], np.int64)
    found = 0
    last = 0
    s0 = s1 = s2 = 0.0
    limit = FRAME * 10.0 ** (SILENCE_DB / 10.0)
    for frame in range(thresholded.shape[0]):
        start = frame * FRAME
        sounding = energies[frame] >= limit
        s0, s1, s2 = s1, s2, thresholded[frame]
        if s1 > s0 and s1 > s2 and s1 > 0.0:
            position = 1.0 + 0.5 * (s0 - s2) / (s0 - 2.0 * s1 + s2)
            candidate = start + int(np.floor(position * FRAME + 0.5))
            if sounding and last + MINIMUM_INTERVAL < candidate and not (last > 0 and candidate < DELAY):
                last = max(DELAY, candidate)
                positions[found] = last - DELAY
                found += 1
        elif start <= DELAY and sounding and (start == 0 or last + MINIMUM_INTERVAL < start):
            last = start + DELAY
            positions[found] = start
            found += 1
    return positions[:found]


def detect_onsets(signal: NDArray[np.float32], gain: float = 1.0) -> NDArray[np.int64]:
    """Positions of onsets.

    Args:
        signal: one channel, shape (samples,), 44 100 Hz. A last partial frame is not looked at.
        gain: factor on the signal.

    Returns:
        sample positions, increasing. The detector looks two frames back: an event followed by silence within two
        frames (46 ms) is missed, as it is by the published code.
    """
    contiguous = np.ascontiguousarray(signal, dtype=np.float32)
    content = high_frequency_content(contiguous, gain)
    energies = np.empty(content.shape[0])
    _frame_energies(contiguous[: energies.shape[0] * FRAME].reshape(-1, FRAME), energies)
    return _pick(energies * gain**2, adaptive_threshold(content))
