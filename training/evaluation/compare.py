"""All metrics of one mix against its reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from fxnorm.settings import SAMPLE_RATE
from training.evaluation import dynamic, loudness, panning, r128, spectral, stft_distance
from training.evaluation.pair import Mix


@dataclass(frozen=True)
class Family:
    """A family of metrics.

    Attributes:
        units: unit by name of metric.
        validate: refuses, with ValueError, a pair (mix, reference, rate) that the family cannot compare.
        evaluate: values of such a pair by name of metric.
        undefined: why a value may be NaN; empty where none can.
    """

    units: Mapping[str, str]
    validate: Callable[[Mix, Mix, int], None]
    evaluate: Callable[[Mix, Mix, int], dict[str, float]]
    undefined: str = ""


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "loudness": Family(loudness.UNITS, loudness.validate, loudness.evaluate),
        "spectral": Family(spectral.UNITS, spectral.validate, spectral.evaluate),
        "panning": Family(panning.UNITS, panning.validate, panning.evaluate, panning.UNDEFINED),
        "dynamic": Family(dynamic.UNITS, dynamic.validate, dynamic.evaluate),
        "r128": Family(r128.UNITS, r128.validate, r128.evaluate, r128.UNDEFINED),
        "stft": Family(stft_distance.UNITS, stft_distance.validate, stft_distance.evaluate),
    }
)
"""The families by name; a new one is a module and a line here."""

OVERALL = "overall.mean"
"""Mean of PAPER_MEANS, one number for a mix."""

PAPER_MEANS = ("loudness.d_lufs", "spectral.mean", "panning.mean", "dynamic.mean")
"""What stands for each family of the paper."""

UNITS: Mapping[str, str] = MappingProxyType(
    {f"{name}.{metric}": unit for name, family in FAMILIES.items() for metric, unit in family.units.items()}
    | {OVERALL: "fraction"}
)
"""Every metric, ``family.metric``, in the order of the tables, and its unit."""


def why_undefined(metric: str) -> str:
    """Why ``compare_mixes`` gave NaN for a metric ``family.metric``."""
    family = "panning" if metric == OVERALL else metric.partition(".")[0]
    return FAMILIES[family].undefined


def validate_mixes(mix: Mix, reference: Mix, rate: int) -> None:
    """Refuse mixes that some family cannot compare.

    Raises:
        ValueError: says what is wrong with which of the two.
    """
    for family in FAMILIES.values():
        family.validate(mix, reference, rate)


def compare_mixes(mix: Mix, reference: Mix, rate: int = SAMPLE_RATE) -> dict[str, float]:
    """Evaluate all families.

    Args:
        mix: shape (samples, 2), full scale 1.0.
        reference: the engineer's mix, as many samples, aligned with the mix.
        rate: 44 100 Hz.

    Returns:
        value by metric, in the order and units of UNITS; smaller is closer. NaN where a metric is not defined:
        panning against a mono reference (and with it the overall mean), loudness range of less than 3 s.

    Raises:
        ValueError: as validate_mixes.
    """
    values = {
        f"{name}.{metric}": value
        for name, family in FAMILIES.items()
        for metric, value in family.evaluate(mix, reference, rate).items()
    }
    values[OVERALL] = float(np.mean([values[metric] for metric in PAPER_MEANS]))
    return {metric: values[metric] for metric in UNITS}
