"""The report of a catalog: one HTML file with its data, its script and its sound, the same for the same catalog."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jinja2
import vl_convert

from catalogs.catalog import Catalog
from catalogs.plots.quantities import QUANTITIES
from catalogs.plots.tidy import movement_limits
from catalogs.report.figures import chart_data, make_figures
from catalogs.report.outliers import find_outliers, outlier_data
from catalogs.report.summary import SHOWN_ROWS, Summary, page_data, summarize
from catalogs.schemas import SPLITS
from catalogs.storage import Location
from catalogs.versions import short_fingerprint
from catalogs.web import asset, bundle

VEGA = "window.vegaEmbed = vegaEmbed;"
"""What the page uses of Vega's libraries."""


def write_report(catalog: Catalog, out: Location) -> int:
    """Write the report in one step.

    Args:
        catalog: with all tables, and the audio of its outliers.
        out: the HTML file.

    Returns:
        bytes written.

    Raises:
        CatalogError: a table is missing or damaged.
        catalogs.shards.ShardError: the audio of an outlier is gone or damaged.
    """
    content = render_report(catalog).encode()
    out.write_bytes(content)
    return len(content)


def render_report(catalog: Catalog) -> str:
    """The page as text; errors as of :func:`write_report`."""
    summary = summarize(catalog)
    limits = movement_limits(summary.stems)
    figures = make_figures(limits, summary.findings)
    data = page_data(catalog, summary)
    data["quantities"] = _quantities(limits)
    data["outliers"] = outlier_data(catalog, find_outliers(summary.stems, summary.findings))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("catalogs.report", ""), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.jinja").render(
        name=catalog.location.name,
        catalog=catalog,
        fingerprint=short_fingerprint(catalog.manifest),
        summary=summary,
        songs=sum(sum(corpus.songs.values()) for corpus in summary.corpora),
        hours=sum(corpus.hours for corpus in summary.corpora),
        splits=SPLITS,
        filters=_filters(summary),
        figures=figures,
        outliers=len(data["outliers"]),
        shown_rows=SHOWN_ROWS,
        has_quality="quality" in catalog.manifest.tables,
        style=asset("base.css") + _text("report.css"),
        vega=vl_convert.javascript_bundle(VEGA),
        vega_licence=_text("vega-licence.txt"),
        data=_embedded(json.dumps(data, separators=(",", ":"), allow_nan=False)),
        charts=_embedded(chart_data(figures)),
        script=bundle([asset("dom.js"), _text("table.js"), _text("tidy.js"), _text("report.js")]),
    )


def _text(name: str) -> str:
    return (resources.files(__package__) / name).read_text(encoding="utf-8")


def _embedded(content: str) -> str:
    """JSON that can stand in a script element, whatever songs are called."""
    return content.replace("<", "\\u003c")


def _quantities(limits: dict[str, float]) -> dict[str, Any]:
    return {
        name: {
            "name": name,
            "short": f"{name.capitalize()}, {quantity.scale},",
            "step": quantity.step,
            "digits": quantity.digits,
            "limit": limits[name],
        }
        for name, quantity in QUANTITIES.items()
    }


def _filters(summary: Summary) -> dict[str, list[str]]:
    """Choices of each filter."""
    stems, findings = summary.stems, summary.findings
    return {
        "corpus": [corpus.corpus for corpus in summary.corpora],
        "split": [split for split in SPLITS if split in set(stems["split"])],
        "source": sorted({*stems["source"], *findings["source"]}),
    }
