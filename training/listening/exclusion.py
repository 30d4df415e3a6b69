"""Listeners' conduct, measured, and the rules that were declared before the test: who is flagged, who is left out.

Nobody is dropped in silence: every listener stays in this table, with every measure and what followed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import pandas as pd

from training.listening.spec import Exclusion, Rule

MEASURES = {
    "rushed": "median_page_seconds",
    "unheard": "least_heard_seconds",
    "inconsistent": "repetition_difference",
    "flat": "spread",
    "few_years": "years_of_mixing",
}
"""Column that each rule looks at."""

ABOVE = ("inconsistent",)
"""Rules that concern listeners above the limit; the others those below it."""


def self_consistency(ratings: pd.DataFrame) -> pd.DataFrame:
    """How far the two ratings of a repeated page are apart, for each listener and axis.

    Returns:
        columns listener, axis, pairs (ratings that were given twice), mean_difference (absolute, points) and
        correlation (Pearson; NaN for fewer than three pairs or constant ratings).
    """
    twice = ratings[ratings["song"].isin(ratings.loc[ratings["repeated"], "song"])]
    keys = ["listener", "axis", "song", "system"]
    pairs = twice.pivot_table(index=keys, columns="repeated", values="rating", observed=True)
    columns = ["listener", "axis", "pairs", "mean_difference", "correlation"]
    if pairs.empty:
        return pd.DataFrame(columns=columns)
    rows = []
    for (listener, axis), group in pairs.dropna().groupby(["listener", "axis"], sort=False):
        first, second = group[False], group[True]
        varied = len(group) >= 3 and first.nunique() > 1 and second.nunique() > 1
        correlation = first.corr(second) if varied else float("nan")
        rows.append((listener, axis, len(group), (first - second).abs().mean(), correlation))
    return pd.DataFrame(rows, columns=columns)


def judge_listeners(
    ratings: pd.DataFrame, rules: Exclusion, years_of_mixing: Mapping[str, float | None] | None = None
) -> pd.DataFrame:
    """Measures of every listener, and what the rules say.

    Args:
        ratings: columns of training.listening.ratings.COLUMNS.
        rules: as declared.
        years_of_mixing: by listener; who is not in it has not answered, and no rule looks at that.

    Returns:
        one row a listener: the columns in MEASURES, ``flags`` (names of all rules that the listener is beyond) and
        ``excluded`` (whether one of them excludes).
    """
    by_listener = ratings.groupby("listener", sort=False)
    pages = ratings.drop_duplicates(["listener", "page"]).groupby("listener", sort=False)
    spread = ratings.groupby(["listener", "page", "axis"], sort=False)["rating"].std(ddof=0)
    consistency = self_consistency(ratings)
    table = pd.DataFrame(
        {
            "participant": by_listener["participant"].first(),
            "pages": pages.size(),
            "median_page_seconds": pages["page_seconds"].median(),
            "least_heard_seconds": by_listener["heard_seconds"].min(),
            "spread": spread.groupby("listener").mean(),
        }
    )
    table["repetition_difference"] = consistency.groupby("listener")["mean_difference"].mean().reindex(table.index)
    table["years_of_mixing"] = pd.Series(dict(years_of_mixing or {}), dtype=float).reindex(table.index)
    beyond = {name: _beyond(table[column], getattr(rules, name), name) for name, column in MEASURES.items()}
    actions = {name: rule["action"] for name, rule in asdict(rules).items()}
    table["flags"] = [tuple(name for name in MEASURES if beyond[name][listener]) for listener in table.index]
    table["excluded"] = [any(actions[name] == "exclude" for name in flags) for flags in table["flags"]]
    return table.reset_index()


def _beyond(values: pd.Series, rule: Rule, name: str) -> pd.Series:
    return values > rule.limit if name in ABOVE else values < rule.limit
