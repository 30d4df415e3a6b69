"""Integrated loudness, ITU-R BS.1770-4, and levelling to a target.

Measured by pyloudnorm with its default K-weighting, as the published code does (section 2.1 of the paper).
"""

from __future__ import annotations

import warnings

import numpy as np
import pyloudnorm
from numpy.typing import NDArray

from fxnorm.settings import PEAK_PROTECTION_EPSILON, SAMPLE_RATE
from fxnorm.stereo import Audio, peak

BLOCK_SECONDS = 0.4
"""Length of a gating block of BS.1770 (s); a shorter signal has no loudness."""


def integrated_loudness(audio: NDArray[np.floating]) -> float | None:
    """Gated loudness in LUFS.

    Args:
        audio: shape (samples,) or (samples, channels), 44 100 Hz.

    Returns:
        LUFS, or None where the standard gives none: shorter than a gating block, or everything gated.
    """
    if audio.shape[0] < BLOCK_SECONDS * SAMPLE_RATE:
        return None
    meter = pyloudnorm.Meter(SAMPLE_RATE)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(meter.integrated_loudness(np.asarray(audio, dtype=np.float64)))
    return value if np.isfinite(value) else None


def level(audio: Audio, measured: float, target: float) -> tuple[Audio, float]:
    """Apply the gain from a measured loudness to a target, then protect the peak.

    Args:
        audio: float32, any shape.
        measured: loudness of the audio, LUFS.
        target: wanted loudness, LUFS.

    Returns:
        the levelled audio, and the attenuation in dB by which the peak protection fell short of the target (0.0 if it
        did not act).
    """
    gain = 10.0 ** ((target - measured) / 20.0)
    divisor = max(1.0, gain * peak(audio) + PEAK_PROTECTION_EPSILON)
    return (audio * np.float32(gain / divisor)).astype(np.float32, copy=False), 20.0 * float(np.log10(divisor))
