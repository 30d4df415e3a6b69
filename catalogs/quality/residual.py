"""What of the mixture its stems do not explain, and the gain, polarity and lag at which each stem stands in it.

The mixture is fitted by the sum of the stems, each with one real gain for both channels and one lag (least squares over
the excerpts). What is left, per channel in dB under the mixture, shows a stem that is missing, a channel that is not
that of the stems, or processing of the sum; a stem of another level, polarity or position shows in its fit.

A lag is the largest magnitude of the generalised cross-correlation with the weight of the smoothed coherence transform
(Carter, Nuttall, Cable, Proc. IEEE 61 (10), 1973), spectra averaged over excerpts and channels; it is kept where it
lowers the residual by more than 1 dB against the stem unshifted, and moved by single samples while that lowers it more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy.fft
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from catalogs.quality.decibels import ratio_db
from catalogs.quality.excerpts import LENGTH, MARGIN, shifted
from fxnorm.lanes import LANES

Excerpts = NDArray[np.float32]

LAG_BENEFIT = 10.0**0.1
"""Ratio by which a lag must lower the residual's energy to be kept (1 dB)."""

LAG_EXCERPTS = 12
"""Where there are more excerpts, lags are found in every second one."""

SMALLEST_SHARE = 1e-9
"""A stem with a smaller share of the energy of all stems is not fitted."""

EXPLAINED = 1e-6
"""Share of the mixture's energy (-60 dB) that is not worth moving a stem for."""

CUTOFF = 1e-10
"""Singular values below this share of the largest are dropped: two stems with the same audio share their gain."""


@dataclasses.dataclass(frozen=True)
class StemFit:
    """A stem in the mixture.

    Attributes:
        gain: factor, negative where the polarity is inverted.
        lag: samples by which the mixture has the stem later than the stem's file.
    """

    gain: float
    lag: int


@dataclasses.dataclass(frozen=True)
class MixtureFit:
    """How the stems make up a mixture.

    Attributes:
        stems: by name; stems without audio in the excerpts are not there.
        left_db: residual of the left channel over the mixture's, dB.
        right_db: the same on the right.
        worst_db: residual of the excerpt where it is largest over the mixture's mean energy in an excerpt, dB.
    """

    stems: dict[str, StemFit]
    left_db: float
    right_db: float
    worst_db: float


def fit_mixture(stems: Mapping[str, Excerpts], mixture: Excerpts) -> MixtureFit | None:
    """Fit a mixture by its stems; None where its excerpts are digital silence.

    Args:
        stems: excerpts of each stem, margins included.
        mixture: those of the mixture.
    """
    target = shifted(mixture)
    energy = _inner(target, target)
    if energy == 0.0:
        return None
    energies = {name: _inner(shifted(stem), shifted(stem)) for name, stem in stems.items()}
    sounding = [name for name, own in energies.items() if own > SMALLEST_SHARE * sum(energies.values())]
    normal = _NormalEquations([stems[name] for name in sounding], target, energy)
    lags = _lags(normal.stems, target)
    loudest_first = sorted(range(len(sounding)), key=lambda index: -energies[sounding[index]])
    for index in loudest_first:
        normal.try_lag(index, lags[index])
    for index in loudest_first:
        normal.refine(index)
    gains = normal.gains()
    residual = target.copy()
    for stem, gain, lag in zip(normal.stems, gains, normal.lags, strict=True):
        residual -= np.float32(gain) * shifted(stem, lag)
    left, right = (
        ratio_db(_inner(residual[:, side : side + 1], residual[:, side : side + 1]), _inner(channel, channel))
        for side, channel in enumerate((target[:, :1], target[:, 1:]))
    )
    worst = max(_inner(piece[None], piece[None]) for piece in residual)
    return MixtureFit(
        stems={name: StemFit(float(g), lag) for name, g, lag in zip(sounding, gains, normal.lags, strict=True)},
        left_db=left,
        right_db=right,
        worst_db=ratio_db(worst, energy / target.shape[0]),
    )


