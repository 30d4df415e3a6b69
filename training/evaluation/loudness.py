"""Loudness: integrated loudness (ITU-R BS.1770-4) and sample peak, both at the level at which the mixes come.

Both are values in decibels, so that their percentage error depends on the distance from 0 dB and explodes near it; the
differences in LU and dB stand beside them.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from fxnorm.loudness import integrated_loudness
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import peak, to_db
from training.evaluation.pair import Mix, validate_pair
from training.evaluation.tracks import percentage_error

UNITS = MappingProxyType({"d_lufs": "fraction", "d_lufs_lu": "LU", "d_peak": "fraction", "d_peak_db": "dB"})
"""Metrics of the family and their units."""


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes without a loudness.

    Raises:
        ValueError: as validate_pair; or BS.1770 gives no loudness: shorter than 0.4 s, or nowhere above -70 LUFS.
    """
    validate_pair(mix, reference, rate)
    for name, audio in (("mix", mix), ("reference", reference)):
        _loudness(name, audio)


def _loudness(name: str, audio: Mix) -> float:
    value = integrated_loudness(audio)
    if value is None:
        raise ValueError(
            f"the {name} has no integrated loudness: it is shorter than 0.4 s or nowhere above -70 LUFS; "
            "leave the song out"
        )
    return value


def evaluate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The metrics in UNITS.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2).
        rate: 44 100 Hz.

    Raises:
        ValueError: as validate.
    """
    validate_pair(mix, reference, rate)
    lufs = np.asarray([_loudness("reference", reference), _loudness("mix", mix)])
    dbfs = np.asarray([to_db(peak(reference)), to_db(peak(mix))])
    return {
        "d_lufs": percentage_error(lufs[:1], lufs[1:]),
        "d_lufs_lu": float(abs(lufs[0] - lufs[1])),
        "d_peak": percentage_error(dbfs[:1], dbfs[1:]),
        "d_peak_db": float(abs(dbfs[0] - dbfs[1])),
    }
