"""The command that does everything: ``build-catalog``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import (
    DEFAULT_EFFECTS_TEXT,
    AddressOption,
    CompatOption,
    CorpusOption,
    EffectsOption,
    ErrataOption,
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
from pipelines.commands.terminal import console, output, reporting_errors
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
    options = RunOptions(workers, address)
    if dry_run:
        output().print(describe_plan(plan_build(source, normalization, options)), soft_wrap=True)
        return
    workspace = Workspace(out)
    with workspace.locked():
        build(workspace, source, analysis, normalization, options, console())
