"""What a listener's browser hands over, and whether it fits the test."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from training.listening.site_files import Site, SitePage

CONFIG = ConfigDict(extra="forbid", strict=True)

LARGEST_BYTES = 2_000_000
"""Largest result that is taken; one of a long test with full logs has about a tenth."""

OpaqueId = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Participant = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,64}$")]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")]


class ResultError(ValueError):
    """A result that cannot be taken; the message says why."""


@dataclass(frozen=True, config=CONFIG)
class StimulusResult:
    """A mix on a page: its letter, how long it was heard (s), and for each scale the rating and how often it moved."""

    id: OpaqueId
    label: Annotated[str, Field(pattern=r"^[A-K]$")]
    heard_seconds: Seconds
    ratings: dict[str, Points]
    moves: dict[str, Annotated[int, Field(ge=0)]]


@dataclass(frozen=True, config=CONFIG)
class PageResult:
    """A page; ``log`` holds [seconds, event, ...] for what was played and moved when."""

    page: OpaqueId
    started: Moment | None
    finished: Moment | None
    seconds: Seconds
    comment: Annotated[str, Field(max_length=2_000)]
    stimuli: Annotated[tuple[StimulusResult, ...], Field(max_length=11)]
    dry_seconds: Seconds
    log: Annotated[
        tuple[Annotated[tuple[str | float | None, ...], Field(min_length=2, max_length=5)], ...],
        Field(max_length=4_000),
    ]


@dataclass(frozen=True, config=CONFIG)
class Result:
    """A finished test of one listener."""

    schema_version: Literal[1]
    test_id: str
    session: OpaqueId
    participant: Participant
    started: Moment
    finished: Moment
    reloads: Annotated[int, Field(ge=0)]
    volume: Annotated[float, Field(ge=0, le=1)]
    training: PageResult
    pages: Annotated[tuple[PageResult, ...], Field(max_length=200)]
    page_order: Annotated[tuple[OpaqueId, ...], Field(max_length=200)]
    questionnaire: dict[str, Annotated[str, Field(max_length=4_000)] | float | None]
    browser: Annotated[str, Field(max_length=1_000)]
    screen: tuple[int, int]


def parse_result(content: bytes) -> Result:
    """Read a result.

    Raises:
        ResultError: not JSON, or not a result; the message names the place.
    """
    try:
        return TypeAdapter(Result).validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ResultError(f"{place + ': ' if place else ''}{first['msg']}") from None


def check_result(result: Result, site: Site) -> None:
    """Refuse a result of another test, and one that lacks a page, a mix, a rating or an answer.

    Raises:
        ResultError: says what is missing.
    """
    if result.test_id != site.test_id:
        raise ResultError(f"this is a result of test {result.test_id}, not of {site.test_id}")
    pages = {page.page: page for page in result.pages}
    wanted = {page.id for page in site.pages}
    if set(pages) != wanted or len(result.pages) != len(wanted):
        raise ResultError(f"pages do not match: {len(set(pages) & wanted)} of {len(wanted)} are there")
    if list(result.page_order) != [page.page for page in result.pages]:
        raise ResultError("page_order is not the order of the pages")
    axes = {axis.id for axis in site.axes}
    for page_id, page in pages.items():
        _check_page(page, site.page(page_id), axes)
    for question in site.questionnaire:
        if question.required and result.questionnaire.get(question.id) in (None, ""):
            raise ResultError(f"questionnaire: no answer to {question.id}")


def _check_page(page: PageResult, wanted: SitePage, axes: set[str]) -> None:
    rated = {stimulus.id: stimulus for stimulus in page.stimuli}
    if set(rated) != {stimulus.id for stimulus in wanted.stimuli} or len(rated) != len(page.stimuli):
        raise ResultError(f"page {page.page}: its mixes do not match")
    for stimulus in page.stimuli:
        if set(stimulus.ratings) != axes:
            raise ResultError(f"page {page.page}: mix {stimulus.label} is not rated on every scale")
        if any(stimulus.moves.get(axis, 0) == 0 for axis in axes):
            raise ResultError(f"page {page.page}: mix {stimulus.label} was not moved on every scale")


def read_results(folder: Path) -> dict[Path, Result]:
    """All results in a folder, by file, in order of file names.

    Raises:
        ResultError: there is none, or one cannot be read; move it away to go on without it.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise ResultError(f"{folder}: no results (*.json) there")
    results = {}
    for file in files:
        try:
            results[file] = parse_result(file.read_bytes())
        except (ResultError, OSError) as error:
            raise ResultError(f"{file}: not a result: {error}; move it away to go on without it") from None
    return results
