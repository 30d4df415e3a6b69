"""Which stretch of a song an audition page plays: the loudest, by all systems together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

BLOCK = SAMPLE_RATE // 10
"""Samples of a block whose energy is compared, 0.1 s."""


def loudest_start(systems: Iterable[Audio], frames: int) -> int:
    """First sample of the stretch with the most energy; each system's energy counts as a share of its own song's.

    Args:
        systems: shape (samples, 2), one length, 44 100 Hz.
        frames: length of the stretch in samples.

    Returns:
        a multiple of BLOCK; 0 where the song is no longer than the stretch.
    """
    energy: np.ndarray | float = 0.0
    for audio in systems:
        blocks = len(audio) // BLOCK
        of_system = np.square(audio[: blocks * BLOCK], dtype=np.float64).reshape(blocks, -1).sum(axis=1)
        energy = energy + of_system / max(float(of_system.sum()), np.finfo(np.float64).tiny)
    total = np.concatenate([[0.0], np.cumsum(energy)])
    length = -(-frames // BLOCK)
    if len(total) <= length:
        return 0
    return int(np.argmax(total[length:] - total[:-length])) * BLOCK
