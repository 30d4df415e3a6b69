"""A rule of a suite: a named Great Expectations expectation with the words that explain it.

Expectations are named here and built only on validation: importing Great Expectations takes seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from catalogs.validation.evidence import Evidence


@dataclass(frozen=True)
class Expectation:
    """An expectation class of ``great_expectations.expectations`` and its arguments.

    Attributes:
        kind: name of the class.
        columns: columns of the frame that it reads.
        arguments: keyword arguments of the class.
    """

    kind: str
    columns: tuple[str, ...]
    arguments: Mapping[str, Any]


def holds(column: str) -> Expectation:
    """A helper column is True wherever it is not null."""
    return one_of(column, (True,))


def one_of(column: str, values: Sequence[object]) -> Expectation:
    """Values come from a set."""
    arguments = {"column": column, "value_set": list(values)}
    return Expectation("ExpectColumnValuesToBeInSet", (column,), arguments)


def within(column: str, low: float | None = None, high: float | None = None, above: float | None = None) -> Expectation:
    """Values lie in [low, high], or strictly above a bound."""
    arguments = {
        "column": column,
        "min_value": low if above is None else above,
        "strict_min": above is not None,
        "max_value": high,
    }
    return Expectation("ExpectColumnValuesToBeBetween", (column,), arguments)


def matches(column: str, regex: str) -> Expectation:
    """Texts match a regular expression."""
    return Expectation("ExpectColumnValuesToMatchRegex", (column,), {"column": column, "regex": regex})


def empty(column: str) -> Expectation:
    """A helper column that lists what is wrong with a row is null."""
    return Expectation("ExpectColumnValuesToBeNull", (column,), {"column": column})


def parses_as_json(column: str) -> Expectation:
    """Texts are JSON."""
    return Expectation("ExpectColumnValuesToBeJsonParseable", (column,), {"column": column})


def equal(a: str, b: str) -> Expectation:
    """Two columns agree wherever neither is null."""
    arguments = {"column_A": a, "column_B": b, "ignore_row_if": "either_value_is_missing"}
    return Expectation("ExpectColumnPairValuesToBeEqual", (a, b), arguments)


def at_most(a: str, b: str) -> Expectation:
    """Column ``a`` does not exceed column ``b`` wherever neither is null."""
    arguments = {"column_A": b, "column_B": a, "or_equal": True, "ignore_row_if": "either_value_is_missing"}
    return Expectation("ExpectColumnPairValuesAToBeGreaterThanB", (a, b), arguments)


def unique(*columns: str) -> Expectation:
    """No two rows agree in all of the columns."""
    if len(columns) == 1:
        return Expectation("ExpectColumnValuesToBeUnique", columns, {"column": columns[0]})
    return Expectation("ExpectCompoundColumnsToBeUnique", columns, {"column_list": list(columns)})


@dataclass(frozen=True)
class Rule:
    """One demand on every row of a frame.

    Attributes:
        name: ``<suite>.<what is demanded>``; stable, other tools may refer to it.
        description: what is demanded, in one line.
        remedy: what to do where it is broken, in one line.
        expectation: the demand on the columns of the frame.
        observed: format string over the columns of an offending row: the value to show.
        message: format string over the columns of an offending row: what is wrong with it.
    """

    name: str
    description: str
    remedy: str
    expectation: Expectation
    observed: str
    message: str


def _always(evidence: Evidence) -> str | None:
    return None


@dataclass(frozen=True)
class Check:
    """Rules that read the same frame.

    Attributes:
        suite: table the rules are about.
        frame: builds the frame from the tables: ``song_id``, ``stem`` and the columns that the rules read.
        rules: the rules, in the order of the report.
        needs: further tables that the frame is built from.
        skip: says why the rules cannot be checked, or None where they can.
        once: the frame is about the catalog as a whole, not about its songs.
    """

    suite: str
    frame: Callable[[Evidence], pd.DataFrame]
    rules: tuple[Rule, ...]
    needs: tuple[str, ...] = ()
    skip: Callable[[Evidence], str | None] = field(default=_always)
    once: bool = False
