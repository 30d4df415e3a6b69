"""Commands on statistics: ``stats show``, ``merge``, ``export``, ``import``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.terminal import output, reporting_errors


@reporting_errors
def stats_show(
    statistics: Annotated[str, typer.Argument(metavar="STATISTICS", help="A file, a catalog, or the published .npy.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the averages of each source.

    Example: fxnorm-data stats show cat
    """
    from catalogs.statistics_file import read_statistics
    from pipelines.statistics_view import print_statistics, statistics_view

    view = statistics_view(read_statistics(statistics))
    if as_json:
        sys.stdout.write(json.dumps(view, indent=2) + "\n")
    else:
        print_statistics(view, output())


@reporting_errors
def stats_merge(
    statistics: Annotated[list[str], typer.Argument(metavar="STATISTICS...", help="Files or catalogs, two or more.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Statistics file to write, path or URI.")],
) -> None:
    """Merge statistics of corpora that have no song in common.

    Example: fxnorm-data stats merge musdb/ moises/ -o both.parquet
    """
    from functools import reduce

    from catalogs.statistics_file import read_statistics, write_statistics

    if len(statistics) < 2:
        raise ValueError("name two or more statistics to merge")
    merged = reduce(lambda a, b: a.merge(b), (read_statistics(path) for path in statistics))
    write_statistics(merged, out)


@reporting_errors
def stats_export(
    statistics: Annotated[str, typer.Argument(metavar="STATISTICS", help="A file or catalog.")],
    out: Annotated[str, typer.Option("--out", "-o", help="features_NAME.npy for the published code, or .parquet.")],
) -> None:
    """Write statistics for the published code (.npy), or as a file of ours (.parquet).

    Example: fxnorm-data stats export cat -o features_ours.npy
    """
    from catalogs.statistics_file import read_statistics, write_statistics
    from fxnorm.published import write_published

    content = read_statistics(statistics)
    if out.endswith(".npy"):
        write_published(content, Path(out))
    elif out.endswith(".parquet"):
        write_statistics(content, out)
    else:
        raise ValueError(f"{out}: name a file that ends in .npy (published code) or .parquet (ours)")


@reporting_errors
def stats_import(
    file: Annotated[Path, typer.Argument(help="The published code's features_NAME.npy.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Statistics file to write (.parquet), path or URI.")],
) -> None:
    """Read the published code's averages, without running what else a pickle may hold.

    Example: fxnorm-data stats import features_MUSDB18.npy -o musdb18.parquet
    """
    from catalogs.statistics_file import write_statistics
    from fxnorm.published import read_published

    write_statistics(read_published(file), out)
