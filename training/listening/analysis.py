"""The analysis of a listening test: rules applied, systems summarised and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from training.evaluation.bootstrap import Bootstrap
from training.listening.comparisons import ALPHA, compare_systems, summarise_systems
from training.listening.exclusion import judge_listeners, self_consistency
from training.listening.key import Key
from training.listening.planning import smallest_sample
from training.listening.ratings import rating_table
from training.listening.results import Result


@dataclass(frozen=True)
class Analysis:
    """The analysis of a test.

    Attributes:
        key: of the test.
        ratings: all ratings, of all listeners.
        listeners: one row a listener, see training.listening.exclusion.
        answers: one row a listener: the questionnaire.
        bootstrap: how intervals are made.
    """

    key: Key
    ratings: pd.DataFrame
    listeners: pd.DataFrame
    answers: pd.DataFrame
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    @cached_property
    def kept(self) -> pd.DataFrame:
        """Ratings of the listeners that no rule excludes."""
        excluded = self.listeners.loc[self.listeners["excluded"], "listener"]
        return self.ratings[~self.ratings["listener"].isin(excluded)]

    @cached_property
    def systems(self) -> pd.DataFrame:
        """Mean ratings, see comparisons.summarise_systems."""
        return summarise_systems(self.kept, self.key.systems, self.bootstrap)

    @cached_property
    def comparisons(self) -> pd.DataFrame:
        """Pairs of systems, see comparisons.compare_systems."""
        return compare_systems(self.kept, self.key.systems, self.key.wanted_effect, self.bootstrap)

    @cached_property
    def everybody(self) -> pd.DataFrame:
        """The same comparisons with nobody excluded."""
        return compare_systems(self.ratings, self.key.systems, self.key.wanted_effect, self.bootstrap)

    @cached_property
    def songs(self) -> pd.DataFrame:
        """Mean rating and number of ratings by axis, song and system."""
        groups = self.kept.groupby(["axis", "song", "system"], sort=False)["rating"]
        return groups.agg(mean="mean", ratings="size").reset_index()

    @cached_property
    def consistency(self) -> pd.DataFrame:
        """Repeated pages, see exclusion.self_consistency."""
        return self_consistency(self.ratings)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        count = self.kept["listener"].nunique()
        least = smallest_sample(ALPHA / max(1, len(self.comparisons)))
        notes = []
        if count < least:
            notes.append(
                f"{count} listeners cannot make any of {len(self.comparisons)} comparisons significant, however they "
                f"rate; {least} is the least"
            )
        for row in self.listeners.to_dict("records"):
            if row["flags"]:
                fate = "is excluded" if row["excluded"] else "is flagged, and kept"
                notes.append(f"{row['participant']} ({row['listener']}) {fate}: {', '.join(row['flags'])}")
        named = self.listeners["participant"]
        notes += [f"{name}: took the test more than once" for name in sorted(set(named[named.duplicated()]))]
        return tuple(notes)


def analyse(results: Mapping[Path, Result], key: Key, bootstrap: Bootstrap | None = None) -> Analysis:
    """Analyse the results of a test.

    Raises:
        KeyFileError: a result belongs to another test.
    """
    ratings = rating_table(results.values(), key)
    years = {result.session: _number(result.questionnaire.get("years_of_mixing")) for result in results.values()}
    answers = pd.DataFrame(
        [
            {"listener": result.session, "participant": result.participant, **result.questionnaire}
            for result in results.values()
        ]
    )
    listeners = judge_listeners(ratings, key.exclusion, years)
    return Analysis(key, ratings, listeners, answers, bootstrap or Bootstrap())


def _number(answer: str | float | None) -> float | None:
    return float(answer) if isinstance(answer, int | float) else None