class _NormalEquations:
    """Inner products of the shifted stems with one another and with the mixture."""

    def __init__(self, stems: list[Excerpts], target: Excerpts, energy: float) -> None:
        self.stems = stems
        self.lags = [0] * len(stems)
        self._target = target
        self._energy = energy
        self._products = np.zeros((len(stems), len(stems)))
        self._right = np.zeros(len(stems))
        for index in range(len(stems)):
            self._measure(index)

    def try_lag(self, index: int, lag: int) -> bool:
        """Keep another lag of a stem if it lowers the residual, from lag 0 by more than 1 dB; whether it was kept."""
        former = self.lags[index]
        if lag == former or abs(lag) > MARGIN:
            return False
        before = self._residual()
        kept = self._products.copy(), self._right.copy()
        self.lags[index] = lag
        self._measure(index)
        if self._residual() * (LAG_BENEFIT if former == 0 else 1.0) < before:
            return True
        self.lags[index] = former
        self._products, self._right = kept
        return False

    def refine(self, index: int) -> None:
        """Move a stem sample by sample to where the residual is lowest, unless next to nothing is left of it."""
        while self._residual() > EXPLAINED * self._energy:
            if not any(self.try_lag(index, self.lags[index] + step) for step in (-1, 1)):
                return

    def gains(self) -> NDArray[np.float64]:
        """Gain of each stem."""
        scale = 1.0 / np.sqrt(np.diag(self._products))
        matrix = self._products * scale[:, None] * scale
        return scale * np.linalg.lstsq(matrix, scale * self._right, rcond=CUTOFF)[0]

    def _measure(self, index: int) -> None:
        own = shifted(self.stems[index], self.lags[index])
        self._right[index] = _inner(own, self._target)
        for other, (stem, lag) in enumerate(zip(self.stems, self.lags, strict=True)):
            self._products[index, other] = self._products[other, index] = _inner(own, shifted(stem, lag))

    def _residual(self) -> float:
        return self._energy - float(self.gains() @ self._right)


def _lags(stems: list[Excerpts], target: Excerpts) -> list[int]:
    chosen = slice(None, None, 1 + (target.shape[0] > LAG_EXCERPTS))
    size = LENGTH + 2 * MARGIN
    window = scipy.signal.get_window("hann", LENGTH).astype(np.float32)
    mixture = scipy.fft.rfft(target[chosen] * window, size, axis=-1, overwrite_x=True)
    mixture_power = _power(mixture)
    lags = []
    for stem in stems:
        cross = np.zeros(mixture.shape[-1], dtype=np.complex128)
        power = np.zeros(mixture.shape[-1])
        for excerpt, other in zip(stem[chosen], mixture, strict=True):
            spectra = scipy.fft.rfft(excerpt, axis=-1)
            power += _power(spectra[None])
            cross += (spectra.conj() * other).sum(axis=0)
        weight = np.sqrt(power * mixture_power)
        coherence = np.divide(cross, weight, out=np.zeros_like(cross), where=weight > 0.0)
        delays = np.roll(scipy.fft.irfft(coherence, size), 2 * MARGIN)[: 2 * MARGIN + 1]
        lags.append(int(np.argmax(np.abs(delays))) - MARGIN)
    return lags


def _power(spectra: NDArray[np.complex64]) -> NDArray[np.float64]:
    """Sum of the squared magnitudes of complex64 spectra (excerpts, channels, bins) over all but bins."""
    power = np.zeros(spectra.shape[-1])
    for parts in spectra.view(np.float32).reshape(-1, 2 * spectra.shape[-1]):
        power += np.square(parts).reshape(-1, 2).sum(axis=1)
    return power


@njit(cache=True, nogil=True, error_model="numpy")
def _inner(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Sum of products of two arrays (excerpts, channels, samples), in double precision and in lanes."""
    sums = np.zeros(LANES)
    whole = a.shape[2] // LANES * LANES
    total = 0.0
    for excerpt in range(a.shape[0]):
        for channel in range(a.shape[1]):
            for start in range(0, whole, LANES):
                for lane in range(LANES):
                    n = start + lane
                    sums[lane] += np.float64(a[excerpt, channel, n]) * np.float64(b[excerpt, channel, n])
            for n in range(whole, a.shape[2]):
                total += np.float64(a[excerpt, channel, n]) * np.float64(b[excerpt, channel, n])
    for lane in range(LANES):
        total += sums[lane]
    return total
