"""What an evaluation found: a row for each system, song and metric, a summary, a table and a chart."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.markup import escape
from rich.table import Table

from training.evaluation.bootstrap import Bootstrap
from training.evaluation.chart import comparison_chart


def _field(name: str, dtype: pa.DataType, description: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, dtype, nullable=nullable, metadata={"description": description})


ROWS = pa.schema(
    [
        _field("system", pa.string(), "name of the system that made the mix"),
        _field("song", pa.string(), "name of the song"),
        _field("metric", pa.string(), "family.metric, see docs/evaluation.md; smaller is closer"),
        _field("unit", pa.string(), "fraction, LU, dB, bins², or nothing for a number without a unit"),
        _field("value", pa.float64(), "null where the metric is not defined for the song", nullable=True),
        _field("note", pa.string(), "why there is no value, or what was done to the mix", nullable=True),
    ],
    metadata={"table": "evaluation", "description": "one row for each system, song and metric"},
)
"""Schema of the rows."""


@dataclass(frozen=True)
class EvaluationReport:
    """Rows with the columns of ROWS, and how intervals are made from them."""

    rows: pd.DataFrame
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over songs with bootstrap intervals: system, metric, unit, songs, mean, low, high."""
        return self.bootstrap.summarize(self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the rows note, a line for each system and song."""
        noted = self.rows.dropna(subset="note").drop_duplicates(["system", "song", "note"])
        return tuple(
            f"{system}, {song}: {note}"
            for system, song, note in noted[["system", "song", "note"]].itertuples(index=False)
        )

    def table(self) -> Table:
        """The summary as a table, a column for each system; the smallest mean of a row is bold."""
        songs = self.rows["song"].nunique()
        percent = f"{100 * self.bootstrap.confidence:g} %"
        systems = list(dict.fromkeys(self.summary["system"]))
        table = Table(
            title=f"Mean distance to the reference over {songs} songs [{percent} bootstrap interval]",
            title_justify="left",
        )
        table.add_column("metric")
        table.add_column("unit")
        for system in systems:
            table.add_column(escape(system), justify="right")
        for (metric, unit), group in self.summary.groupby(["metric", "unit"], sort=False):
            by_system = group.set_index("system").loc[systems]
            best = by_system["mean"].min()
            cells = [_cell(row, songs, bold=row["mean"] == best) for _, row in by_system.iterrows()]
            table.add_row(str(metric), str(unit), *cells)
        return table

    def chart(self) -> alt.FacetChart:
        """The summary as a chart."""
        return comparison_chart(self.summary)

    def write(self, folder: Path) -> None:
        """Write ``evaluation.parquet`` (rows), ``summary.csv`` and ``chart.svg`` into a folder, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        table = pa.Table.from_pandas(self.rows, schema=ROWS, preserve_index=False)
        pq.write_table(table, folder / "evaluation.parquet", compression="zstd")
        self.summary.to_csv(folder / "summary.csv", index=False)
        self.chart().save(folder / "chart.svg")


def _cell(row: pd.Series, songs: int, bold: bool) -> str:
    if not row["songs"]:
        return "not defined"
    text = f"{row['mean']:.3g}"
    if not np.isnan(row["low"]):
        text += rf" \[{row['low']:.3g}, {row['high']:.3g}]"
    if row["songs"] < songs:
        text += f" ({row['songs']} songs)"
    return f"[bold]{text}[/bold]" if bold else text
