"""Average features of a corpus, as sums that merge: what every stem is normalised to (paper, section 2.1)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import FEATURES, StemFeatures
from fxnorm.panning import smooth_similarity
from fxnorm.settings import SPECTRUM_BINS, Settings, hash_of

FEATURE_LENGTHS = {"loudness": 1, "compression": 2, "eq": SPECTRUM_BINS, "panning": SPECTRUM_BINS}

Mode = Literal["raw", "sequential", "published"]
"""``raw``: features of the stems as they are. ``sequential``: features of effect k on stems normalised by the effects
before it. ``published``: averages read from the published file, whose number of stems is not known."""


class StatisticsError(ValueError):
    """Statistics that cannot be merged or used."""


@dataclasses.dataclass(frozen=True)
class FeatureSum:
    """Unsmoothed sum of one feature over stems of one source.

    Attributes:
        total: float64, shape (1,), (2,) or (32 769,).
        songs: ids of the contributing songs, sorted.
    """

    total: NDArray[np.float64]
    songs: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of stems summed."""
        return len(self.songs)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Arithmetic mean, not smoothed."""
        return self.total / self.count


@dataclasses.dataclass(frozen=True)
class Targets:
    """What the stems of one source are normalised to; a feature that no stem had is None.

    Attributes:
        loudness: LUFS.
        eq: smoothed mean magnitude spectrum at -30 LUFS, shape (32 769,).
        panning: smoothed mean similarity, shape (32 769,).
        compression: onset peak level, dBFS and dB.
    """

    loudness: float | None = None
    eq: NDArray[np.float64] | None = None
    panning: NDArray[np.float64] | None = None
    compression: OnsetPeakLevel | None = None


@dataclasses.dataclass(frozen=True)
class Statistics:
    """Sums by (source, feature).

    Attributes:
        sums: what was summed.
        mode: how the features were measured.
    """

    sums: Mapping[tuple[str, str], FeatureSum] = dataclasses.field(default_factory=dict)
    mode: Mode = "raw"

    @property
    def sources(self) -> tuple[str, ...]:
        """Stem names that have at least one feature, sorted."""
        return tuple(sorted({source for source, _ in self.sums}))

    def songs(self, source: str) -> tuple[str, ...]:
        """Ids of all songs that contributed to a source."""
        return tuple(sorted({song for (name, _), value in self.sums.items() if name == source for song in value.songs}))

    def merge(self, other: Statistics) -> Statistics:
        """Statistics of both corpora together.

        Raises:
            StatisticsError: a song is in both, the modes differ, or one of them is the published file.
        """
        if "published" in (self.mode, other.mode):
            raise StatisticsError("published averages cannot be merged: the number of stems behind them is not known")
        if self.mode != other.mode:
            raise StatisticsError(f"cannot merge {self.mode} with {other.mode} statistics")
        sums = dict(self.sums)
        for key, value in other.sums.items():
            mine = sums.get(key)
            if mine is None:
                sums[key] = value
                continue
            twice = sorted(set(mine.songs) & set(value.songs))
            if twice:
                raise StatisticsError(f"{key[0]} {key[1]}: songs in both statistics: {', '.join(twice[:5])}")
            sums[key] = FeatureSum(mine.total + value.total, tuple(sorted(mine.songs + value.songs)))
        return Statistics(sums, self.mode)

    def targets(self, source: str, settings: Settings | None = None) -> Targets:
        """Smoothed averages of a source.

        Raises:
            StatisticsError: nothing is known of the source.
        """
        if source not in self.sources:
            known = ", ".join(self.sources) or "none"
            raise StatisticsError(f"no statistics of source {source!r}; there are statistics of: {known}")
        means = {feature: value.mean for (name, feature), value in self.sums.items() if name == source}
        window = (settings or Settings()).source(source).eq_smoothing
        level = means.get("compression")
        return Targets(
            loudness=float(means["loudness"][0]) if "loudness" in means else None,
            eq=scipy.signal.savgol_filter(means["eq"], window, 1, mode="mirror") if "eq" in means else None,
            panning=smooth_similarity(means["panning"]) if "panning" in means else None,
            compression=None if level is None else OnsetPeakLevel(float(level[0]), float(level[1])),
        )

    def fingerprint(self) -> str:
        """BLAKE2b-128 of all sums and songs, hexadecimal."""
        content = [
            [source, feature, list(value.songs), value.total.astype("<f8").tobytes().hex()]
            for (source, feature), value in sorted(self.sums.items())
        ]
        return hash_of([self.mode, content])


def measure_statistics(
    stems: Iterable[tuple[str, str, StemFeatures]], mode: Mode = "raw", features: Iterable[str] = FEATURES
) -> Statistics:
    """Sum the features of stems.

    Args:
        stems: (song id, source, features); silent stems and features that were not measured do not count. The sums
            depend on the order in the last bits, so give songs in a fixed order.
        mode: how the features were measured.
        features: features to sum.

    Raises:
        StatisticsError: the same stem twice.
    """
    wanted = tuple(features)
    totals: dict[tuple[str, str], NDArray[np.float64]] = {}
    songs: dict[tuple[str, str], set[str]] = {}
    for song, source, stem in stems:
        for feature in wanted:
            value = stem.value(feature)
            if value is None:
                continue
            key = (source, feature)
            if song in songs.setdefault(key, set()):
                raise StatisticsError(f"{song}: {source} counted twice")
            songs[key].add(song)
            if key in totals:
                totals[key] += value
            else:
                totals[key] = np.array(value, dtype=np.float64)
    return Statistics({key: FeatureSum(totals[key], tuple(sorted(songs[key]))) for key in sorted(totals)}, mode)
