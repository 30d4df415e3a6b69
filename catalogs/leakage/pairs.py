"""Pairs of songs that are the same, or may be: found by hashes of audio, by fingerprints and by names."""

from __future__ import annotations

import dataclasses
import itertools
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from catalogs.leakage.fingerprint import Landmarks
from catalogs.leakage.match import Match, find_equal, match_landmarks
from catalogs.leakage.names import Name

NEAR_SCORE = 0.06
"""Score from which two songs are the same; docs/leakage.md has the margins on both sides."""

PARTIAL_SCORE = 0.02
"""Score from which two songs may have a part in common: a remix, a loop, another version of the same recordings."""

LEAST_VOTES = 40
"""Landmarks that have to agree, whatever the score: fewer agree by chance where songs overlap for seconds only."""

INDEXED_LANDMARKS = 1 << 24
"""Landmarks in the index that candidates are looked up in (400 MB); beyond, an equal sample of each song's is taken."""

INDEXED_PER_SONG = 64
"""Landmarks of each song, on average, that are in the index of however many songs."""

LEAST_SAMPLED_VOTES = 4
"""Sampled landmarks that have to agree before two songs are compared."""

Kind = Literal["exact", "near", "partial", "name"]


@dataclasses.dataclass(frozen=True)
class SongPlace:
    """A song of a catalog.

    Attributes:
        catalog: path or URI of the catalog.
        song_id: id.
        split: train, validation or test.
    """

    catalog: str
    song_id: str
    split: str


