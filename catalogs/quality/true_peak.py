"""True peak, ITU-R BS.1770-4, annex 2: the largest magnitude after interpolation to four times the rate.

The interpolator is a sinc of 49 taps under a Hann window, that of libebur128, so that the values are those of the
meters made with it. Most of a song is never interpolated: a stretch whose sample peak times the interpolator's largest
gain is below the largest value found so far cannot raise it.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from catalogs.quality.silence import BLOCK

FACTOR = 4
TAPS = 49


def _interpolator() -> NDArray[np.float32]:
    """Coefficients (phases between the samples, taps of a phase)."""
    taps = np.arange(TAPS)
    response = np.sinc((taps - TAPS // 2) / FACTOR) * np.hanning(TAPS)
    return np.stack([response[phase::FACTOR] for phase in range(1, FACTOR)]).astype(np.float32)


PHASES = _interpolator()
CHUNK = 128
"""Samples that are interpolated at once, or left out at once."""

LARGEST_GAIN = float(np.abs(PHASES).sum(axis=1).max())


def true_peak(audio: NDArray[np.float32], peaks: NDArray[np.float32]) -> float:
    """Largest magnitude of the interpolated audio, both channels; the signal counts as zero outside.

    Args:
        audio: float32, shape (samples, 2).
        peaks: its block peaks, as :func:`catalogs.quality.silence.block_peaks` gives them.
    """
    largest = float(peaks.max(initial=0.0))
    for index in np.argsort(-peaks.max(axis=0, initial=0.0), kind="stable"):
        channel, own = np.ascontiguousarray(audio[:, index]), np.ascontiguousarray(peaks[:, index])
        order = np.argsort(-own, kind="stable")
        largest = _interpolated_peak(channel, own, order, PHASES, BLOCK, LARGEST_GAIN, largest)
    return largest


@njit(cache=True, nogil=True, error_model="numpy")
def _interpolated_peak(
    channel: NDArray[np.float32],
    peaks: NDArray[np.float32],
    order: NDArray[np.int64],
    phases: NDArray[np.float32],
    block: int,
    gain: float,
    largest: float,
) -> float:
    samples = channel.shape[0]
    taps = phases.shape[1]
    piece = np.zeros(CHUNK + 2 * taps, dtype=np.float32)
    values = np.zeros(CHUNK + taps, dtype=np.float32)
    for index in order:
        around = np.float32(0.0)
        for near in range(max(0, index - 1), min(peaks.shape[0], index + 2)):
            around = max(around, peaks[near])
        if around * gain <= largest:
            continue
        for start in range(index * block, min(samples, (index + 1) * block), CHUNK):
            around = np.float32(0.0)
            for n in range(piece.shape[0]):
                at = start - taps + n
                piece[n] = channel[at] if 0 <= at < samples else np.float32(0.0)
                around = max(around, abs(piece[n]))
            if around * gain <= largest:
                continue
            for phase in range(phases.shape[0]):
                values[:] = 0.0
                for tap in range(taps):
                    factor = phases[phase, tap]
                    for n in range(values.shape[0]):
                        values[n] += factor * piece[n + taps - tap]
                for n in range(values.shape[0]):
                    largest = max(largest, np.float64(abs(values[n])))
    return largest
