"""Means over songs with percentile bootstrap intervals (Efron, 1979), by scipy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import ArrayLike

SUMMARY_COLUMNS = ("system", "metric", "unit", "songs", "mean", "low", "high")


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Attributes:
        confidence: probability that an interval is meant to cover the mean.
        resamples: number of resamples of the songs.
        seed: seed of the resampling. Every metric and system draws the same songs, so that systems are compared on
            equal resamples.
    """

    confidence: float = 0.95
    resamples: int = 5_000
    seed: int = 0

    def interval(self, values: ArrayLike) -> tuple[float, float]:
        """Percentile interval of the mean of values, one a song; NaN for fewer than two songs."""
        sample = np.asarray(values, dtype=np.float64)
        if sample.size < 2:
            return np.nan, np.nan
        result = scipy.stats.bootstrap(
            (sample,),
            np.mean,
            n_resamples=self.resamples,
            confidence_level=self.confidence,
            method="percentile",
            rng=np.random.default_rng(self.seed),
        )
        return float(result.confidence_interval.low), float(result.confidence_interval.high)

    def summarize(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Mean over songs and its interval, for each system and metric in the order in which they come.

        Args:
            rows: columns system, metric, unit and value. NaN values are left out; ``songs`` counts the others.

        Returns:
            one row for each system and metric, with SUMMARY_COLUMNS.
        """
        summary = []
        for (system, metric, unit), group in rows.groupby(["system", "metric", "unit"], sort=False):
            values = group["value"].dropna().to_numpy()
            mean = float(np.mean(values)) if values.size else np.nan
            summary.append((system, metric, unit, values.size, mean, *self.interval(values)))
        return pd.DataFrame(summary, columns=list(SUMMARY_COLUMNS))
