"""Rules on ``receipts``: what each effect aimed at and reached."""

from __future__ import annotations

import numpy as np
import pandas as pd

from catalogs.schemas import EFFECT_STATUSES
from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import KEYS, Evidence, attach, cover, listed
from catalogs.validation.rule import Check, Rule, empty, equal, holds, one_of, parses_as_json, unique

VALUES = ("target", "before", "achieved")
REQUIRED_WHEN_APPLIED = ("quantity", "unit", "target", "achieved")

WITHOUT_TARGET = ("prereverb", "reverb")
"""Effects that aim at no average."""
UNTOUCHED = ("unchanged", "skipped")


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["receipts"]
    position = {effect: float(place) for place, effect in enumerate(evidence.effects)}
    in_chain = frame["effect"].map(lambda effect: effect in position).astype(object)
    has_reason = frame["reason"].notna().astype(object)
    return frame.assign(
        in_chain=in_chain.where(frame["effect"].notna(), None),
        chain=", ".join(evidence.effects),
        expected_position=frame["effect"].map(position).astype("float64"),
        has_reason=has_reason.where(frame["status"].isin(("limited", *UNTOUCHED)), None),
        unfilled=listed(
            frame[list(REQUIRED_WHEN_APPLIED)].isna(),
            (frame["status"] == "applied") & ~frame["effect"].isin(WITHOUT_TARGET),
        ),
        infinite=listed(frame[list(VALUES)].isin((np.inf, -np.inf)), pd.Series(True, index=frame.index)),
    )


def _coverage(evidence: Evidence) -> pd.DataFrame:
    shards = evidence.tables["shards"]
    sounding = shards[(shards["role"] == "stem") & shards["silent"].eq(False)]
    effects = pd.DataFrame({"effect": pd.Series(evidence.effects, dtype=object)})
    wanted = sounding[list(KEYS)].merge(effects, how="cross")
    return cover(wanted, evidence.tables["receipts"], (*KEYS, "effect"))


def _against_shards(evidence: Evidence) -> pd.DataFrame:
    shards = evidence.tables["shards"]
    stems = shards[shards["role"] == "stem"].assign(stored=True)
    columns = {"stored": "stored", "silent": "silent"}
    frame = attach(evidence.tables["receipts"], stems, columns)
    untouched = frame["status"].isin(UNTOUCHED).astype(object)
    return frame.assign(
        stored=frame["stored"].eq(True),
        untouched=untouched.where(frame["silent"].eq(True), None),
    )


CHECKS = (
    *column_checks("receipts"),
    Check(
        "receipts",
        _coverage,
        (
            Rule(
                "receipts.row_for_every_effect",
                "Every sounding stem has a receipt for every effect of the configured chain.",
                "Run normalize again; no effect may go without a receipt, not even a skipped one.",
                holds("found"),
                "{effect}",
                "no receipt for {effect}",
            ),
        ),
        needs=("shards",),
    ),
    Check(
        "receipts",
        _against_shards,
        (
            Rule(
                "receipts.stem_in_shards",
                "Every receipt belongs to a stored stem; mixtures are not processed.",
                "Rows of two runs are mixed; run normalize again.",
                holds("stored"),
                "{effect}",
                "a receipt for {effect}, but shards holds no such stem",
            ),
            Rule(
                "receipts.silent_untouched",
                "The receipts of a silent stem say unchanged or skipped.",
                "Run normalize again; a silent stem is written through as it is.",
                holds("untouched"),
                "{status}",
                "{effect} is {status} on a silent stem",
            ),
        ),
        needs=("shards",),
    ),
    Check(
        "receipts",
        _rows,
        (
            Rule(
                "receipts.song_stem_effect_unique",
                "A stem has one receipt for each effect.",
                "Rows of two runs are mixed; run normalize again.",
                unique(*KEYS, "effect"),
                "{effect}",
                "more than one receipt for {effect}",
            ),
            Rule(
                "receipts.effect_in_chain",
                "Every receipt is for an effect of the configured chain.",
                "Validate with the chain the catalog was made with, or run normalize again.",
                holds("in_chain"),
                "{effect}",
                "{effect} is not in the chain {chain}",
            ),
            Rule(
                "receipts.position_in_chain",
                "`position` is the place of the effect in the configured chain, from 0.",
                "Run normalize again; the order of the effects matters.",
                equal("position", "expected_position"),
                "{position}",
                "{effect} at position {position}, expected {expected_position} in {chain}",
            ),
            Rule(
                "receipts.status_known",
                "`status` is applied, limited, unchanged or skipped.",
                "Run normalize again.",
                one_of("status", EFFECT_STATUSES),
                "{status}",
                "{effect} has the unknown status {status}",
            ),
            Rule(
                "receipts.reason_given",
                "What was limited, left unchanged or skipped has a reason.",
                "Run normalize again; no effect may miss its target silently.",
                holds("has_reason"),
                "{status}",
                "{effect} is {status} without a reason",
            ),
            Rule(
                "receipts.applied_complete",
                "What was applied to reach an average has a quantity, a unit, a target and an achieved value.",
                "Run normalize again.",
                empty("unfilled"),
                "{unfilled}",
                "{effect} is applied, but without {unfilled}",
            ),
            Rule(
                "receipts.values_finite",
                "Target, value before and achieved value are finite where they are given.",
                "Run normalize again and listen to the stem; what cannot be measured is null, with a reason.",
                empty("infinite"),
                "{infinite}",
                "{effect} has an infinite {infinite}",
            ),
            Rule(
                "receipts.details_json",
                "`details` is JSON.",
                "Run normalize again.",
                parses_as_json("details"),
                "{details}",
                "the details of {effect} are not JSON: {details}",
            ),
        ),
    ),
)
