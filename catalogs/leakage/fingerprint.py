"""An audio fingerprint: pairs of spectral peaks, each with its time, after Wang (ISMIR 2003).

Peaks of the magnitude spectrogram survive lossy coding, resampling and gain. Two peaks that are near in time, their
frequencies and the time between them make a *landmark*, of which a song has some 45 a second. Two recordings are the
same where many landmarks of theirs agree at one time offset; see catalogs.leakage.match.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, signal

from fxnorm.settings import SAMPLE_RATE

WINDOW = 4_096
"""Hann window of the spectrogram (93 ms): long against the hop, so that a shift by half a hop keeps most peaks."""

HOP = 1_024
"""Hop of the spectrogram (23 ms), the unit of time of a fingerprint."""

FRAMES_PER_SECOND = SAMPLE_RATE / HOP

BAND_HZ = (200.0, 4_000.0)
"""Where peaks are looked for: what every codec and sample rate keeps."""

PEAK_FRAMES, PEAK_BINS = 31, 41
"""A peak is the largest of a neighbourhood of 0.72 s and 441 Hz."""

FLOOR_DB = -70.0
"""Peaks further below a sine at the song's peak level are noise (dB)."""

BINS_PER_STEP = 2
"""Frequencies are told apart in steps of 21.5 Hz, since a peak may move by a bin."""

FAN_OUT = 4
"""Landmarks that begin at one peak: with the next peaks of the zone after it."""

ZONE_FRAMES = (2, 80)
ZONE_STEPS = 80
"""The zone: 0.05 to 1.9 s later, up to 1.7 kHz higher or lower."""

MOST_REPEATS = 64
"""Times that one landmark is kept in a song, which bounds the work on loops and steady tones."""

_BLOCK_FRAMES = 2_048
_MARGIN = PEAK_FRAMES // 2
_FIRST_BIN, _END_BIN = (round(hertz * WINDOW / SAMPLE_RATE) for hertz in BAND_HZ)


@dataclasses.dataclass(frozen=True)
class Landmarks:
    """Landmarks of a song, sorted by value, then time.

    Attributes:
        values: uint32, shape (landmarks,): frequency of a peak, distance to the other in frequency, and in time.
        times: uint32, shape (landmarks,): frame of the first peak, HOP samples each.
    """

    values: NDArray[np.uint32]
    times: NDArray[np.uint32]

    def __len__(self) -> int:
        return int(self.values.size)


def find_landmarks(mono: NDArray[np.float32]) -> Landmarks:
    """The fingerprint of a song.

    Args:
        mono: float32, shape (samples,), 44 100 Hz.
    """
    times, steps = _find_peaks(mono)
    values, starts = _pair_peaks(times, steps)
    order = np.lexsort((starts, values))
    values, starts = values[order], starts[order]
    first_of_value = np.searchsorted(values, values, side="left")
    kept = np.arange(values.size) - first_of_value < MOST_REPEATS
    return Landmarks(values[kept], starts[kept])


def _find_peaks(mono: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Frames and frequency steps of the peaks, in the order of time."""
    frames = 1 + (mono.size - WINDOW) // HOP if mono.size >= WINDOW else 0
    window = signal.get_window("hann", WINDOW).astype(np.float32)
    loudest = float(np.abs(mono).max(initial=0.0))
    floor = (loudest * float(window.sum()) / 2.0) ** 2 * 10.0 ** (FLOOR_DB / 10.0)
    times, bins = [], []
    for start in range(0, frames, _BLOCK_FRAMES):
        first = max(0, start - _MARGIN)
        power = _power(mono, window, first, min(start + _BLOCK_FRAMES + _MARGIN, frames))
        is_peak = power == ndimage.maximum_filter(power, size=(PEAK_FRAMES, PEAK_BINS))
        is_peak &= power > floor
        is_peak[1:] &= ~is_peak[:-1]
        frame, number = np.nonzero(is_peak[start - first : start - first + _BLOCK_FRAMES])
        times.append(frame + start)
        bins.append(number)
    if not times:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(times), np.concatenate(bins) // BINS_PER_STEP


def _power(mono: NDArray[np.float32], window: NDArray[np.float32], first: int, end: int) -> NDArray[np.float32]:
    """Power spectrogram of some frames in the band of interest: float32, shape (frames, bins)."""
    framed = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[first * HOP : (end - 1) * HOP + 1 : HOP]
    power = np.empty((framed.shape[0], _END_BIN - _FIRST_BIN), np.float32)
    for start in range(0, framed.shape[0], 64):
        spectrum = fft.rfft(framed[start : start + 64] * window, axis=1)[:, _FIRST_BIN:_END_BIN]
        power[start : start + 64] = spectrum.real**2 + spectrum.imag**2
    return power


def _pair_peaks(times: NDArray[np.int64], steps: NDArray[np.int64]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Values and times of the landmarks that begin at each peak."""
    values, starts = [np.zeros(0, np.uint32)], [np.zeros(0, np.uint32)]
    made = np.zeros(times.size, np.int64)
    for distance in range(1, times.size):
        gap = times[distance:] - times[:-distance]
        if gap.min() > ZONE_FRAMES[1]:
            break
        interval = steps[distance:] - steps[:-distance]
        in_zone = (gap >= ZONE_FRAMES[0]) & (gap <= ZONE_FRAMES[1]) & (np.abs(interval) <= ZONE_STEPS)
        chosen = np.flatnonzero(in_zone & (made[:-distance] < FAN_OUT))
        made[chosen] += 1
        packed = steps[chosen] << 16 | (interval[chosen] + ZONE_STEPS) << 8 | gap[chosen]
        values.append(packed.astype(np.uint32))
        starts.append(times[chosen].astype(np.uint32))
    return np.concatenate(values), np.concatenate(starts)
