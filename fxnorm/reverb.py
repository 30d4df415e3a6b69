"""Reverb send for data augmentation, and the prereverb of dry stems (paper, section 2.2).

The send is filtered by a low and a high shelf of -30 dB before the impulse response (the "Abbey Road trick"); shelves
follow the RBJ audio EQ cookbook.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

SHELF_GAIN_DB = -30.0
SHELF_Q = 0.707
LOW_SHELF_HZ = (500.0, 700.0)
HIGH_SHELF_HZ = (7_000.0, 10_000.0)
"""Ranges from which the corners of the shelves are drawn uniformly."""

PREREVERB_WET = 0.5

SEND_RT60_SECONDS = (2.0, 4.0)
"""Recommended reverberation times of responses for the send."""

PREREVERB_RT60_SECONDS = 1.5
"""Recommended upper limit of the reverberation time for the prereverb."""

DECAY_60_DB = 6.0 * np.log(10.0) / 2.0
"""Exponent of an amplitude that has fallen by 60 dB."""


@dataclasses.dataclass(frozen=True)
class ImpulseResponse:
    """A named response.

    Attributes:
        name: what a receipt calls it.
        audio: float32, shape (samples, 1) or (samples, 2), 44 100 Hz; one channel serves both.
    """

    name: str
    audio: NDArray[np.float32]

    def fingerprint(self) -> str:
        """BLAKE2b-128 of the samples, hexadecimal."""
        return hashlib.blake2b(np.ascontiguousarray(self.audio).tobytes(), digest_size=16).hexdigest()


def synthetic_responses(rt60_seconds: Sequence[float], seed: int = 0) -> tuple[ImpulseResponse, ...]:
    """Impulse responses of noise that decays exponentially: a direct sound of 1.0 and a stereo tail.

    Args:
        rt60_seconds: time in which the tail falls by 60 dB, one response each.
        seed: seed of the noise.

    Returns:
        stereo responses of length RT60; the tail's energy equals that of the direct sound.
    """
    responses = []
    for index, rt60 in enumerate(rt60_seconds):
        length = round(rt60 * SAMPLE_RATE)
        rng = np.random.default_rng([seed, index])
        envelope = np.exp(-DECAY_60_DB * np.arange(length) / (rt60 * SAMPLE_RATE))
        tail = rng.standard_normal((length, 2)) * envelope[:, None]
        tail /= np.sqrt((tail**2).sum(axis=0))
        tail[0] = 1.0
        responses.append(ImpulseResponse(f"synthetic-rt{rt60:g}-seed{seed}-{index}", tail.astype(np.float32)))
    return tuple(responses)


def shelf(kind: str, corner_hz: float, gain_db: float = SHELF_GAIN_DB, q: float = SHELF_Q) -> NDArray[np.float64]:
    """Second-order section of an RBJ cookbook shelf.

    Args:
        kind: ``low`` or ``high``.
        corner_hz: midpoint of the slope, Hz.
        gain_db: gain of the shelf, dB.
        q: quality factor.

    Returns:
        shape (1, 6), for ``scipy.signal.sosfilt``.
    """
    sign = {"low": 1.0, "high": -1.0}[kind]
    amplitude = 10.0 ** (gain_db / 40.0)
    omega = 2.0 * np.pi * corner_hz / SAMPLE_RATE
    cosine = sign * np.cos(omega)
    slope = 2.0 * np.sqrt(amplitude) * np.sin(omega) / (2.0 * q)
    up, down = amplitude + 1.0, amplitude - 1.0
    b = (
        np.asarray([up - down * cosine + slope, sign * 2.0 * (down - up * cosine), up - down * cosine - slope])
        * amplitude
    )
    a = np.asarray([up + down * cosine + slope, -sign * 2.0 * (down + up * cosine), up + down * cosine - slope])
    return np.concatenate([b, a])[None, :] / a[0]


def convolve(audio: Audio, response: ImpulseResponse) -> Audio:
    """Convolve, advance by the response's peak so that the direct sound stays in place, cut to the input's length.

    Args:
        audio: shape (samples, 2).
        response: one or two channels.
    """
    channels = np.broadcast_to(response.audio, (response.audio.shape[0], 2))
    start = int(np.unravel_index(np.argmax(np.abs(response.audio)), response.audio.shape)[0])
    wet = scipy.signal.oaconvolve(audio, channels, mode="full", axes=0)
    return wet[start : start + audio.shape[0]].astype(np.float32, copy=False)


@dataclasses.dataclass(frozen=True)
class SendDraw:
    """The random choices of one reverb send: response and shelf corners in Hz."""

    response: ImpulseResponse
    low_shelf_hz: float
    high_shelf_hz: float


def draw_send(responses: Sequence[ImpulseResponse], rng: np.random.Generator) -> SendDraw:
    """Draw a response and both corners uniformly."""
    return SendDraw(
        responses[int(rng.integers(len(responses)))],
        float(rng.uniform(*LOW_SHELF_HZ)),
        float(rng.uniform(*HIGH_SHELF_HZ)),
    )


def reverb_send(audio: Audio, draw: SendDraw) -> Audio:
    """Dry stem plus shelved and convolved stem.

    Args:
        audio: shape (samples, 2).
        draw: response and shelf corners.
    """
    sections = np.concatenate([shelf("low", draw.low_shelf_hz), shelf("high", draw.high_shelf_hz)])
    send = scipy.signal.sosfilt(sections, audio.astype(np.float64), axis=0).astype(np.float32)
    return audio + convolve(send, draw.response)


def prereverb(audio: Audio, response: ImpulseResponse) -> Audio:
    """Half dry, half convolved, in series before every other effect; for dry stems at inference.

    Args:
        audio: shape (samples, 2).
        response: a short response, RT60 under 1.5 s.
    """
    wet = np.float32(PREREVERB_WET)
    return (np.float32(1.0) - wet) * audio + wet * convolve(audio, response)
