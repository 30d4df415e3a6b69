"""Bleed: how much of another stem is heard in a stem while it rests.

For each ordered pair, frames are taken in which the stem is 20 dB or more below its own loud passages and the other is
not, and of these the quarter where the stem is lowest against the other. Over these the coherent output power is
summed: the part of the stem's spectrum that a linear filter makes of the other stem, |S_ab|^2 / S_bb in each bin
(Bendat, Piersol, Random Data, section 6.2), of the same channel. Over the other's energy it is the gain at which the
other stem is heard. Chance also makes two stems look coherent (Carter, Knapp, Nuttall, IEEE Trans. Audio
Electroacoust. 21 (4), 1973): what the same frames give when they are paired with other moments is taken off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy.fft
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from catalogs.quality.decibels import BOUND_DB, ratio_db
from catalogs.quality.excerpts import shifted

N_FFT = 4_096
HOP = 2_048
BINS = slice(5, 1_025)
"""Bins that are compared: 50 Hz to 11 kHz."""

LOUD_PERCENTILE = 95.0
QUIETEST_LOUD_DBFS = -70.0
"""A stem whose loud passages are below this (dBFS) neither has bleed nor bleeds."""

RANGE_DB = 20.0
"""A stem rests this far below its loud passages, and sounds above that."""

FEWEST_FRAMES = 40
"""Frames (1.9 s) of a pair below which nothing is said about it."""

QUIETEST = 0.25
"""Share of a pair's frames that is looked at: those where the stem is lowest against the other."""


@dataclasses.dataclass(frozen=True)
class Bleed:
    """The other stem that makes up most of a stem while it rests.

    Attributes:
        level_db: energy of the other in the stem over the other's own, dB.
        share: part of the stem's energy in those frames that comes from the other, 0 to 1.
        source: name of the other stem.
    """

    level_db: float
    share: float
    source: str


def measure_bleed(stems: Mapping[str, NDArray[np.float32]]) -> dict[str, Bleed | None]:
    """The strongest bleed into each stem; None where no other stem plays long enough while it rests.

    Args:
        stems: excerpts of each stem, margins included, see catalogs.quality.excerpts.
    """
    spectra = {name: _spectra(excerpts) for name, excerpts in stems.items()}
    below = {name: _below_loud(frames) for name, frames in spectra.items()}
    found: dict[str, Bleed | None] = {}
    for name, frames in spectra.items():
        candidates = [
            bleed
            for other in spectra
            if other != name and (bleed := _pair(frames, below[name], spectra[other], below[other], other))
        ]
        found[name] = max(candidates, key=lambda bleed: (bleed.share, bleed.level_db, bleed.source), default=None)
    return found


def _spectra(excerpts: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Frames of all excerpts, shape (frames, 2, bins), scaled so that squares sum to mean squares."""
    window = scipy.signal.get_window("hann", N_FFT).astype(np.float32)
    window *= np.float32(np.sqrt(2.0 / (N_FFT * np.square(window, dtype=np.float64).sum())))
    kept = []
    for excerpt in shifted(excerpts):
        frames = np.lib.stride_tricks.sliding_window_view(excerpt, N_FFT, axis=1)[:, ::HOP]
        kept.append(scipy.fft.rfft(frames * window, axis=-1)[..., BINS].transpose(1, 0, 2))
    return np.ascontiguousarray(np.concatenate(kept))


def _below_loud(spectra: NDArray[np.complex64]) -> NDArray[np.float64] | None:
    """Level of each frame under that of the loud ones, dB; None for a stem that is never loud."""
    power = np.square(spectra.view(np.float32)).sum(axis=(1, 2), dtype=np.float64) / 2.0
    levels = 10.0 * np.log10(power + 10.0 ** (-BOUND_DB / 10.0))
    audible = levels[levels > QUIETEST_LOUD_DBFS]
    return levels - np.percentile(audible, LOUD_PERCENTILE) if audible.size else None


def _pair(
    stem: NDArray[np.complex64],
    stem_below: NDArray[np.float64] | None,
    other: NDArray[np.complex64],
    other_below: NDArray[np.float64] | None,
    source: str,
) -> Bleed | None:
    if stem_below is None or other_below is None:
        return None
    frames = np.flatnonzero((stem_below <= -RANGE_DB) & (other_below > -RANGE_DB))
    if frames.size < FEWEST_FRAMES:
        return None
    distance = stem_below[frames] - other_below[frames]
    count = max(FEWEST_FRAMES, round(QUIETEST * frames.size))
    frames = np.sort(frames[np.argsort(distance, kind="stable")[:count]])
    coherent, energy, source_energy = _coherent_power(stem, frames, other, frames)
    chance, _, _ = _coherent_power(stem, frames, other, np.roll(frames, frames.size // 2))
    heard = max(0.0, coherent - chance)
    return Bleed(ratio_db(heard, source_energy), heard / energy if energy > 0.0 else 0.0, source)


@njit(cache=True, nogil=True, error_model="numpy")
def _coherent_power(
    stem: NDArray[np.complex64],
    stem_frames: NDArray[np.int64],
    other: NDArray[np.complex64],
    other_frames: NDArray[np.int64],
) -> tuple[float, float, float]:
    """Coherent output power, energy of the stem, and energy of the other, sums over frames, channels and bins."""
    coherent = energy = source_energy = 0.0
    bins = stem.shape[2]
    for channel in range(2):
        cross_real = np.zeros(bins)
        cross_imag = np.zeros(bins)
        power = np.zeros(bins)
        own = np.zeros(bins)
        for index in range(stem_frames.shape[0]):
            a = stem[stem_frames[index], channel]
            b = other[other_frames[index], channel]
            for n in range(bins):
                cross_real[n] += a[n].real * b[n].real + a[n].imag * b[n].imag
                cross_imag[n] += a[n].imag * b[n].real - a[n].real * b[n].imag
                power[n] += b[n].real * b[n].real + b[n].imag * b[n].imag
                own[n] += a[n].real * a[n].real + a[n].imag * a[n].imag
        for n in range(bins):
            if power[n] > 0.0:
                coherent += (cross_real[n] * cross_real[n] + cross_imag[n] * cross_imag[n]) / power[n]
            energy += own[n]
            source_energy += power[n]
    return coherent, energy, source_energy
