"""The split that songs get which are one: test anywhere is test everywhere, and validation beats train."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from catalogs.leakage.pairs import Pair
from catalogs.schemas import SPLITS


@dataclasses.dataclass(frozen=True)
class Move:
    """A song that leaves the split that its corpus has put it into.

    Attributes:
        corpus_split: that split.
        split: the split that it gets.
        same_as: id of a song of that split that it is the same as.
    """

    corpus_split: str
    split: str
    same_as: str


def moves_to_strictest(splits: Mapping[str, str], pairs: Iterable[Pair]) -> dict[str, Move]:
    """Songs that are the same as one of a stricter split, by song id; test is stricter than validation, than train.

    Sameness is handed on: of three songs of which the first is the second, and the second the third, all get one split.

    Args:
        splits: split that the corpora say, by song id.
        pairs: pairs of these songs; candidates do not count.
    """
    groups: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.is_same:
            first, second = (groups.get(song.song_id, [song.song_id]) for song in (pair.a, pair.b))
            if first is not second:
                joined = first + second
                groups.update(dict.fromkeys(joined, joined))
    moves = {}
    for song_id in sorted(groups):
        strictest = max(groups[song_id], key=lambda other: (SPLITS.index(splits[other]), other))
        if splits[strictest] != splits[song_id]:
            moves[song_id] = Move(splits[song_id], splits[strictest], strictest)
    return moves
