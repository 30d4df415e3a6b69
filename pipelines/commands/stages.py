"""The stages of a build as commands: ingest, analyze, normalize, validate, publish."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import (
    DEFAULT_EFFECTS_TEXT,
    AddressOption,
    CatalogArgument,
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
from pipelines.commands.terminal import console, reporting_errors
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions


@reporting_errors
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
    max_errors: ErrorsOption = None,
) -> None:
    """Find the songs of a corpus, probe and hash their files, quarantine what cannot be used.

    Example: fxnorm-data ingest --corpus folder ~/multitracks --pattern vocals='*vox*' --pattern drums='*dr*' -o cat
    """
    from pipelines.ingest import ingest as run
    from pipelines.workspace import Workspace

    workspace = Workspace(out)
    source = corpus_source(corpus, root, pattern, split, roles, sources, corpus_option, errata)
    with workspace.locked():
        run(workspace, source, RunOptions(workers, address, max_errors), console())


@reporting_errors
def analyze(
    catalog: CatalogArgument,
    mode: ModeOption = Mode.raw,
    include_test_songs: TestOption = False,
    keep_splits: KeepSplitsOption = False,
    refuse: RefuseOption = None,
    reference_compat: CompatOption = False,
    workers: WorkersOption = None,
    address: AddressOption = None,
    max_errors: ErrorsOption = None,
) -> None:
    """Measure the features and the quality of ingested stems, and the statistics of the corpus.

    Example: fxnorm-data analyze cat --mode sequential
    """
    from pipelines.analyze import analyze as run
    from pipelines.quality_view import known_faults
    from pipelines.workspace import Workspace

    workspace = Workspace(catalog)
    config = AnalysisConfig(reference_compat, mode.value, include_test_songs, known_faults(refuse), keep_splits)
    with workspace.locked():
        run(workspace, config, RunOptions(workers, address, max_errors), console())


@reporting_errors
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
    max_errors: ErrorsOption = None,
) -> None:
    """Normalise analysed stems into audio shards.

    Example: fxnorm-data normalize cat --impulse-responses synthetic --seed 1
    """
    from pipelines.normalize import normalize as run
    from pipelines.workspace import Workspace

    config = NormalizationConfig(
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
    workspace = Workspace(catalog)
    with workspace.locked():
        run(workspace, config, RunOptions(workers, address, max_errors), console())


@reporting_errors
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

    report = run(Workspace(catalog), console(), verify_hashes)
    if not report.passed:
        raise typer.Exit(1)


@reporting_errors
def publish(catalog: CatalogArgument) -> None:
    """Validate what the stages have made, and make it the catalog that readers see.

    Example: fxnorm-data publish cat
    """
    from pipelines.build import ValidationError
    from pipelines.validate import publish as run
    from pipelines.validate import validate as check
    from pipelines.workspace import Workspace

    workspace = Workspace(catalog)
    with workspace.locked():
        if not check(workspace, console()).passed:
            raise ValidationError(f"{catalog}: not published, a rule is broken; see the failures above")
        run(workspace, console())
