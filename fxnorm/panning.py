"""Panning similarity, and re-panning of a stem to a corpus' average similarity (paper, section 2.1).

Similarity of Avendano (2003): phi = 2 |L R*| / (|L|^2 + |R|^2); 1 for equal magnitudes, 0 for a sound in one channel.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

import numpy as np
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from fxnorm import stft
from fxnorm.lanes import LANES
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


ACHIEVED_FRAME_STEP = 4
"""The similarity after re-panning is measured on every fourth frame of the STFT."""


@njit(cache=True, nogil=True, error_model="numpy")
def add_similarity(left: NDArray[np.floating], right: NDArray[np.floating], total: NDArray[np.float64]) -> None:
    """Add phi of each bin, summed over frames, to ``total``.

    Args:
        left: spectra, real and imaginary parts in turn, shape (frames, 2 * bins) or wider.
        right: spectra of the same shape.
        total: shape (bins,), changed in place.
    """
    for frame in range(left.shape[0]):
        for k in range(total.shape[0]):
            a = _square(left[frame, 2 * k], left[frame, 2 * k + 1])
            b = _square(right[frame, 2 * k], right[frame, 2 * k + 1])
            total[k] += _phi(a, b)


@njit(inline="always", error_model="numpy")
def _square(real: float, imaginary: float) -> float:
    return np.float64(real) * np.float64(real) + np.float64(imaginary) * np.float64(imaginary)


@njit(inline="always", error_model="numpy")
def _phi(left: float, right: float) -> float:
    total = left + right
    silent = total <= ENERGY_EPSILON
    return 1.0 if silent else 2.0 * np.sqrt(left * right) / total


@njit(cache=True, nogil=True, error_model="numpy")
def _add_leaning(
    left: NDArray[np.floating],
    right: NDArray[np.floating],
    leaning: NDArray[np.float64],
    similarity: NDArray[np.float64],
    silent_frames_lean: bool,
) -> int:
    bins = left.shape[1] // 2
    sounding = 0
    for frame in range(left.shape[0]):
        sounds = _sounds(left[frame], right[frame], 1.0, 1.0, bins)
        for k in range(leaning.shape[0] if sounds or silent_frames_lean else 0):
            a = _square(left[frame, 2 * k], left[frame, 2 * k + 1])
            b = _square(right[frame, 2 * k], right[frame, 2 * k + 1])
            apart = 1.0 - _phi(a, b)
            leaning[k] += apart if b > a else -apart
        sounding += 1 if sounds else 0
        for k in range(similarity.shape[0] if sounds else 0):
            a = _square(left[frame, 2 * k], left[frame, 2 * k + 1])
            b = _square(right[frame, 2 * k], right[frame, 2 * k + 1])
            similarity[k] += _phi(a, b)
    return sounding


@njit(cache=True, nogil=True, error_model="numpy")
def _sounds(left: NDArray[np.floating], right: NDArray[np.floating], near: float, far: float, bins: int) -> bool:
    """Whether a bin of the sum of the channels, times ``near`` and ``far``, reaches the gate."""
    gate = 10.0 ** (PANNING_FRAME_GATE_DB / 10.0)
    loud = 0
    for k in range(bins):
        real = near * left[2 * k] + far * right[2 * k]
        imaginary = near * left[2 * k + 1] + far * right[2 * k + 1]
        loud += 1 if real * real + imaginary * imaginary >= gate else 0
    return loud > 0


@njit(cache=True, nogil=True, error_model="numpy")
def _repan(
    left: NDArray[np.floating],
    right: NDArray[np.floating],
    shift: tuple[float, float],
    target: tuple[NDArray[np.float64], NDArray[np.float64]],
    leans_right: bool,
    inverse: bool,
    frames: int,
    bound: float,
) -> tuple[int, int, int]:
    shift_left, shift_right = shift
    target_left, target_right = target
    bins = target_left.shape[0]
    factors_left = np.full(left.shape[1], shift_left)
    factors_right = np.full(left.shape[1], shift_right)
    processed = bounded = active = 0
    for frame in range(left.shape[0]):
        acts = frame < frames and _sounds(left[frame], right[frame], shift_left, shift_right, left.shape[1] // 2)
        active += 1 if acts else 0
        processed += bins if acts else 0
        for k in range(bins if acts else 0):
            a = _square(shift_left * left[frame, 2 * k], shift_left * left[frame, 2 * k + 1])
            b = _square(shift_right * right[frame, 2 * k], shift_right * right[frame, 2 * k + 1])
            near = _near_gain(min(1.0, _phi(a, b)), inverse)
            far = 1.0 - near
            factor_left = target_left[k] / ((near if leans_right else far) + GAIN_EPSILON)
            factor_right = target_right[k] / ((far if leans_right else near) + GAIN_EPSILON)
            bounded += 1 if factor_left > bound or factor_right > bound else 0
            factor_left = shift_left * min(factor_left, bound)
            factor_right = shift_right * min(factor_right, bound)
            factors_left[2 * k] = factors_left[2 * k + 1] = factor_left
            factors_right[2 * k] = factors_right[2 * k + 1] = factor_right
        end = 2 * bins if acts else 0
        for n in range(end):
            left[frame, n] *= factors_left[n]
            right[frame, n] *= factors_right[n]
        for n in range(end, left.shape[1]):
            left[frame, n] *= shift_left
            right[frame, n] *= shift_right
    return processed, bounded, active


@njit(inline="always", error_model="numpy")
def _near_gain(phi: float, inverse: bool) -> float:
    if not inverse:
        return phi / 2.0
    ratio = phi / (1.0 + np.sqrt(1.0 - phi * phi))
    return ratio / (1.0 + ratio)


def _spectra(
    audio: Audio, hop: int = PANNING_HOP, dtype: type[np.floating] = np.float32
) -> Iterator[tuple[int, NDArray[np.floating], NDArray[np.floating]]]:
    """Index of the first frame, and real and imaginary parts of left and right, (frames, 2 * bins), block by block."""
    left, right = (stft.blocks(channel, PANNING_N_FFT, hop, margin=PANNING_N_FFT, dtype=dtype) for channel in audio.T)
    for (first, a), (_, b) in zip(left, right, strict=True):
        yield first, a.view(dtype), b.view(dtype)


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
        reference_compat: call a perfectly centred stem ``right``, as the published code does, and let frames below the
            gate of the re-panning vote: their rounding noise has a side as well.

    Returns:
        ``left`` or ``right``; ``centre`` if the side signal is 60 dB or more under the mid signal; ``balanced`` if as
        many bins lean to either side.
    """
    return _find_side(audio, BINS, reference_compat)[0]


