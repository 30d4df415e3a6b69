"""Decibels of powers, held within bounds, so that digital silence is a number that can be compared and stored."""

from __future__ import annotations

import math

BOUND_DB = 200.0
"""Levels and ratios are given within plus and minus this (dB); digital silence is at the lower bound."""


def power_db(power: float) -> float:
    """10 log10 of a power, within the bounds."""
    return ratio_db(power, 1.0)


def ratio_db(power: float, reference: float) -> float:
    """10 log10 of the ratio of two powers, within the bounds; 0 dB where both are zero."""
    if power <= 0.0 or reference <= 0.0:
        return BOUND_DB * (int(power > 0.0) - int(reference > 0.0))
    return min(BOUND_DB, max(-BOUND_DB, 10.0 * (math.log10(power) - math.log10(reference))))
