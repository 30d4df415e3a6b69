"""Rules that every table shares: its columns are those of the schema, and required values are there."""

from __future__ import annotations

import pandas as pd

from catalogs.schemas import TABLES
from catalogs.validation.evidence import KEYS, Evidence
from catalogs.validation.rule import Check, Rule, empty, holds


def column_checks(table: str, once: bool = False) -> tuple[Check, ...]:
    """The shared rules, for one table of :data:`catalogs.schemas.TABLES`; ``once`` for one whose rows are no song's."""

    def columns(evidence: Evidence) -> pd.DataFrame:
        names = pd.Series(TABLES[table].names, dtype=object)
        here = evidence.columns[table]
        present = names.map(lambda name: name in here)
        return pd.DataFrame({"song_id": None, "stem": None, "column": names, "present": present})

    def values(evidence: Evidence) -> pd.DataFrame:
        frame = evidence.tables[table]
        required = [field.name for field in TABLES[table] if not field.nullable]
        missing = pd.Series("", index=frame.index, dtype=object)
        for name in required:
            missing = missing.where(frame[name].notna(), missing + f", {name}")
        missing = missing.str.removeprefix(", ").astype(object)
        return frame[list(KEYS)].assign(missing=missing.where(missing != "", None))

    return (
        Check(
            table,
            columns,
            (
                Rule(
                    f"{table}.columns",
                    f"The table has every column of the `{table}` schema.",
                    "Another version of fxnorm-data or other software wrote the table; build it again.",
                    holds("present"),
                    "{column}",
                    f"the {table} table has no column {{column}}",
                ),
            ),
            once=True,
        ),
        Check(
            table,
            values,
            (
                Rule(
                    f"{table}.required_values",
                    "Columns that may not be null hold a value of their type; a blank text counts as null.",
                    "The row is damaged or was written by other software; build the table again.",
                    empty("missing"),
                    "{missing}",
                    "no usable value in: {missing}",
                ),
            ),
            once=once,
        ),
    )
