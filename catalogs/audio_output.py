"""Writing a stem or a mix as an audio file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from catalogs.storage import Location
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio, peak, to_db

FORMATS = {".wav": "WAV", ".flac": "FLAC", ".w64": "W64", ".rf64": "RF64"}


def write_audio(path: Path, audio: Audio, subtype: str, rate: int = SAMPLE_RATE) -> float:
    """Write a WAV or FLAC file in one step; integer formats are turned down rather than clipped.

    Args:
        path: ``.wav``, ``.flac``, ``.w64`` or ``.rf64``.
        audio: shape (samples, 2).
        subtype: ``PCM_16``, ``PCM_24`` or ``FLOAT``.
        rate: Hz.

    Returns:
        dB by which the audio was turned down, 0.0 if it was not.

    Raises:
        ValueError: the format is not known or does not hold the subtype.
    """
    form = FORMATS.get(path.suffix.lower())
    if form is None or not soundfile.check_format(form, subtype):
        raise ValueError(f"{path}: cannot write {subtype} there; use .wav, or .flac with PCM_16 or PCM_24")
    excess = 1.0 if subtype == "FLOAT" else max(1.0, peak(audio))
    with Location.parse(path).open_atomic() as stream:
        soundfile.write(stream, audio / np.float32(excess), rate, subtype=subtype, format=form)
    return to_db(excess)
