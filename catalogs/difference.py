"""What differs between two catalogs, or two versions of one: songs, configuration, statistics."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from catalogs.catalog import Catalog
from fxnorm.statistics import Statistics

SONG_COLUMNS = {
    "tracks": ("song_hash", "split"),
    "features": ("analysis_hash",),
    "shards": ("normalization_hash",),
    "quarantine": ("stage", "reason"),
}


@dataclasses.dataclass(frozen=True)
class StatisticDifference:
    """How the average of a source moved.

    Attributes:
        source: stem name.
        feature: eq, compression, panning or loudness.
        before: stems that contributed; 0 where there was no such average.
        after: the same, afterwards.
        change: largest change of the average: dB for eq (bins more than 60 dB below the peak are left out),
            compression and loudness, similarity (0 to 1) for panning; None where one of both is missing.
    """

    source: str
    feature: str
    before: int
    after: int
    change: float | None


@dataclasses.dataclass(frozen=True)
class Difference:
    """From one catalog to another; song ids are sorted.

    Attributes:
        added: songs that are new.
        removed: songs that are gone.
        changed: songs whose input audio is another.
        moved: songs whose split is another.
        analysed: songs, the same input, whose features were measured with another configuration.
        normalised: songs, the same input, whose stems were normalised with another configuration or statistics.
        quarantined: songs that went into quarantine.
        released: songs that came out of quarantine.
        configuration: by ``stage.option``, the value before and after.
        statistics: averages that moved.
    """

    added: list[str]
    removed: list[str]
    changed: list[str]
    moved: list[str]
    analysed: list[str]
    normalised: list[str]
    quarantined: list[str]
    released: list[str]
    configuration: dict[str, tuple[Any, Any]]
    statistics: list[StatisticDifference]

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not any(getattr(self, field.name) for field in dataclasses.fields(self))


def compare_catalogs(before: Catalog, after: Catalog) -> Difference:
    """Compare two catalogs song by song.

    Raises:
        CatalogError: a table cannot be read.
    """
    old, new = _songs(before, "tracks"), _songs(after, "tracks")
    both = old.index.intersection(new.index)
    same = [song for song in both if old.song_hash[song] == new.song_hash[song]]
    refused_before, refused_after = (_songs(catalog, "quarantine").index for catalog in (before, after))
    return Difference(
        added=sorted(new.index.difference(old.index)),
        removed=sorted(old.index.difference(new.index)),
        changed=sorted(set(both) - set(same)),
        moved=sorted(song for song in both if old.split[song] != new.split[song]),
        analysed=_configured_otherwise(before, after, "features", same),
        normalised=_configured_otherwise(before, after, "shards", same),
        quarantined=sorted(refused_after.difference(refused_before)),
        released=sorted(refused_before.difference(refused_after)),
        configuration=_configuration(before.manifest.config, after.manifest.config),
        statistics=_moved_averages(_statistics(before), _statistics(after)),
    )


def _songs(catalog: Catalog, table: str) -> pd.DataFrame:
    columns = ["song_id", *SONG_COLUMNS[table]]
    if table not in catalog.manifest.tables:
        return pd.DataFrame(columns=columns).set_index("song_id")
    return catalog.frame(table, columns).drop_duplicates("song_id").set_index("song_id")


def _configured_otherwise(before: Catalog, after: Catalog, table: str, songs: list[str]) -> list[str]:
    (column,) = SONG_COLUMNS[table]
    old, new = (_songs(catalog, table)[column].reindex(songs) for catalog in (before, after))
    return sorted(old.index[old.notna() & new.notna() & (old != new)])


def _configuration(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    old, new = (
        {f"{stage}.{option}": value for stage, options in config.items() for option, value in options.items()}
        for config in (before, after)
    )
    names = sorted(set(old) | set(new))
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _statistics(catalog: Catalog) -> Statistics:
    return catalog.statistics() if "statistics" in catalog.manifest.tables else Statistics()


def _moved_averages(before: Statistics, after: Statistics) -> list[StatisticDifference]:
    moved = []
    for source, feature in sorted(set(before.sums) | set(after.sums)):
        old, new = before.sums.get((source, feature)), after.sums.get((source, feature))
        if old is None or new is None:
            counts = (0 if old is None else old.count, 0 if new is None else new.count)
            moved.append(StatisticDifference(source, feature, *counts, None))
        elif not np.array_equal(old.total, new.total) or old.songs != new.songs:
            change = _largest_change(feature, old.mean, new.mean)
            moved.append(StatisticDifference(source, feature, old.count, new.count, change))
    return moved


def _largest_change(feature: str, before: np.ndarray, after: np.ndarray) -> float:
    if feature != "eq":
        return float(np.abs(after - before).max())
    heard = np.minimum(before, after) > 1e-3 * max(before.max(), after.max())
    return float(np.abs(20.0 * np.log10(after[heard] / before[heard])).max(initial=0.0))
