"""Feature tracks, one value a frame, and how far apart two of them are.

Tracks are compared as running means over 40 frames (step 1, whole windows only). The percentage error is the mean of
|reference - mix| / max(|reference|, eps), a fraction, as scikit-learn's ``mean_absolute_percentage_error``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxnorm import stft

Track = NDArray[np.floating]
"""One value a frame, shape (frames,)."""

N_FFT = 4096
HOP = 1024
"""Frames of the spectral and dynamic families (samples; published code)."""

WINDOW = 40
"""Frames in a running mean (published code)."""

SILENCE = 1e-30
"""Added to an amplitude before its logarithm (published code): -600 dB."""


def running_mean(track: Track) -> Track:
    """Means over 40 consecutive frames, shape (frames - 39,); one mean over all frames where there are fewer.

    Raises:
        ValueError: no frames.
    """
    if track.shape[0] == 0:
        raise ValueError("a running mean needs at least one frame")
    windows = np.lib.stride_tricks.sliding_window_view(track, min(WINDOW, track.shape[0]))
    return windows.mean(axis=-1, dtype=np.float64)


def percentage_error(reference: Track, mix: Track) -> float:
    """Mean of |reference - mix| / max(|reference|, eps), a fraction; eps is that of float64."""
    floor = np.finfo(np.float64).eps
    return float(np.mean(np.abs(reference - mix) / np.maximum(np.abs(reference), floor)))


def track_error(reference: Track, mix: Track) -> float:
    """Percentage error between the running means of two tracks, a fraction."""
    return percentage_error(running_mean(reference), running_mean(mix))


def track_difference(reference: Track, mix: Track) -> float:
    """Mean absolute difference between the running means of two tracks, in their unit."""
    return float(np.mean(np.abs(running_mean(reference) - running_mean(mix))))


def decibels(amplitude: NDArray[np.floating]) -> NDArray[np.floating]:
    """20 log10 of amplitude + 1e-30, any shape."""
    return 20.0 * np.log10(amplitude + SILENCE)


def magnitudes(signal: NDArray[np.float64]) -> NDArray[np.float32]:
    """STFT magnitudes of one channel, window sqrt-Hann of 4096, hop 1024, no centring.

    Args:
        signal: shape (samples,).

    Returns:
        float32 of shape (frames, 2 049).
    """
    result = np.empty((stft.frame_count(signal.shape[0], N_FFT, HOP), N_FFT // 2 + 1), dtype=np.float32)
    for first, spectra in stft.blocks(np.ascontiguousarray(signal), N_FFT, HOP):
        result[first : first + len(spectra)] = np.abs(spectra)
    return result
