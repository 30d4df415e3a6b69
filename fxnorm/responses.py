"""Impulse responses for reverb: a user's folder, or the synthetic bank."""

from __future__ import annotations

from pathlib import Path

import soundfile

from fxnorm.reverb import ImpulseResponse, synthetic_responses
from fxnorm.settings import SAMPLE_RATE

SYNTHETIC = "synthetic"
"""Stands for the synthetic bank where a folder of impulse responses may be named."""

SYNTHETIC_SEND_RT60 = (2.0, 2.5, 3.0, 3.5, 4.0)
"""Reverberation times of the synthetic bank for the send, s."""

SYNTHETIC_PREREVERB_RT60 = (0.4, 0.8, 1.2)
"""Reverberation times of the synthetic bank for the prereverb, s."""


def load_responses(source: str | None, synthetic_rt60: tuple[float, ...], seed: int) -> tuple[ImpulseResponse, ...]:
    """Impulse responses of a folder (sorted by name), the synthetic bank, or none.

    Raises:
        ValueError: the folder is missing or empty, or a file in it cannot be used.
    """
    if source is None:
        return ()
    if source == SYNTHETIC:
        return synthetic_responses(synthetic_rt60, seed)
    folder = Path(source)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder of impulse responses; name a folder, or '{SYNTHETIC}'")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".wav", ".flac", ".aif", ".aiff"))
    if not paths:
        raise ValueError(f"{folder}: holds no WAV, FLAC or AIFF impulse responses")
    return tuple(_read_response(folder, path) for path in paths)


def _read_response(folder: Path, path: Path) -> ImpulseResponse:
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: not readable as an impulse response ({error})") from None
    if rate != SAMPLE_RATE or audio.shape[1] > 2 or not audio.any():
        raise ValueError(
            f"{path}: an impulse response is mono or stereo at {SAMPLE_RATE} Hz and not silent; "
            f"this one has {audio.shape[1]} channels at {rate} Hz"
        )
    return ImpulseResponse(str(path.relative_to(folder)), audio)
