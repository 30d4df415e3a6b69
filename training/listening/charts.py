"""Charts of a listening test: ratings of the systems, and differences between them, a panel for each axis."""

from __future__ import annotations

import altair as alt
import pandas as pd
import vl_convert

from training.listening.analysis import Analysis
from training.listening.comparisons import ALPHA
from training.listening.ratings import listener_means

CHART_WIDTH = 640
ROW_HEIGHT = 30
ACCENT = "#1f5f5b"
INK = "#5a5f64"


def rating_chart(analysis: Analysis) -> alt.FacetChart:
    """Means with intervals, and every listener's mean as a dot."""
    key = analysis.key
    names = {axis.id: axis.name for axis in key.axes}
    means = listener_means(analysis.kept).reset_index().melt(["axis", "listener"], value_name="rating")
    bars = analysis.systems.rename(columns={"mean": "rating"})
    data = pd.concat([bars.assign(kind="mean"), means.assign(kind="listener")], ignore_index=True)
    data["axis"] = data["axis"].map(names)
    base = alt.Chart(data).encode(y=alt.Y("system:N", sort=list(key.systems), title=None))
    rating = alt.X("rating:Q", scale=alt.Scale(domain=[0, 100]), title="rating")
    dots = (
        base.transform_filter("datum.kind == 'listener'").mark_circle(size=28, opacity=0.35, color=INK).encode(x=rating)
    )
    only = base.transform_filter("datum.kind == 'mean'")
    interval = only.mark_rule(strokeWidth=3, color=ACCENT).encode(x=alt.X("low:Q", title="rating"), x2="high:Q")
    point = only.mark_point(filled=True, size=110, color=ACCENT, opacity=1).encode(x=rating)
    return _by_axis(alt.layer(dots, interval, point), list(names.values()), len(key.systems))


def difference_chart(analysis: Analysis) -> alt.FacetChart:
    """Mean differences with intervals; significant ones in colour."""
    names = {axis.id: axis.name for axis in analysis.key.axes}
    compared = analysis.comparisons
    data = compared.assign(
        pair=compared["first"] + " − " + compared["second"],
        found=compared["p_holm"] < ALPHA,
        axis=compared["axis"].map(names),
        needed=compared["needed"].astype("float64"),
    )
    base = alt.Chart(data).encode(
        y=alt.Y("pair:N", sort=None, title=None),
        color=alt.condition("datum.found", alt.value(ACCENT), alt.value(INK)),
    )
    zero = alt.Chart(data).mark_rule(strokeDash=[4, 4], color=INK).encode(x=alt.datum(0))
    interval = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q", title="difference, points"), x2="high:Q")
    point = base.mark_point(filled=True, size=110, opacity=1).encode(x="mean_difference:Q")
    return _by_axis(alt.layer(zero, interval, point), list(names.values()), len(data) // len(names))


def _by_axis(layers: alt.LayerChart, axes: list[str], rows: int) -> alt.FacetChart:
    return (
        layers.properties(width=CHART_WIDTH, height=ROW_HEIGHT * max(1, rows))
        .facet(alt.Facet("axis:N", title=None, sort=axes), columns=1)
        .resolve_scale(x="shared")
    )


def to_svg(chart: alt.FacetChart) -> str:
    """The chart as an SVG document."""
    return vl_convert.vegalite_to_svg(chart.to_json())
