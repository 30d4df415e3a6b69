"""Which channels of a tune play the drums, the bass, the lead and the accompaniment."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from pipelines.demo.score import DRUMS, Note, Score

LEAD, DRUM_KIT, BASS, ACCOMPANIMENT = ROLES = ("vocals", "drums", "bass", "other")
"""Stems of a song. No tune has a singer: the part that carries the melody stands under ``vocals``."""

_BASSES, _HIGHEST_BASS = range(32, 40), 52
_SOUND_EFFECTS = range(119, 128)
_PER_SECOND = 20
_SINGING = {
    **dict.fromkeys(range(40, 43), 1.0),
    **dict.fromkeys(range(52, 55), 1.0),
    **dict.fromkeys(range(56, 58), 1.0),
    **dict.fromkeys(range(64, 80), 1.0),
    **dict.fromkeys(range(80, 87), 1.0),
    **dict.fromkeys(range(26, 31), 0.8),
    **dict.fromkeys(range(16, 24), 0.7),
}
_LEAST_PITCH, _LEAST_PITCHES = 54, 6
_LEAST_SINGLE, _LEAST_SOUNDING = 0.6, 0.12


@dataclass(frozen=True)
class Roles:
    """The MIDI channels (from 0) of each stem, and ``melodic``: how well the lead serves as one, 0 to 1."""

    channels: dict[str, tuple[int, ...]]
    melodic: float

    @classmethod
    def of(cls, score: Score) -> Roles | None:
        """Tell the roles of ``score`` apart; None where it has no drums, bass, melody or accompaniment.

        Bass: most notes on a bass program, and low. Lead: of the other channels the one that sounds longest
        as a single line in the range of a voice, on an instrument fit for a melody. A channel that doubles
        one of the two goes with it.
        """
        parts: dict[int, list[Note]] = defaultdict(list)
        for note in score.notes:
            parts[note.channel].append(note)
        drums = parts.pop(DRUMS, [])
        basses = {channel for channel, notes in parts.items() if _is_bass(notes)}
        basses |= _doubles(parts, basses)
        merits = {c: _merit(notes, score.length) for c, notes in parts.items() if c not in basses}
        if not drums or not basses or not merits:
            return None
        lead = max(merits, key=lambda channel: (merits[channel], -channel))
        leads = {lead} | (_doubles(parts, {lead}) - basses)
        others = parts.keys() - basses - leads
        if merits[lead] == 0.0 or not others:
            return None
        channels = {LEAD: leads, DRUM_KIT: {DRUMS}, BASS: basses, ACCOMPANIMENT: others}
        return cls({role: tuple(sorted(members)) for role, members in channels.items()}, merits[lead])


def _program(notes: list[Note]) -> int:
    return Counter(note.program for note in notes).most_common(1)[0][0]


def _is_bass(notes: list[Note]) -> bool:
    return _program(notes) in _BASSES and statistics.median(note.pitch for note in notes) <= _HIGHEST_BASS


def _merit(notes: list[Note], length: float) -> float:
    voices = np.zeros(int(length * _PER_SECOND) + 1)
    for note in notes:
        first = int(note.start * _PER_SECOND)
        voices[first : max(first + 1, round(note.end * _PER_SECOND))] += 1
    sounding = float(np.mean(voices > 0))
    single = float(np.sum(voices == 1) / np.sum(voices > 0))
    pitches = np.array([note.pitch for note in notes])
    if (
        _program(notes) in _SOUND_EFFECTS
        or sounding < _LEAST_SOUNDING
        or single < _LEAST_SINGLE
        or np.median(pitches) < _LEAST_PITCH
        or np.unique(pitches).size < _LEAST_PITCHES
    ):
        return 0.0
    longest = statistics.median(note.end - note.start for note in notes)
    return _SINGING.get(_program(notes), 0.4) * single * min(sounding / 0.5, 1.0) * min(longest / 0.2, 1.0)


def _doubles(parts: dict[int, list[Note]], leaders: set[int]) -> set[int]:
    return {c for c in parts.keys() - leaders if any(_same_line(parts[c], parts[leader]) for leader in leaders)}


def _same_line(one: list[Note], two: list[Note]) -> bool:
    """Whether two parts play the same notes, in any octave, together or one as the other's echo."""
    if min(len(one), len(two)) < 0.8 * max(len(one), len(two)):
        return False
    early, late = ({(n.pitch % 12, round(n.start * 2)) for n in part} for part in (one, two))
    near = {(pitch, time + step) for pitch, time in early for step in (-1, 0, 1)}
    return len(late & near) >= 0.9 * len(late)
