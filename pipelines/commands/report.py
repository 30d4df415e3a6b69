"""The command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import CatalogArgument
from pipelines.commands.terminal import reporting_errors, say


@reporting_errors
def report(
    catalog: CatalogArgument,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("report.html"),
    draft: Annotated[bool, typer.Option("--draft", help="What the stages have made since the publication.")] = False,
) -> None:
    """Show a catalog in one page that needs no network: distributions, movements, findings, outliers to listen to.

    Example: fxnorm-data report cat -o report.html
    """
    from catalogs.catalog import Catalog
    from catalogs.manifest import DRAFT, PUBLISHED
    from catalogs.storage import Location

    try:
        from catalogs.report import write_report
    except ImportError as error:
        raise ValueError(f"the report cannot be drawn: {error}") from None
    size = write_report(Catalog.open(catalog, DRAFT if draft else PUBLISHED), Location.parse(out))
    say(f"{out}: {size / 1e6:.1f} MB")
