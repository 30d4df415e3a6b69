"""Shape, level and padding of the arrays that every effect works on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fxnorm.settings import GATE_DBFS, PADDING

Audio = NDArray[np.float32]
"""float32 samples of shape (samples, 2), full scale 1.0. Effects are fastest where each channel is contiguous, as
:func:`pad` returns them."""


def as_stereo(audio: NDArray[np.floating]) -> Audio:
    """Bring an array to float32 (samples, 2); one channel is repeated.

    Raises:
        ValueError: more than two channels or dimensions, or a sample that is not finite.
    """
    array = np.asarray(audio, dtype=np.float32)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] not in (1, 2):
        raise ValueError(f"expected audio of shape (samples,), (samples, 1) or (samples, 2), got {array.shape}")
    if not np.isfinite(peak(array)):
        raise ValueError("audio holds NaN or infinite samples")
    if array.shape[1] == 1:
        array = np.repeat(array, 2, axis=1)
    return array


def peak(audio: NDArray[np.floating]) -> float:
    """Largest absolute sample; 0.0 for no samples."""
    return float(max(audio.max(), -audio.min())) if audio.size else 0.0


def to_db(amplitude: float) -> float:
    """20 log10 of an amplitude; minus infinity for zero."""
    return 20.0 * float(np.log10(amplitude)) if amplitude > 0.0 else -np.inf


def is_silent(audio: NDArray[np.floating]) -> bool:
    """Whether the sample peak is at or below the gate of -50 dBFS; such a stem is neither analysed nor processed."""
    return is_below_gate(peak(audio))


def is_below_gate(sample_peak: float) -> bool:
    """The same, of a sample peak that is known."""
    return to_db(sample_peak) <= GATE_DBFS


def pad(audio: NDArray[np.float32], samples: int = PADDING) -> NDArray[np.float32]:
    """Zeros before and after, along the first axis; a copy in which each channel is contiguous."""
    padded = np.zeros((audio.shape[0] + 2 * samples, *audio.shape[1:]), dtype=audio.dtype, order="F")
    unpad(padded, samples)[:] = audio
    return padded


def unpad(audio: Audio, samples: int = PADDING) -> Audio:
    """The inverse of :func:`pad`, as a view."""
    return audio[samples : audio.shape[0] - samples]


def channels_identical(audio: Audio) -> bool:
    """Whether left and right are the same to the last bit, as in a mono recording stored as stereo."""
    return bool(np.array_equal(audio[:, 0], audio[:, 1]))
