"""The reverberation of one mix: decaying noise, different on the left and on the right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, oaconvolve, sosfilt

from pipelines.demo.strip import RATE

_LOWEST_HZ = 180.0


@dataclass(frozen=True)
class Room:
    """A room: reverberation time and delay before the first reflection in s, upper band limit in Hz, seed."""

    rt60: float
    predelay: float
    damping_hz: float
    seed: int

    def impulse_response(self) -> npt.NDArray[np.float32]:
        """Float32 (samples, 2) of energy 1 a channel; the same for the same room on every run."""
        frames = round(1.1 * self.rt60 * RATE)
        noise = np.random.default_rng(self.seed).standard_normal((frames, 2))
        noise *= np.exp(-np.log(1000) * np.arange(frames) / (self.rt60 * RATE))[:, None]
        noise = sosfilt(butter(1, (_LOWEST_HZ, self.damping_hz), "bandpass", fs=RATE, output="sos"), noise, axis=0)
        noise /= np.sqrt(np.square(noise).sum(axis=0))
        return np.pad(noise, ((round(self.predelay * RATE), 0), (0, 0))).astype(np.float32)

    def reverberate(self, audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The reverberation alone of ``audio``, float32 (samples, 2), cut to the length of ``audio``."""
        response = self.impulse_response()
        return oaconvolve(audio, response, axes=0)[: audio.shape[0]].astype(np.float32)
