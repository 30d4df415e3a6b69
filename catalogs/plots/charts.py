"""Charts of tidy rows, in altair: what is drawn how, in one place for notebooks and for the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from catalogs.plots.bands import Feature
from catalogs.plots.quantities import STAGES, Quantity

Chart = Any
"""Any chart of altair's: the types of its classes are not known here."""

BEFORE, AFTER, TARGET = "#9aa0a6", "#2b8a80", "#d1752e"
"""Colours that stand out on light and on dark ground: as it came, normalised, aimed at."""

PANEL_WIDTH, PANEL_HEIGHT = 460, 92
"""Size of a source's panel, pixels; the report stretches the width."""

CURVE_HEIGHT = 104
SQUARE = 230
BAR_HEIGHT = 22

FREQUENCIES_HZ = [20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000]
"""Ticks of frequency axes."""

FREQUENCY_LABEL = "datum.value >= 1000 ? datum.value / 1000 + ' k' : datum.value"

ROWS_NAME = "rows"
"""Name of the data in every chart, by which the report's page replaces them."""


def rows_of(values: Sequence[dict[str, Any]], name: str = ROWS_NAME) -> alt.InlineData:
    """Rows as data of a chart; charts that are drawn together need different names."""
    return alt.InlineData(values=list(values), name=name)


