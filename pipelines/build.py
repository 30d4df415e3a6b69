"""All stages in a row: ingest, analyze, normalize, validate, publish."""

from __future__ import annotations

from rich.console import Console

from pipelines.analyze import analyze
from pipelines.config import AnalysisConfig, NormalizationConfig, RunOptions
from pipelines.ingest import Source, ingest
from pipelines.normalize import normalize
from pipelines.validate import publish, validate
from pipelines.workspace import Workspace


class ValidationError(RuntimeError):
    """A catalog that breaks a rule and so was not published."""


def build_catalog(
    workspace: Workspace,
    source: Source,
    analysis: AnalysisConfig,
    normalization: NormalizationConfig,
    options: RunOptions,
    console: Console,
) -> None:
    """Build or bring up to date a catalog; what is finished is not done again.

    Raises:
        ValidationError: a rule is broken; the catalog published before stays.
        PipelineError, ValueError: see the stages.
    """
    ingest(workspace, source, options, console)
    analyze(workspace, analysis, options, console)
    normalize(workspace, normalization, options, console)
    if not validate(workspace, console).passed:
        raise ValidationError(f"{workspace.target}: not published, a rule is broken; see the failures above")
    publish(workspace, console)
