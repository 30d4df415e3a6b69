"""Compares the metrics with numbers of the published code: ``python -m tests.agreement_metrics DIR``.

DIR holds ``metrics.json``, and a folder ``falcon`` with the engineer's mix, the stems of a song and their normalised
audio. Prints a table; exit code 1 where a metric is more than 1 % off.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from fxnorm.settings import SAMPLE_RATE, SOURCES
from training.evaluation.compare import compare_mixes

TOLERANCE = 0.01
"""Largest relative difference."""

NAMES: Mapping[str, Mapping[str, str]] = {
    "loudness": {"d_lufs": "d_lufs", "d_peak": "d_peak"},
    "spectral": {
        "centroid_mean": "centroid",
        "bandwidth_mean": "bandwidth",
        "contrast_l_mean": "contrast_l",
        "contrast_m_mean": "contrast_m",
        "contrast_h_mean": "contrast_h",
        "contrast_mean": "contrast",
        "rolloff_mean": "rolloff",
        "flatness_mean": "flatness",
        "mape_mean": "mean",
    },
    "panning": {
        "P_t_mean": "total",
        "P_l_mean": "low",
        "P_m_mean": "middle",
        "P_h_mean": "high",
        "mape_mean": "mean",
    },
    "dynamic": {
        "rms_mean": "rms",
        "dyn_mean": "spread",
        "crest_mean": "crest",
        "l_ratio_mean_mape": "low_weighting",
        "l_ratio_mean_l2": "low_weighting_mse",
        "mape_mean": "mean",
    },
}
"""Our metric for each published one, by family."""

Check = tuple[str, str, float, float, float, bool]
"""Mix, metric, our value, reference, relative difference, whether it is met."""


def mixes(folder: Path) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """The mixes that were measured, by name."""
    yield "sum_of_stems", np.sum([soundfile.read(folder / f"{source}.wav")[0] for source in SOURCES], axis=0)
    chains = [np.load(folder / f"{source}.npz")["chain"].astype(np.float64) for source in SOURCES]
    yield "sum_of_normalised_chain_float", np.sum(chains, axis=0)


def compare(reference: Path) -> list[Check]:
    """All comparisons."""
    published = json.loads((reference / "metrics.json").read_text())
    engineer, rate = soundfile.read(reference / "falcon" / "mixture.wav")
    assert rate == SAMPLE_RATE
    checks = []
    for name, mix in mixes(reference / "falcon"):
        ours = compare_mixes(mix, engineer, rate)
        for family, metrics in NAMES.items():
            unknown = published[name][family].keys() - metrics.keys()
            assert not unknown, f"no metric of ours for {family}: {unknown}"
            for theirs, metric in metrics.items():
                expected = float(np.ravel(published[name][family][theirs])[0])
                value = ours[f"{family}.{metric}"]
                difference = abs(value - expected) / abs(expected)
                checks.append((name, f"{family}.{metric}", value, expected, difference, difference <= TOLERANCE))
    return checks


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1], "metrics.json").is_file():
        sys.stderr.write(f"usage: python -m tests.agreement_metrics DIR\n{__doc__}")
        return 2
    checks = compare(Path(sys.argv[1]))
    table = Table("mix", "metric", "ours", "reference", "relative difference", f"met ({TOLERANCE:.0%})")
    for mix, metric, value, expected, difference, met in checks:
        table.add_row(mix, metric, f"{value:.6g}", f"{expected:.6g}", f"{difference:.1e}", "yes" if met else "NO")
    Console(width=130, highlight=False).print(table)
    return 0 if all(check[-1] for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
