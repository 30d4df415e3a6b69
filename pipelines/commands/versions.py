"""Commands on the versions of a catalog: ``versions``, ``diff``, ``gc``."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

from pipelines.commands.options import CatalogArgument
from pipelines.commands.terminal import console, output, reporting_errors

VERSIONED = "Path or URI of a catalog; CATALOG#2 is its second version."


@reporting_errors
def versions(
    catalog: CatalogArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the publications of a catalog that can still be read; open one as CATALOG#NUMBER.

    Example: fxnorm-data versions cat
    """
    from pipelines.versions_view import list_publications, print_publications

    publications = list_publications(catalog)
    if as_json:
        rows = [dataclasses.asdict(publication) for publication in publications]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        print_publications(publications, output())


@reporting_errors
def diff(
    before: Annotated[str, typer.Argument(metavar="CATALOG", help=VERSIONED)],
    after: Annotated[
        str | None, typer.Argument(metavar="[CATALOG]", help="The other one; without it, the last two versions of one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Say what differs between two catalogs, or two versions of one: songs, configuration, statistics.

    Example: fxnorm-data diff cat#1 cat#2
    """
    from catalogs.catalog import Catalog
    from catalogs.difference import compare_catalogs
    from catalogs.storage import Location
    from catalogs.versions import list_versions
    from pipelines.difference_view import print_difference

    if after is None:
        known = list_versions(Location.parse(before))
        if len(known) < 2:
            raise ValueError(f"{before}: has {len(known) or 'no'} version to compare; name another catalog beside it")
        before, after = (f"{before}#{version.number}" for version in known[-2:])
    difference = compare_catalogs(Catalog.open(before), Catalog.open(after))
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(difference), indent=2) + "\n")
    else:
        print_difference(difference, output())


@reporting_errors
def gc(
    catalog: CatalogArgument,
    keep: Annotated[int, typer.Option(min=1, help="Versions to keep, the newest ones.")] = 1,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete earlier versions of a catalog, with the tables, shards and results that only they need.

    The published catalog and the draft stay; so do results of a build that is not finished.

    Example: fxnorm-data gc cat --keep 2
    """
    from pipelines.garbage import collect, find_garbage
    from pipelines.workspace import Workspace

    workspace = Workspace(catalog)
    if not workspace.draft().tables:
        raise ValueError(f"{catalog}: no catalog here; name the folder that holds catalog.json")
    with workspace.locked():
        garbage = find_garbage(workspace, keep)
        if not dry_run:
            collect(workspace, garbage)
    done = "would be deleted" if dry_run else "deleted"
    console().print(
        f"{len(garbage.versions)} versions and {len(garbage.files)} files, {garbage.bytes / 1e9:.3f} GB, {done}; "
        f"{len(garbage.kept)} versions stay"
        + ("; results of the unfinished build stay too" if garbage.unfinished else ""),
        soft_wrap=True,
    )
