"""Renders a datasheet as Markdown and as JSON; the same catalog gives the same bytes."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

from catalogs.datasheet.contents import Datasheet
from catalogs.licences import PERMISSIONS

TEMPLATE = "datasheet.md.jinja"
"""Data file of this package."""

LISTED = 40
"""Errata that the Markdown lists; the JSON has all."""


def render_json(sheet: Datasheet) -> str:
    """The datasheet as JSON."""
    return json.dumps(dataclasses.asdict(sheet), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def render_markdown(sheet: Datasheet) -> str:
    """The datasheet as Markdown, in the sections of Gebru et al. (2021), doi:10.1145/3458723."""
    source = resources.files(__package__).joinpath(TEMPLATE).read_text(encoding="utf-8")
    environment = Environment(
        trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters["cell"] = _cell
    environment.filters["hours"] = lambda value: f"{value:.2f}"
    return environment.from_string(source).render(sheet=sheet, permissions=PERMISSIONS, listed=LISTED)


def _cell(value: Any) -> str:
    """Text in a cell of a table: one line, with what Markdown or HTML would take for its own escaped."""
    text = " ".join(str(value).split())
    for mark in "\\`*_[]|<>":
        text = text.replace(mark, f"\\{mark}")
    return text