def _find_side(audio: Audio, bins: int, reference_compat: bool) -> tuple[Side, float]:
    """Side, and mean similarity of the first ``bins`` bins, from one pass; from a second one where no frame sounds."""
    leaning, similarity = np.zeros(BINS), np.zeros(bins)
    sounding = 0
    for all_lean in (reference_compat, True):
        for _, left, right in _spectra(audio):
            sounding += _add_leaning(left, right, leaning, similarity, all_lean)
        if sounding or all_lean:
            break
    before = float(similarity.mean() / sounding) if sounding else 1.0
    if not reference_compat and is_centred(audio):
        return "centre", before
    leaning /= stft.frame_count(audio.shape[0] + 2 * PANNING_N_FFT, PANNING_N_FFT, PANNING_HOP)
    low, high = PANNING_SIDE_BAND_BINS
    vote = np.mean(np.sign(smooth_similarity(leaning)[low:high] + SIGN_EPSILON))
    if vote == 0.0:
        return "balanced", before
    return ("right" if vote > 0.0 else "left"), before


def is_centred(audio: Audio) -> bool:
    """Whether the side signal (L - R) is at least 60 dB under the mid signal (L + R), in energy over the stem."""
    mid, side = _mid_side_energy(audio)
    return side <= 10.0 ** (CENTRED_SIDE_TO_MID_DB / 10.0) * mid


