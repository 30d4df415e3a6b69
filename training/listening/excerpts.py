"""Which stretch of a song listeners hear: over a change of section, with all stems active.

A change of section is a peak of the novelty of the stems' sum: a checkerboard kernel slid along the diagonal of the
self-similarity matrix of timbre, harmony and level (Foote, "Automatic audio segmentation using a measure of audio
novelty", ICME 2000). The sum of the *stems* is used, so that no system's mix decides which stretch is heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import librosa
import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from catalogs.quality.silence import BLOCK, block_peaks
from fxnorm.settings import GATE_DBFS, SAMPLE_RATE
from fxnorm.stereo import Audio
from training.listening.spec import SHORTEST_SECONDS

FRAME = 22_050
"""Samples of a frame of the similarity matrix, 0.5 s."""

_HOP = 2_205
_WINDOW = 4_096
KERNEL_SECONDS = 8.0
"""Half-width of the checkerboard kernel: shorter than a section, longer than a phrase."""

PLACES = (0.35, 0.65)
"""Where in the excerpt the change of section may lie, as shares of its length."""

_PLACES_TRIED = 7
GOOD_SHARE = 0.5
"""One of the excerpts whose change has at least this share of the largest novelty is drawn."""


class ExcerptError(ValueError):
    """No stretch of a song can be used."""


@dataclass(frozen=True)
class Choice:
    """A chosen stretch.

    Attributes:
        start: first sample at 44 100 Hz.
        frames: length in samples.
        change: the change of section, in seconds from the song's start; None where the stretch was given.
        activity: share of tenths of a second in which each stem is above -50 dBFS, on the side where it is less.
    """

    start: int
    frames: int
    change: float | None
    activity: Mapping[str, float]


def novelty(audio: NDArray[np.floating]) -> NDArray[np.float64]:
    """Novelty curve.

    Args:
        audio: mono, shape (samples,), 44 100 Hz.

    Returns:
        one value for each boundary between frames of FRAME samples, shape (frames,): value k belongs to sample k·FRAME.
    """
    mono = np.ascontiguousarray(audio, dtype=np.float32)
    spectrum = np.abs(librosa.stft(mono, n_fft=_WINDOW, hop_length=_HOP)) ** 2
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=spectrum, sr=SAMPLE_RATE, n_mels=64), top_db=80.0)
    features = np.concatenate(
        [
            _standardise(librosa.feature.mfcc(S=mel, n_mfcc=14)),
            _standardise(librosa.feature.chroma_stft(S=spectrum, sr=SAMPLE_RATE, tuning=0.0)),
        ]
    )
    per_frame = FRAME // _HOP
    frames = features.shape[1] // per_frame
    means = features[:, : frames * per_frame].reshape(features.shape[0], frames, per_frame).mean(axis=2)
    directions = means / (np.linalg.norm(means, axis=0) + 1e-9)
    return _slide_kernel(directions.T @ directions)


def _standardise(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """Zero mean and unit deviation over time; each group of features weighs the same whatever its size."""
    centred = features - features.mean(axis=1, keepdims=True)
    return centred / (centred.std(axis=1, keepdims=True) + 1e-9) / np.sqrt(features.shape[0])


def _slide_kernel(similarity: NDArray[np.floating]) -> NDArray[np.float64]:
    half = round(KERNEL_SECONDS * SAMPLE_RATE / FRAME)
    at = np.arange(-half, half) + 0.5
    taper = np.exp(-0.5 * (2.0 * at / half) ** 2)
    sign = np.sign(at)
    kernel = np.outer(sign * taper, sign * taper)
    padded = np.pad(similarity, half)
    size = 2 * half
    return np.array([np.sum(kernel * padded[k : k + size, k : k + size]) for k in range(similarity.shape[0])])


def choose_excerpt(
    stems: Mapping[str, Audio], seconds: float, activity: float, rng: np.random.Generator, song: str = ""
) -> Choice:
    """Draw a stretch over a change of section in which all stems are active on both sides of the change.

    Args:
        stems: by name, shape (samples, 2), 44 100 Hz, one length.
        seconds: length of the stretch.
        activity: least share of tenths of a second in which each stem must be above -50 dBFS, on either side.
        rng: source of the draw.
        song: name for messages.

    Raises:
        ExcerptError: the song is too short, has no change of section, or its stems are never active together.
    """
    total: Audio = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    length = len(total)
    frames = round(seconds * SAMPLE_RATE)
    if length < frames:
        raise ExcerptError(
            f"{song}: {length / SAMPLE_RATE:.1f} s long, an excerpt takes {seconds:g} s; "
            f"give it an 'excerpt' of its own if it may be shorter than {SHORTEST_SECONDS:g} s"
        )
    curve = novelty(total.mean(axis=1))
    peaks, _ = find_peaks(curve, distance=round(KERNEL_SECONDS * SAMPLE_RATE / FRAME))
    loud = {name: _loud_blocks(audio) for name, audio in stems.items()}
    found: list[tuple[float, Choice]] = []
    best = (dict.fromkeys(stems, 0.0), -1.0)
    for peak in peaks[curve[peaks] > 0]:
        for place in rng.permutation(np.linspace(*PLACES, _PLACES_TRIED)):
            change = int(peak) * FRAME
            start = change - round(place * frames)
            if not 0 <= start <= length - frames:
                continue
            shares = _activity(loud, start, change, start + frames)
            best = max(best, (shares, min(shares.values())), key=lambda pair: pair[1])
            if min(shares.values()) >= activity:
                found.append((float(curve[peak]), Choice(start, frames, change / SAMPLE_RATE, shares)))
                break
    if not found:
        shares, least = best
        if least < 0:
            raise ExcerptError(f"{song}: no change of section found; give the song an 'excerpt' of its own")
        quiet = min(shares, key=lambda name: shares[name])
        raise ExcerptError(
            f"{song}: the stems are never active together: at best {quiet!r} is heard in {100 * least:.0f} % "
            f"of one side of a change of section; lower 'activity' ({activity:g}), or give the song an 'excerpt'"
        )
    strongest = max(value for value, _ in found)
    good = [choice for value, choice in found if value >= GOOD_SHARE * strongest]
    return good[int(rng.integers(len(good)))]


def given_excerpt(stems: Mapping[str, Audio], start: float, seconds: float, song: str = "") -> Choice:
    """A stretch that was asked for (s); its activity is measured, not demanded.

    Raises:
        ExcerptError: it reaches beyond the stems.
    """
    first, frames = round(start * SAMPLE_RATE), round(seconds * SAMPLE_RATE)
    shortest = min(len(audio) for audio in stems.values())
    if first + frames > shortest:
        raise ExcerptError(
            f"{song}: the excerpt ends at {(first + frames) / SAMPLE_RATE:.2f} s, "
            f"the stems at {shortest / SAMPLE_RATE:.2f} s"
        )
    loud = {name: _loud_blocks(audio) for name, audio in stems.items()}
    return Choice(first, frames, None, _activity(loud, first, first, first + frames))


def _loud_blocks(audio: Audio) -> NDArray[np.bool_]:
    return block_peaks(np.asarray(audio, dtype=np.float32)).max(axis=1) > 10.0 ** (GATE_DBFS / 20.0)


def _activity(loud: Mapping[str, NDArray[np.bool_]], start: int, change: int, end: int) -> dict[str, float]:
    """Share of loud blocks of each stem, on the side of the change where it is smaller."""
    first, middle, last = start // BLOCK, change // BLOCK, end // BLOCK
    sides = [(first, middle), (middle, last)] if middle > first else [(first, last)]
    return {name: min(float(blocks[a:b].mean()) for a, b in sides) for name, blocks in loud.items()}
