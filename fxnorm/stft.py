"""Short-time Fourier transform of the method: square root of a periodic Hann window, no centring, no padding.

frames = 1 + (N - n_fft) // hop; magnitudes are unscaled, as ``numpy.fft.rfft`` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

BLOCK_SAMPLES = 1 << 18
"""Windowed samples transformed at a time: spectra stay in the second-level cache, and four of the longest windows are
transformed side by side."""


@lru_cache(maxsize=8)
def window(n_fft: int, dtype: str = "float32") -> NDArray[np.floating]:
    """Square root of the periodic Hann window, shape (n_fft,); a hop of n_fft / 2 reconstructs exactly."""
    return np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)).astype(dtype)


def frame_count(samples: int, n_fft: int, hop: int) -> int:
    """Number of whole windows in a signal."""
    return max(0, 1 + (samples - n_fft) // hop) if samples >= n_fft else 0


def blocks(
    signal: NDArray[np.floating], n_fft: int, hop: int, margin: int = 0, dtype: DTypeLike | None = None
) -> Iterator[tuple[int, NDArray[np.complexfloating]]]:
    """Transform a one-channel signal block by block.

    A block is read when it is asked for, so a caller may overwrite what lies before the next block's first sample.

    Args:
        signal: shape (samples,), float32 or float64.
        n_fft: window length in samples.
        hop: hop in samples.
        margin: zeros before and after the signal that are transformed as well.
        dtype: precision of the transform; that of the signal if None.

    Yields:
        index of the first frame, and complex spectra of shape (frames in block, n_fft // 2 + 1).
    """
    total = frame_count(signal.shape[0] + 2 * margin, n_fft, hop)
    if total == 0:
        return
    step = max(1, BLOCK_SAMPLES // n_fft)
    taper = window(n_fft, np.dtype(dtype or signal.dtype).name)
    for first in range(0, total, step):
        count = min(step, total - first)
        piece = stretch(signal, first * hop - margin, (count - 1) * hop + n_fft)
        frames = np.lib.stride_tricks.sliding_window_view(piece, n_fft)[::hop]
        yield first, scipy.fft.rfft(frames * taper, axis=-1, overwrite_x=True)


def stretch(signal: NDArray[np.floating], start: int, length: int) -> NDArray[np.floating]:
    """``length`` samples from ``start`` on, zeros outside the signal; a view where it lies inside."""
    end = start + length
    inside = signal[max(0, start) : max(0, end)]
    if inside.shape[0] == length:
        return inside
    return np.pad(inside, (max(0, -start), max(0, end - max(signal.shape[0], start))))[:length]


def overlap_add(
    output: NDArray[np.floating], first: int, spectra: NDArray[np.complexfloating], n_fft: int, hop: int
) -> None:
    """Add the inverse transform of consecutive frames to ``output`` in place, with the same window.

    Args:
        output: shape (samples,), at least (first + frames - 1) * hop + n_fft long.
        first: index of the first frame.
        spectra: shape (frames, n_fft // 2 + 1).
        n_fft: window length in samples; must be a multiple of ``hop``.
        hop: hop in samples.
    """
    pieces = scipy.fft.irfft(spectra, n=n_fft, axis=-1, overwrite_x=True)
    pieces *= window(n_fft, pieces.dtype.name)
    count = pieces.shape[0]
    for part in range(n_fft // hop):
        start = (first + part) * hop
        target = output[start : start + count * hop].reshape(count, hop)
        target += pieces[:, part * hop : (part + 1) * hop]
