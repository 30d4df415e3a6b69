"""Feed-forward compressor with a hard knee and level-corrected smoothing of the gain reduction.

    x_dB = 20 log10 |x|;  c = max(0, (x_dB - T) (1 - 1/r));  g = a g + (1 - a) c;  y = x 10^(-g/20)

with a the attack's coefficient while c > g and the release's otherwise (Giannoulis, Massberg and Reiss, "Digital
dynamic range compressor design", JAES 60(6), 2012; section 2.1 of the paper).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fxnorm.lanes import exp_of_negative, log_of_bits
from fxnorm.settings import SAMPLE_RATE

_BLOCK = 4_096
_DB_OF_LN = 20.0 / math.log(10.0)
_LARGEST_EXPONENT = 5.0


@njit(cache=True, nogil=True, error_model="numpy")
def _compress(
    audio: NDArray[np.float32],
    gain: np.float32,
    threshold_db: float,
    ratio: float,
    attack: float,
    release: float,
    out: NDArray[np.float32],
) -> None:
    channels, samples = audio.shape
    slope = (1.0 - 1.0 / ratio) * _DB_OF_LN
    threshold = threshold_db / _DB_OF_LN
    to_nepers = 1.0 / _DB_OF_LN
    one = np.float32(1.0)
    scaled = np.empty((channels, _BLOCK), dtype=np.float32)
    magnitudes = np.empty(_BLOCK, dtype=np.float32)
    bits = magnitudes.view(np.int32)
    wanted = np.empty(_BLOCK)
    reductions = np.empty(_BLOCK)
    reduction = 0.0
    for start in range(0, samples, _BLOCK):
        count = min(_BLOCK, samples - start)
        for n in range(count):
            magnitudes[n] = np.float32(0.0)
        for channel in range(channels):
            for n in range(count):
                value = audio[channel, start + n] * gain
                scaled[channel, n] = value
                magnitudes[n] = max(magnitudes[n], abs(value))
        for n in range(count):
            wanted[n] = slope * max(0.0, log_of_bits(bits[n]) - threshold)
        for n in range(count):
            rising = attack * reduction + (1.0 - attack) * wanted[n]
            falling = release * reduction + (1.0 - release) * wanted[n]
            reduction = rising if wanted[n] > reduction else falling
            reductions[n] = reduction
        for n in range(count):
            reductions[n] = exp_of_negative(min(_LARGEST_EXPONENT, to_nepers * reductions[n]))
        for channel in range(channels):
            for n in range(count):
                value = np.float32(scaled[channel, n] * reductions[n])
                out[channel, start + n] = max(-one, min(one, value))


class Compressor:
    """A compressor bound to a signal, so that many settings can be tried on it.

    Args:
        audio: shape (channels, samples); one gain, from the louder channel, acts on all channels.
        attack_ms: milliseconds.
        release_ms: milliseconds.
        gain: factor on the audio before it is compressed.
    """

    def __init__(self, audio: NDArray[np.float32], attack_ms: float, release_ms: float, gain: float = 1.0) -> None:
        self._audio = audio
        self._gain = np.float32(gain)
        self._attack = math.exp(-1.0 / (0.001 * SAMPLE_RATE * attack_ms))
        self._release = math.exp(-1.0 / (0.001 * SAMPLE_RATE * release_ms))

    def __call__(
        self, threshold_db: float, ratio: float, out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Compress.

        Args:
            threshold_db: dBFS, -40 or higher: the gain is computed for up to 43 dB of reduction.
            ratio: 1 or higher.
            out: array for the result; may be the audio itself.

        Returns:
            shape (channels, samples), clipped to [-1, 1].
        """
        result = np.empty_like(self._audio) if out is None else out
        _compress(self._audio, self._gain, threshold_db, ratio, self._attack, self._release, result)
        return result
