"""Panning similarity, and re-panning of a stem to a corpus' average similarity (paper, section 2.1).

Similarity of Avendano (2003): phi = 2 |L R*| / (|L|^2 + |R|^2); 1 for equal magnitudes, 0 for a sound in one channel.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from fxnorm import stft
from fxnorm.settings import (
    CENTRED_SIDE_TO_MID_DB,
    PANNING_FRAME_GATE_DB,
    PANNING_HOP,
    PANNING_N_FFT,
    PANNING_REFERENCE_SCALE,
    PANNING_SIDE_BAND_BINS,
    PANNING_SIDE_POSITIONS,
    PANNING_SMOOTHING,
    SAMPLE_RATE,
    SPECTRUM_BINS,
)
from fxnorm.stereo import Audio

ENERGY_EPSILON = 1e-40
"""Energy of the 1e-20 that keeps a silent bin at phi = 1."""

GAIN_EPSILON = 1e-20

SIGN_EPSILON = 1e-10

BINS = PANNING_N_FFT // 2 + 1


@njit(cache=True, nogil=True)
def add_similarity(
    left: NDArray[np.complexfloating], right: NDArray[np.complexfloating], total: NDArray[np.float64]
) -> None:
    """Add phi of each bin, summed over frames, to ``total``.

    Args:
        left: spectra, shape (frames, bins).
        right: spectra, shape (frames, bins).
        total: shape (bins,), changed in place.
    """
    for frame in range(left.shape[0]):
        for k in range(left.shape[1]):
            total[k] += _phi(_energy(left[frame, k]), _energy(right[frame, k]))


@njit(cache=True, nogil=True)
def _energy(value: np.complexfloating) -> float:
    return float(value.real) * float(value.real) + float(value.imag) * float(value.imag)


@njit(cache=True, nogil=True)
def _phi(left: float, right: float) -> float:
    total = left + right
    return 2.0 * np.sqrt(left * right) / total if total > ENERGY_EPSILON else 1.0


@njit(cache=True, nogil=True)
def _add_signed(
    left: NDArray[np.complexfloating], right: NDArray[np.complexfloating], total: NDArray[np.float64]
) -> None:
    for frame in range(left.shape[0]):
        for k in range(left.shape[1]):
            a = _energy(left[frame, k])
            b = _energy(right[frame, k])
            if a != b:
                total[k] += (1.0 - _phi(a, b)) * (1.0 if b > a else -1.0)


@njit(cache=True, nogil=True)
def _repan(
    left: NDArray[np.complexfloating],
    right: NDArray[np.complexfloating],
    reference_left: NDArray[np.float64],
    reference_right: NDArray[np.float64],
    side: int,
    inverse: bool,
    bins: int,
    frames: int,
    bound: float,
) -> tuple[int, int, int]:
    gate = 10.0 ** (PANNING_FRAME_GATE_DB / 20.0)
    processed = bounded = active = 0
    for frame in range(min(frames, left.shape[0])):
        loudest = 0.0
        for k in range(left.shape[1]):
            loudest = max(loudest, _energy(left[frame, k] + right[frame, k]))
        if np.sqrt(loudest) < gate:
            continue
        active += 1
        for k in range(bins):
            phi = min(1.0, _phi(_energy(left[frame, k]), _energy(right[frame, k])))
            near = _near_gain(phi, inverse)
            gain_left = near if side > 0 else 1.0 - near
            gain_right = 1.0 - near if side > 0 else near
            factor_left = reference_left[k] / (gain_left + GAIN_EPSILON)
            factor_right = reference_right[k] / (gain_right + GAIN_EPSILON)
            processed += 1
            if factor_left > bound or factor_right > bound:
                bounded += 1
                factor_left = min(factor_left, bound)
                factor_right = min(factor_right, bound)
            left[frame, k] *= factor_left
            right[frame, k] *= factor_right
    return processed, bounded, active


@njit(cache=True, nogil=True)
def _near_gain(phi: float, inverse: bool) -> float:
    if not inverse:
        return phi / 2.0
    ratio = phi / (1.0 + np.sqrt(1.0 - phi * phi))
    return ratio / (1.0 + ratio)


def _padded_channels(audio: Audio, dtype: type[np.floating] = np.float32) -> list[NDArray[np.floating]]:
    return [np.pad(channel, PANNING_N_FFT).astype(dtype) for channel in audio.T]


def smooth_similarity(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Savitzky-Golay smoothing of a similarity curve: 501 bins, order 1, mirrored ends."""
    return scipy.signal.savgol_filter(curve, PANNING_SMOOTHING, 1, mode="mirror")


