"""A song that is heard in training must not be judged on: found by content, whatever the songs are called."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from catalogs.catalog import Catalog
from catalogs.schemas import MIXTURE

EXCERPT_SAMPLES = 44_100
"""Length of the excerpt that is compared, from the middle of the song."""

LOUDEST_INTEGER = 2**15
"""Excerpts are compared as 16-bit integers, so that the depth of a file does not matter."""


class LeakageError(ValueError):
    """A validation or test song is also a training song."""


def check_leakage(catalog: Catalog, splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse splits that share a file or a mixture.

    Two songs are the same if a file of theirs that is not silent has the same bytes, or if the middle second of their
    mixtures has the same samples at 16 bits.

    Args:
        catalog: the catalog.
        splits: song ids by split; ``train`` is compared with every other.

    Raises:
        LeakageError: names the pairs.
    """
    silent = {
        (row["song_id"], row["stem"])
        for row in catalog.table("features", ["song_id", "stem", "silent"]).to_pylist()
        if row["silent"]
    }
    marks: dict[str, set[str]] = defaultdict(set)
    for row in catalog.table("tracks", ["song_id", "stem", "content_hash"]).to_pylist():
        if (row["song_id"], row["stem"]) not in silent:
            marks[row["song_id"]].add(row["content_hash"])
    for song in {song for songs in splits.values() for song in songs}:
        excerpt = _excerpt_hash(catalog, song)
        if excerpt is not None:
            marks[song].add(excerpt)
    owners: dict[str, str] = {mark: song for song in splits.get("train", ()) for mark in marks[song]}
    pairs = sorted(_shared(owners, marks, splits))
    if pairs:
        listed = "; ".join(f"{song} ({split}) is {owner} (train)" for song, split, owner in pairs[:10])
        raise LeakageError(f"songs to be judged on are trained on: {listed}; take one of each pair out of the catalog")


def _shared(
    owners: Mapping[str, str], marks: Mapping[str, set[str]], splits: Mapping[str, Sequence[str]]
) -> Iterable[tuple[str, str, str]]:
    for split, songs in splits.items():
        if split == "train":
            continue
        for song in songs:
            found = {owners[mark] for mark in marks[song] if mark in owners}
            yield from ((song, split, owner) for owner in found)


def _excerpt_hash(catalog: Catalog, song_id: str) -> str | None:
    frames = catalog.song(song_id).frames.get(MIXTURE)
    if frames is None:
        return None
    start = max(0, (frames - EXCERPT_SAMPLES) // 2)
    audio = catalog.crop(song_id, start, min(frames, EXCERPT_SAMPLES), [MIXTURE])[MIXTURE]
    integers = np.rint(audio * LOUDEST_INTEGER).astype("<i4")
    return hashlib.blake2b(integers.tobytes(), digest_size=16).hexdigest() if integers.any() else None
