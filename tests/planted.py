"""Copies of a song as they stand in other corpora: coded, shifted, turned down, cut, resampled."""

from __future__ import annotations

import io
from collections.abc import Callable

import av
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from tests.signals import RATE

Audio = NDArray[np.float32]

CHUNK = 65_536
"""Samples handed to libsndfile at a time: it crashes on a long OGG in one call."""


def as_mp3(audio: Audio, kilobits: int = 128) -> Audio:
    """Through MP3 at constant rate; the encoder's delay stays in."""
    encoded = io.BytesIO()
    with av.open(encoded, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=RATE, layout="stereo", bit_rate=1_000 * kilobits)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio.T), format="fltp", layout="stereo")
        frame.sample_rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    encoded.seek(0)
    return soundfile.read(encoded, dtype="float32")[0]


def as_ogg(audio: Audio) -> Audio:
    """Through Ogg Vorbis at libsndfile's default quality."""
    encoded = io.BytesIO()
    with soundfile.SoundFile(encoded, "w", RATE, 2, format="OGG", subtype="VORBIS") as file:
        for start in range(0, audio.shape[0], CHUNK):
            file.write(audio[start : start + CHUNK])
    encoded.seek(0)
    return soundfile.read(encoded, dtype="float32")[0]


def at_rate(audio: Audio, rate: int) -> Audio:
    """Stored at another rate, and back."""
    return soxr.resample(soxr.resample(audio, RATE, rate), rate, RATE)


def shifted(audio: Audio, seconds: float) -> Audio:
    """Silence before it."""
    return np.concatenate([np.zeros((round(seconds * RATE), 2), np.float32), audio])


def turned(audio: Audio, decibels: float) -> Audio:
    """At another level, rounded to 16 bits."""
    return (np.rint(audio * 10.0 ** (decibels / 20.0) * 2**15) / 2**15).astype(np.float32)


def without_start(audio: Audio, seconds: float) -> Audio:
    return audio[round(seconds * RATE) :]


def without_end(audio: Audio, seconds: float) -> Audio:
    return audio[: audio.shape[0] - round(seconds * RATE)]


PLANTS: dict[str, Callable[[Audio], Audio]] = {
    "MP3, 128 kbit/s": as_mp3,
    "Ogg Vorbis": as_ogg,
    "300 ms later": lambda audio: shifted(audio, 0.3),
    "half a hop later (11.6 ms)": lambda audio: shifted(audio, 512 / RATE),
    "-6 dB": lambda audio: turned(audio, -6.0),
    "first 10 s cut": lambda audio: without_start(audio, 10.0),
    "last 10 s cut": lambda audio: without_end(audio, 10.0),
    "48 kHz": lambda audio: at_rate(audio, 48_000),
    "22.05 kHz": lambda audio: at_rate(audio, 22_050),
    "MP3, 300 ms later, -6 dB, first 10 s cut": lambda audio: as_mp3(
        turned(shifted(without_start(audio, 10.0), 0.3), -6.0)
    ),
    "Ogg, 22.05 kHz, 123 ms later, last 10 s cut": lambda audio: as_ogg(
        shifted(at_rate(without_end(audio, 10.0), 22_050), 0.123)
    ),
    "MP3, 48 kHz, half a hop later, +3 dB": lambda audio: as_mp3(
        turned(shifted(at_rate(0.5 * audio, 48_000), 512 / RATE), 3.0)
    ),
}
"""What is done to a song, and its copy."""
