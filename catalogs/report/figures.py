"""The report's charts: those of ``catalogs.plots`` without rows, compiled, which the page's script fills."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

try:
    import vl_convert
except ImportError as error:
    raise ImportError("charts are compiled by vl-convert: pip install 'fxnorm-data[report]'") from error

from catalogs.plots.audio import RANGE_HZ
from catalogs.plots.bands import Feature
from catalogs.plots.charts import (
    Chart,
    band_chart,
    fault_chart,
    histogram_chart,
    movement_chart,
    rows_of,
    spectrogram_chart,
    waveform_chart,
)
from catalogs.plots.quantities import QUANTITIES
from catalogs.report.outliers import EXCERPT_SECONDS

HISTOGRAM_CAPTIONS = {
    "loudness": "Stems as they came, and as they are stored.",
    "dynamics": "Peaks at onsets, in a stem whose peak is at -10 dBFS: as it came, and behind the compressor.",
    "spectrum": "Root mean square over third octaves, before and behind the equaliser; the target is 0.",
    "panning": "Mean over time and frequency, before and behind the panning effect; 1 is the same in both channels.",
}

BAND_CAPTIONS = {
    "eq": "Stems as they came, all at -30 LUFS. Normalised stems have no stored spectrum: the next chart says how "
    "close to the target they came.",
    "panning": "Stems as they came, by frequency; 1 is the same in both channels.",
}

BAND_TITLES = {"eq": "Spectrum and its target", "panning": "Panning similarity and its target"}


@dataclass(frozen=True)
class Figure:
    """A chart of the page.

    Attributes:
        id: of its element.
        kind: which rows it draws: histogram, bands, movement or faults.
        section: of the page.
        title: over it.
        caption: what it shows.
        spec: compiled to Vega.
        about: key of the quantity or feature.
    """

    id: str
    kind: str
    section: str
    title: str
    caption: str
    spec: dict[str, Any]
    about: dict[str, str]


def compiled(chart: Chart) -> dict[str, Any]:
    """A chart as Vega runs it."""
    return vl_convert.vegalite_to_vega(chart.to_json())


def make_figures(limits: Mapping[str, float], findings: pd.DataFrame) -> list[Figure]:
    """All figures in the order of the page.

    Args:
        limits: ends of the axes of movements, as of :func:`catalogs.plots.tidy.movement_limits`.
        findings: with ``fault``.
    """
    return list(_figures(limits, findings))


def _figures(limits: Mapping[str, float], findings: pd.DataFrame) -> Iterator[Figure]:
    empty = rows_of([])
    for name in ("loudness", "dynamics"):
        yield _histogram(name, "levels")
    curves: dict[Feature, str] = {"eq": "spectrum", "panning": "panning"}
    for feature, name in curves.items():
        spec = compiled(band_chart(empty, feature))
        caption = BAND_CAPTIONS[feature]
        yield Figure(f"bands-{feature}", "bands", "spectra", BAND_TITLES[feature], caption, spec, {"feature": feature})
        yield _histogram(name, "spectra")
    for name, quantity in QUANTITIES.items():
        spec = compiled(movement_chart(empty, quantity, limits[name]).properties(title=""))
        title = f"{name.capitalize()}, distance from the target"
        yield Figure(f"movement-{name}", "movement", "movement", title, "", spec, {"quantity": name})
    if len(findings):
        spec = compiled(fault_chart(empty, findings["fault"].nunique()))
        yield Figure("faults", "faults", "findings", "Findings by fault", "", spec, {})


def _histogram(name: str, section: str) -> Figure:
    quantity = QUANTITIES[name]
    spec = compiled(histogram_chart(rows_of([]), quantity))
    title = quantity.title[0].upper() + quantity.title[1:]
    return Figure(f"histogram-{name}", "histogram", section, title, HISTOGRAM_CAPTIONS[name], spec, {"quantity": name})


def chart_data(figures: list[Figure]) -> str:
    """What the page's script needs to draw all charts, as JSON."""
    content = {
        "figures": [{"id": figure.id, "kind": figure.kind, "spec": figure.spec, **figure.about} for figure in figures],
        "waveform": compiled(waveform_chart(rows_of([]), EXCERPT_SECONDS)),
        "spectrogram": compiled(spectrogram_chart(rows_of([]), EXCERPT_SECONDS, *RANGE_HZ)),
    }
    return json.dumps(content, sort_keys=True)
