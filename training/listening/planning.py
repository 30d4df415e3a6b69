"""How many listeners a test needs to find a difference.

Noether, "Sample size determination for some common nonparametric tests", JASA 82 (1987), for the signed-rank test:
n = (z(1 - alpha/2) + z(power))^2 / (3 (p - 1/2)^2), p = P(d1 + d2 > 0) for the differences d of two listeners; for
normal differences of mean m and deviation s, p = Phi(sqrt(2) m / s). It takes the variance under the null hypothesis,
so that it asks for more listeners than needed where the effect is large.
"""

from __future__ import annotations

import math

from scipy.stats import norm


def listeners_needed(
    effect: float, deviation: float, comparisons: int = 1, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Listeners that find a mean difference with the given probability.

    Args:
        effect: mean difference, points.
        deviation: standard deviation of the paired differences over listeners, points.
        comparisons: how many tests share ``alpha``; Holm's first step divides it by them.
        alpha: two-sided, of all comparisons together.
        power: probability of finding it.

    Raises:
        ValueError: an effect or deviation that is not positive.
    """
    if effect <= 0 or deviation <= 0:
        raise ValueError("effect and deviation have to be positive")
    level = alpha / comparisons
    probability = norm.cdf(math.sqrt(2.0) * effect / deviation)
    wanted = (norm.ppf(1.0 - level / 2.0) + norm.ppf(power)) ** 2 / (3.0 * (probability - 0.5) ** 2)
    return math.ceil(wanted)


def smallest_sample(level: float) -> int:
    """Fewest listeners with which a signed-rank test can reach a two-sided level at all: 2 / 2^n <= level."""
    return math.ceil(math.log2(2.0 / level))
