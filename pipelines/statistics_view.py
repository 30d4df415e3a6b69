"""Statistics in a form that a person can read."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from fxnorm.settings import SAMPLE_RATE
from fxnorm.statistics import Statistics


def statistics_view(statistics: Statistics) -> dict[str, Any]:
    """Averages of each source: loudness in LUFS, onset peak level in dBFS, similarity, and the spectral centroid in Hz
    of the average spectrum; counts of stems and songs."""
    sources = {}
    for source in statistics.sources:
        targets = statistics.targets(source)
        centroid = None
        if targets.eq is not None:
            frequency = np.linspace(0.0, SAMPLE_RATE / 2.0, targets.eq.size)
            centroid = float((frequency * targets.eq).sum() / targets.eq.sum())
        sources[source] = {
            "stems": {feature: value.count for (name, feature), value in statistics.sums.items() if name == source},
            "songs": list(statistics.songs(source)),
            "loudness_lufs": targets.loudness,
            "onset_peak_mean_dbfs": None if targets.compression is None else targets.compression.mean,
            "onset_peak_std_db": None if targets.compression is None else targets.compression.std,
            "similarity": None if targets.panning is None else float(targets.panning.mean()),
            "spectral_centroid_hz": centroid,
        }
    return {"mode": statistics.mode, "hash": statistics.fingerprint(), "sources": sources}


def print_statistics(view: dict[str, Any], console: Console) -> None:
    """Print averages as a table."""
    table = Table(title=f"{view['mode']} statistics {view['hash'][:12]}", title_justify="left")
    for heading in (
        "source",
        "songs",
        "loudness, LUFS",
        "onset peak level, dBFS",
        "similarity",
        "spectral centroid, Hz",
    ):
        table.add_column(heading, justify="left" if heading == "source" else "right")
    for name, row in view["sources"].items():
        table.add_row(
            name,
            "?" if view["mode"] == "published" else str(len(row["songs"])),
            _number(row["loudness_lufs"], 2),
            f"{_number(row['onset_peak_mean_dbfs'], 2)} ± {_number(row['onset_peak_std_db'], 2)}",
            _number(row["similarity"], 3),
            _number(row["spectral_centroid_hz"], 0),
        )
    console.print(table)


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
