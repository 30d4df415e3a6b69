"""Reduces the curves of a table to single numbers, so that rules need not carry 32 769 values a row."""

from __future__ import annotations

import numpy as np

ROUNDING = 1e-6
"""Curves are stored in float32; a value this far outside a bound counts as on it."""


def length(curve: object) -> float:
    """Number of values; NaN for no curve."""
    return float("nan") if curve is None else float(np.asarray(curve).size)


def bins_outside(curve: object, low: float, high: float) -> float:
    """Number of values that are not finite or outside [low, high]; NaN for no curve."""
    if curve is None:
        return float("nan")
    values = np.asarray(curve, dtype=np.float64)
    inside = np.isfinite(values) & (values >= low - ROUNDING) & (values <= high + ROUNDING)
    return float(values.size - np.count_nonzero(inside))


def maximum(curve: object) -> float:
    """Largest finite value; NaN for no curve, or one without a finite value."""
    if curve is None:
        return float("nan")
    values = np.asarray(curve, dtype=np.float64)
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else float("nan")