def histogram_chart(data: alt.InlineData, quantity: Quantity, labelled: bool = False) -> Chart:
    """Distributions before and after, a panel for each source; each stage is as high as its fullest bin.

    Args:
        data: of :func:`catalogs.plots.tidy.histogram_rows`.
        quantity: what is distributed.
        labelled: a column for each catalog.
    """
    chart = (
        alt.Chart(data)
        .transform_joinaggregate(fullest="max(share)", groupby=["label", "source", "stage"])
        .transform_calculate(height="datum.share / datum.fullest")
        .mark_bar(opacity=0.72)
        .encode(
            x=alt.X("from:Q", bin="binned", title=quantity.title, scale=alt.Scale(nice=False, padding=6)),
            x2="to:Q",
            y=alt.Y("height:Q", stack=None, axis=None, scale=alt.Scale(domain=[0, 1])),
            color=_stages(),
            tooltip=[
                "source:N",
                "stage:N",
                alt.Tooltip("from:Q", format=".2f"),
                alt.Tooltip("to:Q", format=".2f"),
                "stems:Q",
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(width=PANEL_WIDTH, height=PANEL_HEIGHT)
    )
    return _themed(_by_source(chart, labelled))


def band_chart(data: alt.InlineData, feature: Feature, labelled: bool = False) -> Chart:
    """Median, quartiles and 5 to 95 % of spectra or panning curves, a panel for each source, with the target.

    Args:
        data: of :func:`catalogs.plots.tidy.band_rows`.
        feature: ``eq`` or ``panning``.
        labelled: a column for each catalog.
    """
    title = "level at -30 LUFS, dB" if feature == "eq" else "similarity phi"
    scale = alt.Scale(zero=False) if feature == "eq" else alt.Scale(domain=[0, 1])
    axis = alt.Axis(tickCount=4, title=title)
    x = alt.X(
        "hz:Q",
        title="frequency, Hz",
        scale=alt.Scale(type="log", domain=[20, 20_480], nice=False),
        axis=alt.Axis(values=FREQUENCIES_HZ, labelExpr=FREQUENCY_LABEL, grid=True, labelOverlap=True),
    )
    base = alt.Chart(data).encode(x=x)
    wide = base.mark_area(color=BEFORE, opacity=0.28).encode(y=alt.Y("low:Q", scale=scale, axis=axis), y2="high:Q")
    narrow = base.mark_area(color=BEFORE, opacity=0.5).encode(y=alt.Y("lower:Q", scale=scale, axis=axis), y2="upper:Q")
    median = base.mark_line(color=AFTER, strokeWidth=1.6).encode(
        y=alt.Y("median:Q", scale=scale, axis=axis),
        tooltip=["source:N", alt.Tooltip("hz:Q", format=".0f"), alt.Tooltip("median:Q", format=".2f")],
    )
    target = base.mark_line(color=TARGET, strokeWidth=1.6, strokeDash=[5, 3]).encode(
        y=alt.Y("target:Q", scale=scale, axis=axis)
    )
    panel = alt.layer(wide, narrow, median, target).properties(width=PANEL_WIDTH, height=CURVE_HEIGHT)
    return _themed(_by_source(panel, labelled))


def movement_chart(data: alt.InlineData, quantity: Quantity, limit: float, labelled: bool = False) -> Chart:
    """Distance from the target before and after, in cells; the line is where a stem stays that is not moved.

    Args:
        data: of :func:`catalogs.plots.tidy.movement_rows`.
        quantity: which distance.
        limit: end of both axes.
        labelled: a column for each catalog.
    """
    scale = alt.Scale(domain=[0, limit], nice=False)
    base = alt.Chart(data).encode(
        x=alt.X("before:Q", scale=scale, axis=alt.Axis(tickCount=5), title=f"before, {quantity.unit} from the target"),
        y=alt.Y("after:Q", scale=scale, axis=alt.Axis(tickCount=5), title=f"after, {quantity.unit}"),
    )
    line = base.transform_filter("datum.kind == 'unmoved'").mark_line(color=TARGET, strokeDash=[5, 3], strokeWidth=1.2)
    cells = (
        base.transform_filter("datum.kind == 'cell'")
        .mark_circle(size=34, color=AFTER, clip=False)
        .encode(
            opacity=alt.Opacity("stems:Q", scale=alt.Scale(type="log", range=[0.35, 1]), legend=None),
            tooltip=[alt.Tooltip("before:Q", format=".3~f"), alt.Tooltip("after:Q", format=".3~f"), "stems:Q"],
        )
    )
    panel = alt.layer(line, cells).properties(width=SQUARE, height=SQUARE)
    name = quantity.name
    if labelled:
        return _themed(panel.facet(column=alt.Column("label:N", title=name)))
    return _themed(panel.properties(title=name))


def fault_chart(data: alt.InlineData, faults: int, labelled: bool = False) -> Chart:
    """Number of findings of each fault.

    Args:
        data: rows with ``label``, ``fault``, ``meaning`` and ``findings``.
        faults: number of different faults, for the height.
        labelled: a column for each catalog.
    """
    base = alt.Chart(data).encode(
        y=alt.Y("fault:N", sort="-x", title=None, axis=alt.Axis(labelLimit=160, ticks=False, domain=False)),
        x=alt.X("findings:Q", title="findings", axis=alt.Axis(tickMinStep=1, tickCount=6)),
        tooltip=["fault:N", "meaning:N", "findings:Q"],
    )
    chart = base.mark_bar(color=AFTER, height={"band": 0.62}).properties(
        width=PANEL_WIDTH, height=BAR_HEIGHT * max(1, faults)
    )
    return _themed(chart.facet(column=alt.Column("label:N", title=None)) if labelled else chart)


def waveform_chart(data: alt.InlineData, seconds: float) -> Chart:
    """Lowest and highest sample of short stretches, against time.

    Args:
        data: of :func:`catalogs.plots.audio.waveform_rows`.
        seconds: length.
    """
    chart = (
        alt.Chart(data)
        .mark_area(color=AFTER, opacity=1, interpolate="step-after", line=False)
        .encode(
            x=alt.X("seconds:Q", title=None, scale=alt.Scale(domain=[0, seconds], nice=False), axis=_seconds_axis()),
            y=alt.Y("low:Q", title="sample", scale=alt.Scale(domain=[-1, 1]), axis=alt.Axis(values=[-1, 0, 1])),
            y2="high:Q",
        )
        .properties(width=PANEL_WIDTH, height=70)
    )
    return _themed(chart)


def spectrogram_chart(data: alt.InlineData, seconds: float, lowest_hz: float, highest_hz: float) -> Chart:
    """A picture of a spectrogram between its axes.

    Args:
        data: of :func:`catalogs.plots.audio.spectrogram_rows`.
        seconds: length.
        lowest_hz, highest_hz: ends of the logarithmic frequency axis.
    """
    chart = (
        alt.Chart(data)
        .mark_image(aspect=False, align="left", baseline="top")
        .encode(
            x=alt.X("from:Q", title="time, s", scale=alt.Scale(domain=[0, seconds], nice=False), axis=_seconds_axis()),
            x2="to:Q",
            y=alt.Y(
                "highest:Q",
                title="Hz",
                scale=alt.Scale(type="log", domain=[lowest_hz, highest_hz], nice=False),
                axis=alt.Axis(values=FREQUENCIES_HZ, labelExpr=FREQUENCY_LABEL, grid=False),
            ),
            y2="lowest:Q",
            url="picture:N",
        )
        .properties(width=PANEL_WIDTH, height=CURVE_HEIGHT)
    )
    return _themed(chart)


def _stages() -> alt.Color:
    return alt.Color(
        "stage:N",
        sort=list(STAGES),
        scale=alt.Scale(domain=list(STAGES), range=[BEFORE, AFTER]),
        legend=alt.Legend(title=None, orient="top", symbolType="square"),
    )


def _by_source(panel: Chart, labelled: bool) -> Chart:
    header = alt.Header(labelOrient="top", labelAnchor="start", labelAngle=0, labelFontWeight="bold", labelPadding=4)
    row = alt.Row("source:N", title=None, header=header)
    if labelled:
        return panel.facet(row=row, column=alt.Column("label:N", title=None), spacing=12)
    return panel.facet(row=row, spacing=12)


def _seconds_axis() -> alt.Axis:
    return alt.Axis(tickCount=6, grid=False)


def _themed(chart: Chart) -> Chart:
    return (
        chart.configure_view(stroke=None)
        .configure_axis(grid=True, gridOpacity=0.5, labelFontSize=11, titleFontSize=11, titleFontWeight="normal")
        .configure_title(anchor="start", fontSize=12)
        .configure_header(labelFontSize=12)
        .configure_legend(labelFontSize=11)
    )
