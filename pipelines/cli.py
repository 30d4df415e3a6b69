"""The command line ``fxnorm-data``."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions
from pipelines.runner import PipelineError, stop
from training import cli as training_cli

if TYPE_CHECKING:
    from pipelines.ingest import Source

app = typer.Typer(
    name="fxnorm-data",
    help="Curate multitrack music for automatic mixing: effect-normalised stems, statistics, training shards.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _reporting_errors(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with errors that a user can mend in one line."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        with _errors_to_exit_code():
            command(*arguments, **options)

    return run


for training_command in (training_cli.train, training_cli.mix, training_cli.evaluate):
    app.command()(_reporting_errors(training_command))

stats_app = typer.Typer(help="Show, merge, export and import statistics.", no_args_is_help=True)
app.add_typer(stats_app, name="stats")

sources_app = typer.Typer(help="Show which source each instrument belongs to, and find the labels that have none.")
app.add_typer(sources_app, name="sources", no_args_is_help=True)


class Search(StrEnum):
    bisection = "bisection"
    scan = "scan"


class Material(StrEnum):
    stem = "stem"
    raw = "raw"


class Mode(StrEnum):
    raw = "raw"
    sequential = "sequential"


class Subtype(StrEnum):
    pcm_16 = "PCM_16"
    pcm_24 = "PCM_24"


class FileSubtype(StrEnum):
    pcm_16 = "PCM_16"
    pcm_24 = "PCM_24"
    float = "FLOAT"


CorpusOption = Annotated[
    str, typer.Option("--corpus", help="Layout of the corpus: folder, musdb18hq, medleydb, ...; see docs/corpora.md.")
]
RootArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the corpus.")]
CatalogArgument = Annotated[str, typer.Argument(metavar="CATALOG", help="Path or URI of the catalog.")]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Path or URI of the catalog.")]
PatternOption = Annotated[
    list[str] | None,
    typer.Option("--pattern", help="STEM=GLOB, repeatable; which files are which stem (corpus 'folder')."),
]
SplitOption = Annotated[
    str | None, typer.Option("--split", help="train, validation or test, for songs whose folders do not tell.")
]
RolesOption = Annotated[
    Material | None, typer.Option("--roles", help="What is normalised, of corpora that have both; see docs/corpora.md.")
]
SourcesOption = Annotated[
    str | None, typer.Option("--sources", help="File that maps instruments to sources, before the built-in table.")
]
LayoutOption = Annotated[
    list[str] | None,
    typer.Option("--corpus-option", help="NAME=VALUE, repeatable; further options of the corpus, see docs/corpora.md."),
]
ErrataOption = Annotated[
    str | None, typer.Option("--errata", help="File of corpora's errors in place of the built-in one, or 'none'.")
]
WorkersOption = Annotated[int | None, typer.Option(min=1, help="Processes on this machine; default one a core.")]
AddressOption = Annotated[
    str | None, typer.Option(envvar="RAY_ADDRESS", help="Address of a Ray cluster; default this machine.")
]
CompatOption = Annotated[bool, typer.Option("--reference-compat", help="Reproduce the published code's deviations.")]
ModeOption = Annotated[Mode, typer.Option("--mode", help="Measure stems raw, or effect by effect as published.")]
TestOption = Annotated[bool, typer.Option("--include-test-songs", help="Let test songs into the statistics.")]
RefuseOption = Annotated[
    str | None,
    typer.Option(
        "--refuse", help="Comma-separated faults that put a song into quarantine; see docs/quality-control.md."
    ),
]
EffectsOption = Annotated[
    str,
    typer.Option("--effects", help="Comma-separated, from prereverb,reverb,eq,compression,panning,loudness."),
]
StatisticsOption = Annotated[
    str | None,
    typer.Option("--statistics", help="Normalise to these (a file of ours, a catalog, or the published .npy)."),
]
ResponsesOption = Annotated[
    str | None, typer.Option("--impulse-responses", help="Folder for the reverb send, or 'synthetic'.")
]
PrereverbOption = Annotated[
    str | None, typer.Option("--prereverb-responses", help="Folder for the prereverb, or 'synthetic'.")
]
SeedOption = Annotated[int, typer.Option(help="Seed of every random choice.")]
SearchOption = Annotated[Search, typer.Option("--compression-search", help="How the compressor setting is found.")]
LinkOption = Annotated[bool, typer.Option("--stereo-link", help="One compressor gain for both channels.")]
InverseOption = Annotated[bool, typer.Option("--panning-inverse", help="Exact inverse of the similarity.")]
SubtypeOption = Annotated[Subtype, typer.Option("--subtype", help="FLAC depth of normalised stems.")]
SegmentOption = Annotated[float, typer.Option("--segment-seconds", min=0.5, help="Length of a shard's segments.")]

DEFAULT_EFFECTS_TEXT = "eq,compression,panning,loudness"


def _console() -> Console:
    return Console(stderr=True, highlight=False)


def _say(line: str) -> None:
    _console().print(line, markup=False, soft_wrap=True)


def _output() -> Console:
    return Console(highlight=False)


@contextmanager
def _errors_to_exit_code() -> Iterator[None]:
    """Errors that a user can mend become one line and exit code 1; others keep their trace."""
    from pipelines.build import ValidationError
    from pipelines.demo import DemoCorpusError

    try:
        yield
    except (PipelineError, ValidationError, DemoCorpusError, ValueError, OSError) as error:
        _console().print(f"error: {error}", style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _console().print("interrupted; run the same command again to go on", style="yellow")
        raise typer.Exit(130) from None
    finally:
        stop()


def _effects(text: str, responses: str | None, prereverb: str | None) -> tuple[str, ...]:
    from fxnorm.settings import EFFECTS

    wanted = {name.strip() for name in text.split(",") if name.strip()}
    wanted |= {"reverb"} if responses else set()
    wanted |= {"prereverb"} if prereverb else set()
    unknown = sorted(wanted - set(EFFECTS))
    if unknown:
        raise ValueError(f"unknown effect {unknown[0]!r}; known: {', '.join(EFFECTS)}")
    return tuple(name for name in EFFECTS if name in wanted)


def _source(
    corpus: str,
    root: Path,
    patterns: list[str] | None = None,
    split: str | None = None,
    roles: Material | None = None,
    sources: str | None = None,
    layout: list[str] | None = None,
    errata: str | None = None,
) -> Source:
    from pipelines.ingest import Source

    given = {"split": split, "roles": None if roles is None else roles.value, "sources": sources}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for option in layout or []:
        name, separator, value = option.partition("=")
        if not separator or not name:
            raise ValueError(f"--corpus-option {option!r}: expected NAME=VALUE, for example metadata=/data/Metadata")
        options[name] = {"true": True, "false": False}.get(value.lower(), value)
    for pattern in patterns or []:
        stem, separator, glob = pattern.partition("=")
        if not separator or not stem or not glob:
            raise ValueError(f"--pattern {pattern!r}: expected STEM=GLOB, for example vocals='*vox*.wav'")
        options.setdefault("patterns", {}).setdefault(stem, []).append(glob)
    return Source(corpus, root, options, errata)


@app.command()
def build_catalog(
    root: RootArgument,
    out: OutOption,
    corpus: CorpusOption,
    pattern: PatternOption = None,
    split: SplitOption = None,
    roles: RolesOption = None,
    sources: SourcesOption = None,
    corpus_option: LayoutOption = None,
    errata: ErrataOption = None,
    statistics: StatisticsOption = None,
    effects: EffectsOption = DEFAULT_EFFECTS_TEXT,
    impulse_responses: ResponsesOption = None,
    prereverb_responses: PrereverbOption = None,
    mode: ModeOption = Mode.raw,
    include_test_songs: TestOption = False,
    refuse: RefuseOption = None,
    reference_compat: CompatOption = False,
    compression_search: SearchOption = Search.bisection,
    stereo_link: LinkOption = False,
    panning_inverse: InverseOption = False,
    seed: SeedOption = 0,
    subtype: SubtypeOption = Subtype.pcm_24,
    segment_seconds: SegmentOption = 5.0,
    workers: WorkersOption = None,
    address: AddressOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
) -> None:
    """Build a catalog, or bring it up to date: ingest, analyze, normalize, validate, publish.

    Finished work is not done again, so the same command continues an interrupted build and adds new songs.

    Example: fxnorm-data build-catalog --corpus musdb18hq /data/musdb18hq --out /data/catalog
    """
    from pipelines.build import build_catalog as build
    from pipelines.plan import describe_plan, plan_build
    from pipelines.quality_view import known_faults
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        analysis = AnalysisConfig(reference_compat, mode.value, include_test_songs, known_faults(refuse))
        normalization = NormalizationConfig(
            effects=_effects(effects, impulse_responses, prereverb_responses),
            reference_compat=reference_compat,
            compression_search=compression_search.value,
            stereo_link=stereo_link,
            panning_inverse=panning_inverse,
            impulse_responses=impulse_responses,
            prereverb_responses=prereverb_responses,
            statistics=statistics,
            seed=seed,
            subtype=subtype.value,
            segment_seconds=segment_seconds,
        )
        source = _source(corpus, root, pattern, split, roles, sources, corpus_option, errata)
        options = RunOptions(workers, address)
        if dry_run:
            _output().print(describe_plan(plan_build(source, normalization, options)), soft_wrap=True)
            return
        workspace = Workspace(out)
        with workspace.locked():
            build(workspace, source, analysis, normalization, options, _console())


@app.command()
def ingest(
    root: RootArgument,
    out: OutOption,
    corpus: CorpusOption,
    pattern: PatternOption = None,
    split: SplitOption = None,
    roles: RolesOption = None,
    sources: SourcesOption = None,
    corpus_option: LayoutOption = None,
    errata: ErrataOption = None,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Find the songs of a corpus, probe and hash their files, quarantine what cannot be used.

    Example: fxnorm-data ingest --corpus folder ~/multitracks --pattern vocals='*vox*' --pattern drums='*dr*' -o cat
    """
    from pipelines.ingest import ingest as run
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        workspace = Workspace(out)
        source = _source(corpus, root, pattern, split, roles, sources, corpus_option, errata)
        with workspace.locked():
            run(workspace, source, RunOptions(workers, address), _console())


