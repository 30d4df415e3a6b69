"""Hash of decoded audio: the same for every file that holds the same 16-bit samples, whatever its container."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import is_silent

FULL_SCALE = np.float32(2**15)
"""Samples are compared as 16-bit integers."""

SHORTEST_SECONDS = 1.0
"""Audio that sounds for less tells no songs apart: one hit of a sampled drum is in many (s)."""

_BLOCK = 65_536


def audio_hash(audio: NDArray[np.float32]) -> str | None:
    """BLAKE2b-128 of the samples at 16 bits, left before right, hexadecimal.

    Digital silence at the end does not count, since exports and codecs differ in it; silence at the beginning does.
    None for a silent stem (peak at or below -50 dBFS), and for one that sounds for less than a second.

    Args:
        audio: float32, shape (samples, 2), 44 100 Hz.
    """
    if is_silent(audio):
        return None
    first, end = _extent(audio)
    if end - first < SHORTEST_SECONDS * SAMPLE_RATE:
        return None
    digest = hashlib.blake2b(digest_size=16)
    for channel in range(audio.shape[1]):
        for start in range(0, end, _BLOCK):
            digest.update(_integers(audio[start : min(start + _BLOCK, end), channel]).data)
    return digest.hexdigest()


def _integers(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    scaled = samples * FULL_SCALE
    np.rint(scaled, out=scaled)
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1, out=scaled)
    return scaled.astype("<i2")


def _extent(audio: NDArray[np.float32]) -> tuple[int, int]:
    """First sample that is not zero at 16 bits, and one past the last; both 0 where there is none."""
    starts = range(0, audio.shape[0], _BLOCK)
    first = next((start + sounding[0] for start in starts if (sounding := _sounding(audio, start)).size), 0)
    end = next(
        (start + sounding[-1] + 1 for start in reversed(starts) if (sounding := _sounding(audio, start)).size), 0
    )
    return int(first), int(end)


def _sounding(audio: NDArray[np.float32], start: int) -> NDArray[np.intp]:
    block = np.abs(audio[start : start + _BLOCK]) > 0.5 / FULL_SCALE
    return np.flatnonzero(block[:, 0] | block[:, 1])
