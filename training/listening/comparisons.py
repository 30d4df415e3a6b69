"""Statistics of a listening test: systems against each other on each axis, over listeners.

The unit is the listener: a listener's ratings of a system are averaged over songs first, so that several pages of one
listener do not count as independent evidence. Systems are compared with the Wilcoxon signed-rank test (Wilcoxon,
"Individual comparisons by ranking methods", Biometrics Bulletin 1945) on paired differences; the p values of all pairs
on all axes are corrected together (Holm, "A simple sequentially rejective multiple test procedure", Scandinavian
Journal of Statistics 1979). Effect size: matched-pairs rank-biserial correlation (Kerby, "The simple difference
formula", Comprehensive Psychology 2014).
"""

from __future__ import annotations

import warnings
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from training.evaluation.bootstrap import Bootstrap
from training.listening.planning import listeners_needed
from training.listening.ratings import listener_means

ALPHA = 0.05
"""Family-wise error rate of all comparisons of a test together."""

POWER = 0.8
"""Probability with which the wanted effect should be found."""


def wilcoxon_p(differences: ArrayLike) -> float:
    """Two-sided p value; exact where scipy can (up to 50 listeners without ties). 1.0 where nobody differs."""
    values = np.asarray(differences, dtype=np.float64)
    if not np.any(values):
        return 1.0
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sample size too small")
        return float(scipy.stats.wilcoxon(values).pvalue)


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation, -1 to 1: favourable less unfavourable share of the ranks; 0 for ties."""
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not values.size:
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(values))
    return float(np.sum(np.sign(values) * ranks) / np.sum(ranks))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's adjusted p values, in the order given: the k-th smallest of m times m - k + 1, never falling, up to 1."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.arange(values.size, 0, -1) * values[order]))
    return adjusted


def compare_pairs(ratings: pd.DataFrame, systems: tuple[str, ...]) -> pd.DataFrame:
    """Compare all pairs of systems on all axes.

    Args:
        ratings: columns of training.listening.ratings.COLUMNS.
        systems: names, in the order in which pairs are formed.

    Returns:
        a row for each axis and pair: axis, first, second, listeners, mean_difference (first minus second, points),
        deviation (of the differences), rank_biserial, p, p_holm.
    """
    rows = []
    for axis, means in listener_means(ratings).groupby(level="axis", sort=False):
        for first, second in combinations(systems, 2):
            differences = (means[first] - means[second]).dropna().to_numpy()
            deviation = float(np.std(differences, ddof=1)) if differences.size > 1 else np.nan
            rows.append(
                (
                    axis, first, second, differences.size, float(np.mean(differences)), deviation,
                    rank_biserial(differences), wilcoxon_p(differences),
                )
            )  # fmt: skip
    columns = ["axis", "first", "second", "listeners", "mean_difference", "deviation", "rank_biserial", "p"]
    table = pd.DataFrame(rows, columns=columns)
    table["p_holm"] = holm(table["p"])
    return table


def compare_systems(
    ratings: pd.DataFrame, systems: tuple[str, ...], wanted_effect: float, bootstrap: Bootstrap | None = None
) -> pd.DataFrame:
    """compare_pairs, with intervals of the mean difference, and how many listeners the wanted effect needs.

    Returns:
        further columns low, high (percentile interval over listeners; NaN for one listener) and needed (listeners;
        null for one listener).
    """
    bootstrap = bootstrap or Bootstrap()
    table = compare_pairs(ratings, systems)
    by_axis = dict(list(listener_means(ratings).groupby(level="axis", sort=False)))
    intervals = [
        bootstrap.interval((by_axis[row["axis"]][row["first"]] - by_axis[row["axis"]][row["second"]]).dropna())
        for row in table.to_dict("records")
    ]
    table[["low", "high"]] = np.array(intervals).reshape(-1, 2)
    needed = [
        listeners_needed(wanted_effect, deviation, len(table), ALPHA, POWER) if deviation > 0 else None
        for deviation in table["deviation"]
    ]
    table["needed"] = pd.array(needed, dtype="Int64")
    return table


def summarise_systems(
    ratings: pd.DataFrame, systems: tuple[str, ...], bootstrap: Bootstrap | None = None
) -> pd.DataFrame:
    """Mean rating of each system on each axis over listeners, with percentile bootstrap intervals.

    Returns:
        columns axis, system, listeners, mean, low, high, deviation (between listeners), median.
    """
    bootstrap = bootstrap or Bootstrap()
    rows = []
    for axis, means in listener_means(ratings).groupby(level="axis", sort=False):
        for system in systems:
            values = means[system].dropna()
            rows.append(
                (axis, system, len(values), values.mean(), *bootstrap.interval(values), values.std(), values.median())
            )
    columns = ["axis", "system", "listeners", "mean", "low", "high", "deviation", "median"]
    return pd.DataFrame(rows, columns=columns)
