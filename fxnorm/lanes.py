"""Sums and maxima of long arrays in sixteen lanes, and logarithms and exponentials that compilers turn into vectors.

A lane takes every sixteenth value, and lanes are joined in order at the end: the result does not depend on how wide the
processor's vectors are, so that a song gets the same bytes on every machine.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

LANES = 16

_MANTISSA_BITS = 23
_MANTISSA_MASK = (1 << _MANTISSA_BITS) - 1
_EXPONENT_BIAS = 127
_ONE_BITS = _EXPONENT_BIAS << _MANTISSA_BITS
_LN_2 = math.log(2.0)
_SQRT_2 = math.sqrt(2.0)


@njit(cache=True, nogil=True, error_model="numpy")
def sum_of_squares(signal: NDArray[np.float32]) -> float:
    """Sum of squares of a one-dimensional array, in double precision."""
    sums = np.zeros(LANES)
    whole = signal.shape[0] // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            value = np.float64(signal[start + lane])
            sums[lane] += value * value
    total = 0.0
    for lane in range(LANES):
        total += sums[lane]
    for n in range(whole, signal.shape[0]):
        value = np.float64(signal[n])
        total += value * value
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def largest_magnitude(signal: NDArray[np.float32]) -> float:
    """Largest absolute value of a one-dimensional array; 0.0 for none."""
    largest = np.zeros(LANES, dtype=np.float32)
    whole = signal.shape[0] // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            value = abs(signal[start + lane])
            largest[lane] = value if value > largest[lane] else largest[lane]
    result = np.float32(0.0)
    for lane in range(LANES):
        result = max(result, largest[lane])
    for n in range(whole, signal.shape[0]):
        result = max(result, abs(signal[n]))
    return float(result)


@njit(cache=True, nogil=True, error_model="numpy")
def add_logarithms(values: NDArray[np.float32], weights: NDArray[np.float64]) -> float:
    """Sum of weights times natural logarithms of positive values, each to 1e-9."""
    bits = values.view(np.int32)
    terms = np.empty(values.shape[0])
    for k in range(values.shape[0]):
        terms[k] = weights[k] * log_of_bits(bits[k])
    sums = np.zeros(LANES)
    whole = values.shape[0] // LANES * LANES
    for start in range(0, whole, LANES):
        for lane in range(LANES):
            sums[lane] += terms[start + lane]
    total = 0.0
    for lane in range(LANES):
        total += sums[lane]
    for k in range(whole, values.shape[0]):
        total += terms[k]
    return total


@njit(inline="always", error_model="numpy")
def log_of_bits(bits: int) -> float:
    """Natural logarithm of the positive float32 with these bits, to 1e-9; about -88 for zero.

    With mantissa m in 1..2: log m = log sqrt 2 + 2 atanh z, z = (m - sqrt 2) / (m + sqrt 2), by its series.
    """
    exponent = (bits >> _MANTISSA_BITS) - _EXPONENT_BIAS
    mantissa = 1.0 + (bits & _MANTISSA_MASK) * (1.0 / (1 << _MANTISSA_BITS))
    z = (mantissa - _SQRT_2) / (mantissa + _SQRT_2)
    y = z * z
    series = 1.0 + y * (1.0 / 3.0 + y * (1.0 / 5.0 + y * (1.0 / 7.0 + y * (1.0 / 9.0 + y * (1.0 / 11.0)))))
    return (exponent + 0.5) * _LN_2 + 2.0 * z * series


@njit(inline="always", error_model="numpy")
def exp_of_negative(x: float) -> float:
    """Exponential of -x for x from 0 to 5, to 4e-8 of itself: the eighth power of the series of exp(-x / 8)."""
    y = -0.125 * x
    series = 1.0 + y * (
        1.0
        + y
        * (
            1.0 / 2.0
            + y
            * (
                1.0 / 6.0
                + y
                * (
                    1.0 / 24.0
                    + y * (1.0 / 120.0 + y * (1.0 / 720.0 + y * (1.0 / 5_040.0 + y * (1.0 / 40_320.0 + y / 362_880.0))))
                )
            )
        )
    )
    square = series * series
    fourth = square * square
    return fourth * fourth
