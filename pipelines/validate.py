"""Stages 4 and 5: check every table, write a page of the findings, and make the draft the catalog."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from catalogs.catalog import Catalog
from catalogs.manifest import DRAFT, PUBLISHED, read_manifest
from catalogs.validation import ValidationReport, render_page, validate_catalog
from fxnorm.chain import LOUDNESS_TOLERANCE_LU
from fxnorm.settings import DEFAULT_EFFECTS, EFFECTS
from pipelines.progress import LOG_INTERVAL_SECONDS
from pipelines.runner import PipelineError
from pipelines.workspace import Workspace

PAGE = "report/validation.html"

COMPAT_LOUDNESS_TOLERANCE_LU = 2.0
"""Compat measures loudness with padding, which lowers that of short stems."""

LISTED = 20
"""Failures that are printed; the page has all of them."""


def validate(workspace: Workspace, console: Console, verify_hashes: bool = False) -> ValidationReport:
    """Check the draft, or the published catalog if nothing was made since, and write ``report/validation.html``.

    Raises:
        PipelineError: there is no catalog.
    """
    name = DRAFT if read_manifest(workspace.catalog, DRAFT) else PUBLISHED
    manifest = read_manifest(workspace.catalog, name)
    if manifest is None:
        raise PipelineError(f"{workspace.target}: no catalog here; build one with 'fxnorm-data build-catalog'")
    catalog = Catalog.open(workspace.target, name)
    progress = _Progress(console)
    normalized = manifest.config.get("normalize", {})
    report = validate_catalog(
        catalog,
        allow_test_songs=bool(manifest.config.get("analyze", {}).get("include_test", False)),
        keep_splits=bool(manifest.config.get("analyze", {}).get("keep_splits", False)),
        effects=_effects(normalized),
        verify_hashes=verify_hashes,
        loudness_tolerance=COMPAT_LOUDNESS_TOLERANCE_LU
        if normalized.get("reference_compat")
        else LOUDNESS_TOLERANCE_LU,
        report=progress,
    )
    (workspace.catalog / PAGE).write_bytes(render_page(report, f"Validation of {workspace.target}").encode())
    checked = [result for result in report.results if result.status != "skipped"]
    failed = [result for result in checked if not result.passed]
    console.print(
        f"validate  {len(checked)} rules checked, {len(report.results) - len(checked)} skipped, "
        f"{len(failed)} broken; {(workspace.catalog / PAGE).path}",
        soft_wrap=True,
        markup=False,
    )
    failures = [failure for result in failed for failure in result.failures]
    for failure in failures[:LISTED]:
        place = " ".join(part for part in (failure.song_id, failure.stem) if part) or "catalog"
        console.print(
            f"  {failure.rule}: {place}: {failure.message} (found {failure.observed})",
            style="red",
            soft_wrap=True,
            markup=False,
        )
    if len(failures) > LISTED:
        console.print(f"  and {len(failures) - LISTED} more, see the page", style="red")
    return report


class _Progress:
    """A line now and then, where there are many songs to check."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed = time.monotonic()

    def __call__(self, songs: int) -> None:
        if time.monotonic() - self._printed >= LOG_INTERVAL_SECONDS:
            self._printed = time.monotonic()
            self._console.print(f"validate  {songs} songs checked", soft_wrap=True)


def publish(workspace: Workspace, console: Console) -> None:
    """Make the draft the catalog that readers see.

    Raises:
        PipelineError: there is nothing to publish.
    """
    manifest = read_manifest(workspace.catalog, DRAFT)
    if manifest is None or "shards" not in manifest.tables:
        raise PipelineError(f"{workspace.target}: nothing to publish; run 'fxnorm-data normalize' first")
    done = "published" if workspace.publish() else "unchanged"
    console.print(f"{done:<9} {(workspace.catalog / PUBLISHED).path}", soft_wrap=True, markup=False)


def _effects(config: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = config.get("effects", DEFAULT_EFFECTS)
    return tuple(name for name in EFFECTS if name in wanted)
