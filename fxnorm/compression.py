"""Onset peak level, and the compressor search that brings it into a corpus' range (paper, section 2.1).

Compressor: feed-forward, hard knee, with level-corrected smoothing of the gain reduction (Giannoulis, Massberg and
Reiss, "Digital dynamic range compressor design", JAES 60(6), 2012).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fxnorm.onsets import detect_onsets
from fxnorm.settings import (
    COMPRESSION_PEAK_DBFS,
    RATIO_HIGHEST,
    SAMPLE_RATE,
    THRESHOLD_LOWEST_DB,
    THRESHOLD_STEP_DB,
    SourceSettings,
)
from fxnorm.stereo import peak

LOUD_ONSETS_PERCENTILE = 75
"""Only onset peaks above this percentile count."""

LEVEL_EPSILON = 1e-30
"""Added to an onset peak before its logarithm."""

NEIGHBOURS_CHECKED = 2
"""Candidates before the one that bisection found which are measured as well."""

THRESHOLDS_DB = np.arange(COMPRESSION_PEAK_DBFS, THRESHOLD_LOWEST_DB - THRESHOLD_STEP_DB / 2, -THRESHOLD_STEP_DB)
"""-10, -10.5, ..., -40 dBFS."""


@dataclasses.dataclass(frozen=True)
class OnsetPeakLevel:
    """Mean and standard deviation, in dB, of the peaks after the louder onsets."""

    mean: float
    std: float


def onset_peak_level(signal: NDArray[np.float32]) -> OnsetPeakLevel | None:
    """Level of one channel's louder onsets.

    For each onset the largest |x| until the next one; of these the values above their 75th percentile.

    Args:
        signal: shape (samples,), peak-normalised to -10 dBFS by the caller.

    Returns:
        level in dBFS, or None for a channel without onsets.
    """
    onsets = detect_onsets(signal)
    if onsets.size == 0:
        return None
    peaks = 20.0 * np.log10(np.maximum.reduceat(np.abs(signal), onsets).astype(np.float64) + LEVEL_EPSILON)
    loud = peaks[peaks > np.percentile(peaks, LOUD_ONSETS_PERCENTILE)]
    chosen = loud if loud.size else peaks
    return OnsetPeakLevel(float(chosen.mean()), float(chosen.std()))


def onset_peak_feature(audio: NDArray[np.float32]) -> OnsetPeakLevel | None:
    """Compression feature of a stem: onset peak level of each channel, averaged.

    Args:
        audio: shape (samples, channels), any level; it is peak-normalised to -10 dBFS here.

    Returns:
        None where a channel has no onsets.
    """
    normalised = normalize_peak(audio)
    levels = [onset_peak_level(np.ascontiguousarray(channel)) for channel in normalised.T]
    known = [level for level in levels if level is not None]
    if len(known) < len(levels):
        return None
    return OnsetPeakLevel(
        float(np.mean([level.mean for level in known])), float(np.mean([level.std for level in known]))
    )


def normalize_peak(audio: NDArray[np.float32], dbfs: float = COMPRESSION_PEAK_DBFS) -> NDArray[np.float32]:
    """Bring the sample peak, over all channels, to a level in dBFS."""
    return audio * np.float32(10.0 ** (dbfs / 20.0) / peak(audio))


@njit(cache=True, nogil=True)
def _levels_db(magnitudes: NDArray[np.float32], floor_db: float) -> NDArray[np.float32]:
    floor = 10.0 ** (floor_db / 20.0)
    result = np.empty_like(magnitudes)
    for n in range(magnitudes.shape[0]):
        result[n] = 20.0 * math.log10(magnitudes[n]) if magnitudes[n] > floor else floor_db
    return result


@njit(cache=True, nogil=True)
def _compress(
    audio: NDArray[np.float32],
    levels: NDArray[np.float32],
    threshold: float,
    ratio: float,
    attack: float,
    release: float,
    out: NDArray[np.float32],
) -> None:
    slope = 1.0 - 1.0 / ratio
    to_nepers = -math.log(10.0) / 20.0
    reduction = 0.0
    for n in range(levels.shape[0]):
        wanted = (levels[n] - threshold) * slope if levels[n] > threshold else 0.0
        coefficient = attack if wanted > reduction else release
        reduction = coefficient * reduction + (1.0 - coefficient) * wanted
        gain = math.exp(to_nepers * reduction) if reduction > 1e-9 else 1.0
        for channel in range(audio.shape[0]):
            out[channel, n] = min(1.0, max(-1.0, audio[channel, n] * gain))


class Compressor:
    """A feed-forward hard-knee compressor bound to a signal, so that many settings can be tried on it.

    Args:
        audio: shape (channels, samples); one gain, from the louder channel, acts on all channels.
        attack_ms: milliseconds.
        release_ms: milliseconds.
        lowest_threshold_db: lowest threshold that will be asked for.
    """

    def __init__(
        self,
        audio: NDArray[np.float32],
        attack_ms: float,
        release_ms: float,
        lowest_threshold_db: float = THRESHOLD_LOWEST_DB,
    ) -> None:
        self._audio = audio
        self._levels = _levels_db(np.abs(audio).max(axis=0), lowest_threshold_db)
        self._attack = math.exp(-1.0 / (0.001 * SAMPLE_RATE * attack_ms))
        self._release = math.exp(-1.0 / (0.001 * SAMPLE_RATE * release_ms))

    def __call__(self, threshold_db: float, ratio: float) -> NDArray[np.float32]:
        """Compress; returns a new array of shape (channels, samples), clipped to [-1, 1]."""
        out = np.empty_like(self._audio)
        _compress(self._audio, self._levels, threshold_db, ratio, self._attack, self._release, out)
        return out


Outcome = Literal["compressed", "within", "below", "exhausted", "no onsets"]


@dataclasses.dataclass(frozen=True)
class CompressionResult:
    """What the search did to one channel (or to both, when linked).

    Attributes:
        outcome: ``compressed``: a setting was found; ``within``: in range already; ``below``: under the range, and
            upward expansion is off; ``exhausted``: no setting reaches the range, the strongest was used;
            ``no onsets``: nothing to measure.
        before: level before, None without onsets.
        achieved: level after.
        ratio: None unless compressed.
        threshold_db: None unless compressed.
        candidates: settings that were measured.
    """

    outcome: Outcome
    before: OnsetPeakLevel | None
    achieved: OnsetPeakLevel | None
    ratio: float | None = None
    threshold_db: float | None = None
    candidates: int = 0


def normalize_compression(
    audio: NDArray[np.float32],
    target: OnsetPeakLevel,
    settings: SourceSettings,
    search: Literal["bisection", "scan"] = "bisection",
) -> tuple[NDArray[np.float32], CompressionResult]:
    """Peak-normalise to -10 dBFS, and compress until the onset peak level is below mean + standard deviation.

    Args:
        audio: shape (channels, samples). The channels share one gain: pass a single channel for the paper's
            per-channel compression.
        target: corpus level P (dBFS) and S (dB).
        settings: attack, release and first ratio of the source.
        search: ``scan`` tries ratios upwards and thresholds downwards in order and takes the first that fits;
            ``bisection`` finds it for each ratio by halving, and measures the two candidates before it.

    Returns:
        float32 of the same shape, peak at or below -10 dBFS, and what was done.
    """
    normalised = normalize_peak(audio)
    before = _mean_level(normalised)
    if before is None:
        return audio, CompressionResult("no onsets", None, None)
    if abs(before.mean - target.mean) < target.std:
        return normalised, CompressionResult("within", before, before)
    if before.mean < target.mean:
        return normalised, CompressionResult("below", before, before)
    trial = _Search(Compressor(normalised, settings.attack_ms, settings.release_ms), target.mean + target.std)
    ratio = settings.first_ratio
    while True:
        index = trial.scan(ratio) if search == "scan" else trial.bisect(ratio)
        if index is not None or ratio >= RATIO_HIGHEST:
            break
        ratio = min(ratio + 1.0, RATIO_HIGHEST)
    outcome: Outcome = "compressed" if index is not None else "exhausted"
    threshold = float(THRESHOLDS_DB[index if index is not None else -1])
    output = trial.compressor(threshold, ratio)
    result = CompressionResult(outcome, before, _mean_level(output), ratio, threshold, trial.candidates)
    return output, result


class _Search:
    def __init__(self, compressor: Compressor, limit: float) -> None:
        self.compressor = compressor
        self.candidates = 0
        self._limit = limit

    def _fits(self, ratio: float, index: int) -> bool:
        self.candidates += 1
        level = _mean_level(self.compressor(float(THRESHOLDS_DB[index]), ratio))
        return level is not None and level.mean < self._limit

    def scan(self, ratio: float) -> int | None:
        return next((i for i in range(len(THRESHOLDS_DB)) if self._fits(ratio, i)), None)

    def bisect(self, ratio: float) -> int | None:
        fails, fits = 0, len(THRESHOLDS_DB) - 1
        if not self._fits(ratio, fits):
            return None
        while fits - fails > 1:
            middle = (fails + fits) // 2
            if self._fits(ratio, middle):
                fits = middle
            else:
                fails = middle
        checked = fits - 2
        while checked > 0 and fits - 1 - checked <= NEIGHBOURS_CHECKED:
            if self._fits(ratio, checked):
                fits = checked
            checked -= 1
        return fits


def _mean_level(audio: NDArray[np.float32]) -> OnsetPeakLevel | None:
    levels = [onset_peak_level(channel) for channel in audio]
    known = [level for level in levels if level is not None]
    if len(known) < len(levels):
        return None
    return OnsetPeakLevel(float(np.mean([v.mean for v in known])), float(np.mean([v.std for v in known])))
