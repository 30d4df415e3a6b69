"""The losses La and Lb: distances of STFT magnitudes of the sum and the difference of the stereo channels.

For s = L + R and d = L - R, with magnitudes X of the output and Y of the target, each after the prefilter:

    La = sum over s, d of  ||Y - X|| / ||Y|| + mean |ln X - ln Y|
    Lb = sum over s, d of  mean (Y - X)^2    + mean |ln X - ln Y|

Norms and means run over all bins, frames and examples. Sum and difference keep their magnitudes when left and right are
swapped. Source: Steinmetz et al., ICASSP 2021, and Martínez-Ramírez et al., ISMIR 2022, section 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from training.losses.prefilter import Prefilter


@dataclass(frozen=True)
class StereoSpectrumConfig:
    """Which of the two losses, and its spectra.

    Magnitudes are unscaled: white noise of RMS 1 has about 40, rounding to 16 bits about 0.0004.

    Attributes:
        name: ``La`` or ``Lb``.
        n_fft: window in samples, square root of a periodic Hann.
        hop: in samples.
        prefilter: A-weighting and low-pass before the spectra.
        log_epsilon: added to a magnitude before its logarithm; published 1e-30.
        silence: RMS magnitude that ||Y|| of La is bounded to from below: a silent target, or one without a
            difference signal, has a finite loss; published 0.
    """

    name: Literal["La", "Lb"] = "Lb"
    n_fft: int = 4096
    hop: int = 1024
    prefilter: bool = True
    log_epsilon: float = 1e-30
    silence: float = 1e-3

    def __post_init__(self) -> None:
        if not 0 < self.hop <= self.n_fft:
            raise ValueError(f"hop must be in 1..n_fft, found hop {self.hop}, n_fft {self.n_fft}")
        if self.log_epsilon <= 0.0 or self.silence <= 0.0:
            raise ValueError(f"log_epsilon and silence must be above 0, found {self.log_epsilon} and {self.silence}")


class StereoSpectrumLoss(nn.Module):
    """La or Lb of an output and a target, both (batch, 2, samples); computed in float32.

    Args:
        config: which loss.
        guard: samples at both ends that count little, because the network sees past the edge there; see `guard_frames`.
    """

    window: Tensor

    def __init__(self, config: StereoSpectrumConfig, guard: int) -> None:
        super().__init__()
        self.config = config
        self.guard = guard_frames(guard, config.n_fft, config.hop)
        self.prefilter = Prefilter() if config.prefilter else nn.Identity()
        self.register_buffer("window", torch.hann_window(config.n_fft).sqrt(), persistent=False)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar.

        Raises:
            ValueError: shapes differ, are not stereo, or leave nothing between the guards.
        """
        check_stereo(output, target)
        with torch.autocast(output.device.type, enabled=False):
            x, y = self.spectra(output.float()), self.spectra(target.float())
            return torch.stack([self.distance(x[:, part], y[:, part]) for part in range(2)]).sum()

    def spectra(self, audio: Tensor) -> Tensor:
        """Magnitudes of sum and difference between the guards, (batch, 2, bins, frames).

        Raises:
            ValueError: no frames are left.
        """
        config = self.config
        left, right = self.prefilter(audio).unbind(1)
        parts = torch.stack([left + right, left - right], dim=1)
        frames = 1 + (audio.shape[-1] - config.n_fft) // config.hop
        if frames <= 2 * self.guard:
            raise ValueError(
                f"{audio.shape[-1]} samples have {max(frames, 0)} frames of {config.n_fft} and the guard takes "
                f"{self.guard} at each end: use longer segments or a smaller guard"
            )
        spectra = torch.stft(
            parts.flatten(0, 1), config.n_fft, config.hop, window=self.window, center=False, return_complex=True
        )
        return spectra[..., self.guard : frames - self.guard].abs().unflatten(0, (-1, 2))

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Distance of magnitudes x from those of the target, y; shapes alike."""
        epsilon = self.config.log_epsilon
        logarithmic = ((x + epsilon).log() - (y + epsilon).log()).abs().mean()
        if self.config.name == "Lb":
            return (y - x).square().mean() + logarithmic
        silence = self.config.silence * math.sqrt(y.numel())
        return torch.linalg.vector_norm(y - x) / torch.linalg.vector_norm(y).clamp(min=silence) + logarithmic


def guard_frames(guard: int, n_fft: int, hop: int) -> int:
    """STFT frames left out at each end for a guard in samples: ceil((guard - n_fft) / hop + 1) + 1, none for none."""
    return max(0, math.ceil((guard - n_fft) / hop + 1) + 1) if guard else 0


def check_stereo(output: Tensor, target: Tensor) -> None:
    """Refuse what is not a pair of stereo batches.

    Raises:
        ValueError: says what was given.
    """
    if output.shape != target.shape or output.dim() != 3 or output.shape[1] != 2:
        raise ValueError(
            f"expected output and target of one shape (batch, 2, samples), found {tuple(output.shape)} and "
            f"{tuple(target.shape)}"
        )
