"""Silence: shares of blocks of 0.1 s whose sample peak does not exceed a threshold."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fxnorm.lanes import largest_magnitude

BLOCK = 4_410
"""Samples of a block, 0.1 s; the last one may be shorter."""


def block_peaks(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest magnitude of each block and channel.

    Args:
        audio: float32, shape (samples, 2).

    Returns:
        float32, shape (blocks, 2).
    """
    return np.stack([_block_peaks(np.ascontiguousarray(channel), BLOCK) for channel in audio.T], axis=1)


def silence_share(peaks: NDArray[np.float32], threshold_dbfs: float | None) -> float:
    """Share of blocks, 0 to 1, whose peak in both channels is at or below a level.

    Args:
        peaks: as :func:`block_peaks` gives them.
        threshold_dbfs: the level; None for digital silence. A stem without samples is silent.
    """
    threshold = 0.0 if threshold_dbfs is None else 10.0 ** (threshold_dbfs / 20.0)
    return float((peaks.max(axis=1) <= threshold).mean()) if peaks.size else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _block_peaks(channel: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    samples = channel.shape[0]
    peaks = np.zeros((samples + block - 1) // block, dtype=np.float32)
    for index in range(peaks.shape[0]):
        peaks[index] = largest_magnitude(channel[index * block : min(samples, (index + 1) * block)])
    return peaks
