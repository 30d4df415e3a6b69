"""Spectral shape: centroid, bandwidth, contrast, roll-off and flatness of each frame, by librosa.

Each channel by itself, then the mean over the channels. Contrast l is the band below 250 Hz, m the mean of the three
octaves above it, h the rest (2 to 22.05 kHz).
"""

from __future__ import annotations

from types import MappingProxyType

import librosa
import numpy as np
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from training.evaluation.pair import Mix, peak_normalize, validate_pair
from training.evaluation.tracks import N_FFT, Track, decibels, magnitudes, track_difference, track_error

UNITS = MappingProxyType(
    {
        "centroid": "fraction",
        "bandwidth": "fraction",
        "contrast_l": "fraction",
        "contrast_m": "fraction",
        "contrast_h": "fraction",
        "contrast": "fraction",
        "rolloff": "fraction",
        "flatness": "fraction",
        "mean": "fraction",
        "contrast_l_db": "dB",
        "contrast_m_db": "dB",
        "contrast_h_db": "dB",
        "flatness_db": "dB",
    }
)
"""Metrics of the family and their units; ``contrast`` is the mean of l, m and h."""

CONTRAST_LOWEST_HZ = 250.0
CONTRAST_BANDS = 4
CONTRAST_QUANTILE = 0.02
ROLLOFF_SHARE = 0.85
FLATNESS_FLOOR = 1e-10
HERTZ_OFFSET = 1.0
"""Added to tracks in Hz, so that a silent frame is not 0 (published code)."""

_TRACKS = ("centroid", "bandwidth", "contrast_l", "contrast_m", "contrast_h", "rolloff", "flatness")
_IN_DECIBELS = ("contrast_l", "contrast_m", "contrast_h", "flatness")


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes as validate_pair does, and those shorter than one frame of 4096 samples.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, rate, shortest=N_FFT)


def tracks(channel: NDArray[np.float64]) -> dict[str, Track]:
    """The seven tracks of one channel as they are compared: Hz + 1, contrast in dB, 1 - flatness in dB.

    Args:
        channel: shape (samples,), peak-normalised.

    Returns:
        arrays of shape (frames,) by name.
    """
    spectrum = magnitudes(channel).T
    centroid = librosa.feature.spectral_centroid(S=spectrum, sr=SAMPLE_RATE, n_fft=N_FFT)
    bandwidth = librosa.feature.spectral_bandwidth(S=spectrum, sr=SAMPLE_RATE, n_fft=N_FFT, centroid=centroid)
    contrast = librosa.feature.spectral_contrast(
        S=spectrum,
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        fmin=CONTRAST_LOWEST_HZ,
        n_bands=CONTRAST_BANDS,
        quantile=CONTRAST_QUANTILE,
    )
    rolloff = librosa.feature.spectral_rolloff(S=spectrum, sr=SAMPLE_RATE, n_fft=N_FFT, roll_percent=ROLLOFF_SHARE)
    flatness = librosa.feature.spectral_flatness(S=spectrum, amin=FLATNESS_FLOOR, power=2.0)
    return {
        "centroid": centroid[0] + HERTZ_OFFSET,
        "bandwidth": bandwidth[0] + HERTZ_OFFSET,
        "contrast_l": contrast[0],
        "contrast_m": contrast[1:-1].mean(axis=0),
        "contrast_h": contrast[-1],
        "rolloff": rolloff[0] + HERTZ_OFFSET,
        "flatness": 1.0 - decibels(flatness[0].astype(np.float64)),
    }


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
    of_mix, of_reference = ([tracks(channel) for channel in peak_normalize(audio).T] for audio in (mix, reference))
    pairs = list(zip(of_reference, of_mix, strict=True))
    errors = {name: float(np.mean([track_error(a[name], b[name]) for a, b in pairs])) for name in _TRACKS}
    errors["contrast"] = float(np.mean([errors["contrast_l"], errors["contrast_m"], errors["contrast_h"]]))
    shape = ("centroid", "bandwidth", "contrast", "rolloff", "flatness")
    errors["mean"] = float(np.mean([errors[name] for name in shape]))
    for name in _IN_DECIBELS:
        errors[f"{name}_db"] = float(np.mean([track_difference(a[name], b[name]) for a, b in pairs]))
    return {name: errors[name] for name in UNITS}
