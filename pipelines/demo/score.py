"""A tune as notes and controllers in seconds."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pipelines.demo.midi import BEND, CONTROL, NOTE_OFF, NOTE_ON, PROGRAM, TEMPO, TIME_SIGNATURE, MidiFile

DRUMS = 9
"""MIDI channel of the drum kit, counted from 0."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note: MIDI channel (from 0), start and end in seconds, MIDI pitch and velocity, General MIDI
    program."""

    channel: int
    start: float
    end: float
    pitch: int
    velocity: int
    program: int


@dataclass(frozen=True, slots=True)
class Control:
    """A controller, program change or pitch bend at ``time`` seconds: the MIDI message as bytes."""

    time: float
    message: bytes


@dataclass(frozen=True)
class Score:
    """A tune: its notes and controllers in order of time, the bar lines (the last is the end) and its length,
    in s."""

    notes: tuple[Note, ...]
    controls: tuple[Control, ...]
    bars: tuple[float, ...]
    length: float

    @classmethod
    def parse(cls, name: str, data: bytes) -> Score:
        """Read a standard MIDI file; ``name`` is used in messages only. Raises DemoCorpusError where it is
        none."""
        return _read(MidiFile.parse(name, data))

    def excerpt(self, start: float, end: float) -> Score:
        """The part from ``start`` to ``end`` seconds; it begins at 0 with the controllers as they stand at
        ``start``.

        Notes that began earlier are left out, notes that go on later are ended.
        """
        return Score(
            notes=tuple(
                Note(n.channel, n.start - start, min(n.end, end) - start, n.pitch, n.velocity, n.program)
                for n in self.notes
                if start <= n.start < end
            ),
            controls=tuple(Control(max(c.time - start, 0.0), c.message) for c in self.controls if c.time < end),
            bars=tuple(bar - start for bar in self.bars if start <= bar <= end),
            length=end - start,
        )


def _read(file: MidiFile) -> Score:
    notes: list[Note] = []
    controls: list[Control] = []
    signatures: list[tuple[int, int]] = [(0, 4 * file.ticks_per_beat)]
    clock: list[tuple[int, float, float]] = [(0, 0.0, 0.5 / file.ticks_per_beat)]
    sounding: dict[tuple[int, int], list[tuple[float, int, int]]] = defaultdict(list)
    programs: dict[int, int] = defaultdict(int)
    for tick, message in file.messages:
        from_tick, from_second, pace = clock[-1]
        now = from_second + (tick - from_tick) * pace
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == NOTE_ON and message[2] > 0:
            sounding[channel, message[1]].append((now, message[2], programs[channel]))
        elif kind in (NOTE_ON, NOTE_OFF):
            if waiting := sounding[channel, message[1]]:
                start, velocity, program = waiting.pop(0)
                notes.append(Note(channel, start, now, message[1], velocity, program))
        elif kind in (CONTROL, PROGRAM, BEND):
            if kind == PROGRAM:
                programs[channel] = message[1]
            controls.append(Control(now, message))
        elif message[1] == TEMPO:
            clock.append((tick, now, int.from_bytes(message[2:5], "big") * 1e-6 / file.ticks_per_beat))
        elif message[1] == TIME_SIGNATURE:
            signatures.append((tick, 4 * file.ticks_per_beat * message[2] >> message[3]))
    notes.sort(key=lambda note: (note.start, note.channel, note.pitch))
    length = max((note.end for note in notes), default=0.0)
    return Score(tuple(notes), tuple(controls), _bars(signatures, clock, length), length)


def _bars(signatures: list[tuple[int, int]], clock: list[tuple[int, float, float]], length: float) -> tuple[float, ...]:
    bars: list[float] = []
    tick, signature, tempo = 0, 0, 0
    while True:
        while signature + 1 < len(signatures) and signatures[signature + 1][0] <= tick:
            signature += 1
        while tempo + 1 < len(clock) and clock[tempo + 1][0] <= tick:
            tempo += 1
        from_tick, from_second, pace = clock[tempo]
        now = from_second + (tick - from_tick) * pace
        if now >= length:
            return (*bars, length)
        bars.append(now)
        tick += max(signatures[signature][1], 1)
