"""Levels of the systems of a song, and the gains with which all are equally loud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fxnorm.stereo import Audio
from training.audition.songs import AuditionError
from training.listening.stimuli import HIGHEST_TRUE_PEAK_DBTP, loudness, peak_dbtp


@dataclass(frozen=True)
class SystemLevel:
    """Integrated loudness (LUFS), true peak (dBTP), and the gain (dB) that matches the system with the others."""

    loudness_lufs: float
    true_peak_dbtp: float
    match_db: float


def match_levels(systems: Mapping[str, Audio]) -> dict[str, SystemLevel]:
    """How loud each system is, and which gains bring all to one loudness.

    That loudness is the highest of the systems', or the highest at which none exceeds -1 dBTP where that is lower.

    Args:
        systems: shape (samples, 2), 44 100 Hz.

    Raises:
        AuditionError: a system is silent.
    """
    measured = {name: (loudness(audio), peak_dbtp(audio)) for name, audio in systems.items()}
    for name, (lufs, _) in measured.items():
        if not np.isfinite(lufs):
            raise AuditionError(f"{name}: it is silent in the excerpt; choose another with --start, or take it out")
    loudest = max(lufs for lufs, _ in measured.values())
    clean = min(lufs - peak + HIGHEST_TRUE_PEAK_DBTP for lufs, peak in measured.values())
    target = min(loudest, clean)
    return {name: SystemLevel(lufs, peak, target - lufs) for name, (lufs, peak) in measured.items()}
