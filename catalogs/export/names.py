"""Names of files and folders for songs and stems, that every file system and every reader takes."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from catalogs.export.songs import ExportSong

_NOT_PORTABLE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_DIGEST_BYTES = 4
_LONGEST = 120


def portable(name: str) -> str:
    """A name with ``_`` for what a file system may refuse, of at most 120 characters."""
    return _NOT_PORTABLE.sub("_", name).strip(" .")[:_LONGEST].rstrip(" .") or "_"


def folder_names(songs: Sequence[ExportSong]) -> dict[str, str]:
    """By song id, the corpus' own name of the song, with ``_`` for what a file system may refuse.

    Names that are the same without regard to case get a hash of the song id, all of them.
    """
    names = {song.song_id: portable(song.song_id.partition("/")[2] or song.song_id) for song in songs}
    counts = Counter(name.casefold() for name in names.values())
    return {
        song_id: f"{name} [{_digest(song_id)}]" if counts[name.casefold()] > 1 else name
        for song_id, name in names.items()
    }


def sample_key(song_id: str, start: int) -> str:
    """Key of a sample: ASCII without dots, unique by a hash of the song id, sorted by place in the song."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", song_id).strip("-")[:80]
    return f"{slug}-{_digest(song_id)}-{start:010d}"


def stem_names(stems: Iterable[str]) -> Mapping[str, str]:
    """By stem, its name in lower case with ``_`` for what a file system may refuse.

    Raises:
        ValueError: two stems would have one name.
    """
    names = {stem: portable(stem).lower() for stem in stems}
    for name, count in Counter(names.values()).items():
        if count > 1:
            same = ", ".join(repr(stem) for stem in names if names[stem] == name)
            raise ValueError(f"the stems {same} would all be called {name!r}; build the catalog with other names")
    return names


def _digest(song_id: str) -> str:
    return hashlib.blake2b(song_id.encode(), digest_size=_DIGEST_BYTES).hexdigest()
