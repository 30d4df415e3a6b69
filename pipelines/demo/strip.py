"""A channel strip: the equaliser, compressor, saturation and stereo image that an engineer gives one stem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import sosfilt

RATE = 44_100
"""Sample rate of the corpus, Hz."""

_HOP = 64
_REFERENCE_DB = -18.0
_SILENCE_DB = -60.0


@dataclass(frozen=True)
class Strip:
    """Settings of a strip: frequencies in Hz, gains in dB, times in ms.

    ``threshold_db`` is relative to the level of the stem, ``width`` multiplies the difference of left and
    right, a positive ``balance_db`` makes the right channel louder, ``send_db`` is the level of the reverb
    against the dry stem and ``loudness_lufs`` the loudness of the stem in the mix before the mix as a whole
    is scaled.
    """

    highpass_hz: float
    low_shelf_hz: float
    low_shelf_db: float
    low_mid_hz: float
    low_mid_q: float
    low_mid_db: float
    high_mid_hz: float
    high_mid_q: float
    high_mid_db: float
    high_shelf_hz: float
    high_shelf_db: float
    threshold_db: float
    ratio: float
    attack_ms: float
    release_ms: float
    drive_db: float
    width: float
    balance_db: float
    send_db: float
    loudness_lufs: float

    def apply(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Process dry ``audio``, float (samples, 2) that is not silent; returns float32 of the same shape."""
        shaped = sosfilt(self._equaliser(), np.ascontiguousarray(audio.T, dtype=np.float64)).astype(np.float32)
        shaped *= np.float32(10 ** ((_REFERENCE_DB - _level_db(shaped)) / 20))
        drive = 10 ** (self.drive_db / 20)
        left, right = np.tanh(shaped * (drive * self._compression(shaped))) / np.float32(drive)
        middle, side = (left + right) / 2, np.float32(self.width) * (left - right) / 2
        tilt = np.float32(10 ** (self.balance_db / 40))
        mixed = np.empty_like(audio, dtype=np.float32)
        mixed[:, 0], mixed[:, 1] = (middle + side) / tilt, (middle - side) * tilt
        return mixed

    def _equaliser(self) -> npt.NDArray[np.float64]:
        return np.stack(
            [
                _highpass(self.highpass_hz),
                _shelf(self.low_shelf_hz, self.low_shelf_db, -1.0),
                _peak(self.low_mid_hz, self.low_mid_q, self.low_mid_db),
                _peak(self.high_mid_hz, self.high_mid_q, self.high_mid_db),
                _shelf(self.high_shelf_hz, self.high_shelf_db, 1.0),
            ]
        )

    def _compression(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Gain for each sample of ``audio``, (2, samples); both channels share one detector: the image stays
        put."""
        blocks = -(-audio.shape[1] // _HOP)
        peaks = np.abs(np.pad(audio, ((0, 0), (0, blocks * _HOP - audio.shape[1])))).max(axis=0)
        peaks = peaks.reshape(blocks, _HOP).max(axis=1)
        over = 20 * np.log10(np.maximum(peaks, 1e-6)) - (_REFERENCE_DB + self.threshold_db)
        attack, release = (1 - math.exp(-_HOP * 1000 / (RATE * t)) for t in (self.attack_ms, self.release_ms))
        gain, gains = 0.0, []
        for wanted in (np.maximum(over, 0.0) * (1 / self.ratio - 1)).tolist():
            gain += (wanted - gain) * (attack if wanted < gain else release)
            gains.append(gain)
        factors = 10 ** (np.array(gains) / 20)
        return np.interp(np.arange(audio.shape[1]), (np.arange(blocks) + 0.5) * _HOP, factors).astype(np.float32)


def _level_db(audio: npt.NDArray[np.float32]) -> float:
    """Level of the part of ``audio``, (2, samples), that sounds, dBFS: blocks far below the loudest are left
    out."""
    blocks = audio[:, : audio.shape[1] // _HOP * _HOP].reshape(2, -1, _HOP)
    power = np.einsum("cbs,cbs->b", blocks, blocks) / (2 * _HOP)
    return float(10 * np.log10(power[power > power.max() * 10 ** (_SILENCE_DB / 10)].mean()))


def _section(b: tuple[float, float, float], a: tuple[float, float, float]) -> npt.NDArray[np.float64]:
    return np.array([*b, *a]) / a[0]


def _highpass(hz: float) -> npt.NDArray[np.float64]:
    w = 2 * np.pi * hz / RATE
    alpha, c = np.sin(w) / np.sqrt(2), np.cos(w)
    return _section(((1 + c) / 2, -(1 + c), (1 + c) / 2), (1 + alpha, -2 * c, 1 - alpha))


def _peak(hz: float, q: float, db: float) -> npt.NDArray[np.float64]:
    w, a = 2 * np.pi * hz / RATE, 10 ** (db / 40)
    alpha, c = np.sin(w) / (2 * q), np.cos(w)
    return _section((1 + alpha * a, -2 * c, 1 - alpha * a), (1 + alpha / a, -2 * c, 1 - alpha / a))


def _shelf(hz: float, db: float, side: float) -> npt.NDArray[np.float64]:
    """A shelf above (``side`` 1) or below (-1) the frequency, as in the Audio EQ Cookbook with slope 1."""
    w, a = 2 * np.pi * hz / RATE, 10 ** (db / 40)
    c, slope = side * np.cos(w), np.sqrt(2 * a) * np.sin(w)
    plus, minus = a + 1, a - 1
    return _section(
        (
            a * (plus + minus * c + slope),
            -2 * a * side * (minus + plus * c),
            a * (plus + minus * c - slope),
        ),
        (
            plus - minus * c + slope,
            2 * side * (minus - plus * c),
            plus - minus * c - slope,
        ),
    )
