"""Every check of every table, in the order of the report."""

from __future__ import annotations

from catalogs.validation import features, fingerprints, quality, quarantine, receipts, shards, statistics, tracks
from catalogs.validation.rule import Check, Rule

CHECKS: tuple[Check, ...] = (
    *tracks.CHECKS,
    *quarantine.CHECKS,
    *features.CHECKS,
    *quality.CHECKS,
    *fingerprints.CHECKS,
    *statistics.CHECKS,
    *shards.CHECKS,
    *receipts.CHECKS,
)

RULES: dict[str, Rule] = {rule.name: rule for check in CHECKS for rule in check.rules}
"""Every rule by its name."""
