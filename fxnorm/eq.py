"""Average magnitude spectrum, and the equaliser that brings a channel to a corpus' average (paper, section 2.1).

Gain curve sqrt(reference / average), realised as a linear-phase FIR of 1 001 taps and applied forwards and backwards.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.ndimage
import scipy.signal
from numba import njit
from numpy.typing import NDArray

from fxnorm import stft
from fxnorm.settings import EQ_TAPS, SAMPLE_RATE, SPECTRUM_BINS, SPECTRUM_HOP, SPECTRUM_N_FFT

EDGE = 3 * EQ_TAPS
"""Samples of odd extension at either end, as ``scipy.signal.filtfilt`` takes them."""

REACH = EQ_TAPS - 1
"""Samples to either side that a filtered sample depends on, both passes together."""

_N_FFT = 1 << 15
_HOP = _N_FFT - 2 * REACH

SPECTRUM_FLOOR = 1e-20
"""Keeps the gain finite in a bin without any energy."""


def mean_spectrum(signal: NDArray[np.float32]) -> NDArray[np.float64]:
    """Mean magnitude over frames and channels.

    Args:
        signal: shape (samples,) or (samples, channels), at least 65 536 samples.

    Returns:
        float64 of shape (32 769,), unscaled FFT magnitude.
    """
    channels = signal[:, None] if signal.ndim == 1 else signal
    frames = stft.frame_count(channels.shape[0], SPECTRUM_N_FFT, SPECTRUM_HOP)
    if frames == 0:
        raise ValueError(f"spectrum needs {SPECTRUM_N_FFT} samples, got {channels.shape[0]}; pad the signal first")
    total = np.zeros(SPECTRUM_BINS)
    for channel in channels.T:
        for _, spectra in stft.blocks(channel, SPECTRUM_N_FFT, SPECTRUM_HOP):
            add_magnitudes(spectra.view(np.float32), total)
    return total / (frames * channels.shape[1])


@njit(cache=True, nogil=True, error_model="numpy")
def add_magnitudes(spectra: NDArray[np.float32], total: NDArray[np.float64]) -> None:
    """Add |X| of each bin, summed over frames, to ``total``.

    Args:
        spectra: real and imaginary parts in turn, shape (frames, 2 * bins).
        total: shape (bins,), changed in place.
    """
    for frame in range(spectra.shape[0]):
        for k in range(total.shape[0]):
            real, imaginary = spectra[frame, 2 * k], spectra[frame, 2 * k + 1]
            total[k] += np.sqrt(real * real + imaginary * imaginary)


def design_fir(
    average: NDArray[np.float64], reference: NDArray[np.float64], averaging_bins: int = 1
) -> NDArray[np.float64]:
    """Linear-phase FIR whose twice-applied response takes an average spectrum to a reference.

    Args:
        average: shape (32 769,), mean magnitude of the channel.
        reference: shape (32 769,), mean magnitude of the corpus.
        averaging_bins: bins over which ``average`` is averaged first. The design samples the curve at 1 025 points, so
            without averaging a point falls on a partial of the stem or between two by chance.

    Returns:
        shape (1 001,), frequency-sampled with a Hamming window.
    """
    smooth = scipy.ndimage.uniform_filter1d(average, averaging_bins, mode="mirror")
    gain = np.sqrt(reference / np.maximum(smooth, SPECTRUM_FLOOR))
    grid = np.linspace(0.0, SAMPLE_RATE / 2.0, reference.shape[0])
    return scipy.signal.firwin2(EQ_TAPS, grid, gain, fs=SAMPLE_RATE, window="hamming")


def apply_fir(
    signal: NDArray[np.float32],
    taps: NDArray[np.float64],
    gain: float = 1.0,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Filter forwards and backwards (zero phase) with odd extension at both ends.

    One convolution with the autocorrelation of the taps, block by block in the frequency domain; equal to
    ``scipy.signal.filtfilt(taps, 1, signal)`` because the extension of 3 x 1 001 samples is longer than the reach of
    the two passes.

    Args:
        signal: shape (samples,), longer than 3 003 samples.
        taps: shape (1 001,).
        gain: factor on the result.
        out: array for the result; may be the signal itself.

    Returns:
        shape (samples,).
    """
    samples = signal.shape[0]
    output = np.empty_like(signal) if out is None else out
    head = 2 * signal[0] - signal[REACH:0:-1]
    tail = 2 * signal[-1] - signal[-2 : -REACH - 2 : -1]
    response = scipy.fft.rfft((gain * np.convolve(taps, taps[::-1])).astype(np.float32), _N_FFT)
    step = stft.BLOCK_SAMPLES // _N_FFT * _HOP
    before = head
    for start in range(0, samples, step):
        end = min(start + step, samples)
        after = signal[end : end + REACH]
        after = after if after.shape[0] == REACH else np.concatenate([after, tail[: REACH - after.shape[0]]])
        rows = -(-(end - start) // _HOP)
        piece = np.concatenate([before, signal[start:end], after])
        before = piece[end - start : end - start + REACH]
        piece = np.pad(piece, (0, (rows - 1) * _HOP + _N_FFT - piece.shape[0]))
        spectra = scipy.fft.rfft(np.lib.stride_tricks.sliding_window_view(piece, _N_FFT)[::_HOP], axis=-1)
        spectra *= response
        filtered = scipy.fft.irfft(spectra, n=_N_FFT, axis=-1, overwrite_x=True)[:, 2 * REACH :]
        output[start:end] = filtered.reshape(-1)[: end - start]
    return output


def fir_response(taps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gain of the filter, both passes together, at the bins of the spectrum.

    Args:
        taps: shape (1 001,).

    Returns:
        shape (32 769,).
    """
    return np.abs(scipy.fft.rfft(taps, SPECTRUM_N_FFT)) ** 2


THIRD_OCTAVES_HZ = 1000.0 * 10.0 ** (np.arange(-17, 14) / 10.0)
"""Band centres from 20 Hz to 20 kHz (IEC 61260-1, base ten)."""


def third_octaves(spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level of a magnitude spectrum in third-octave bands, 20 Hz to 20 kHz.

    Args:
        spectrum: shape (32 769,).

    Returns:
        shape (31,), dB of the mean magnitude in each band.
    """
    bin_hz = SAMPLE_RATE / SPECTRUM_N_FFT
    levels = []
    for centre in THIRD_OCTAVES_HZ:
        low, high = (round(centre * 10.0**edge / bin_hz) for edge in (-0.05, 0.05))
        band = spectrum[low : max(high, low + 1)]
        levels.append(20.0 * np.log10(np.mean(band) + SPECTRUM_FLOOR))
    return np.asarray(levels)
