"""What a validation found: one result for each rule, with the songs and stems that break it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Failure:
    """One row of a table that breaks a rule.

    Attributes:
        song_id: id of the song; empty where the rule is about a whole table or corpus.
        stem: name of the stem or ``mixture``; empty where the whole song is at fault.
        rule: name of the rule, such as ``shards.frames_equal_input``.
        observed: the offending value, as text.
        message: what is wrong, in one sentence.
    """

    song_id: str
    stem: str
    rule: str
    observed: str
    message: str


@dataclass(frozen=True)
class RuleResult:
    """The outcome of one rule.

    Attributes:
        suite: table the rule is about.
        rule: stable name of the rule.
        description: what the rule demands, in one line.
        remedy: what to do where it is broken, in one line.
        status: ``skipped`` where a table or the audio was not there to be checked; never counted as passed.
        checked: number of rows the rule applies to.
        failing: number of rows that break it; all are counted.
        failures: the first of them, at most :data:`catalogs.validation.validate.LISTED_FAILURES`.
        note: why the rule was skipped, otherwise None.
    """

    suite: str
    rule: str
    description: str
    remedy: str
    status: Status
    checked: int
    failing: int
    failures: tuple[Failure, ...] = ()
    note: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the rule was checked and no row breaks it."""
        return self.status == "passed"

    def and_in(self, other: RuleResult, listed: int) -> RuleResult:
        """The outcome of the same rule in this part of a table and another, with at most so many failures listed."""
        return replace(
            self,
            status="failed" if "failed" in (self.status, other.status) else self.status,
            checked=self.checked + other.checked,
            failing=self.failing + other.failing,
            failures=(self.failures + other.failures)[:listed],
        )


@dataclass(frozen=True)
class ValidationReport:
    """The outcome of every rule, grouped by suite."""

    results: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        """Whether at least one rule was checked and none is broken; :attr:`skipped` has the rest."""
        return not self.with_status("failed") and bool(self.with_status("passed"))

    @property
    def skipped(self) -> tuple[RuleResult, ...]:
        """Rules that could not be checked, each with a note that says why."""
        return self.with_status("skipped")

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Every listed failure of every rule."""
        return tuple(failure for result in self.results for failure in result.failures)

    @property
    def failing(self) -> int:
        """Number of failures, listed or not."""
        return sum(result.failing for result in self.results)

    @property
    def notes(self) -> tuple[str, ...]:
        """The different reasons for which rules were skipped, each with the number of rules."""
        counts: dict[str, int] = {}
        for result in self.skipped:
            if result.note:
                counts[result.note] = counts.get(result.note, 0) + 1
        return tuple(f"{note}: {n} {'rule' if n == 1 else 'rules'} not checked" for note, n in counts.items())

    @property
    def suites(self) -> dict[str, tuple[RuleResult, ...]]:
        """Results by suite, in the order in which they were checked."""
        names = dict.fromkeys(result.suite for result in self.results)
        return {name: tuple(result for result in self.results if result.suite == name) for name in names}

    def with_status(self, status: Status) -> tuple[RuleResult, ...]:
        """Results of one status."""
        return tuple(result for result in self.results if result.status == status)
