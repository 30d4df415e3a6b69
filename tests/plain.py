"""Every feature and effect as one would write it down: whole arrays, NumPy and SciPy, double precision, no blocks.

The package's own versions are compared with these by the tests, and timed against them by the benchmark.
"""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pyloudnorm
import scipy.ndimage
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from fxnorm import settings
from fxnorm.settings import SAMPLE_RATE, SourceSettings
from fxnorm.statistics import Targets

Array = NDArray[np.float64]

GATE = 10.0 ** (settings.GATE_DBFS / 20.0)


def frames_of(signal: Array, n_fft: int, hop: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(signal, n_fft)[::hop]


def spectra_of(signal: Array, n_fft: int, hop: int) -> NDArray[np.complex128]:
    taper = np.sqrt(scipy.signal.windows.hann(n_fft, sym=False))
    return np.fft.rfft(frames_of(signal, n_fft, hop) * taper, axis=-1)


def loudness(audio: Array) -> float | None:
    if audio.shape[0] < 0.4 * SAMPLE_RATE:
        return None
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        value = float(pyloudnorm.Meter(SAMPLE_RATE).integrated_loudness(audio))
    return value if np.isfinite(value) else None


def level(audio: Array, measured: float, target: float) -> Array:
    gained = audio * 10.0 ** ((target - measured) / 20.0)
    return gained / max(1.0, np.abs(gained).max() + settings.PEAK_PROTECTION_EPSILON)


def mean_spectrum(signal: Array) -> Array:
    return np.abs(spectra_of(signal, settings.SPECTRUM_N_FFT, settings.SPECTRUM_HOP)).mean(axis=0)


def similarity(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Array:
    left, right = left + 1e-20, right + 1e-20
    return 2.0 * np.abs(left * np.conj(right)) / (np.abs(left) ** 2 + np.abs(right) ** 2)


def mean_similarity(audio: Array) -> Array:
    left, right = (spectra_of(c, settings.SPECTRUM_N_FFT, settings.SPECTRUM_HOP) for c in audio.T)
    return similarity(left, right).mean(axis=0)


def equalise(channel: Array, measured: float, reference: Array, averaging: int) -> Array:
    levelled = level(channel, measured, settings.LEVEL_LUFS)
    average = scipy.ndimage.uniform_filter1d(mean_spectrum(levelled), averaging, mode="mirror")
    curve = np.sqrt(reference / np.maximum(average, 1e-20))
    grid = np.linspace(0.0, SAMPLE_RATE / 2.0, reference.shape[0])
    taps = scipy.signal.firwin2(settings.EQ_TAPS, grid, curve, fs=SAMPLE_RATE)
    return filtfilt(taps, levelled)


def filtfilt(taps: Array, signal: Array) -> Array:
    return scipy.signal.filtfilt(taps, 1.0, signal)


def onsets(signal: Array) -> list[int]:
    b, a = [0.15998789, 0.31997577, 0.15998789], [1.0, 0.23484048, 0.0]
    frames = signal[: signal.size // 1024 * 1024].reshape(-1, 1024)
    magnitudes = np.log1p(np.abs(np.fft.rfft(frames * scipy.signal.windows.hann(1024, sym=False))))
    content = magnitudes @ np.arange(1.0, 514.0)
    recent = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(6), content]), 7)
    smooth = scipy.signal.lfilter(b, a, scipy.signal.lfilter(b, a, recent)[:, ::-1])[:, ::-1]
    scores = smooth[:, 5] - np.median(smooth, axis=1) - 0.058 * smooth.mean(axis=1)
    with np.errstate(divide="ignore"):
        silent = 10.0 * np.log10((frames**2).mean(axis=1)) < -70.0
    found, last = [], 0
    for index, s2 in enumerate(scores):
        total = 1024 * index
        s0, s1 = (scores[index - k] if index >= k else 0.0 for k in (2, 1))
        if s1 > s0 and s1 > s2 and s1 > 0:
            new = total + round((1.0 + 0.5 * (s0 - s2) / (s0 - 2.0 * s1 + s2)) * 1024)
            if not silent[index] and last + 2205 < new and not (last > 0 and new < 4403):
                last = max(4403, new)
                found.append(last - 4403)
        elif total <= 4403 and not silent[index] and (total == 0 or last + 2205 < total):
            last = total + 4403
            found.append(total)
    return found


def onset_peak_level(signal: Array) -> tuple[float, float] | None:
    positions = onsets(signal)
    if not positions:
        return None
    edges = [*positions, signal.size]
    peaks = np.asarray([20.0 * math.log10(np.abs(signal[a:b]).max() + 1e-30) for a, b in itertools.pairwise(edges)])
    loud = peaks[peaks > np.percentile(peaks, 75)]
    chosen = loud if loud.size else peaks
    return float(chosen.mean()), float(chosen.std())


