"""Clipping: runs of samples at full scale, as they stand in the file, before resampling and summing.

A run is three or more successive samples of one channel and sign at or above 1 - 2^-15 (the largest positive sample of
16 bits), none further than 2^-15 from the one before it. Float audio that rises above full scale and comes down
again is therefore not clipped; audio that was cut off there is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

FULL_SCALE = 1.0 - 2.0**-15
"""Smallest magnitude that counts as full scale."""

STEP = 2.0**-15
"""Largest distance of neighbours in a run; one step of 16 bits."""

SHORTEST_RUN = 3
"""Samples; one or two at full scale also occur in audio that was normalised to its peak."""


@dataclasses.dataclass
class Clipping:
    """Runs found in all files of a stem so far.

    Attributes:
        runs: number of runs, over all channels.
        longest: samples of the longest; 0 for none.
    """

    runs: int = 0
    longest: int = 0

    def add(self, samples: NDArray[np.float32]) -> None:
        """Count the runs of a whole file, shape (samples, channels), full scale 1.0, at the file's own rate."""
        self.of_file()(samples)

    def of_file(self) -> Callable[[NDArray[np.float32]], None]:
        """What takes the blocks of one file, in order; runs go on from block to block, not from file to file."""
        lengths = np.zeros(2, dtype=np.int64)
        last = np.zeros(2)

        def add_block(samples: NDArray[np.float32]) -> None:
            for channel in range(samples.shape[1]):
                values = np.ascontiguousarray(samples[:, channel], dtype=np.float32)
                state = (int(lengths[channel]), float(last[channel]))
                runs, longest, lengths[channel], last[channel] = _runs(values, *state, FULL_SCALE, STEP, SHORTEST_RUN)
                self.runs += runs
                self.longest = max(self.longest, longest)

        return add_block


@njit(cache=True, nogil=True, error_model="numpy")
def _runs(
    values: NDArray[np.float32], length: int, before: float, level: float, step: float, shortest: int
) -> tuple[int, int, int, float]:
    """Runs and the longest of a channel's block, given the length of the run and the sample that it goes on from."""
    runs = 0
    longest = 0
    for n in range(values.shape[0]):
        value = np.float64(values[n])
        if abs(value) < level:
            length = 0
        elif length > 0 and abs(value - before) <= step:
            length += 1
            if length == shortest:
                runs += 1
            if length >= shortest and length > longest:
                longest = length
        else:
            length = 1
        before = value
    return runs, longest, length, before
