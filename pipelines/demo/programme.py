"""The choice of the songs: which tunes can be told apart into stems, and which bars of them are used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipelines.demo.credits import Credit
from pipelines.demo.errors import DemoCorpusError
from pipelines.demo.roles import ROLES, Roles
from pipelines.demo.score import Score
from pipelines.demo.wad import Wad

_LEAST_LENGTH = 45.0
_LEAST_PRESENCE = 0.25
_ENOUGH_PRESENCE = {"vocals": 0.6, "drums": 0.9, "bass": 0.8, "other": 0.9}
_SAME_COMPOSER = 0.8


@dataclass(frozen=True)
class Song:
    """A tune chosen for the corpus: credit, lump, digest of the tune, excerpt from ``start`` to ``end`` s,
    roles."""

    credit: Credit
    wad: str
    lump: str
    digest: str
    start: float
    end: float
    score: Score
    roles: Roles
    merit: float

    @property
    def name(self) -> str:
        """Name of the song's folder, ``Artist - Title``; the artist of all tunes is the Freedoom project."""
        title = "".join(" " if character in '\\/:*?"<>|' else character for character in self.credit.title)
        return f"Freedoom - {' '.join(title.split()).rstrip('.')}"


def choose_songs(wads: Iterable[Wad], count: int, seconds: float) -> list[Song]:
    """The ``count`` best tunes of ``wads``, each the best stretch of whole bars of at most ``seconds``.

    The best have a clear melody and all four parts sounding most of the time; after each song the other tunes
    of its composer count for less. Tunes that stand in several lumps count once. The order, and so the songs
    of a smaller ``count``, depends on the WADs and ``seconds`` alone. Raises DemoCorpusError where there are
    fewer songs.
    """
    songs = _candidates(wads, seconds)
    if len(songs) < count:
        raise DemoCorpusError(f"{count} songs wanted, but the WADs hold {len(songs)} tunes with all four parts")
    chosen: list[Song] = []
    worth = {song.digest: song.merit for song in songs}
    while len(chosen) < count:
        best = max(songs, key=lambda song: (worth[song.digest], song.digest))
        chosen.append(best)
        songs.remove(best)
        for song in songs:
            if song.credit.composer.split(",")[0] == best.credit.composer.split(",")[0]:
                worth[song.digest] *= _SAME_COMPOSER
    return chosen


def _candidates(wads: Iterable[Wad], seconds: float) -> list[Song]:
    songs: dict[str, Song] = {}
    for wad in wads:
        for lump, data in wad.lumps.items():
            if not lump.startswith("D_") or not data.startswith(b"MThd"):
                continue
            digest = hashlib.blake2b(data, digest_size=8).hexdigest()
            if digest in songs:
                continue
            score = Score.parse(f"{wad.name}: {lump}", data)
            roles = Roles.of(score) if score.length >= _LEAST_LENGTH else None
            if roles is None:
                continue
            start, end, presence = _best_stretch(score, roles, seconds)
            if min(presence.values()) >= _LEAST_PRESENCE:
                fullness = np.prod([min(presence[role] / _ENOUGH_PRESENCE[role], 1.0) for role in ROLES])
                songs[digest] = Song(
                    credit=Credit.of(wad, lump),
                    wad=wad.name,
                    lump=lump,
                    digest=digest,
                    start=start,
                    end=end,
                    score=score.excerpt(start, end),
                    roles=roles,
                    merit=roles.melodic * float(fullness),
                )
    return list(songs.values())


def _best_stretch(score: Score, roles: Roles, seconds: float) -> tuple[float, float, dict[str, float]]:
    """Start, end and presence (share of half seconds with sound) of each role of the fullest whole bars."""
    sums = {role: np.concatenate([[0.0], np.cumsum(_sounding(score, roles, role))]) for role in ROLES}
    best = (-1.0, 0.0, score.length, dict.fromkeys(ROLES, 0.0))
    for number, start in enumerate(score.bars[:-1]):
        end = max((bar for bar in score.bars[number + 1 :] if bar - start <= seconds), default=start + seconds)
        first, last = int(2 * start), max(int(2 * end), int(2 * start) + 1)
        presence = {role: float(total[last] - total[first]) / (last - first) for role, total in sums.items()}
        fullness = min(presence[role] / _ENOUGH_PRESENCE[role] for role in ROLES) * min((end - start) / seconds, 1.0)
        if fullness > best[0] + 1e-9:
            best = (fullness, start, end, presence)
        if end >= score.length:
            break
    return best[1:]


def _sounding(score: Score, roles: Roles, role: str) -> np.ndarray:
    sounding = np.zeros(int(2 * score.length) + 2)
    for note in score.notes:
        if note.channel in roles.channels[role]:
            sounding[int(2 * note.start) : int(2 * note.end) + 1] = 1.0
    return sounding
