"""Validates the tables of a catalog with Great Expectations, in memory and without a trace on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.fs as pafs

from catalogs.catalog import Catalog
from catalogs.schemas import TABLES
from catalogs.validation.evidence import KEYS, Evidence, conform, open_root
from catalogs.validation.facts import gather_facts
from catalogs.validation.parts import CatalogParts
from catalogs.validation.report import Failure, RuleResult, ValidationReport
from catalogs.validation.rule import Check, Rule
from catalogs.validation.suites import CHECKS, RULES
from fxnorm.settings import DEFAULT_EFFECTS

LISTED_FAILURES = 1_000
"""Failures of one rule that are listed; all are counted."""

ROW = "row"
"""Column that numbers the rows of a frame, so that an unexpected row can be looked up."""


def validate_tables(
    tables: Mapping[str, pd.DataFrame],
    root: str | Path | pafs.FileSystem | None,
    allow_test_songs: bool = False,
    effects: Sequence[str] = DEFAULT_EFFECTS,
    *,
    keep_splits: bool = False,
    verify_hashes: bool = False,
    loudness_tolerance: float = 0.1,
    rules: Collection[str] | None = None,
) -> ValidationReport:
    """Check every rule on the tables of a catalog.

    Args:
        tables: tables by name, as :data:`catalogs.schemas.TABLES` names them. Rules on a table that is not
            there are skipped with a note, for example on ``shards`` before normalize has run.
        root: folder of the catalog (path, URI, or a file system rooted there), under which the shard files
            lie; None skips the rules that look at files.
        allow_test_songs: accept statistics to which songs of the test split contribute.
        keep_splits: accept a song that stands in two splits.
        effects: effects of the chain the stems went through, in order.
        verify_hashes: read every shard file and compare its hash; takes as long as reading all audio.
        loudness_tolerance: largest accepted deviation of a stored loudness from its target, LU.
        rules: names of the rules to check; all of them by default.

    Returns:
        One result for each rule, in the order of :data:`catalogs.validation.suites.CHECKS`.

    Raises:
        ValueError: a name in ``tables`` or ``rules`` is unknown.
        FileNotFoundError: ``root`` does not exist.
    """
    _refuse_unknown("table", tables, TABLES)
    _refuse_unknown("rule", rules or (), RULES)
    conformed = {name: conform(name, table) for name, table in tables.items()}
    evidence = Evidence(
        tables=conformed,
        columns={name: frozenset(map(str, table.columns)) for name, table in tables.items()},
        facts=gather_facts(lambda name, columns: conformed.get(name)),
        filesystem=open_root(root),
        allow_test_songs=allow_test_songs,
        keep_splits=keep_splits,
        effects=tuple(effects),
        loudness_tolerance=loudness_tolerance,
        verify_hashes=verify_hashes,
    )
    return ValidationReport(tuple(_judge(_Engine(), CHECKS, evidence, rules)))


def validate_catalog(
    catalog: Catalog,
    allow_test_songs: bool = False,
    effects: Sequence[str] = DEFAULT_EFFECTS,
    *,
    keep_splits: bool = False,
    verify_hashes: bool = False,
    loudness_tolerance: float = 0.1,
    rules: Collection[str] | None = None,
    rows: int | None = None,
    report: Callable[[int], None] = lambda songs: None,
) -> ValidationReport:
    """Check every rule on a stored catalog, some songs at a time; memory does not grow with their number.

    The outcome is that of :func:`validate_tables`; only the order of the listed failures may differ.

    Args:
        catalog: an open catalog, published or draft.
        allow_test_songs: see :func:`validate_tables`, as the options that follow.
        effects: the same.
        keep_splits: the same.
        verify_hashes: the same.
        loudness_tolerance: the same.
        rules: the same.
        rows: of ``tracks`` that are looked at at a time; by default as many as take half a gigabyte.
        report: told the number of songs checked so far.

    Raises:
        ValueError: a name in ``rules`` is unknown.
        CatalogError: a table cannot be read.
    """
    _refuse_unknown("rule", rules or (), RULES)
    parts = CatalogParts(catalog, rows)
    facts = parts.facts()
    filesystem = open_root(pafs.SubTreeFileSystem(catalog.location.path, catalog.location.filesystem))

    def evidence_of(tables: Mapping[str, pd.DataFrame]) -> Evidence:
        return Evidence(
            tables={name: conform(name, table) for name, table in tables.items()},
            columns=parts.columns,
            facts=facts,
            filesystem=filesystem,
            allow_test_songs=allow_test_songs,
            keep_splits=keep_splits,
            effects=tuple(effects),
            loudness_tolerance=loudness_tolerance,
            verify_hashes=verify_hashes,
        )

    found: dict[str, RuleResult] = {}
    engine = _Engine()
    for result in _judge(engine, [check for check in CHECKS if check.once], evidence_of(parts.whole()), rules):
        found[result.rule] = result
    checked = 0
    for tables in parts:
        for result in _judge(engine, [check for check in CHECKS if not check.once], evidence_of(tables), rules):
            earlier = found.get(result.rule)
            found[result.rule] = result if earlier is None else earlier.and_in(result, LISTED_FAILURES)
        if "tracks" in tables and "song_id" in tables["tracks"]:
            checked += tables["tracks"]["song_id"].nunique()
            report(checked)
    return ValidationReport(tuple(found[name] for name in RULES if name in found))


def _judge(
    engine: _Engine, checks: Sequence[Check], evidence: Evidence, rules: Collection[str] | None
) -> list[RuleResult]:
    results: list[RuleResult] = []
    for check in checks:
        wanted = [rule for rule in check.rules if rules is None or rule.name in rules]
        if wanted:
            reason = _missing(check, evidence) or check.skip(evidence)
            if reason:
                results += [_skipped(check, rule, reason) for rule in wanted]
            else:
                results += engine.judge(check, wanted, evidence)
    return results


def _refuse_unknown(kind: str, names: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ValueError(f"unknown {kind}: {', '.join(unknown)}; known are {', '.join(known)}")


def _missing(check: Check, evidence: Evidence) -> str | None:
    absent = [name for name in (check.suite, *check.needs) if name not in evidence.tables]
    return f"the catalog has no {' and no '.join(absent)} table" if absent else None


def _skipped(check: Check, rule: Rule, reason: str) -> RuleResult:
    return RuleResult(check.suite, rule.name, rule.description, rule.remedy, "skipped", 0, 0, (), reason)


class _Engine:
    """An ephemeral Great Expectations context that reports nothing to anyone."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        import great_expectations as gx
        from great_expectations.data_context.types.base import (
            DataContextConfig,
            InMemoryStoreBackendDefaults,
            ProgressBarsConfig,
        )

        settings = DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
        self._gx = gx
        self._context = gx.get_context(mode="ephemeral", project_config=settings)
        self._runs = 0

    def judge(self, check: Check, rules: Sequence[Rule], evidence: Evidence) -> Iterator[RuleResult]:
        """Results of some rules of a check, in their order."""
        frame = check.frame(evidence).reset_index(drop=True)
        frame[ROW] = np.arange(len(frame))
        columns = dict.fromkeys([ROW, *KEYS, *(name for rule in rules for name in rule.expectation.columns)])
        outcomes = self._run(check.suite, frame[list(columns)], rules)
        for rule in rules:
            yield _result(check.suite, rule, outcomes[rule.name], frame)

    def _run(self, suite: str, frame: pd.DataFrame, rules: Sequence[Rule]) -> dict[str, Any]:
        self._runs += 1
        name = f"{suite}-{self._runs}"
        source = self._context.data_sources.add_pandas(name)
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all rows")
        expectations = [self._build(rule) for rule in rules]
        definition = self._gx.ValidationDefinition(
            name=name,
            data=batch,
            suite=self._context.suites.add(self._gx.ExpectationSuite(name=name, expectations=expectations)),
        )
        outcome = self._context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": frame},
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [ROW, *KEYS],
                "return_unexpected_index_query": False,
            },
        )
        self._context.validation_definitions.delete(name)
        self._context.suites.delete(name)
        self._context.data_sources.delete(name)
        return {result.expectation_config.meta["rule"]: result for result in outcome.results}

    def _build(self, rule: Rule) -> Any:
        expectation = getattr(self._gx.expectations, rule.expectation.kind)
        return expectation(**rule.expectation.arguments, meta={"rule": rule.name})


def _result(suite: str, rule: Rule, outcome: Any, frame: pd.DataFrame) -> RuleResult:
    counts = outcome.result
    if "element_count" not in counts:
        raise RuntimeError(f"rule {rule.name} could not be evaluated: {outcome.exception_info}")
    rows = [entry[ROW] for entry in counts.get("unexpected_index_list") or ()]
    records = frame.iloc[rows[:LISTED_FAILURES]].to_dict("records")
    return RuleResult(
        suite=suite,
        rule=rule.name,
        description=rule.description,
        remedy=rule.remedy,
        status="passed" if outcome.success else "failed",
        checked=counts["element_count"] - counts.get("missing_count", 0),
        failing=counts["unexpected_count"],
        failures=tuple(_failure(rule, record) for record in records),
    )


def _failure(rule: Rule, record: Mapping[Any, Any]) -> Failure:
    shown = {str(name): _show(value) for name, value in record.items()}
    song_id, stem = ("" if _is_null(record[key]) else shown[key] for key in KEYS)
    return Failure(song_id, stem, rule.name, rule.observed.format_map(shown), rule.message.format_map(shown))


def _is_null(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _show(value: object) -> str:
    if _is_null(value):
        return "nothing"
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.6g}"
    return str(value)
