"""Waveforms and spectrograms of short stretches of audio, small enough for a page."""

from __future__ import annotations

import base64
import io
import itertools
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

Rows = list[dict[str, Any]]

WAVEFORM_POINTS = 240
"""Points of a waveform."""

N_FFT = 2_048
"""Samples of a spectrogram's window, 46 ms."""

PICTURE_SIZE = (256, 128)
"""Columns and rows of a spectrogram's picture."""

RANGE_HZ = (50.0, 20_000.0)
"""Ends of a spectrogram's logarithmic frequency axis."""

RANGE_DB = 80.0
"""Levels this far below the loudest are as dark as silence."""

ANCHORS = ((12, 18, 24), (18, 62, 74), (43, 138, 128), (150, 205, 150), (252, 246, 200))
"""Colours from the lowest level to the highest, evenly spaced; their lightness rises all the way."""


def waveform_rows(audio: Audio, points: int = WAVEFORM_POINTS, rate: int = SAMPLE_RATE) -> Rows:
    """Lowest and highest sample of both channels in equal stretches.

    Args:
        audio: shape (samples, 2).
        points: number of stretches.
        rate: Hz.

    Returns:
        rows with ``seconds`` (where the stretch begins), ``low`` and ``high``.
    """
    edges = np.linspace(0, len(audio), min(points, len(audio)) + 1).astype(int)
    rows = []
    for start, end in itertools.pairwise(edges):
        piece = audio[start:end]
        low, high = round(float(piece.min()), 3), round(float(piece.max()), 3)
        rows.append({"seconds": round(float(start / rate), 3), "low": low, "high": high})
    return rows


def spectrogram_levels(audio: Audio, rate: int = SAMPLE_RATE) -> NDArray[np.float64]:
    """Levels of the sum of both channels on the picture's grid, dB, the loudest 0 and none below -RANGE_DB.

    Args:
        audio: shape (samples, 2).
        rate: Hz.

    Returns:
        shape (128, 256), the highest frequency first.
    """
    width, height = PICTURE_SIZE
    mono = np.pad(audio.mean(axis=1, dtype=np.float64), (0, max(0, N_FFT - len(audio))))
    starts = np.linspace(0, len(mono) - N_FFT, width).astype(int)
    windows = mono[starts[:, None] + np.arange(N_FFT)] * scipy.signal.windows.hann(N_FFT, sym=False)
    frames = np.abs(scipy.fft.rfft(windows, axis=1)).T
    edges = np.geomspace(*RANGE_HZ, height + 1) * N_FFT / rate
    lower, upper = np.floor(edges[:-1]).astype(int), np.ceil(edges[1:]).astype(int)
    upper = np.minimum(np.maximum(upper, lower + 1), len(frames))
    rows = [frames[low:high].max(axis=0) for low, high in zip(lower, upper, strict=True)]
    grid = np.array(rows)[::-1]
    loudest = grid.max()
    if loudest <= 0.0:
        return np.full_like(grid, -RANGE_DB)
    return np.maximum(20 * np.log10(np.maximum(grid / loudest, 1e-12)), -RANGE_DB)


def spectrogram_rows(audio: Audio, rate: int = SAMPLE_RATE) -> Rows:
    """One row with the picture of a spectrogram as a data URI, and where it ends on both axes (s, Hz)."""
    seconds = len(audio) / rate
    uri = picture(spectrogram_levels(audio, rate))
    return [{"from": 0.0, "to": seconds, "lowest": RANGE_HZ[0], "highest": RANGE_HZ[1], "picture": uri}]


def picture(levels: NDArray[np.float64]) -> str:
    """A PNG of levels from -RANGE_DB to 0 dB, as a data URI.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("spectrograms need Pillow: pip install 'fxnorm-data[report]'") from error
    codes = np.round((levels / RANGE_DB + 1.0) * 63).astype(np.uint8)
    image = Image.fromarray(codes, mode="P")
    image.putpalette(_palette().astype(np.uint8).tobytes())
    content = io.BytesIO()
    image.save(content, "PNG", optimize=True, bits=6)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _palette() -> NDArray[np.float64]:
    anchors = np.array(ANCHORS, dtype=float)
    places = np.linspace(0, len(anchors) - 1, 64)
    channels = [np.interp(places, np.arange(len(anchors)), channel) for channel in anchors.T]
    return np.round(np.stack(channels, axis=1))
