"""Loudness range (EBU Tech 3342) and true peak (ITU-R BS.1770-4, four times oversampled), by libebur128.

Both at the level at which the mixes come.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyebur128

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import to_db
from training.evaluation.pair import Mix, validate_pair

UNITS = MappingProxyType({"loudness_range_lu": "LU", "true_peak_db": "dB"})
"""Metrics of the family and their units."""

UNDEFINED = "shorter than 3 s"
"""Why a metric may be NaN."""

SHORT_TERM_SECONDS = 3.0
"""Length of the blocks of which a loudness range is made (s)."""


@dataclass(frozen=True)
class Programme:
    """Loudness range in LU, NaN for less than 3 s; true peak of the higher channel in dBTP."""

    loudness_range: float
    true_peak: float


def measure(audio: Mix, rate: int = SAMPLE_RATE) -> Programme:
    """Measure one mix of shape (samples, 2)."""
    mode = pyebur128.MeasurementMode.MODE_LRA | pyebur128.MeasurementMode.MODE_TRUE_PEAK
    state = pyebur128.R128State(2, rate, mode)
    state.add_frames(np.ascontiguousarray(audio, dtype=np.float64).ravel(), len(audio))
    enough = len(audio) >= SHORT_TERM_SECONDS * rate
    return Programme(
        loudness_range=pyebur128.get_loudness_range(state) if enough else float("nan"),
        true_peak=to_db(max(pyebur128.get_true_peak(state, channel) for channel in range(2))),
    )


def validate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> None:
    """Refuse mixes as validate_pair does.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, rate)


def evaluate(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """The metrics in UNITS: absolute differences. The loudness range is NaN for less than 3 s.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2).
        rate: 44 100 Hz.

    Raises:
        ValueError: as validate.
    """
    validate(mix, reference, rate)
    of_mix, of_reference = measure(mix, rate), measure(reference, rate)
    return {
        "loudness_range_lu": abs(of_reference.loudness_range - of_mix.loudness_range),
        "true_peak_db": abs(of_reference.true_peak - of_mix.true_peak),
    }
