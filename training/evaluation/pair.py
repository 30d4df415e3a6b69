"""A mix and its reference: what every metric asks of the two, and the peak level at which most of them compare."""

from __future__ import annotations

import librosa
import numpy as np
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import peak

Mix = NDArray[np.floating]
"""Samples of shape (samples, 2), full scale 1.0, 44 100 Hz."""

PEAK_DBFS = -1.0
"""Sample peak to which both mixes are brought before all metrics but those of loudness (dBFS; published code)."""

TRIM_DBFS = -60.0
"""Level under which the ends of a reference are trimmed (dBFS, RMS; published code)."""

_TRIM_FRAME = 1024
_TRIM_HOP = 256


def validate_pair(mix: Mix, reference: Mix, rate: int, shortest: int = 1) -> None:
    """Refuse two mixes that cannot be compared.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2), as many samples.
        rate: Hz.
        shortest: fewest samples the metric is defined for.

    Raises:
        ValueError: another rate than 44 100 Hz, wrong or unequal shapes, too short, samples that are not finite, or
            digital silence.
    """
    if rate != SAMPLE_RATE:
        raise ValueError(f"the metrics are defined at {SAMPLE_RATE} Hz, got {rate} Hz; resample both mixes first")
    for name, audio in (("mix", mix), ("reference", reference)):
        if audio.ndim != 2 or audio.shape[1] != 2:
            raise ValueError(f"the {name} should have shape (samples, 2), got {audio.shape}; repeat a mono channel")
        if not np.isfinite(audio).all():
            raise ValueError(f"the {name} holds NaN or infinite samples; make it again")
    if len(mix) != len(reference):
        raise ValueError(
            f"the mix has {len(mix)} samples and the reference {len(reference)}; align them and make them equally long"
        )
    if len(reference) < shortest:
        raise ValueError(f"{len(reference)} samples are too short, the metric needs {shortest}; leave the song out")
    for name, audio in (("mix", mix), ("reference", reference)):
        if peak(audio) == 0.0:
            raise ValueError(f"the {name} is digital silence, there is nothing to compare; leave the song out")


def peak_normalize(audio: Mix) -> NDArray[np.float64]:
    """The audio as float64, scaled by one gain to a sample peak of -1 dBFS over both channels.

    Raises:
        ValueError: digital silence.
    """
    highest = peak(audio)
    if highest == 0.0:
        raise ValueError("digital silence cannot be brought to a peak level")
    return np.asarray(audio, dtype=np.float64) * (10.0 ** (PEAK_DBFS / 20.0) / highest)


def trim_silence(mix: Mix, reference: Mix) -> tuple[Mix, Mix]:
    """Cut from both mixes the silence at both ends of the reference, as the published evaluation does.

    Silence is what lies before the first and after the last frame (1024 samples, hop 256) in which the RMS level of
    either channel is above -60 dBFS. A reference that nowhere is comes back whole.

    Args:
        mix: shape (samples, 2).
        reference: shape (samples, 2), as many samples.

    Returns:
        the mix and the reference, as views.

    Raises:
        ValueError: as validate_pair.
    """
    validate_pair(mix, reference, SAMPLE_RATE)
    _, (first, last) = librosa.effects.trim(
        reference.T, top_db=-TRIM_DBFS, ref=1.0, frame_length=_TRIM_FRAME, hop_length=_TRIM_HOP
    )
    span = slice(first, last) if last > first else slice(None)
    return mix[span], reference[span]