def reduce_similarity(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average the 32 769-bin similarity in groups of 32 to the 1 025 bins of the re-panning; the last bin is kept."""
    if curve.shape != (SPECTRUM_BINS,):
        raise ValueError(f"expected a panning curve of shape ({SPECTRUM_BINS},), got {curve.shape}")
    return np.append(curve[:-1].reshape(BINS - 1, -1).mean(axis=1), curve[-1])


Side = Literal["left", "right", "centre", "balanced"]


def find_side(audio: Audio, reference_compat: bool = False) -> Side:
    """To which side a stem leans between 50 and 2 500 Hz.

    Args:
        audio: shape (samples, 2).
        reference_compat: call a perfectly centred stem ``right``, as the published code does.

    Returns:
        ``left`` or ``right``; ``centre`` if the side signal is 60 dB or more under the mid signal; ``balanced`` if as
        many bins lean to either side.
    """
    if not reference_compat and is_centred(audio):
        return "centre"
    left, right = _padded_channels(audio)
    total = np.zeros(BINS)
    pairs = zip(
        stft.blocks(left, PANNING_N_FFT, PANNING_HOP),
        stft.blocks(right, PANNING_N_FFT, PANNING_HOP),
        strict=True,
    )
    for (_, a), (_, b) in pairs:
        _add_signed(a, b, total)
    total /= stft.frame_count(left.shape[0], PANNING_N_FFT, PANNING_HOP)
    low, high = PANNING_SIDE_BAND_BINS
    vote = np.mean(np.sign(smooth_similarity(total)[low:high] + SIGN_EPSILON))
    if vote == 0.0:
        return "balanced"
    return "right" if vote > 0.0 else "left"


def is_centred(audio: Audio) -> bool:
    """Whether the side signal (L - R) is at least 60 dB under the mid signal (L + R), in energy over the stem."""
    mid = audio[:, 0].astype(np.float64) + audio[:, 1]
    side = audio[:, 0].astype(np.float64) - audio[:, 1]
    return float(side @ side) <= 10.0 ** (CENTRED_SIDE_TO_MID_DB / 10.0) * float(mid @ mid)


@dataclasses.dataclass(frozen=True)
class PanningResult:
    """What re-panning did.

    Attributes:
        side: where the stem leaned.
        target: mean similarity aimed at, over the bins under the band limit.
        before: mean similarity of the stem there, over its sounding frames.
        achieved: the same after re-panning.
        bins: time-frequency bins that were re-panned.
        bins_at_bound: of these, bins whose gain was limited.
        frames: frames that were re-panned.
    """

    side: Side
    target: float
    before: float
    achieved: float
    bins: int = 0
    bins_at_bound: int = 0
    frames: int = 0


def normalize_panning(
    audio: Audio,
    reference: NDArray[np.float64],
    limit_hz: float,
    *,
    gain_bound_db: float,
    inverse: bool = False,
    reference_compat: bool = False,
) -> tuple[Audio, PanningResult]:
    """Bring the similarity of each bin to the corpus' average.

    A stem leaning left or right is first shifted as a whole to 0.3 or 0.7 with a linear pan law; then each bin of each
    sounding frame is moved to the position of the average. Phases stay.

    Args:
        audio: shape (samples, 2).
        reference: smoothed average similarity, shape (32 769,).
        limit_hz: bins above it are left alone (in compat: frames from that *index* on, as published).
        gain_bound_db: largest gain on a bin of one channel, dB; not used in compat.
        inverse: use the exact inverse of the similarity of a linear pan law for the position.
        reference_compat: reproduce the published code (docs/fidelity.md).

    Returns:
        shape (samples, 2), and what was done. A centred or balanced stem comes back as it was (in compat: centred is
        treated as right, balanced is shifted left only).
    """
    target = np.clip(reduce_similarity(reference) * PANNING_REFERENCE_SCALE, 0.0, 1.0)
    limit = int(limit_hz * PANNING_N_FFT / SAMPLE_RATE)
    bins = BINS if reference_compat else min(BINS, limit + 1)
    frames = limit if reference_compat else np.iinfo(np.int64).max
    aimed = float(target[:bins].mean())
    side = find_side(audio, reference_compat)
    before = mean_similarity(audio, bins)
    if side in ("centre", "balanced") and not reference_compat:
        return audio, PanningResult(side, aimed, before, before)
    position = PANNING_SIDE_POSITIONS[0 if side == "right" else 1]
    shifted = audio * np.asarray([1.0 - position, position], dtype=np.float32)
    if side == "balanced":
        return shifted, PanningResult(side, aimed, before, mean_similarity(shifted, bins))
    sign = 1 if side == "right" else -1
    near = np.asarray([_near_gain(value, inverse) for value in target])
    towards_left, towards_right = (near, 1.0 - near) if sign > 0 else (1.0 - near, near)
    bound = np.inf if reference_compat else 10.0 ** (gain_bound_db / 20.0)
    left, right = _padded_channels(shifted, np.float64 if reference_compat else np.float32)
    outputs = np.zeros((2, left.shape[0]), dtype=left.dtype)
    counts = np.zeros(3, dtype=np.int64)
    pairs = zip(
        stft.blocks(left, PANNING_N_FFT, PANNING_HOP),
        stft.blocks(right, PANNING_N_FFT, PANNING_HOP),
        strict=True,
    )
    for (first, a), (_, b) in pairs:
        allowed = max(0, min(frames - first, a.shape[0]))
        counts += _repan(a, b, towards_left, towards_right, sign, inverse, bins, allowed, bound)
        stft.overlap_add(outputs[0], first, a, PANNING_N_FFT, PANNING_HOP)
        stft.overlap_add(outputs[1], first, b, PANNING_N_FFT, PANNING_HOP)
    result = np.ascontiguousarray(outputs[:, PANNING_N_FFT:-PANNING_N_FFT].T, dtype=np.float32)
    return result, PanningResult(
        side, aimed, before, mean_similarity(result, bins), int(counts[0]), int(counts[1]), int(counts[2])
    )


def mean_similarity(audio: Audio, bins: int = BINS) -> float:
    """Similarity averaged over the sounding frames and the first ``bins`` bins of the 2 048-sample STFT.

    Args:
        audio: shape (samples, 2).
        bins: number of bins from 0 Hz.

    Returns:
        0 to 1; 1 if no frame sounds.
    """
    left, right = _padded_channels(audio)
    gate = 10.0 ** (PANNING_FRAME_GATE_DB / 20.0)
    total = np.zeros(bins)
    count = 0
    pairs = zip(
        stft.blocks(left, PANNING_N_FFT, PANNING_HOP),
        stft.blocks(right, PANNING_N_FFT, PANNING_HOP),
        strict=True,
    )
    for (_, a), (_, b) in pairs:
        sounding = np.abs(a + b).max(axis=1) >= gate
        add_similarity(a[sounding, :bins], b[sounding, :bins], total)
        count += int(sounding.sum())
    return float(total.mean() / count) if count else 1.0
