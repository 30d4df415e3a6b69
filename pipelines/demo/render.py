"""Rendering some channels of a score with a soundfont."""

from __future__ import annotations

import io
from collections.abc import Mapping

import midirenderer
import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from pipelines.demo.midi import BEND, CONTROL, NOTE_OFF, NOTE_ON, MidiFile
from pipelines.demo.score import Score
from pipelines.demo.strip import RATE

TAIL = 2.0
"""Seconds for which the last notes may ring on."""

_TICKS_PER_SECOND = 19_200
_SHORTEST_NOTE = 0.01
_VOLUME, _PAN, _SUSTAIN, _REVERB, _CHORUS = 7, 10, 64, 91, 93
_ALL_SOUND_OFF, _ALL_NOTES_OFF = 120, 123
_USUAL_VOLUME = 100
_REPLACED = (_PAN, _REVERB, _CHORUS)
_CLIPPED = 0.999


def render_channels(score: Score, pans: Mapping[int, float], soundfont: bytes) -> npt.NDArray[np.float32]:
    """Render the channels of ``score`` named in ``pans`` (channel to position, -1 left to 1 right).

    Returns float32 (samples, 2) at 44.1 kHz, as long as the score and TAIL. The synthesiser's reverb and
    chorus are off. Where the sound would clip it is rendered again at a lower volume, so that its level says
    nothing.
    """
    frames = round((score.length + TAIL) * RATE)
    for volume in (1.0, 0.7, 0.5, 0.35):
        rendered = midirenderer.render_wave_from(soundfont, _channels_alone(score, pans, volume).encode())
        audio, rate = soundfile.read(io.BytesIO(rendered), dtype="float32", always_2d=True)
        if float(np.abs(audio).max(initial=0.0)) < _CLIPPED:
            break
    audio = soxr.resample(audio, rate, RATE)[:frames]
    return np.pad(audio, ((0, frames - audio.shape[0]), (0, 0)))


def _channels_alone(score: Score, pans: Mapping[int, float], volume: float) -> MidiFile:
    """The MIDI file of some channels; every one is silenced at the end, so that no note sounds for ever."""
    messages: list[tuple[float, int, bytes]] = []

    def control(time: float, channel: int, controller: int, value: float) -> None:
        messages.append((time, 1, bytes((CONTROL | channel, controller, round(value)))))

    for channel, pan in pans.items():
        control(0.0, channel, _VOLUME, volume * _USUAL_VOLUME)
        control(0.0, channel, _PAN, 64 + 63 * pan)
        control(0.0, channel, _REVERB, 0)
        control(0.0, channel, _CHORUS, 0)
        control(score.length, channel, _SUSTAIN, 0)
        control(score.length, channel, _ALL_NOTES_OFF, 0)
        control(score.length + TAIL, channel, _ALL_SOUND_OFF, 0)
    for change in score.controls:
        kind, channel = change.message[0] & 0xF0, change.message[0] & 0x0F
        if channel not in pans:
            continue
        if kind != CONTROL:
            messages.append((change.time, 1 if kind == BEND else 2, change.message))
        elif change.message[1] == _VOLUME:
            control(change.time, channel, _VOLUME, volume * change.message[2])
        elif change.message[1] not in _REPLACED:
            messages.append((change.time, 1, change.message))
    for note in score.notes:
        if note.channel in pans:
            end = max(note.end, note.start + _SHORTEST_NOTE)
            messages.append((end, 0, bytes((NOTE_OFF | note.channel, note.pitch, 0))))
            messages.append((note.start, 3, bytes((NOTE_ON | note.channel, note.pitch, note.velocity))))
    messages.sort(key=lambda message: message[:2])
    return MidiFile(_TICKS_PER_SECOND // 2, tuple((round(t * _TICKS_PER_SECOND), m) for t, _, m in messages))
