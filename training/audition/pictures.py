"""What is seen of a system: its loudness over time (EBU Tech 3341), and its spectrogram as a small image."""

from __future__ import annotations

import io
from dataclasses import dataclass

import librosa
import numpy as np
import pyebur128
from numpy.typing import NDArray
from PIL import Image

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

STEP = SAMPLE_RATE // 10
"""Samples between two values of a loudness curve, 0.1 s."""

BANDS = 160
LOWEST_HZ, HIGHEST_HZ = 30.0, 20_000.0
"""Rows of a spectrogram: mel bands between these frequencies."""

N_FFT, HOP = 4096, 1024

COLUMNS = 900
"""Most columns of a spectrogram."""

RANGE_DB = 80.0
"""From the darkest to the brightest colour of a spectrogram (dB)."""

COLOURS = np.array([(13, 17, 23), (38, 52, 92), (118, 62, 120), (224, 110, 84), (255, 238, 178)])
COLOUR_PLACES = (0.0, 0.3, 0.55, 0.78, 1.0)
"""Colours by share of the range, blended between these; lightness rises throughout."""


@dataclass(frozen=True)
class LoudnessCurve:
    """Momentary (400 ms) and short-term (3 s) loudness in LUFS, a value for each 0.1 s, at the end of its window.

    Shape (steps,) each; NaN where less than a window has passed, -inf for silence.
    """

    momentary: NDArray[np.float64]
    short_term: NDArray[np.float64]


def loudness_curve(audio: Audio) -> LoudnessCurve:
    """Loudness over time, by libebur128.

    Args:
        audio: shape (samples, 2), 44 100 Hz.
    """
    state = pyebur128.R128State(2, SAMPLE_RATE, pyebur128.MeasurementMode.MODE_S)
    steps = len(audio) // STEP
    momentary, short_term = np.full(steps, np.nan), np.full(steps, np.nan)
    for step in range(steps):
        state.add_frames(audio[step * STEP : (step + 1) * STEP].astype(np.float64).ravel(), STEP)
        if step >= 3:
            momentary[step] = pyebur128.get_loudness_momentary(state)
        if step >= 29:
            short_term[step] = pyebur128.get_loudness_shortterm(state)
    return LoudnessCurve(momentary, short_term)


def mel_levels(audio: Audio) -> NDArray[np.floating]:
    """Power of both channels together in mel bands (dB), shape (BANDS, columns), the lowest band first.

    Args:
        audio: shape (samples, 2), 44 100 Hz.
    """
    spectra = librosa.stft(np.ascontiguousarray(audio.T), n_fft=N_FFT, hop_length=HOP)
    power = np.sum(np.abs(spectra) ** 2, axis=0)
    mel = librosa.feature.melspectrogram(S=power, sr=SAMPLE_RATE, n_mels=BANDS, fmin=LOWEST_HZ, fmax=HIGHEST_HZ)
    group = -(-mel.shape[1] // COLUMNS)
    starts = np.arange(0, mel.shape[1], group)
    counts = np.diff(np.append(starts, mel.shape[1]))
    return 10.0 * np.log10(np.add.reduceat(mel, starts, axis=1) / counts + np.float32(1e-12))


def spectrogram_png(levels: NDArray[np.floating], highest: float) -> bytes:
    """A spectrogram as a PNG file, a pixel for each value, the lowest band at the bottom.

    Args:
        levels: dB, shape (bands, columns), as from mel_levels.
        highest: level of the brightest colour (dB); the same for images that are to be compared.
    """
    share = np.clip((levels - highest) / RANGE_DB + 1.0, 0.0, 1.0)
    image = Image.fromarray(np.round(share[::-1] * 255).astype(np.uint8)).convert("P")
    image.putpalette(_palette())
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _palette() -> list[int]:
    at = np.linspace(0.0, 1.0, 256)
    channels = [np.interp(at, COLOUR_PLACES, COLOURS[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=1)).astype(int).ravel().tolist()


def band_places() -> dict[str, float]:
    """Where frequencies are in a spectrogram, as shares of its height from the bottom."""
    low, high = librosa.hz_to_mel(LOWEST_HZ), librosa.hz_to_mel(HIGHEST_HZ)
    labels = {"200": 200.0, "1k": 1000.0, "5k": 5000.0, "15k": 15_000.0}
    return {label: float((librosa.hz_to_mel(hz) - low) / (high - low)) for label, hz in labels.items()}
