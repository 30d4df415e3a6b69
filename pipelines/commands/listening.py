"""Commands on listening tests: ``listening-test build``, ``serve``, ``analyse``, ``export``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.terminal import output, reporting_errors, say

SiteArgument = Annotated[Path, typer.Argument(metavar="SITE", help="Folder that 'listening-test build' made.")]


class Tool(StrEnum):
    waet = "waet"
    webmushra = "webmushra"


@reporting_errors
def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="YAML or TOML file; see docs/listening-test.md.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the site; the key becomes OUT.key.json.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a test that nobody has taken.")] = False,
) -> None:
    """Pick excerpts, render all systems at equal loudness under opaque names, and write a static site.

    Example: fxnorm-data listening-test build autumn.yaml -o autumn
    """
    from training.listening.build import build as build_test
    from training.listening.spec import read_spec

    built = build_test(read_spec(spec), out, overwrite, lambda done, total: say(f"rendered {done}/{total} songs"))
    for note in built.key.notes:
        say(f"note: {note}")
    say(f"{out}: {len(built.site.pages)} pages and a training page, about {built.site.minutes} minutes")
    say(f"{built.key_file}: the key; keep it from listeners, the analysis needs it")


@reporting_errors
def serve(
    site: SiteArgument,
    results: Annotated[Path, typer.Option("--results", help="Folder for the results, outside the site.")],
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for other machines.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port.")] = 8000,
) -> None:
    """Serve a listening test, and store the results.

    Example: fxnorm-data listening-test serve autumn --results autumn-results
    """
    from training.listening.server import serve as serve_test

    say(f"serving {site} at http://{host}:{port}/, results go to {results}; Ctrl-C ends it")
    serve_test(site, results, host, port)


@reporting_errors
def analyse(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder of results.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for tables, charts and the page.")],
    key: Annotated[Path, typer.Option("--key", help="The key, SITE.key.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparisons as JSON.")] = False,
) -> None:
    """Apply the declared rules, and compare the systems on each scale.

    Example: fxnorm-data listening-test analyse autumn-results -o autumn-analysis --key autumn.key.json
    """
    from training.listening.analysis import analyse as analyse_results
    from training.listening.key import read_key
    from training.listening.report import comparison_table, rating_table, write_report
    from training.listening.results import read_results

    analysis = analyse_results(read_results(results), read_key(key))
    write_report(analysis, out)
    if as_json:
        sys.stdout.write(json.dumps(json.loads(analysis.comparisons.to_json(orient="records")), indent=2) + "\n")
    else:
        output().print(rating_table(analysis))
        output().print(comparison_table(analysis))
    for note in analysis.notes:
        say(f"note: {note}")
    say(f"{out}/report.html: everything on one page")


@reporting_errors
def export(
    site: SiteArgument,
    to: Annotated[Tool, typer.Option("--to", help="Tool that will run the test.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Empty folder for the configuration and WAV files.")],
) -> None:
    """Write a test for Web Audio Evaluation Tool or webMUSHRA.

    Example: fxnorm-data listening-test export autumn --to waet -o autumn-waet
    """
    from training.listening.interchange import export_waet, export_webmushra

    say(f"{(export_waet if to is Tool.waet else export_webmushra)(site, out)}: written")
