"""Commands that look into a catalog: ``inspect``, ``quality`` and ``leaks``."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

from pipelines.commands.options import CatalogArgument
from pipelines.commands.terminal import output, reporting_errors


@reporting_errors
def inspect(
    catalog: CatalogArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="What the stages have made since the publication.")] = False,
) -> None:
    """Show what is in a catalog: songs, hours, stems before and after, what is quarantined and why.

    Example: fxnorm-data inspect cat --json
    """
    from catalogs.catalog import Catalog
    from catalogs.manifest import DRAFT, PUBLISHED
    from pipelines.summary import print_summary, summarize

    summary = summarize(Catalog.open(catalog, DRAFT if draft else PUBLISHED))
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(summary), indent=2) + "\n")
    else:
        print_summary(summary, output())


@reporting_errors
def quality(
    catalog: CatalogArgument,
    threshold: Annotated[
        list[str] | None, typer.Option("--threshold", help="NAME=NUMBER, repeatable; see docs/quality-control.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="What the stages have made since the publication.")] = False,
) -> None:
    """List faults of stems and mixtures: clipping, missing or shifted stems, bleed, cut bandwidth, and others.

    Example: fxnorm-data quality cat --threshold residual_db=-30
    """
    from catalogs.catalog import Catalog
    from catalogs.manifest import DRAFT, PUBLISHED
    from pipelines.quality_view import parse_thresholds, print_quality, quality_view

    opened = Catalog.open(catalog, DRAFT if draft else PUBLISHED)
    view = quality_view(opened, parse_thresholds(threshold or []))
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(view), indent=2) + "\n")
    else:
        print_quality(view, output())


@reporting_errors
def leaks(
    catalogs: Annotated[list[str], typer.Argument(metavar="CATALOG...", help="Paths or URIs of catalogs.")],
    strict: Annotated[bool, typer.Option("--strict", help="Fail on songs that are twice in one split, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    draft: Annotated[bool, typer.Option("--draft", help="What the stages have made since the publication.")] = False,
) -> None:
    """List songs that are the same, with evidence; exit code 1 if one song stands in two splits.

    Songs are compared within and between the catalogs, by decoded audio, fingerprint and name; see docs/leakage.md.

    Example: fxnorm-data leaks musdb-catalog moises-catalog --json
    """
    from catalogs.catalog import Catalog
    from catalogs.manifest import DRAFT, PUBLISHED
    from pipelines.leaks_view import leaks_to_json, leaks_view, print_leaks

    name = DRAFT if draft else PUBLISHED
    view = leaks_view([(target, Catalog.open(target, name)) for target in catalogs])
    if as_json:
        sys.stdout.write(json.dumps(leaks_to_json(view), indent=2) + "\n")
    else:
        print_leaks(view, output())
    if view.counts["leaks"] or (strict and view.counts["duplicates"]):
        raise typer.Exit(1)
