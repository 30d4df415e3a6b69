"""How much of two fingerprints agrees at one time offset."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from catalogs.leakage.fingerprint import FRAMES_PER_SECOND, Landmarks

RIVAL_FRAMES = 4
"""Offsets up to this far from the best one are not another (frames, 0.1 s)."""


@dataclasses.dataclass(frozen=True)
class Match:
    """Agreement of two songs at the offset where it is largest.

    Attributes:
        votes: landmarks that agree.
        share: how much of the song that has less there agrees where both sound, 0 to 1; a landmark that a song
            repeats n times counts 1 / n each time, so that a loop counts once.
        rival_share: the same at the best of the offsets further than 0.1 s away: near ``share`` where all that agrees
            is a loop.
        offset_seconds: how much later a moment of the first song comes in the second.
        overlap_seconds: how long both sound at that offset.
    """

    votes: int
    share: float
    rival_share: float
    offset_seconds: float
    overlap_seconds: float

    @property
    def score(self) -> float:
        """What agrees here and nowhere else, or a third of all that agrees, whichever is more; 0 to 1.

        Songs that share a loop agree at every repeat of it; of one song that is all loop, much more agrees.
        """
        return max(self.share - self.rival_share, self.share / 3.0)


def match_landmarks(a: Landmarks, b: Landmarks) -> Match | None:
    """Compare two songs; None where they have no landmark in common.

    An offset between two frames spreads over both, so that two neighbours count together.
    """
    if not len(a) or not len(b):
        return None
    repeats_a, repeats_b = _repeats(a), _repeats(b)
    mine, theirs = find_equal(a.values, b.values)
    if not mine.size:
        return None
    offsets = b.times[theirs].astype(np.int64) - a.times[mine]
    lowest = int(offsets.min())
    weights = np.bincount(offsets - lowest, 1.0 / np.maximum(repeats_a[mine], repeats_b[theirs]))
    beside = np.append(weights[1:], 0.0)
    agreeing = weights + beside
    best = int(agreeing.argmax())
    agreed = float(agreeing[best])
    offset = lowest + best + float(beside[best]) / agreed
    rival = float(np.delete(agreeing, slice(max(0, best - RIVAL_FRAMES), best + RIVAL_FRAMES + 1)).max(initial=0.0))
    first = max(float(a.times.min()), b.times.min() - offset)
    last = min(float(a.times.max()), b.times.max() - offset)
    inside = min(_weight_inside(a, repeats_a, first, last), _weight_inside(b, repeats_b, first + offset, last + offset))
    return Match(
        votes=int(np.count_nonzero((offsets == lowest + best) | (offsets == lowest + best + 1))),
        share=min(1.0, agreed / max(inside, 1.0)),
        rival_share=min(1.0, rival / max(inside, 1.0)),
        offset_seconds=offset / FRAMES_PER_SECOND,
        overlap_seconds=float(last - first) / FRAMES_PER_SECOND,
    )


def find_equal(wanted: NDArray[np.uint32], values: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every pair of equal elements: place in ``wanted``, place in ``values``, which is sorted."""
    first = np.searchsorted(values, wanted, side="left")
    lengths = np.searchsorted(values, wanted, side="right") - first
    owner = np.repeat(np.arange(first.size), lengths)
    before = np.cumsum(lengths) - lengths
    return owner, np.arange(owner.size) - before[owner] + first[owner]


def _repeats(landmarks: Landmarks) -> NDArray[np.intp]:
    """How often the song has each landmark's value."""
    values = landmarks.values
    return np.searchsorted(values, values, side="right") - np.searchsorted(values, values, side="left")


def _weight_inside(landmarks: Landmarks, repeats: NDArray[np.intp], first: float, last: float) -> float:
    inside = (landmarks.times >= first - 0.5) & (landmarks.times <= last + 0.5)
    return float((1.0 / repeats[inside]).sum())