@app.command()
def analyze(
    catalog: CatalogArgument,
    mode: ModeOption = Mode.raw,
    include_test_songs: TestOption = False,
    refuse: RefuseOption = None,
    reference_compat: CompatOption = False,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Measure the features and the quality of ingested stems, and the statistics of the corpus.

    Example: fxnorm-data analyze cat --mode sequential
    """
    from pipelines.analyze import analyze as run
    from pipelines.quality_view import known_faults
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        workspace = Workspace(catalog)
        config = AnalysisConfig(reference_compat, mode.value, include_test_songs, known_faults(refuse))
        with workspace.locked():
            run(workspace, config, RunOptions(workers, address), _console())


@app.command()
def normalize(
    catalog: CatalogArgument,
    statistics: StatisticsOption = None,
    effects: EffectsOption = DEFAULT_EFFECTS_TEXT,
    impulse_responses: ResponsesOption = None,
    prereverb_responses: PrereverbOption = None,
    reference_compat: CompatOption = False,
    compression_search: SearchOption = Search.bisection,
    stereo_link: LinkOption = False,
    panning_inverse: InverseOption = False,
    seed: SeedOption = 0,
    subtype: SubtypeOption = Subtype.pcm_24,
    segment_seconds: SegmentOption = 5.0,
    workers: WorkersOption = None,
    address: AddressOption = None,
) -> None:
    """Normalise analysed stems into audio shards.

    Example: fxnorm-data normalize cat --impulse-responses synthetic --seed 1
    """
    from pipelines.normalize import normalize as run
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        config = NormalizationConfig(
            effects=_effects(effects, impulse_responses, prereverb_responses),
            reference_compat=reference_compat,
            compression_search=compression_search.value,
            stereo_link=stereo_link,
            panning_inverse=panning_inverse,
            impulse_responses=impulse_responses,
            prereverb_responses=prereverb_responses,
            statistics=statistics,
            seed=seed,
            subtype=subtype.value,
            segment_seconds=segment_seconds,
        )
        workspace = Workspace(catalog)
        with workspace.locked():
            run(workspace, config, RunOptions(workers, address), _console())


@app.command()
def validate(
    catalog: CatalogArgument,
    verify_hashes: Annotated[
        bool, typer.Option("--verify-hashes", help="Read every shard and compare its hash.")
    ] = False,
) -> None:
    """Check all tables and shards; exit code 1 and song, stem and rule of each failure if a rule is broken.

    Example: fxnorm-data validate cat --verify-hashes
    """
    from pipelines.validate import validate as run
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        report = run(Workspace(catalog), _console(), verify_hashes)
    if not report.passed:
        raise typer.Exit(1)


@app.command()
def publish(catalog: CatalogArgument) -> None:
    """Validate what the stages have made, and make it the catalog that readers see.

    Example: fxnorm-data publish cat
    """
    from pipelines.build import ValidationError
    from pipelines.validate import publish as run
    from pipelines.validate import validate as check
    from pipelines.workspace import Workspace

    with _errors_to_exit_code():
        workspace = Workspace(catalog)
        with workspace.locked():
            if not check(workspace, _console()).passed:
                raise ValidationError(f"{catalog}: not published, a rule is broken; see the failures above")
            run(workspace, _console())


@app.command()
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

    with _errors_to_exit_code():
        summary = summarize(Catalog.open(catalog, DRAFT if draft else PUBLISHED))
        if as_json:
            sys.stdout.write(json.dumps(dataclasses.asdict(summary), indent=2) + "\n")
        else:
            print_summary(summary, _output())


@app.command()
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

    with _errors_to_exit_code():
        opened = Catalog.open(catalog, DRAFT if draft else PUBLISHED)
        view = quality_view(opened, parse_thresholds(threshold or []))
        if as_json:
            sys.stdout.write(json.dumps(dataclasses.asdict(view), indent=2) + "\n")
        else:
            print_quality(view, _output())


@app.command()
def demo_corpus(
    out: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write.")],
    songs: Annotated[int, typer.Option(min=1, help="Number of songs.")] = 12,
    seconds: Annotated[float, typer.Option(min=10.0, help="Longest song.")] = 90.0,
    seed: SeedOption = 0,
    wheels: Annotated[Path | None, typer.Option(help="Folder of downloaded packages with the tunes.")] = None,
) -> None:
    """Render a small corpus of real tunes in MUSDB18-HQ layout, made from packages only.

    Example: fxnorm-data demo-corpus demo/corpus --songs 12
    """
    from pipelines.demo import render_demo_corpus

    with _errors_to_exit_code():
        render_demo_corpus(out, songs=songs, seconds=seconds, seed=seed, wheels=wheels, report=_say)


@app.command()
def analyze_stem(
    file: Annotated[Path, typer.Argument(help="Audio file of one stem.")],
    source: Annotated[str, typer.Option(help="What it is: vocals, drums, bass, other, ...")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, spectra included.")] = False,
    reference_compat: CompatOption = False,
) -> None:
    """Measure the features of one file.

    Example: fxnorm-data analyze-stem vocals.wav --source vocals --json
    """
    from catalogs.audio_file import decode
    from fxnorm.features import analyze_stem as run
    from fxnorm.settings import Settings

    with _errors_to_exit_code():
        features = run(decode(file), Settings(reference_compat=reference_compat))
        level = features.compression
        values = {
            "file": str(file),
            "source": source,
            "silent": features.silent,
            "peak_dbfs": features.peak_dbfs,
            "loudness_lufs": features.loudness,
            "compression_mean_db": None if level is None else level.mean,
            "compression_std_db": None if level is None else level.std,
            "eq": None if features.eq is None else features.eq.tolist(),
            "panning": None if features.panning is None else features.panning.tolist(),
            "notes": list(features.notes),
        }
        if as_json:
            sys.stdout.write(json.dumps(values) + "\n")
            return
        curves = {"eq": features.eq, "panning": features.panning}
        for name, value in values.items():
            curve = curves.get(name)
            if curve is not None:
                value = f"{curve.size} bins, mean {curve.mean():.4f}"
            _output().print(f"{name:<20} {value}", markup=False, soft_wrap=True)


@app.command()
def normalize_stem(
    file: Annotated[Path, typer.Argument(help="Audio file of one stem.")],
    source: Annotated[str, typer.Option(help="What it is: vocals, drums, bass, other, ...")],
    statistics: Annotated[str, typer.Option(help="Statistics of ours, a catalog, or the published .npy.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write (WAV or FLAC).")],
    effects: EffectsOption = DEFAULT_EFFECTS_TEXT,
    impulse_responses: ResponsesOption = None,
    prereverb_responses: PrereverbOption = None,
    reference_compat: CompatOption = False,
    compression_search: SearchOption = Search.bisection,
    stereo_link: LinkOption = False,
    panning_inverse: InverseOption = False,
    seed: SeedOption = 0,
    subtype: Annotated[FileSubtype, typer.Option(help="Sample format of the output.")] = FileSubtype.pcm_24,
    receipt: Annotated[Path | None, typer.Option(help="Write what was done, as JSON.")] = None,
) -> None:
    """Normalise one file.

    Example: fxnorm-data normalize-stem vox.wav --source vocals --statistics cat -o vox-normalised.wav
    """
    from catalogs.audio_file import decode
    from catalogs.audio_output import write_audio
    from catalogs.statistics_file import read_statistics
    from fxnorm.chain import normalize_stem as run
    from fxnorm.statistics import Targets

    with _errors_to_exit_code():
        config = NormalizationConfig(
            effects=_effects(effects, impulse_responses, prereverb_responses),
            reference_compat=reference_compat,
            compression_search=compression_search.value,
            stereo_link=stereo_link,
            panning_inverse=panning_inverse,
            impulse_responses=impulse_responses,
            prereverb_responses=prereverb_responses,
            seed=seed,
        )
        known = read_statistics(statistics)
        targets = known.targets(source, config.settings) if source in known.sources else Targets()
        audio, done = run(decode(file), source, targets, config.chain(known.fingerprint()), file.stem)
        turned_down = write_audio(out, audio, subtype.value)
        if receipt is not None:
            receipt.write_text(json.dumps({**done.to_dict(), "turned_down_db": turned_down}, indent=2) + "\n")
        for entry in done.effects:
            values = "" if entry.target is None else f": {entry.before} -> {entry.achieved}, target {entry.target}"
            reason = f" ({entry.reason})" if entry.reason else ""
            _console().print(f"{entry.effect:<12} {entry.status}{values} {entry.unit or ''}{reason}", markup=False)
        if turned_down:
            _console().print(f"turned down by {turned_down:.2f} dB to fit {subtype.value}", style="yellow")


@stats_app.command("show")
def stats_show(
    statistics: Annotated[str, typer.Argument(metavar="STATISTICS", help="A file, a catalog, or the published .npy.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the averages of each source.

    Example: fxnorm-data stats show cat
    """
    from catalogs.statistics_file import read_statistics
    from pipelines.statistics_view import print_statistics, statistics_view

    with _errors_to_exit_code():
        view = statistics_view(read_statistics(statistics))
        if as_json:
            sys.stdout.write(json.dumps(view, indent=2) + "\n")
        else:
            print_statistics(view, _output())


@stats_app.command("merge")
def stats_merge(
    statistics: Annotated[list[str], typer.Argument(metavar="STATISTICS...", help="Files or catalogs, two or more.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Statistics file to write, path or URI.")],
) -> None:
    """Merge statistics of corpora that have no song in common.

    Example: fxnorm-data stats merge musdb/ moises/ -o both.parquet
    """
    from functools import reduce

    from catalogs.statistics_file import read_statistics, write_statistics

    with _errors_to_exit_code():
        if len(statistics) < 2:
            raise ValueError("name two or more statistics to merge")
        merged = reduce(lambda a, b: a.merge(b), (read_statistics(path) for path in statistics))
        write_statistics(merged, out)


@stats_app.command("export")
def stats_export(
    statistics: Annotated[str, typer.Argument(metavar="STATISTICS", help="A file or catalog.")],
    out: Annotated[str, typer.Option("--out", "-o", help="features_NAME.npy for the published code, or .parquet.")],
) -> None:
    """Write statistics for the published code (.npy), or as a file of ours (.parquet).

    Example: fxnorm-data stats export cat -o features_ours.npy
    """
    from catalogs.statistics_file import read_statistics, write_statistics
    from fxnorm.published import write_published

    with _errors_to_exit_code():
        content = read_statistics(statistics)
        if out.endswith(".npy"):
            write_published(content, Path(out))
        elif out.endswith(".parquet"):
            write_statistics(content, out)
        else:
            raise ValueError(f"{out}: name a file that ends in .npy (published code) or .parquet (ours)")


@stats_app.command("import")
def stats_import(
    file: Annotated[Path, typer.Argument(help="The published code's features_NAME.npy.")],
    out: Annotated[str, typer.Option("--out", "-o", help="Statistics file to write (.parquet), path or URI.")],
) -> None:
    """Read the published code's averages, without running what else a pickle may hold.

    Example: fxnorm-data stats import features_MUSDB18.npy -o musdb18.parquet
    """
    from catalogs.statistics_file import write_statistics
    from fxnorm.published import read_published

    with _errors_to_exit_code():
        write_statistics(read_published(file), out)


@sources_app.command("show")
def sources_show(
    corpus: Annotated[str | None, typer.Option("--corpus", help="As this corpus uses it.")] = None,
    sources: SourcesOption = None,
) -> None:
    """Show which source each instrument belongs to.

    Example: fxnorm-data sources show --corpus medleydb
    """
    from catalogs.corpora.sources import read_sources
    from pipelines.sources_view import print_sources

    with _errors_to_exit_code():
        print_sources(read_sources(sources), corpus, _output())


@sources_app.command("check")
def sources_check(
    root: RootArgument,
    corpus: CorpusOption,
    sources: SourcesOption = None,
    corpus_option: LayoutOption = None,
) -> None:
    """List the labels of a corpus that no source is known for; exit code 1 if there are any.

    Example: fxnorm-data sources check --corpus medleydb /data/MedleyDB --sources mine.toml
    """
    from catalogs.corpora.sources import read_sources
    from pipelines.sources_view import audit_labels, print_audit

    with _errors_to_exit_code():
        source = _source(corpus, root, sources=sources, layout=corpus_option)
        audit = audit_labels(source.songs(), read_sources(sources))
        print_audit(audit, corpus, _output())
    if audit.unmapped:
        raise typer.Exit(1)
