"""Onset peak level, and the compressor search that brings it into a corpus' range (paper, section 2.1)."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fxnorm.compressor import Compressor
from fxnorm.lanes import largest_magnitude
from fxnorm.onsets import detect_onsets
from fxnorm.settings import (
    COMPRESSION_PEAK_DBFS,
    RATIO_HIGHEST,
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


FIRST_STEP_SHARE = 0.7
"""Share of a peak's level over the threshold that smoothing lets a compressor take off, for the first guess."""


@dataclasses.dataclass(frozen=True)
class OnsetPeakLevel:
    """Mean and standard deviation, in dB, of the peaks after the louder onsets."""

    mean: float
    std: float


@njit(cache=True, nogil=True)
def _peaks(signal: NDArray[np.float32], onsets: NDArray[np.int64]) -> NDArray[np.float64]:
    peaks = np.empty(onsets.shape[0])
    for index in range(onsets.shape[0]):
        end = onsets[index + 1] if index + 1 < onsets.shape[0] else signal.shape[0]
        peaks[index] = largest_magnitude(signal[onsets[index] : end])
    return peaks


def onset_peak_level(signal: NDArray[np.float32], gain: float = 1.0) -> OnsetPeakLevel | None:
    """Level of one channel's louder onsets.

    For each onset the largest |x| until the next one; of these the values above their 75th percentile.

    Args:
        signal: shape (samples,).
        gain: factor that brings its peak to -10 dBFS.

    Returns:
        level in dBFS, or None for a channel without onsets.
    """
    contiguous = np.ascontiguousarray(signal, dtype=np.float32)
    onsets = detect_onsets(contiguous, gain)
    if onsets.size == 0:
        return None
    peaks = 20.0 * np.log10(_peaks(contiguous, onsets) * gain + LEVEL_EPSILON)
    loud = peaks[peaks > np.percentile(peaks, LOUD_ONSETS_PERCENTILE)]
    chosen = loud if loud.size else peaks
    return OnsetPeakLevel(float(chosen.mean()), float(chosen.std()))


def onset_peak_feature(audio: NDArray[np.float32]) -> OnsetPeakLevel | None:
    """Compression feature of a stem: onset peak level of each channel, averaged.

    Args:
        audio: shape (samples, channels), any level; it is measured as if its peak were at -10 dBFS.

    Returns:
        None where a channel has no onsets.
    """
    return _mean_level(audio.T, peak_gain(audio))


def peak_gain(audio: NDArray[np.float32], dbfs: float = COMPRESSION_PEAK_DBFS) -> float:
    """Factor that brings the sample peak, over all channels, to a level in dBFS; rounded to float32."""
    return float(np.float32(10.0 ** (dbfs / 20.0) / peak(audio)))


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
    out: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], CompressionResult]:
    """Peak-normalise to -10 dBFS, and compress until the onset peak level is below mean + standard deviation.

    Args:
        audio: shape (channels, samples). The channels share one gain: pass a single channel for the paper's
            per-channel compression.
        target: corpus level P (dBFS) and S (dB).
        settings: attack, release and first ratio of the source.
        search: ``scan`` tries ratios upwards and thresholds downwards in order and takes the first that fits;
            ``bisection`` closes in on it for each ratio from both sides, and measures the two candidates before it.
        out: array for the result; may be ``audio`` itself.

    Returns:
        float32 of the same shape, peak at or below -10 dBFS, and what was done.
    """
    output = np.empty_like(audio) if out is None else out
    gain = peak_gain(audio)
    before = _mean_level(audio, gain)
    if before is None:
        output[:] = audio
        return output, CompressionResult("no onsets", None, None)
    if abs(before.mean - target.mean) < target.std or before.mean < target.mean:
        within = abs(before.mean - target.mean) < target.std
        np.multiply(audio, np.float32(gain), out=output)
        return output, CompressionResult("within" if within else "below", before, before)
    trials = _Trials(Compressor(audio, settings.attack_ms, settings.release_ms, gain), audio, target.mean + target.std)
    ratio = settings.first_ratio
    while True:
        if search == "scan":
            index = trials.scan(ratio)
        else:
            index = trials.bisect(ratio, before.mean, lowest_first=ratio > settings.first_ratio)
        if index is not None or ratio >= RATIO_HIGHEST:
            break
        ratio = min(ratio + 1.0, RATIO_HIGHEST)
    outcome: Outcome = "compressed" if index is not None else "exhausted"
    index = len(THRESHOLDS_DB) - 1 if index is None else index
    achieved = trials.level(ratio, index)
    output[:] = trials.audio(ratio, index)
    threshold = float(THRESHOLDS_DB[index])
    return output, CompressionResult(outcome, before, achieved, ratio, threshold, trials.candidates)


