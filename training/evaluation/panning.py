"""Panning: RMS over the bins of a band of the signed panning spectrum, frame by frame (Avendano, 2003).

The spectrum is (1 - phi) sign(|R| - |L|) with the similarity phi = 2 |L R*| / (|L|^2 + |R|^2), see fxnorm.panning;
as it is squared, (1 - phi) = (|L| - |R|)^2 / (|L|^2 + |R|^2) is all that counts.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fxnorm import stft
from fxnorm.panning import ENERGY_EPSILON
from fxnorm.settings import PANNING_HOP, PANNING_N_FFT, SAMPLE_RATE
from training.evaluation.pair import Mix, peak_normalize, validate_pair
from training.evaluation.tracks import track_error

UNITS = MappingProxyType(dict.fromkeys(("total", "low", "middle", "high", "mean"), "fraction"))
"""Metrics of the family and their units."""

UNDEFINED = "the reference has no width (it is mono)"
"""Why a metric may be NaN."""

BANDS_HZ = MappingProxyType(
    {
        "total": (0.0, SAMPLE_RATE / 2),
        "low": (0.0, 250.0),
        "middle": (250.0, 2_500.0),
        "high": (2_500.0, SAMPLE_RATE / 2),
    }
)
"""Half-open frequency ranges of the bands; the bin at the Nyquist frequency is in none (published code)."""


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes as validate_pair does, and those shorter than one frame of 2048 samples.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, rate, shortest=PANNING_N_FFT)


def tracks(audio: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """RMS of the panning spectrum in each band of each frame, 0 for mono to 1 for one channel.

    Args:
        audio: shape (samples, 2).

    Returns:
        arrays of shape (frames,) by band.
    """
    edges = [[int(f * PANNING_N_FFT / SAMPLE_RATE) for f in band] for band in BANDS_HZ.values()]
    left, right = (stft.blocks(np.ascontiguousarray(channel), PANNING_N_FFT, PANNING_HOP) for channel in audio.T)
    found = []
    for (_, a), (_, b) in zip(left, right, strict=True):
        of_left, of_right = np.abs(a), np.abs(b)
        energy = np.maximum(of_left**2 + of_right**2, ENERGY_EPSILON)
        squares = ((of_left - of_right) ** 2 / energy) ** 2
        found.append([squares[:, low:high].mean(axis=1) for low, high in edges])
    return dict(zip(BANDS_HZ, np.sqrt(np.concatenate(found, axis=1)), strict=True))


def evaluate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The metrics in UNITS, each NaN where no frame of the reference has any width, as in a mono mix.

    Frames without width in the reference are left out of both mixes.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2).
        rate: 44 100 Hz.

    Raises:
        ValueError: as validate.
    """
    validate(mix, reference, rate)
    of_mix, of_reference = tracks(peak_normalize(mix)), tracks(peak_normalize(reference))
    wide = of_reference["total"] > 0.0
    if not wide.any():
        return dict.fromkeys(UNITS, np.nan)
    errors = {name: track_error(of_reference[name][wide], of_mix[name][wide]) for name in BANDS_HZ}
    return {**errors, "mean": float(np.mean(list(errors.values())))}
