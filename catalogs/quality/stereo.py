"""Level, DC offset and the two channels against each other, all from sums over one pass of a stem."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from catalogs.quality.decibels import power_db, ratio_db


@dataclasses.dataclass(frozen=True)
class Channels:
    """Means over the samples of a stem, full scale 1.0.

    Attributes:
        mean: of each channel.
        power: mean square of each channel.
        product: mean of left times right.
        mid: mean square of (left + right) / 2.
        side: mean square of (left - right) / 2.
    """

    mean: tuple[float, float]
    power: tuple[float, float]
    product: float
    mid: float
    side: float

    @property
    def level_dbfs(self) -> float:
        """RMS over both channels, dBFS: a sine of full scale has -3."""
        return power_db((self.power[0] + self.power[1]) / 2.0)

    @property
    def dc_offset_dbfs(self) -> float:
        """Mean of the channel where its magnitude is larger, dBFS."""
        return power_db(max(abs(mean) for mean in self.mean) ** 2)

    @property
    def imbalance_db(self) -> float:
        """RMS of left over that of right, dB; at a bound of 200 dB where one channel is digital silence."""
        return ratio_db(self.power[0], self.power[1])

    @property
    def side_db(self) -> float:
        """RMS of the side over that of the mid signal, dB; -200 where both channels are the same."""
        return ratio_db(self.side, self.mid)

    @property
    def correlation(self) -> float | None:
        """Correlation of the channels at lag 0, -1 to 1; None where one is digital silence."""
        scale = math.sqrt(self.power[0]) * math.sqrt(self.power[1])
        return None if scale == 0.0 else min(1.0, max(-1.0, self.product / scale))


def measure_channels(audio: NDArray[np.float32]) -> Channels:
    """Sums over float32 audio of shape (samples, 2); a channel that is contiguous is not copied."""
    means = _sums(*(np.ascontiguousarray(channel) for channel in audio.T)) / max(1, audio.shape[0])
    left, right, left_2, right_2, product, mid, side = means.tolist()
    return Channels((left, right), (left_2, right_2), product, mid / 4.0, side / 4.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _sums(left_channel: NDArray[np.float32], right_channel: NDArray[np.float32]) -> NDArray[np.float64]:
    left = right = left_2 = right_2 = product = mid = side = 0.0
    for n in range(left_channel.shape[0]):
        a = np.float64(left_channel[n])
        b = np.float64(right_channel[n])
        left += a
        right += b
        left_2 += a * a
        right_2 += b * b
        product += a * b
        mid += (a + b) * (a + b)
        side += (a - b) * (a - b)
    return np.array([left, right, left_2, right_2, product, mid, side])
