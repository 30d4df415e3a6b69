"""The filters that output and target pass before their spectra are compared: A-weighting, then a gentle low-pass.

A-weighting is a linear-phase fit of 101 taps to the magnitude of a bilinear transform of

    H(s) = (2 pi f4)^2 10^(A1000/20) s^4 / ((s + 2 pi f1)^2 (s + 2 pi f2) (s + 2 pi f3) (s + 2 pi f4)^2)

which at 44 100 Hz is not the exact IEC 61672 curve. Source: Wright and Välimäki, ICASSP 2020, as auraloss and the
published code of Martínez-Ramírez et al., ISMIR 2022, have it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.signal
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fxnorm.settings import SAMPLE_RATE

CORNERS_HZ = (20.598997, 107.65265, 737.86223, 12194.217)
GAIN_AT_1000_HZ_DB = 1.9997
TAPS = 101
RESPONSE_POINTS = 512
LOWPASS = (1.0, 0.85, 0.0)
PADDING = TAPS // 2
"""Zeros around both filters (samples); too many for the low-pass, which therefore delays by 49: y[n] = x[n - 50] +
0.85 x[n - 49]. Output and target are delayed alike."""


@lru_cache(maxsize=1)
def a_weighting_taps() -> NDArray[np.float64]:
    """Symmetric impulse response of shape (101,)."""
    f1, f2, f3, f4 = 2.0 * np.pi * np.asarray(CORNERS_HZ)
    numerator = [f4**2 * 10.0 ** (GAIN_AT_1000_HZ_DB / 20.0), 0.0, 0.0, 0.0, 0.0]
    b, a = scipy.signal.bilinear(numerator, np.poly([-f1, -f1, -f2, -f3, -f4, -f4]), fs=SAMPLE_RATE)
    frequencies, response = scipy.signal.freqz(b, a, worN=RESPONSE_POINTS, fs=SAMPLE_RATE)
    return scipy.signal.firls(TAPS, frequencies, np.abs(response), fs=SAMPLE_RATE)


class Prefilter(nn.Module):
    """Both filters in a row, on every channel by itself."""

    a_weighting: Tensor
    lowpass: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("a_weighting", torch.tensor(a_weighting_taps(), dtype=torch.float32), persistent=False)
        self.register_buffer("lowpass", torch.tensor(LOWPASS), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Filtered copy of (batch, channels, samples), as long as it."""
        signals = audio.reshape(-1, 1, audio.shape[-1])
        for taps in (self.a_weighting, self.lowpass):
            signals = functional.conv1d(signals, taps.view(1, 1, -1), padding=PADDING)[..., : audio.shape[-1]]
        return signals.reshape(audio.shape)
