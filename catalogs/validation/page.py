"""Renders a validation report as one HTML page that needs neither network nor server."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, StrictUndefined

from catalogs.validation.report import Status, ValidationReport

TEMPLATE = "page.html.jinja"
"""Data file of this package."""

SHOWN_FAILURES = 200
"""Failures of one rule that the page shows."""

VERDICTS: Mapping[Status, str] = {"passed": "passed", "failed": "failed", "skipped": "not checked"}


def render_page(report: ValidationReport, title: str) -> str:
    """A self-contained HTML document: summary, every rule of every suite, and what breaks it.

    Args:
        report: what :func:`catalogs.validation.validate_tables` returned.
        title: heading of the page, such as the folder of the catalog; any text, it is escaped.
    """
    source = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    return environment.from_string(source).render(report=report, title=title, verdicts=VERDICTS, shown=SHOWN_FAILURES)
