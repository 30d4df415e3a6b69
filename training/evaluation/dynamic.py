"""Dynamics: level, spread and crest of each frame, and the share of low frequencies.

A frame's level is its RMS in dB. Spread is the mean over its samples of their level in dB, relative to the frame's.
Crest, as published, is the peak in dB *divided* by the level in dB; ``crest_db`` compares the crest factor proper, peak
minus level.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from training.evaluation.pair import Mix, peak_normalize, validate_pair
from training.evaluation.tracks import (
    HOP,
    N_FFT,
    Track,
    decibels,
    magnitudes,
    running_mean,
    track_difference,
    track_error,
)

UNITS = MappingProxyType(
    {
        "rms": "fraction",
        "spread": "fraction",
        "crest": "fraction",
        "mean": "fraction",
        "rms_db": "dB",
        "spread_db": "dB",
        "crest_db": "dB",
        "low_weighting": "fraction",
        "low_weighting_mse": "bins²",
    }
)
"""Metrics of the family and their units; the mean is that of rms, spread and crest."""

LOW_HZ = 1_000.0
LOW_ORDER = 4
"""Butterworth low-pass, run forwards and backwards (published code)."""

LOW_EPSILON = 1e-5
"""Added to the magnitudes in the denominator of the low weighting (published code)."""


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes as validate_pair does, and those shorter than one frame of 4096 samples.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, rate, shortest=N_FFT)


def tracks(audio: NDArray[np.float64]) -> dict[str, Track]:
    """Level, spread, crest (ratio) and crest factor of each frame, means over the channels.

    Args:
        audio: shape (samples, 2).

    Returns:
        arrays of shape (frames,) by name, in dB but for ``crest``.
    """
    hops = audio[: len(audio) // HOP * HOP].reshape(-1, HOP, 2)
    level = decibels(np.sqrt(_per_frame(np.square(hops).mean(axis=1)).mean(axis=1)))
    peak = decibels(_per_frame(np.abs(hops).max(axis=1)).max(axis=1))
    spread = _per_frame(decibels(np.abs(hops)).mean(axis=1)).mean(axis=1) - level
    found = {"rms": level, "spread": spread, "crest": peak / level, "crest_factor": peak - level}
    return {name: track.mean(axis=1) for name, track in found.items()}


def _per_frame(hops: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of whole hops, shape (hops, 2), gathered by frame: shape (frames, hops in a frame, 2)."""
    windows = np.lib.stride_tricks.sliding_window_view(hops, N_FFT // HOP, axis=0)
    return np.moveaxis(windows, -1, 1)


def low_weighting(audio: NDArray[np.float64]) -> Track:
    """Magnitude that a low-pass at 1 kHz leaves of each bin, as a share, summed over the bins; mean over the channels.

    Args:
        audio: shape (samples, 2).

    Returns:
        shape (frames,).
    """
    b, a = scipy.signal.butter(LOW_ORDER, LOW_HZ, fs=SAMPLE_RATE)
    low = scipy.signal.filtfilt(b, a, audio, axis=0)
    channels = [
        (magnitudes(low[:, channel]) / (magnitudes(audio[:, channel]) + LOW_EPSILON)).sum(axis=1, dtype=np.float64)
        for channel in range(2)
    ]
    return np.mean(channels, axis=0)


def evaluate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The metrics in UNITS.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2).
        rate: 44 100 Hz.

    Raises:
        ValueError: as validate.
    """
    validate(mix, reference, rate)
    mix, reference = peak_normalize(mix), peak_normalize(reference)
    of_mix, of_reference = tracks(mix), tracks(reference)
    errors = {name: track_error(1.0 - of_reference[name], 1.0 - of_mix[name]) for name in ("rms", "spread")}
    errors["crest"] = track_error(of_reference["crest"], of_mix["crest"])
    errors["mean"] = float(np.mean(list(errors.values())))
    for name, track in (("rms_db", "rms"), ("spread_db", "spread"), ("crest_db", "crest_factor")):
        errors[name] = track_difference(of_reference[track], of_mix[track])
    low_mix, low_reference = low_weighting(mix), low_weighting(reference)
    errors["low_weighting"] = track_error(low_reference, low_mix)
    errors["low_weighting_mse"] = float(np.mean((running_mean(low_reference) - running_mean(low_mix)) ** 2))
    return errors
