"""Rows that charts draw, from the numbers of stems: histograms, quantiles of curves, and counts over two distances.

The report's page computes the same rows from what passes its filters (``catalogs/report/tidy.js``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catalogs.plots.bands import CENTRES_HZ
from catalogs.plots.quantities import QUANTITIES, STAGES, Quantity

Rows = list[dict[str, Any]]

QUANTILES = {"low": 0.05, "lower": 0.25, "median": 0.5, "upper": 0.75, "high": 0.95}
"""Quantiles of curves by their names."""

CELLS = 48
"""Cells along each axis of the chart of movements."""


def histogram_rows(stems: pd.DataFrame, quantity: Quantity) -> Rows:
    """Share of the stems (of one label, source and stage) in each bin that holds any.

    Bins are multiples of the quantity's step, closed at their lower end.
    """
    rows: Rows = []
    for (label, source), group in stems.groupby(["label", "source"], sort=True):
        for stage in STAGES:
            values = group[f"{quantity.name}_{stage}"].dropna().to_numpy()
            bins, counts = np.unique(np.floor(values / quantity.step + 1e-9), return_counts=True)
            rows += [
                {
                    "label": label,
                    "source": source,
                    "stage": stage,
                    "from": float(place * quantity.step),
                    "to": float((place + 1) * quantity.step),
                    "share": count / values.size,
                    "stems": int(count),
                }
                for place, count in zip(bins, counts, strict=True)
            ]
    return rows


def band_rows(curves: pd.DataFrame, targets: Mapping[str, NDArray[np.float32]], label: str = "") -> Rows:
    """Quantiles over the stems of each source in every band, and the target there.

    Args:
        curves: as of :func:`catalogs.plots.bands.band_frame`.
        targets: by source, as of :func:`catalogs.plots.bands.target_bands`.
        label: name of the catalog.
    """
    rows: Rows = []
    for source, group in curves.groupby(level="source", sort=True):
        levels = np.quantile(group.to_numpy(), list(QUANTILES.values()), axis=0, method="lower")
        for band, hz in enumerate(CENTRES_HZ):
            row = {"label": label, "source": source, "hz": round(float(hz), 2)}
            row |= {name: float(level) for name, level in zip(QUANTILES, levels[:, band], strict=True)}
            rows.append(row | {"target": float(targets[str(source)][band]) if source in targets else None})
    return rows


def movement_limits(stems: pd.DataFrame) -> dict[str, float]:
    """Of each quantity, the largest distance from a target before or after, rounded up to four steps."""
    limits = {}
    for quantity in QUANTITIES.values():
        distances = stems[[f"{quantity.name}_distance_{stage}" for stage in STAGES]].to_numpy()
        largest = float(np.nanmax(distances)) if np.isfinite(distances).any() else 0.0
        unit = 4 * quantity.step
        limits[quantity.name] = max(1.0, float(np.ceil(largest / unit - 1e-9))) * unit
    return limits


def movement_rows(stems: pd.DataFrame, quantity: Quantity, limit: float) -> Rows:
    """How many stems lie in each cell of distance from the target before and after, by label.

    Args:
        stems: as of :func:`catalogs.plots.stems.stem_frame`.
        quantity: which distance.
        limit: end of both axes; what lies beyond is counted in the last cell.

    Returns:
        rows of kind ``cell`` with the number of stems, and two of kind ``unmoved`` for each label: the ends of the line
        on which a stem lies that was not moved.
    """
    cell = limit / CELLS
    rows: Rows = []
    for label, group in stems.groupby("label", sort=True):
        pairs = group[[f"{quantity.name}_distance_{stage}" for stage in STAGES]].dropna().to_numpy()
        places, counts = np.unique(np.minimum(np.floor(pairs / cell), CELLS - 1), axis=0, return_counts=True)
        rows += [{"label": label, "kind": "unmoved", "before": end, "after": end} for end in (0.0, limit)]
        rows += [
            {
                "label": label,
                "kind": "cell",
                "before": float((x + 0.5) * cell),
                "after": float((y + 0.5) * cell),
                "stems": int(count),
            }
            for (x, y), count in zip(places, counts, strict=True)
        ]
    return rows
