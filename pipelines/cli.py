"""The command line ``fxnorm-data``."""

from __future__ import annotations

import typer

from pipelines.commands import (
    audition,
    build,
    demo,
    interchange,
    listening,
    look,
    report,
    sources,
    stages,
    statistics,
    stem,
    versions,
)
from pipelines.commands.terminal import reporting_errors
from training import cli as training_cli

app = typer.Typer(
    name="fxnorm-data",
    help="Curate multitrack music for automatic mixing: effect-normalised stems, statistics, training shards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
stats_app = typer.Typer(help="Show, merge, export and import statistics.", no_args_is_help=True)
sources_app = typer.Typer(
    help="Show which source each instrument belongs to, and find the labels that have none.", no_args_is_help=True
)
listening_app = typer.Typer(help="Build, serve, export and analyse a listening test.", no_args_is_help=True)

for command in (
    build.plan,
    build.build_catalog,
    stages.ingest,
    stages.analyze,
    stages.normalize,
    stages.validate,
    stages.publish,
    look.inspect,
    look.quality,
    look.leaks,
    report.report,
    interchange.export,
    interchange.datasheet,
    versions.versions,
    versions.diff,
    versions.gc,
    demo.demo_corpus,
    stem.analyze_stem,
    stem.normalize_stem,
    audition.audition,
    *(reporting_errors(command) for command in (training_cli.train, training_cli.mix, training_cli.evaluate)),
):
    app.command()(command)

for name, command in {
    "show": statistics.stats_show,
    "merge": statistics.stats_merge,
    "export": statistics.stats_export,
    "import": statistics.stats_import,
}.items():
    stats_app.command(name)(command)
for name, command in {"show": sources.sources_show, "check": sources.sources_check}.items():
    sources_app.command(name)(command)
for command in (listening.build, listening.serve, listening.analyse, listening.export):
    listening_app.command()(command)
app.add_typer(stats_app, name="stats")
app.add_typer(sources_app, name="sources")
app.add_typer(listening_app, name="listening-test")
