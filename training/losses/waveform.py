"""Mean absolute error of samples, with which the front-end is pre-trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn


@dataclass(frozen=True)
class WaveformConfig:
    """The loss has no settings."""

    name: Literal["L1"] = "L1"


class WaveformLoss(nn.Module):
    """Mean |output - target| of audio of any shape (..., samples).

    Args:
        guard: samples left out at both ends.
    """

    def __init__(self, guard: int) -> None:
        super().__init__()
        self.guard = guard

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar.

        Raises:
            ValueError: shapes differ, or nothing is left between the guards.
        """
        if output.shape != target.shape:
            raise ValueError(f"output {tuple(output.shape)} and target {tuple(target.shape)} differ in shape")
        samples = output.shape[-1] - 2 * self.guard
        if samples < 1:
            raise ValueError(
                f"{output.shape[-1]} samples leave none between guards of {self.guard}: use longer segments or a "
                "smaller guard"
            )
        difference = output.float() - target.float()
        return difference.narrow(-1, self.guard, samples).abs().mean()
