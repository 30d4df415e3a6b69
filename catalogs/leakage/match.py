"""How much of two fingerprints agrees at one time offset."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from catalogs.leakage.fingerprint import FRAMES_PER_SECOND, Landmarks


@dataclasses.dataclass(frozen=True)
class Match:
    """Agreement of two songs at the offset where it is largest.

    Attributes:
        votes: landmarks that agree.
        share: ``votes`` over the landmarks that the one of fewer has where both sound, 0 to 1.
        offset_seconds: how much later a moment of the first song comes in the second.
        overlap_seconds: how long both sound at that offset.
    """

    votes: int
    share: float
    offset_seconds: float
    overlap_seconds: float


def match_landmarks(a: Landmarks, b: Landmarks) -> Match | None:
    """Compare two songs; None where they have no landmark in common.

    An offset between two frames spreads over both, so that the votes of two neighbours count together.
    """
    offsets = common_offsets(a, b)
    if not offsets.size:
        return None
    lowest = int(offsets.min())
    counts = np.bincount(offsets - lowest)
    pairs = counts + np.append(counts[1:], 0)
    best = int(pairs.argmax())
    votes = int(pairs[best])
    offset = lowest + best + (int(counts[best + 1]) / votes if best + 1 < counts.size else 0.0)
    start, end = _span(a)
    other_start, other_end = _span(b)
    first, last = max(start, other_start - offset), min(end, other_end - offset)
    inside = min(_count_inside(a, first, last), _count_inside(b, first + offset, last + offset))
    return Match(
        votes=votes,
        share=min(1.0, votes / max(inside, 1)),
        offset_seconds=offset / FRAMES_PER_SECOND,
        overlap_seconds=(last - first) / FRAMES_PER_SECOND,
    )


def common_offsets(a: Landmarks, b: Landmarks) -> NDArray[np.int64]:
    """Frames in ``b`` minus frames in ``a`` of every pair of equal landmarks."""
    first = np.searchsorted(b.values, a.values, side="left")
    found = np.searchsorted(b.values, a.values, side="right") - first
    mine, theirs = expand_ranges(first, found)
    return b.times[theirs].astype(np.int64) - a.times[mine]


def expand_ranges(first: NDArray[np.intp], lengths: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """For each element of each range: the number of the range, and the element."""
    owner = np.repeat(np.arange(first.size), lengths)
    before = np.cumsum(lengths) - lengths
    return owner, np.arange(owner.size) - before[owner] + first[owner]


def _span(landmarks: Landmarks) -> tuple[int, int]:
    return int(landmarks.times.min()), int(landmarks.times.max())


def _count_inside(landmarks: Landmarks, first: float, last: float) -> int:
    return int(np.count_nonzero((landmarks.times >= first - 0.5) & (landmarks.times <= last + 0.5)))
