"""The findings on a catalog's stems and mixtures, counted and listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from catalogs.catalog import Catalog
from catalogs.quality import FAULTS, Finding, Thresholds, find_faults
from catalogs.quality.findings import count_faults


@dataclasses.dataclass(frozen=True)
class QualityView:
    """What is found in a catalog.

    Attributes:
        counts: findings of each fault that occurs.
        findings: all of them, sorted by song, stem and fault.
        thresholds: with which they were found.
    """

    counts: dict[str, int]
    findings: list[Finding]
    thresholds: Thresholds


def quality_view(catalog: Catalog, thresholds: Thresholds) -> QualityView:
    """Judge the table ``quality``.

    Raises:
        CatalogError: the catalog was made before there was one.
    """
    findings = find_faults(catalog.frame("quality"), thresholds)
    return QualityView(count_faults(findings), findings, thresholds)


def parse_thresholds(options: list[str]) -> Thresholds:
    """Thresholds from options of the form NAME=VALUE.

    Raises:
        ValueError: another form, an unknown name, or a value that is no number.
    """
    values = {}
    for option in options:
        name, separator, value = option.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            separator = ""
        if not separator:
            raise ValueError(f"--threshold {option!r}: expected NAME=NUMBER, for example residual_db=-30")
    return Thresholds.with_values(values)


def known_faults(text: str | None) -> tuple[str, ...]:
    """Names of faults from a comma-separated list.

    Raises:
        ValueError: one of them is unknown.
    """
    names = sorted({name.strip() for name in (text or "").split(",") if name.strip()})
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise ValueError(f"unknown fault {unknown[0]!r}; known: {', '.join(FAULTS)}")
    return tuple(names)


def as_text(counts: Mapping[str, int]) -> str:
    """Counted faults in one line."""
    return ", ".join(f"{count} {fault}" for fault, count in counts.items()) or "none"


def print_quality(view: QualityView, console: Console) -> None:
    """Print the counts and every finding."""
    console.print(f"{len(view.findings)} findings: {as_text(view.counts)}", soft_wrap=True, markup=False)
    if not view.findings:
        return
    table = Table()
    for heading in ("song", "stem", "fault", "value", "threshold", "meaning"):
        table.add_column(heading, justify="right" if heading in ("value", "threshold") else "left")
    for finding in view.findings:
        table.add_row(
            escape(finding.song_id),
            escape(finding.stem),
            finding.fault,
            f"{finding.value:.6g}",
            f"{finding.threshold:g}",
            FAULTS[finding.fault].meaning,
        )
    console.print(table)
