"""Excerpts of a song at the same places of every stem: what stems are compared by, since they are decoded one by one.

Up to 24 excerpts of 1.49 s stand at equal distances over the song, fewer where many stems have to share the memory.
Each has a margin on both sides, so that a stem can be shifted against the mixture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LENGTH = 65_536
"""Samples of an excerpt."""

MARGIN = 4_096
"""Samples (93 ms) before and after it: the largest lag of a stem that is found."""

MOST = 24
MEMORY_BYTES = 96_000_000
"""What the excerpts of all stems and of the mixture together may take."""

_BYTES = 2 * 4 * (LENGTH + 2 * MARGIN)


def excerpt_starts(frames: int, stems: int) -> NDArray[np.int64]:
    """First samples of the excerpts, margins not included.

    Args:
        frames: samples of the song.
        stems: number of stems, the mixture included.
    """
    count = max(1, min(MOST, MEMORY_BYTES // (stems * _BYTES), frames // LENGTH))
    distance = frames / count
    return np.maximum(0, np.round((np.arange(count) + 0.5) * distance - LENGTH / 2)).astype(np.int64)


def cut_excerpts(audio: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Copies of the excerpts with their margins, zeros outside the audio.

    Args:
        audio: float32, shape (samples, 2).
        starts: as :func:`excerpt_starts` gives them.

    Returns:
        float32, shape (excerpts, 2, LENGTH + 2 MARGIN).
    """
    excerpts = np.zeros((starts.shape[0], 2, LENGTH + 2 * MARGIN), dtype=np.float32)
    for excerpt, start in zip(excerpts, starts, strict=True):
        first = max(0, int(start) - MARGIN)
        piece = audio[first : int(start) + LENGTH + MARGIN]
        offset = first - (int(start) - MARGIN)
        excerpt[:, offset : offset + piece.shape[0]] = piece.T
    return excerpts


def shifted(excerpts: NDArray[np.float32], lag: int = 0) -> NDArray[np.float32]:
    """The excerpts without margins of audio delayed by ``lag`` samples, as a view: shape (excerpts, 2, LENGTH)."""
    return excerpts[:, :, MARGIN - lag : MARGIN - lag + LENGTH]