@dataclasses.dataclass(frozen=True)
class KnownSong:
    """What songs are compared by.

    Attributes:
        place: where it is.
        name: artist and title, folded.
        hashes: hash of the decoded audio by stem, of those that are not silent.
        read_landmarks: reads those of the mixture or the sum of the stems.
    """

    place: SongPlace
    name: Name
    hashes: Mapping[str, str]
    read_landmarks: Callable[[], Landmarks]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two songs and what says that they are the same.

    Attributes:
        a: the one.
        b: the other.
        kind: ``exact`` (decoded audio of a stem or of the mixtures is the same), ``near`` (the fingerprints agree), or
            a candidate: ``partial`` (they agree in part), ``name`` (only the names agree).
        same_audio: stems whose decoded audio is the same; ``drums = percussion`` where they have two names.
        same_name: whether artist and title agree.
        match: agreement of the fingerprints, None where they have nothing in common.
    """

    a: SongPlace
    b: SongPlace
    kind: Kind
    same_audio: tuple[str, ...]
    same_name: bool
    match: Match | None

    @property
    def is_same(self) -> bool:
        """Whether the two count as one song; candidates do not."""
        return self.kind in ("exact", "near")

    @property
    def is_leak(self) -> bool:
        """Whether one song stands in two splits."""
        return self.is_same and self.a.split != self.b.split


def evidence_in_words(pair: Pair) -> str:
    """What says that two songs are the same, in one line."""
    words = []
    if pair.same_audio:
        words.append(f"the same audio of {', '.join(pair.same_audio)}")
    if pair.match is not None:
        words.append(
            f"{pair.match.share:.1%} of the fingerprint ({pair.match.votes} landmarks) agree over "
            f"{pair.match.overlap_seconds:.0f} s, {pair.match.offset_seconds:+.2f} s apart"
        )
    if pair.same_name:
        words.append("the same name")
    return "; ".join(words)


def find_pairs(songs: Sequence[KnownSong]) -> list[Pair]:
    """All pairs of songs that are the same or candidates; certain ones first, then by names of the songs."""
    pairs = (
        _judge(songs[first], songs[second])
        for first, second in sorted({*_same_hashes(songs), *_similar_fingerprints(songs), *_same_names(songs)})
    )
    order = ("exact", "near", "partial", "name")
    return sorted(
        (pair for pair in pairs if pair is not None),
        key=lambda pair: (order.index(pair.kind), pair.a.song_id, pair.b.song_id, pair.a.catalog, pair.b.catalog),
    )


def _judge(a: KnownSong, b: KnownSong) -> Pair | None:
    same_audio = tuple(
        name if name == other else f"{name} = {other}"
        for (name, mine), (other, theirs) in itertools.product(a.hashes.items(), b.hashes.items())
        if mine == theirs
    )
    same_name = a.name.may_be(b.name)
    match = match_landmarks(a.read_landmarks(), b.read_landmarks())
    score = match.score if match is not None and match.votes >= LEAST_VOTES else 0.0
    kind: Kind
    if same_audio:
        kind = "exact"
    elif score >= NEAR_SCORE:
        kind = "near"
    elif score >= PARTIAL_SCORE:
        kind = "partial"
    elif same_name:
        kind = "name"
    else:
        return None
    return Pair(a.place, b.place, kind, same_audio, same_name, match)


def _same_hashes(songs: Sequence[KnownSong]) -> Iterator[tuple[int, int]]:
    return _together((number, value) for number, song in enumerate(songs) for value in song.hashes.values())


def _same_names(songs: Sequence[KnownSong]) -> Iterator[tuple[int, int]]:
    together = _together((number, song.name.title) for number, song in enumerate(songs) if song.name.title)
    return (pair for pair in together if songs[pair[0]].name.may_be(songs[pair[1]].name))


def _together(marks: Iterable[tuple[int, Hashable]]) -> Iterator[tuple[int, int]]:
    """Pairs of numbers that have a mark in common."""
    owners: dict[Hashable, set[int]] = defaultdict(set)
    for number, mark in marks:
        owners[mark].add(number)
    for numbers in owners.values():
        yield from itertools.combinations(sorted(numbers), 2)


def _similar_fingerprints(songs: Sequence[KnownSong]) -> Iterator[tuple[int, int]]:
    """Pairs of songs of which enough landmarks agree at one offset.

    Landmarks are looked up in an inverted index: all of them sorted by value, with song and time.
    """
    sampled, keep_one_in = _sample_songs(songs, max(INDEXED_LANDMARKS, INDEXED_PER_SONG * len(songs)))
    if not sampled:
        return
    least = max(LEAST_SAMPLED_VOTES, LEAST_VOTES // keep_one_in)
    values = np.concatenate([landmarks.values for landmarks in sampled])
    order = np.argsort(values, kind="stable")
    values = values[order]
    times = np.concatenate([landmarks.times for landmarks in sampled])[order]
    owners = np.repeat(np.arange(len(sampled), dtype=np.uint32), [len(landmarks) for landmarks in sampled])[order]
    for number, landmarks in enumerate(sampled):
        mine, theirs = find_equal(landmarks.values, values)
        later = owners[theirs] > number
        mine, theirs = mine[later], theirs[later]
        offsets = times[theirs].astype(np.int64) - landmarks.times[mine]
        yield from ((number, int(other)) for other in _agreeing(owners[theirs], offsets, least))


def _sample_songs(songs: Sequence[KnownSong], most: int) -> tuple[list[Landmarks], int]:
    """Landmarks of all songs, one in so many of each, so that they are at most ``most`` together."""
    keep_one_in, total = 1, 0
    sampled: list[Landmarks] = []
    for song in songs:
        sampled.append(_sample(song.read_landmarks(), keep_one_in))
        total += len(sampled[-1])
        while total > most:
            keep_one_in *= 2
            sampled = [_sample(landmarks, keep_one_in) for landmarks in sampled]
            total = sum(map(len, sampled))
    return sampled, keep_one_in


def _sample(landmarks: Landmarks, keep_one_in: int) -> Landmarks:
    """The landmarks of some values only, chosen by value: the same of equal songs.

    Args:
        landmarks: all, or a sample with a smaller ``keep_one_in``.
        keep_one_in: a power of two.
    """
    if keep_one_in == 1:
        return landmarks
    scattered = landmarks.values * np.uint32(2_654_435_761) >> np.uint32(16)
    kept = scattered % np.uint32(keep_one_in) == 0
    return Landmarks(landmarks.values[kept], landmarks.times[kept])


def _agreeing(owners: NDArray[np.uint32], offsets: NDArray[np.int64], least: int) -> NDArray[np.int64]:
    """Owners of which so many landmarks agree at one offset or its neighbour."""
    keys, counts = np.unique((owners.astype(np.int64) << 32) + offsets + (1 << 31), return_counts=True)
    if not keys.size:
        return keys
    beside = np.append(np.diff(keys) == 1, False)
    votes = counts + np.where(beside, np.append(counts[1:], 0), 0)
    return np.unique(keys[votes >= least] >> 32)
