"""Standard MIDI files as bytes: the messages of a file in order of time, and a file made of such messages."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.demo.errors import DemoCorpusError

NOTE_OFF, NOTE_ON, CONTROL, PROGRAM, BEND = 0x80, 0x90, 0xB0, 0xC0, 0xE0
"""Upper four bits of the status byte of the channel messages used here; the lower four are the channel."""

TEMPO, TIME_SIGNATURE = 0x51, 0x58
"""Types of the meta messages used here, which are kept as status byte 0xFF, type and data."""

_META, _END_OF_TRACK = 0xFF, 0x2F
_ONE_BYTE = (0xC0, 0xD0)


@dataclass(frozen=True)
class MidiFile:
    """Ticks in a quarter note, and messages as pairs of tick (from the start) and bytes, in order of time.

    Messages are channel messages of one status byte and data, and tempo and time signature (see above).
    """

    ticks_per_beat: int
    messages: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, name: str, data: bytes) -> MidiFile:
        """Read a MIDI file, its tracks merged; ``name`` is used in messages only.

        Raises DemoCorpusError where ``data`` is no MIDI file, is cut off, or counts time in SMPTE frames.
        """
        if data[:4] != b"MThd" or len(data) < 14:
            raise DemoCorpusError(f"{name}: not a standard MIDI file")
        header, _, tracks, division = struct.unpack_from(">IHHH", data, 4)
        if not 0 < division < 0x8000:
            raise DemoCorpusError(f"{name}: counts time in SMPTE frames, which is not supported")
        messages: list[tuple[int, bytes]] = []
        position = 8 + header
        try:
            for _ in range(tracks):
                kind, size = struct.unpack_from(">4sI", data, position)
                position += 8
                if kind == b"MTrk":
                    messages.extend(_track(data[position : position + size]))
                position += size
        except (IndexError, struct.error) as error:
            raise DemoCorpusError(f"{name}: the MIDI file is cut off") from error
        return cls(division, tuple(sorted(messages, key=lambda message: message[0])))

    def encode(self) -> bytes:
        """The file as bytes: format 0, one track, which ends at the last message."""
        track = bytearray()
        last = 0
        for tick, message in self.messages:
            size = _quantity(len(message) - 2) if message[0] == _META else b""
            track += _quantity(tick - last) + message[:2] + size + message[2:]
            last = tick
        track += bytes((0, _META, _END_OF_TRACK, 0))
        return struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, self.ticks_per_beat, b"MTrk", len(track)) + bytes(track)


def _track(data: bytes) -> Iterable[tuple[int, bytes]]:
    position, tick, status = 0, 0, 0
    while position < len(data):
        delta, position = _read_quantity(data, position)
        tick += delta
        if data[position] >= 0x80:
            head = data[position]
            position += 1
        else:
            head = status
        if head >= 0xF0:
            kind = data[position] if head == _META else 0
            size, position = _read_quantity(data, position + (head == _META))
            if head == _META and kind == _END_OF_TRACK:
                return
            if head == _META and kind in (TEMPO, TIME_SIGNATURE):
                yield tick, bytes((_META, kind)) + data[position : position + size]
            position += size
        elif head >= 0x80:
            status = head
            size = 1 if head & 0xF0 in _ONE_BYTE else 2
            yield tick, bytes((head, data[position] & 0x7F, data[position + size - 1] & 0x7F))[: size + 1]
            position += size
        else:
            raise IndexError


def _read_quantity(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    while True:
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, position


def _quantity(value: int) -> bytes:
    encoded = bytearray((value & 0x7F,))
    while value := value >> 7:
        encoded.insert(0, 0x80 | value & 0x7F)
    return bytes(encoded)
