"""What a listening test found, for people: tables on the console, CSV and SVG files, and a page that shows all."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pandas as pd
from rich.markup import escape
from rich.table import Table

from catalogs.storage import Location
from catalogs.web import asset
from training.listening.analysis import Analysis
from training.listening.charts import difference_chart, rating_chart, to_svg
from training.listening.comparisons import ALPHA, POWER
from training.listening.exclusion import MEASURES


def rating_table(analysis: Analysis) -> Table:
    """Mean ratings with intervals, a row for each axis, a column for each system."""
    table = Table(title=f"Mean rating over {analysis.kept['listener'].nunique()} listeners [95 % interval]")
    table.title_justify = "left"
    table.add_column("axis")
    for system in analysis.key.systems:
        table.add_column(escape(system), justify="right")
    for axis in analysis.key.axes:
        of_axis = analysis.systems[analysis.systems["axis"] == axis.id]
        rows = {row["system"]: row for row in of_axis.to_dict("records")}
        cells = [
            _interval(rows[system]["mean"], rows[system]["low"], rows[system]["high"])
            for system in analysis.key.systems
        ]
        table.add_row(escape(axis.name), *cells)
    return table


def comparison_table(analysis: Analysis) -> Table:
    """All pairs of systems."""
    table = Table(title=f"Differences; Holm over {len(analysis.comparisons)} comparisons, alpha {ALPHA:g}")
    table.title_justify = "left"
    for name in ("axis", "pair"):
        table.add_column(name)
    for name in ("difference", "rank-biserial", "p", "p (Holm)", f"needed for {analysis.key.wanted_effect:g} points"):
        table.add_column(name, justify="right")
    names = {axis.id: axis.name for axis in analysis.key.axes}
    for row in analysis.comparisons.to_dict("records"):
        table.add_row(
            escape(names[row['axis']]), escape(f"{row['first']} - {row['second']}"),
            _interval(row['mean_difference'], row['low'], row['high']), f"{row['rank_biserial']:+.2f}",
            f"{row['p']:.4f}", f"{row['p_holm']:.4f}", "" if pd.isna(row['needed']) else str(row['needed']),
            style="bold" if row['p_holm'] < ALPHA else None,
        )  # fmt: skip
    return table


def write_report(analysis: Analysis, folder: Path) -> None:
    """Write tables as CSV, charts as SVG, and ``report.html`` into a folder, which is made."""
    charts = {"ratings": to_svg(rating_chart(analysis)), "differences": to_svg(difference_chart(analysis))}
    for name, table in _tables(analysis).items():
        Location.parse(folder / f"{name}.csv").write_bytes(table.to_csv(index=False).encode())
    for name, svg in charts.items():
        Location.parse(folder / f"{name}.svg").write_bytes(svg.encode())
    images = {name: f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" for name, svg in charts.items()}
    Location.parse(folder / "report.html").write_bytes(_page(analysis, images).encode())


def _tables(analysis: Analysis) -> dict[str, pd.DataFrame]:
    return {
        "ratings": analysis.ratings,
        "listeners": analysis.listeners.assign(flags=analysis.listeners["flags"].str.join(" ")),
        "answers": analysis.answers,
        "systems": analysis.systems,
        "songs": analysis.songs,
        "comparisons": analysis.comparisons,
        "comparisons_everybody": analysis.everybody,
        "consistency": analysis.consistency,
    }


def _page(analysis: Analysis, charts: Mapping[str, str]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("training.listening", "templates"), autoescape=True, trim_blocks=True
    )
    return environment.get_template("report.html.jinja").render(
        analysis=analysis, key=analysis.key, charts=charts, style=asset("base.css"), alpha=ALPHA, power=POWER,
        names={axis.id: axis.name for axis in analysis.key.axes}, measures=MEASURES,
        count=analysis.kept["listener"].nunique(), isna=pd.isna, interval=_plain_interval,
    )  # fmt: skip


def _plain_interval(mean: float, low: float, high: float) -> str:
    text = f"{mean:.1f}"
    return text if pd.isna(low) else f"{text} [{low:.1f}, {high:.1f}]"


def _interval(mean: float, low: float, high: float) -> str:
    return escape(_plain_interval(mean, low, high))
