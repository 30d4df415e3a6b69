"""The command that does everything, ``build-catalog``, and the one that says what it would take, ``plan``."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Annotated

import typer

from pipelines.commands.options import (
    DEFAULT_EFFECTS_TEXT,
    AddressOption,
    CompatOption,
    CorpusOption,
    EffectsOption,
    ErrataOption,
    ErrorsOption,
    InverseOption,
    KeepSplitsOption,
    LayoutOption,
    LinkOption,
    Mode,
    ModeOption,
    OutOption,
    PatternOption,
    PrereverbOption,
    RefuseOption,
    ResponsesOption,
    RolesOption,
    RootArgument,
    Search,
    SearchOption,
    SeedOption,
    SegmentOption,
    SourcesOption,
    SplitOption,
    StatisticsOption,
    Subtype,
    SubtypeOption,
    TestOption,
    WorkersOption,
    chosen_effects,
    corpus_source,
)
from pipelines.commands.terminal import console, output, reporting_errors, say
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions


@reporting_errors
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
    keep_splits: KeepSplitsOption = False,
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
    max_errors: ErrorsOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take; see 'plan'.")] = False,
) -> None:
    """Build a catalog, or bring it up to date: ingest, analyze, normalize, validate, publish.

    Finished work is not done again, so the same command continues an interrupted build and adds new songs.

    Example: fxnorm-data build-catalog --corpus musdb18hq /data/musdb18hq --out /data/catalog
    """
    from pipelines.build import build_catalog as build
    from pipelines.plan import describe_plan, plan_build
    from pipelines.quality_view import known_faults
    from pipelines.workspace import Workspace

    analysis = AnalysisConfig(reference_compat, mode.value, include_test_songs, known_faults(refuse), keep_splits)
    normalization = NormalizationConfig(
        effects=chosen_effects(effects, impulse_responses, prereverb_responses),
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
    source = corpus_source(corpus, root, pattern, split, roles, sources, corpus_option, errata)
    options = RunOptions(workers, address, max_errors)
    if dry_run:
        output().print(describe_plan(plan_build(source, normalization, options)), soft_wrap=True)
        return
    workspace = Workspace(out)
    with workspace.locked():
        build(workspace, source, analysis, normalization, options, console())


@reporting_errors
def plan(
    root: RootArgument,
    corpus: CorpusOption,
    pattern: PatternOption = None,
    split: SplitOption = None,
    roles: RolesOption = None,
    sources: SourcesOption = None,
    corpus_option: LayoutOption = None,
    errata: ErrataOption = None,
    subtype: SubtypeOption = Subtype.pcm_24,
    workers: WorkersOption = None,
    sample: Annotated[int, typer.Option(min=1, help="Songs whose files are looked at.")] = 500,
    every_file: Annotated[bool, typer.Option("--every-file", help="Look at the header of every file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a build would take: songs, bytes, CPU-hours, disk, and how many songs the listing refuses.

    Reads the listing to its end and the headers of a sample of the files; nothing is written. Exit code 1 if the
    listing refuses a song.

    Example: fxnorm-data plan --corpus manifest tracks.parquet --workers 64
    """
    from pipelines.plan import describe_plan, plan_build

    source = corpus_source(corpus, root, pattern, split, roles, sources, corpus_option, errata)
    config = NormalizationConfig(subtype=subtype.value)
    estimate = plan_build(
        source,
        config,
        RunOptions(workers),
        None if every_file else sample,
        lambda songs: say(f"plan      {songs} songs listed"),
    )
    if as_json:
        sys.stdout.write(json.dumps(dataclasses.asdict(estimate), indent=2) + "\n")
    else:
        output().print(describe_plan(estimate), soft_wrap=True, highlight=False)
    if estimate.faults:
        raise typer.Exit(1)
