"""Features of one stem: loudness, spectrum, panning and dynamics, from one pass over its audio (paper, section 2.1)."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from fxnorm import stft
from fxnorm.compression import OnsetPeakLevel, onset_peak_feature
from fxnorm.eq import add_magnitudes
from fxnorm.loudness import integrated_loudness, levelling_gain
from fxnorm.panning import add_similarity
from fxnorm.settings import (
    LEVEL_LUFS,
    SPECTRUM_BINS,
    SPECTRUM_HOP,
    SPECTRUM_N_FFT,
    Settings,
)
from fxnorm.stereo import Audio, as_stereo, is_below_gate, pad, peak, to_db, unpad

FEATURES = ("loudness", "eq", "panning", "compression")
"""Names of the features; those of the effects that use them."""


@dataclasses.dataclass(frozen=True)
class StemFeatures:
    """What was measured on one stem.

    Attributes:
        silent: the stem is at or below the gate; nothing was measured.
        peak_dbfs: sample peak, None for digital silence.
        loudness: integrated loudness, LUFS.
        eq: mean magnitude spectrum at -30 LUFS, shape (32 769,).
        panning: mean similarity, shape (32 769,).
        compression: onset peak level at a peak of -10 dBFS.
        notes: features that could not be measured, with the reason.
    """

    silent: bool
    peak_dbfs: float | None
    loudness: float | None = None
    eq: NDArray[np.float64] | None = None
    panning: NDArray[np.float64] | None = None
    compression: OnsetPeakLevel | None = None
    notes: tuple[str, ...] = ()

    def value(self, feature: str) -> NDArray[np.float64] | None:
        """A feature as a one-dimensional float64 array, as statistics sum it; None where it was not measured."""
        match feature:
            case "loudness":
                return None if self.loudness is None else np.asarray([self.loudness])
            case "compression":
                level = self.compression
                return None if level is None else np.asarray([level.mean, level.std])
            case "eq":
                return self.eq
            case "panning":
                return self.panning
        raise ValueError(f"unknown feature {feature!r}; known: {', '.join(FEATURES)}")


def analyze_stem(audio: NDArray[np.floating], settings: Settings | None = None) -> StemFeatures:
    """Measure all features of a stem.

    Args:
        audio: shape (samples,), (samples, 1) or (samples, 2), 44 100 Hz.
        settings: ``reference_compat`` measures the loudness on the padded stem.

    Raises:
        ValueError: wrong shape, or samples that are not finite.
    """
    return analyze_padded(pad(as_stereo(audio)), settings)


def analyze_padded(padded: Audio, settings: Settings | None = None) -> StemFeatures:
    """The same for finite samples that lie as :func:`fxnorm.stereo.pad` lays them, without another copy.

    Args:
        padded: shape (samples + 2 * 65 536, 2).
        settings: as for :func:`analyze_stem`.
    """
    settings = settings or Settings()
    stem_peak = peak(padded)
    level = to_db(stem_peak)
    peak_dbfs = level if np.isfinite(level) else None
    if is_below_gate(stem_peak):
        return StemFeatures(True, peak_dbfs)
    notes = []
    loudness = integrated_loudness(padded if settings.reference_compat else unpad(padded))
    if loudness is None:
        notes.append("loudness: shorter than 0.4 s or below the gate of BS.1770")
        notes.append("eq: needs a loudness")
    spectrum, similarity = _spectrum_and_similarity(padded)
    eq = None if loudness is None else spectrum * levelling_gain(stem_peak, loudness, LEVEL_LUFS)[0]
    compression = onset_peak_feature(padded)
    if compression is None:
        notes.append("compression: a channel without onsets")
    return StemFeatures(False, peak_dbfs, loudness, eq, similarity, compression, tuple(notes))


def _spectrum_and_similarity(audio: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spectrum = np.zeros(SPECTRUM_BINS)
    similarity = np.zeros(SPECTRUM_BINS)
    left, right = (stft.blocks(channel, SPECTRUM_N_FFT, SPECTRUM_HOP) for channel in audio.T)
    for (_, a), (_, b) in zip(left, right, strict=True):
        for spectra in (a, b):
            add_magnitudes(spectra.view(np.float32), spectrum)
        add_similarity(a.view(np.float32), b.view(np.float32), similarity)
    frames = stft.frame_count(audio.shape[0], SPECTRUM_N_FFT, SPECTRUM_HOP)
    return spectrum / (2 * frames), similarity / frames