@njit(cache=True, nogil=True, error_model="numpy")
def _mid_side_energy(audio: NDArray[np.float32]) -> tuple[float, float]:
    mid = np.zeros(LANES)
    side = np.zeros(LANES)
    whole = audio.shape[0] // LANES * LANES
    for start in range(0, audio.shape[0], LANES):
        for lane in range(LANES if start < whole else audio.shape[0] - whole):
            left = np.float64(audio[start + lane, 0])
            right = np.float64(audio[start + lane, 1])
            mid[lane] += (left + right) * (left + right)
            side[lane] += (left - right) * (left - right)
    return mid.sum(), side.sum()


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
    in_place: bool = False,
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
        in_place: put the result into ``audio`` and return that.

    Returns:
        shape (samples, 2), and what was done. A centred or balanced stem comes back as it was (in compat: centred is
        treated as right, balanced is shifted left only).
    """
    target = np.clip(reduce_similarity(reference) * PANNING_REFERENCE_SCALE, 0.0, 1.0)
    limit = int(limit_hz * PANNING_N_FFT / SAMPLE_RATE)
    bins = BINS if reference_compat else min(BINS, limit + 1)
    aimed = float(target[:bins].mean())
    side, before = _find_side(audio, bins, reference_compat)
    if side in ("centre", "balanced") and not reference_compat:
        return audio, PanningResult(side, aimed, before, before)
    output = audio if in_place else np.empty_like(audio)
    position = PANNING_SIDE_POSITIONS[0 if side == "right" else 1]
    shift = (1.0 - position, position)
    if side == "balanced":
        np.multiply(audio, np.asarray(shift, dtype=np.float32), out=output)
        return output, PanningResult(side, aimed, before, mean_similarity(output, bins))
    near = np.asarray([_near_gain(value, inverse) for value in target[:bins]])
    towards = (near, 1.0 - near) if side == "right" else (1.0 - near, near)
    bound = np.inf if reference_compat else 10.0 ** (gain_bound_db / 20.0)
    dtype = np.float64 if reference_compat else np.float32
    joints = [_Joint(channel, dtype) for channel in output.T]
    counts = np.zeros(3, dtype=np.int64)
    for first, left, right in _spectra(audio, dtype=dtype):
        frames = max(0, limit - first) if reference_compat else left.shape[0]
        counts += _repan(left, right, shift, towards, side == "right", inverse, frames, bound)
        for joint, spectra in zip(joints, (left, right), strict=True):
            joint.put(first, spectra)
    return output, PanningResult(
        side,
        aimed,
        before,
        mean_similarity(output, bins, ACHIEVED_FRAME_STEP),
        int(counts[0]),
        int(counts[1]),
        int(counts[2]),
    )


class _Joint:
    """Puts processed frames of a channel back together, behind the frames that are still to be read."""

    def __init__(self, channel: NDArray[np.float32], dtype: type[np.floating]) -> None:
        self._channel = channel
        self._unfinished = np.zeros(PANNING_HOP, dtype=dtype)

    def put(self, first: int, spectra: NDArray[np.floating]) -> None:
        """Write the samples that frames from ``first`` on complete; spectra have real and imaginary parts in turn."""
        count = spectra.shape[0]
        audio = np.zeros((count + 1) * PANNING_HOP, dtype=spectra.dtype)
        audio[:PANNING_HOP] = self._unfinished
        stft.overlap_add(audio, 0, spectra.view(np.result_type(spectra, np.complex64)), PANNING_N_FFT, PANNING_HOP)
        self._unfinished = audio[count * PANNING_HOP :]
        start = first * PANNING_HOP - PANNING_N_FFT
        skip = max(0, -start)
        wanted = self._channel[start + skip : max(0, start + count * PANNING_HOP)]
        wanted[:] = audio[skip : skip + wanted.shape[0]]


def mean_similarity(audio: Audio, bins: int = BINS, every: int = 1) -> float:
    """Similarity averaged over the sounding frames and the first ``bins`` bins of the 2 048-sample STFT.

    Args:
        audio: shape (samples, 2).
        bins: number of bins from 0 Hz.
        every: take only every so many frames.

    Returns:
        0 to 1; 1 if no frame sounds.
    """
    nothing, similarity = np.zeros(0), np.zeros(bins)
    spectra = _spectra(audio, every * PANNING_HOP)
    sounding = sum(_add_leaning(left, right, nothing, similarity, False) for _, left, right in spectra)
    return float(similarity.mean() / sounding) if sounding else 1.0
