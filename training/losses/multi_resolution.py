"""Multi-resolution STFT loss of sum and difference, from the library auraloss: a modern alternative to La and Lb.

The mean over sum and difference, and over resolutions, of spectral convergence and mean |ln X - ln Y|. Source: Yamamoto
et al., ICASSP 2020; Steinmetz et al., ICASSP 2021. auraloss bounds magnitudes to 1e-4 from below, so that silence is no
special case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import auraloss
import torch
from torch import Tensor, nn

from training.losses.prefilter import Prefilter
from training.losses.stereo_spectrum import check_stereo

OVERLAP = 4
"""Window length over hop."""


@dataclass(frozen=True)
class MultiResolutionConfig:
    """Resolutions of the loss.

    Attributes:
        n_ffts: windows in samples (Hann); the hop is a quarter.
        prefilter: A-weighting and low-pass before the spectra.
    """

    name: Literal["multi_resolution"] = "multi_resolution"
    n_ffts: tuple[int, ...] = (512, 2048, 8192)
    prefilter: bool = True

    def __post_init__(self) -> None:
        if not self.n_ffts or any(n_fft < OVERLAP for n_fft in self.n_ffts):
            raise ValueError(f"n_ffts must be one or more windows of {OVERLAP} samples or more, found {self.n_ffts}")


class MultiResolutionLoss(nn.Module):
    """The loss of an output and a target, both (batch, 2, samples); computed in float32.

    Args:
        config: resolutions.
        guard: samples left out at both ends.
    """

    def __init__(self, config: MultiResolutionConfig, guard: int) -> None:
        super().__init__()
        self.config = config
        self.guard = guard
        self.prefilter = Prefilter() if config.prefilter else nn.Identity()
        self.distance = auraloss.freq.SumAndDifferenceSTFTLoss(
            fft_sizes=list(config.n_ffts),
            hop_sizes=[n_fft // OVERLAP for n_fft in config.n_ffts],
            win_lengths=list(config.n_ffts),
        )

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar.

        Raises:
            ValueError: shapes differ, are not stereo, or leave nothing between the guards.
        """
        check_stereo(output, target)
        samples = output.shape[-1] - 2 * self.guard
        if samples < max(self.config.n_ffts):
            raise ValueError(
                f"{output.shape[-1]} samples leave {max(samples, 0)} between guards of {self.guard}, fewer than a "
                f"window of {max(self.config.n_ffts)}: use longer segments or a smaller guard"
            )
        with torch.autocast(output.device.type, enabled=False):
            x, y = (
                self.prefilter(audio.float()).narrow(-1, self.guard, samples).contiguous() for audio in (output, target)
            )
            return self.distance(x, y)
