"""Songs that are the same, within and between catalogs, listed with what says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from catalogs.catalog import Catalog
from catalogs.leakage import Pair, SongPlace, evidence_in_words, find_pairs, read_songs

COUNTED = {
    "leaks": "one song in two splits",
    "duplicates": "one song twice in one split",
    "candidates": "perhaps one song; listen",
}
"""What a pair can be, worst first, with its meaning."""


@dataclasses.dataclass(frozen=True)
class LeaksView:
    """What is found in some catalogs.

    Attributes:
        songs: songs that were compared.
        pairs: songs that are the same, or candidates; certain ones first.
    """

    songs: int
    pairs: list[Pair]

    @property
    def counts(self) -> dict[str, int]:
        """Pairs of each kind of COUNTED."""
        found = [verdict_of(pair) for pair in self.pairs]
        return {name: found.count(name) for name in COUNTED}


def leaks_view(catalogs: Sequence[tuple[str, Catalog]]) -> LeaksView:
    """Compare all songs of some catalogs.

    Args:
        catalogs: each with its path or URI.

    Raises:
        ValueError: one catalog twice.
        CatalogError: a catalog was made before there were fingerprints.
    """
    places = [catalog.location.path for _, catalog in catalogs]
    repeated = next((place for place in places if places.count(place) > 1), None)
    if repeated is not None:
        raise ValueError(f"{repeated}: named twice; every song would be found again in itself")
    songs = [song for label, catalog in catalogs for song in read_songs(catalog, label)]
    return LeaksView(len(songs), find_pairs(songs))


def verdict_of(pair: Pair) -> str:
    """The key of COUNTED that a pair belongs to."""
    if not pair.is_same:
        return "candidates"
    return "leaks" if pair.is_leak else "duplicates"


def leaks_to_json(view: LeaksView) -> dict[str, Any]:
    """The view for a program."""
    pairs = [
        {
            **dataclasses.asdict(pair),
            "verdict": verdict_of(pair),
            "score": None if pair.match is None else pair.match.score,
        }
        for pair in view.pairs
    ]
    return {"songs": view.songs, "counts": view.counts, "pairs": pairs}


def print_leaks(view: LeaksView, console: Console) -> None:
    """Print the counts and every pair."""
    counted = ", ".join(f"{view.counts[name]} {name} ({meaning})" for name, meaning in COUNTED.items())
    console.print(f"{view.songs} songs: {counted}", soft_wrap=True, markup=False)
    several = len({place.catalog for pair in view.pairs for place in (pair.a, pair.b)}) > 1
    for name in COUNTED:
        for pair in view.pairs:
            if verdict_of(pair) == name:
                songs = " = ".join(_described(place, several) for place in (pair.a, pair.b))
                line = f"{name.removesuffix('s')} ({pair.kind}): {songs}: {evidence_in_words(pair)}"
                console.print(line, soft_wrap=True, markup=False)


def _described(place: SongPlace, with_catalog: bool) -> str:
    where = f", {place.catalog}" if with_catalog else ""
    return f"{place.song_id} ({place.split}{where})"
