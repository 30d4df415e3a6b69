"""What was done to one stem: target and achieved value of every effect, what was limited or skipped, and why."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

Status = Literal["applied", "limited", "unchanged", "skipped"]
"""``applied``: the effect acted and reached its target. ``limited``: it acted, and missed the target for the reason
given. ``unchanged``: the stem was left alone on purpose. ``skipped``: the effect could not act."""


@dataclasses.dataclass(frozen=True)
class EffectReceipt:
    """One effect on one stem.

    Attributes:
        effect: name of the effect.
        status: see :data:`Status`.
        reason: why it is not ``applied``; None if it is.
        quantity: what the three values measure.
        unit: their unit.
        target: value aimed at.
        before: value before the effect.
        achieved: value measured after the effect.
        details: parameters found, per channel where channels are treated by themselves.
    """

    effect: str
    status: Status
    reason: str | None = None
    quantity: str | None = None
    unit: str | None = None
    target: float | None = None
    before: float | None = None
    achieved: float | None = None
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class StemReceipt:
    """All effects on one stem.

    Attributes:
        source: stem name.
        silent: the stem was at or below the gate and is as it came.
        effects: one entry for each effect of the chain, in order.
        seed: what the random choices were derived from; None if there were none.
        settings_hash: hash of the settings.
        statistics_hash: hash of the targets' statistics; None if not given.
        version: version of this package.
    """

    source: str
    silent: bool
    effects: tuple[EffectReceipt, ...]
    seed: tuple[str | int, ...] | None
    settings_hash: str
    statistics_hash: str | None
    version: str

    def to_dict(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return dataclasses.asdict(self)
