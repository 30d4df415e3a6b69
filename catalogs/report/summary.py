"""What the report says about a catalog, in numbers: corpora, stems, curves, findings, quarantine."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from catalogs.catalog import Catalog
from catalogs.plots.bands import CENTRES_HZ, Feature, band_frame, target_bands
from catalogs.plots.quantities import QUANTITIES, STAGES
from catalogs.plots.stems import stem_frame
from catalogs.quality import FAULTS, Finding, find_faults
from catalogs.schemas import SPLITS

SHOWN_STEMS = 20_000
"""Stems in the page; of a larger catalog, as many, evenly spaced in the order of song and source."""

SHOWN_ROWS = 10_000
"""Findings, and rows of the quarantine, in the page; all are counted."""

CODES = 255
"""Largest code of a band's value; the page holds a byte for each band."""

SPECTRUM_STEP_DB = 0.5
PANNING_STEP = 1 / 250

NUMBERS = [f"{name}_{stage}" for name in QUANTITIES for stage in (*STAGES, "target")]

SPARE_DIGITS = 1
"""Digits more than tables show that the page's numbers have, so that histograms are exact."""


@dataclass(frozen=True)
class CorpusSummary:
    """A corpus: songs by split, stems, their hours, and refused songs."""

    corpus: str
    songs: dict[str, int]
    stems: int
    hours: float
    quarantined: int


@dataclass(frozen=True)
class Summary:
    """A catalog in numbers.

    Attributes:
        stems: all stems, as of :func:`catalogs.plots.stems.stem_frame`.
        shown: those in the page.
        corpora: by name.
        findings: all, with ``corpus``, ``split``, ``song_id``, ``source``, ``fault``, ``value``, ``threshold``.
        quarantine: all refused songs.
    """

    stems: pd.DataFrame
    shown: pd.DataFrame
    corpora: tuple[CorpusSummary, ...]
    findings: pd.DataFrame
    quarantine: pd.DataFrame


def summarize(catalog: Catalog) -> Summary:
    """Gather the numbers of a catalog; reads no spectrum.

    Raises:
        CatalogError: a table is not there; a catalog without a table ``quality`` has no findings.
    """
    stems = stem_frame(catalog)
    tracks = catalog.frame("tracks", ["song_id", "corpus", "split"]).drop_duplicates("song_id").set_index("song_id")
    quarantine = catalog.frame("quarantine").sort_values(["corpus", "song_id"], kind="stable")
    faults = find_faults(catalog.frame("quality")) if "quality" in catalog.manifest.tables else []
    return Summary(
        stems, _evenly(stems, SHOWN_STEMS), _corpora(stems, tracks, quarantine), _findings(faults, tracks), quarantine
    )


def _evenly(frame: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(frame) <= most:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, most).round().astype(int)]


def _corpora(stems: pd.DataFrame, tracks: pd.DataFrame, quarantine: pd.DataFrame) -> tuple[CorpusSummary, ...]:
    refused = quarantine.drop_duplicates("song_id")["corpus"].value_counts()
    return tuple(
        CorpusSummary(
            str(corpus),
            {split: int((tracks["corpus"].eq(corpus) & tracks["split"].eq(split)).sum()) for split in SPLITS},
            int(stems["corpus"].eq(corpus).sum()),
            float(stems.loc[stems["corpus"].eq(corpus), "seconds"].sum() / 3600),
            int(refused.get(corpus, 0)),
        )
        for corpus in sorted({*tracks["corpus"], *quarantine["corpus"]})
    )


def _findings(faults: list[Finding], tracks: pd.DataFrame) -> pd.DataFrame:
    columns = ["song_id", "stem", "fault", "value", "threshold"]
    frame = pd.DataFrame([[getattr(fault, column) for column in columns] for fault in faults], columns=columns)
    return frame.rename(columns={"stem": "source"}).join(tracks, on="song_id")


def page_data(catalog: Catalog, summary: Summary) -> dict[str, Any]:
    """What the page's script computes with: plain values, the spectra as bytes in base64."""
    shown = summary.shown
    names = {column: sorted(set(shown[column])) for column in ("song_id", "corpus", "split", "source")}
    stems: dict[str, Any] = {
        column: pd.Categorical(shown[column], categories=values).codes.tolist() for column, values in names.items()
    }
    stems["seconds"] = _rounded(shown["seconds"], 1)
    stems["silent"] = shown["silent"].astype(int).tolist()
    for column in NUMBERS:
        stems[column] = _rounded(shown[column], QUANTITIES[column.partition("_")[0]].digits + SPARE_DIGITS)
    findings = summary.findings.head(SHOWN_ROWS)
    quarantine = summary.quarantine.head(SHOWN_ROWS)
    return {
        "names": names,
        "stems": stems,
        "curves": {feature: _curves(catalog, shown, feature) for feature in ("eq", "panning")},
        "hz": [round(float(hz), 2) for hz in CENTRES_HZ],
        "meanings": {name: fault.meaning for name, fault in FAULTS.items()},
        "findings": _records(findings.assign(value=findings["value"].map(lambda value: float(f"{value:.5g}")))),
        "quarantine": _records(quarantine[["song_id", "corpus", "stem", "stage", "reason", "message"]]),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in frame.to_dict("records")
    ]


def _rounded(values: pd.Series, digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(float(value), digits) for value in values]


def _curves(catalog: Catalog, shown: pd.DataFrame, feature: Feature) -> dict[str, Any]:
    """Bands of the shown stems as bytes: ``low + step * (code - 1)``; code 0 stands for a stem that has none."""
    bands = band_frame(catalog, feature)
    wanted = pd.MultiIndex.from_frame(shown[["song_id", "source"]])
    values = bands.reindex(wanted).to_numpy()
    step = SPECTRUM_STEP_DB if feature == "eq" else PANNING_STEP
    highest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    low = float(np.ceil(highest) - step * (CODES - 1)) if feature == "eq" else 0.0
    targets = {source: [round(float(v), 3) for v in curve] for source, curve in target_bands(catalog, feature).items()}
    codes = base64.b64encode(_encoded(values, low, step).tobytes()).decode()
    return {"low": low, "step": step, "codes": codes, "targets": targets}


def _encoded(values: NDArray[np.floating], low: float, step: float) -> NDArray[np.uint8]:
    codes = np.clip(np.round((values - low) / step) + 1, 1, CODES)
    return np.where(np.isnan(values), 0, codes).astype(np.uint8)