class _Trials:
    """Settings tried on a signal; each is measured once, and the last one's audio is at hand."""

    def __init__(self, compressor: Compressor, audio: NDArray[np.float32], limit: float) -> None:
        self._compressor = compressor
        self._scratch = np.empty_like(audio)
        self._held: tuple[float, int] | None = None
        self._levels: dict[tuple[float, int], OnsetPeakLevel | None] = {}
        self._limit = limit

    @property
    def candidates(self) -> int:
        """Settings that were measured."""
        return len(self._levels)

    def audio(self, ratio: float, index: int) -> NDArray[np.float32]:
        """The compressed signal, valid until the next call."""
        if self._held != (ratio, index):
            self._compressor(float(THRESHOLDS_DB[index]), ratio, self._scratch)
            self._held = ratio, index
        return self._scratch

    def level(self, ratio: float, index: int) -> OnsetPeakLevel | None:
        """Onset peak level of the compressed signal."""
        if (ratio, index) not in self._levels:
            self._levels[ratio, index] = _mean_level(self.audio(ratio, index))
        return self._levels[ratio, index]

    def _excess(self, ratio: float, index: int) -> float:
        """By how many dB a setting misses the limit; negative where it fits, infinite without onsets."""
        level = self.level(ratio, index)
        return math.inf if level is None else level.mean - self._limit

    def _fits(self, ratio: float, index: int) -> bool:
        return self._excess(ratio, index) < 0.0

    def scan(self, ratio: float) -> int | None:
        """The first threshold that fits."""
        return next((i for i in range(len(THRESHOLDS_DB)) if self._fits(ratio, i)), None)

    def bisect(self, ratio: float, before: float, lowest_first: bool) -> int | None:
        """A threshold that fits, none of the three before it fitting; None if the lowest does not fit.

        The bracket is narrowed by false position, and by halving where that moves the same end twice.

        Args:
            ratio: of the compressor.
            before: onset peak level without compression, dBFS.
            lowest_first: begin with the lowest threshold, as after a ratio at which none fits.
        """
        lowest = len(THRESHOLDS_DB) - 1
        fails, fits = 0, lowest
        over, under = before - self._limit, math.nan
        share = FIRST_STEP_SHARE * (1.0 - 1.0 / ratio)
        guess = math.ceil((COMPRESSION_PEAK_DBFS - before + over / share) / THRESHOLD_STEP_DB)
        guess = lowest if lowest_first else guess
        moved = 0
        while math.isnan(under) or fits - fails > 1:
            guess = min(max(guess, fails + 1), lowest if math.isnan(under) else fits - 1)
            excess = self._excess(ratio, guess)
            if excess < 0.0:
                fits, under, moved = guess, excess, max(moved, 0) + 1
            elif guess == lowest:
                return None
            else:
                fails, over, moved = guess, excess, min(moved, 0) - 1
            if math.isnan(under):
                guess = fails + max(1, math.ceil(over / (share * THRESHOLD_STEP_DB))) if math.isfinite(over) else lowest
            elif abs(moved) > 1 or not math.isfinite(over):
                guess = (fails + fits) // 2
            else:
                guess = fails + round((fits - fails) * over / (over - under))
        checked = fits - 2
        while checked > 0 and fits - 1 - checked <= NEIGHBOURS_CHECKED:
            if self._fits(ratio, checked):
                fits = checked
            checked -= 1
        return fits


def _mean_level(audio: NDArray[np.float32], gain: float = 1.0) -> OnsetPeakLevel | None:
    """Onset peak level averaged over the channels of (channels, samples); None where one has no onsets."""
    levels = [onset_peak_level(channel, gain) for channel in audio]
    known = [level for level in levels if level is not None]
    if len(known) < len(levels):
        return None
    return OnsetPeakLevel(float(np.mean([v.mean for v in known])), float(np.mean([v.std for v in known])))
