"""Chart of systems against each other: one panel a metric, a dot for the mean, a line for its interval."""

from __future__ import annotations

import altair as alt
import pandas as pd

COLUMNS = 4
PANEL_WIDTH = 180
SYSTEM_HEIGHT = 18


def comparison_chart(summary: pd.DataFrame) -> alt.FacetChart:
    """Chart of a summary with the columns of bootstrap.SUMMARY_COLUMNS; each panel has its own scale.

    ``save`` writes it as .svg, .png or .html; with ``inline=True`` the page needs no network.
    """
    systems = list(dict.fromkeys(summary["system"]))
    base = alt.Chart(summary).encode(
        y=alt.Y("system:N", sort=systems, title=None),
        color=alt.Color("system:N", sort=systems, legend=None),
        tooltip=list(summary.columns),
    )
    interval = base.mark_rule().encode(x=alt.X("low:Q", title=None, scale=alt.Scale(zero=True)), x2="high:Q")
    mean = base.mark_point(filled=True, size=60).encode(x="mean:Q")
    return (
        alt.layer(interval, mean)
        .properties(width=PANEL_WIDTH, height=SYSTEM_HEIGHT * len(systems))
        .facet(alt.Facet("metric:N", title=None, sort=list(dict.fromkeys(summary["metric"]))), columns=COLUMNS)
        .resolve_scale(x="independent")
    )