@njit(cache=True)
def compress(signal: Array, threshold: float, ratio: float, attack_ms: float, release_ms: float) -> Array:
    attack = math.exp(-1.0 / (0.001 * SAMPLE_RATE * attack_ms))
    release = math.exp(-1.0 / (0.001 * SAMPLE_RATE * release_ms))
    reduction = 0.0
    output = np.empty(signal.size)
    for n in range(signal.size):
        magnitude = abs(signal[n])
        decibels = 20.0 * math.log10(magnitude) if magnitude >= 1e-6 else -120.0
        wanted = decibels - (decibels if decibels < threshold else threshold + (decibels - threshold) / ratio)
        coefficient = attack if wanted > reduction else release
        reduction = coefficient * reduction + (1.0 - coefficient) * wanted
        output[n] = max(-1.0, min(1.0, signal[n] * 10.0 ** (-reduction / 20.0)))
    return output


def normalise_compression(channel: Array, target: tuple[float, float], source: SourceSettings) -> Array:
    loudest = 10.0 ** (settings.COMPRESSION_PEAK_DBFS / 20.0)
    normalised = channel * (loudest / np.abs(channel).max())
    before = onset_peak_level(normalised)
    if before is None:
        return channel
    if before[0] < target[0] + target[1]:
        return normalised
    output = normalised
    for ratio in np.arange(source.first_ratio, settings.RATIO_HIGHEST + 1.0):
        for threshold in np.arange(-10.0, -40.1, -0.5):
            output = compress(normalised, float(threshold), float(ratio), source.attack_ms, source.release_ms)
            found = onset_peak_level(output)
            if found is not None and found[0] < target[0] + target[1]:
                return output
    return output


def leans_right(audio: Array) -> bool:
    left, right = (spectra_of(np.pad(c, 2048), 2048, 1024) + 1e-20 for c in audio.T)
    cross = np.abs(left * np.conj(right))
    sign = np.sign(cross / np.abs(left) ** 2 - cross / np.abs(right) ** 2)
    sounding = np.abs(left + right).max(axis=1, keepdims=True) >= 10.0 ** (settings.PANNING_FRAME_GATE_DB / 20.0)
    average = (sounding * (1.0 - similarity(left, right)) * sign).mean(axis=0)
    smooth = scipy.signal.savgol_filter(average, 501, 1, mode="mirror")
    return bool(np.mean(np.sign(smooth[2:116] + 1e-10)) > 0)


def repan(audio: Array, reference: Array, limit_hz: float, bound_db: float) -> Array:
    right_heavy = leans_right(audio)
    shifted = audio * ([0.3, 0.7] if right_heavy else [0.7, 0.3])
    target = np.append(reference[:-1].reshape(1024, 32).mean(axis=1), reference[-1])
    target = np.clip(target * settings.PANNING_REFERENCE_SCALE, 0.0, 1.0)
    left, right = (spectra_of(np.pad(c, 2048), 2048, 1024) for c in shifted.T)

    def gains(phi: Array) -> tuple[Array, Array]:
        position = 1.0 - phi / 2.0 if right_heavy else phi / 2.0
        return 1.0 - position, position

    bound = 10.0 ** (bound_db / 20.0)
    below = np.arange(1025) <= int(limit_hz * 2048 / SAMPLE_RATE)
    sounding = np.abs(left + right).max(axis=1) >= 10.0 ** (settings.PANNING_FRAME_GATE_DB / 20.0)
    acts = sounding[:, None] & below
    now, wanted = gains(np.clip(similarity(left, right), 0.0, 1.0)), gains(target)
    taper = np.sqrt(scipy.signal.windows.hann(2048, sym=False))
    output = np.zeros((audio.shape[0] + 4096, 2))
    for channel, spectra in enumerate((left, right)):
        factor = np.minimum(wanted[channel] / (now[channel] + 1e-20), bound)
        pieces = np.fft.irfft(np.where(acts, factor, 1.0) * spectra, n=2048, axis=-1) * taper
        for index, piece in enumerate(pieces):
            output[1024 * index : 1024 * index + 2048, channel] += piece
    return output[2048:-2048]


def chain(audio: NDArray[np.float32], targets: Targets, source: SourceSettings, averaging: int, bound: float) -> Array:
    """The chain eq, compression, panning, loudness of a stem that is above the gate and leans to one side."""
    assert targets.eq is not None
    assert targets.panning is not None
    assert targets.compression is not None
    assert targets.loudness is not None
    padding = settings.PADDING
    stem = np.pad(audio.astype(np.float64), ((padding, padding), (0, 0)))
    for channel in stem.T:
        measured = loudness(channel[padding:-padding])
        if np.abs(channel).max() > GATE and measured is not None:
            channel[:] = equalise(channel, measured, targets.eq, averaging)
    for channel in stem.T:
        if np.abs(channel).max() > GATE:
            wanted = (targets.compression.mean, targets.compression.std)
            channel[:] = normalise_compression(channel, wanted, source)
    stem = repan(stem, targets.panning, source.panning_limit_hz, bound)[padding:-padding]
    measured = loudness(stem)
    return stem if measured is None else level(stem, measured, targets.loudness)
