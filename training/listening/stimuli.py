"""Stimuli: the same samples of every system, at equal loudness, with faded ends, in FLAC files without tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyebur128
import soundfile
from scipy.signal import correlate

from catalogs.audio_file import decode
from catalogs.quality.silence import block_peaks
from catalogs.quality.true_peak import true_peak
from catalogs.storage import Location
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio, to_db

TARGET_LUFS = -23.0
"""Integrated loudness of every stimulus (EBU R 128)."""

HIGHEST_TRUE_PEAK_DBTP = -1.0
"""True peak that no stimulus exceeds (EBU R 128)."""

FADE_IN_SECONDS, FADE_OUT_SECONDS = 0.02, 0.05
"""Raised-cosine fades at the ends of a stimulus."""

LAG_SECONDS = 0.1
"""Furthest that two recordings of a page are looked for apart."""

LAG_CORRELATION = 0.3
"""Least normalised cross-correlation that says something about a lag."""


class StimulusError(ValueError):
    """A recording that cannot be a stimulus."""


@dataclass(frozen=True)
class Level:
    """How a stimulus was levelled: gain (dB), loudness (LUFS) and true peak (dBTP) of the result."""

    gain_db: float
    loudness_lufs: float
    true_peak_dbtp: float


def read_excerpt(path: Path, start: int, frames: int) -> Audio:
    """Samples ``start`` to ``start + frames`` of a file, float32 of shape (frames, 2) at 44 100 Hz, with faded ends.

    Raises:
        StimulusError: the file is too short.
        catalogs.audio_file.AudioFileError: it cannot be read.
    """
    audio = decode(path)
    if len(audio) < start + frames:
        raise StimulusError(
            f"{path}: ends at {len(audio) / SAMPLE_RATE:.2f} s, the excerpt at {(start + frames) / SAMPLE_RATE:.2f} s"
        )
    return _faded(audio[start : start + frames])


def _faded(audio: Audio) -> Audio:
    faded = audio.copy()
    for seconds, end in ((FADE_IN_SECONDS, slice(None)), (FADE_OUT_SECONDS, slice(None, None, -1))):
        samples = min(round(seconds * SAMPLE_RATE), len(audio) // 2)
        faded[end][:samples] *= (0.5 - 0.5 * np.cos(np.pi * np.arange(samples) / samples)).astype(np.float32)[:, None]
    return faded


def loudness(audio: Audio) -> float:
    """Integrated loudness, ITU-R BS.1770-4, by libebur128 (LUFS); -inf for silence.

    Args:
        audio: shape (samples, 2), 44 100 Hz.
    """
    state = pyebur128.R128State(2, SAMPLE_RATE, pyebur128.MeasurementMode.MODE_I)
    state.add_frames(np.ascontiguousarray(audio, dtype=np.float64).ravel(), len(audio))
    return float(pyebur128.get_loudness_global(state))


def peak_dbtp(audio: Audio) -> float:
    """True peak of the louder channel (dBTP)."""
    samples = np.ascontiguousarray(audio, dtype=np.float32)
    return to_db(true_peak(samples, block_peaks(samples)))


def level_together(mixes: Mapping[str, Audio]) -> tuple[dict[str, Audio], dict[str, Level], float]:
    """Bring the mixes of one page to the same loudness.

    All are brought to -23 LUFS. Where one of them would then exceed -1 dBTP, all of the page are turned down together
    by what is needed: mixes of a page are compared with each other, so they stay equal, and no limiter touches them.

    Args:
        mixes: by name, shape (samples, 2), 44 100 Hz.

    Returns:
        the levelled mixes, how each was levelled, and by how many dB the page was turned down.

    Raises:
        StimulusError: a mix is silent.
    """
    gains, peaks = {}, {}
    for name, audio in mixes.items():
        measured = loudness(audio)
        if not np.isfinite(measured):
            raise StimulusError(f"{name}: the excerpt is silent")
        gains[name] = TARGET_LUFS - measured
        peaks[name] = peak_dbtp(audio) + gains[name]
    down = max(0.0, max(peaks.values()) - HIGHEST_TRUE_PEAK_DBTP)
    levelled = {name: _scaled(audio, gains[name] - down) for name, audio in mixes.items()}
    levels = {name: Level(gains[name] - down, loudness(audio), peak_dbtp(audio)) for name, audio in levelled.items()}
    return levelled, levels, down


def level_dry(stems: Mapping[str, Audio]) -> tuple[Audio, dict[str, Audio]]:
    """The plain sum of dry stems at -23 LUFS, and each stem as loud as it is in that sum; none above -1 dBTP.

    Raises:
        StimulusError: the sum is silent.
    """
    total: Audio = np.sum(list(stems.values()), axis=0, dtype=np.float32)
    measured = loudness(total)
    if not np.isfinite(measured):
        raise StimulusError("the dry stems are silent in the excerpt")
    highest = max(peak_dbtp(audio) for audio in (total, *stems.values()))
    gain = min(TARGET_LUFS - measured, HIGHEST_TRUE_PEAK_DBTP - highest)
    return _scaled(total, gain), {name: _scaled(audio, gain) for name, audio in stems.items()}


def _scaled(audio: Audio, gain_db: float) -> Audio:
    return audio * np.float32(10.0 ** (gain_db / 20.0))


def write_stimulus(path: Path, audio: Audio, bits: int, rng: np.random.Generator) -> None:
    """Write a FLAC file without tags; 16 bits get triangular dither of two steps.

    Args:
        path: ``.flac``.
        audio: shape (samples, 2), below full scale.
        bits: 16 or 24.
        rng: of the dither.
    """
    samples: np.ndarray = audio
    if bits == 16:
        step = 2.0**-15
        samples = audio + step * (rng.random(audio.shape) - rng.random(audio.shape))
    with Location.parse(path).open_atomic() as stream:
        soundfile.write(stream, samples, SAMPLE_RATE, subtype=f"PCM_{bits}", format="FLAC")


def lag(audio: Audio, reference: Audio) -> int | None:
    """By how many samples one recording comes after another, from the peak of their cross-correlation.

    Args:
        audio, reference: shape (samples, 2), one length.

    Returns:
        samples, within 0.1 s either way; None where the two have too little in common to tell.
    """
    furthest = round(LAG_SECONDS * SAMPLE_RATE)
    a, b = (signal.mean(axis=1) for signal in (audio, reference))
    common = correlate(a, b, mode="full", method="fft")[len(b) - 1 - furthest : len(b) + furthest]
    scale = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    best = int(np.argmax(np.abs(common)))
    return None if np.abs(common[best]) < LAG_CORRELATION * scale else best - furthest
