"""Commands on the mapping of instruments to sources: ``sources show`` and ``check``."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import CorpusOption, LayoutOption, RootArgument, SourcesOption, corpus_source
from pipelines.commands.terminal import output, reporting_errors


@reporting_errors
def sources_show(
    corpus: Annotated[str | None, typer.Option("--corpus", help="As this corpus uses it.")] = None,
    sources: SourcesOption = None,
) -> None:
    """Show which source each instrument belongs to.

    Example: fxnorm-data sources show --corpus medleydb
    """
    from catalogs.corpora.sources import read_sources
    from pipelines.sources_view import print_sources

    print_sources(read_sources(sources), corpus, output())


@reporting_errors
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

    source = corpus_source(corpus, root, sources=sources, layout=corpus_option)
    audit = audit_labels(source.songs(), read_sources(sources))
    print_audit(audit, corpus, output())
    if audit.unmapped:
        raise typer.Exit(1)
