"""Mean and variance of a group normalisation over audio that comes in pieces."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Moments:
    """Mean and variance of every group, merged from pieces in float64 (Chan, Golub and LeVeque 1983)."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        self.norm = norm
        self.count = 0
        self.mean = torch.zeros(norm.num_groups, dtype=torch.float64, device=norm.weight.device)
        self.squares = torch.zeros_like(self.mean)

    def add(self, features: Tensor) -> None:
        """Count in a piece, (channels, samples)."""
        variance, mean = torch.var_mean(features.unflatten(0, (self.norm.num_groups, -1)), dim=(1, 2), correction=0)
        count = features.numel() // self.norm.num_groups
        total = self.count + count
        apart = mean.double() - self.mean
        self.mean += apart * (count / total)
        self.squares += variance.double() * count + apart.square() * (self.count * count / total)
        self.count = total

    def affine(self) -> tuple[Tensor, Tensor]:
        """Scale and shift, (channels, 1) each, that normalise as the group normalisation would with all pieces."""
        members = self.norm.num_channels // self.norm.num_groups
        deviation = (self.squares / self.count + self.norm.eps).sqrt()
        scale = self.norm.weight / deviation.repeat_interleave(members)
        shift = self.norm.bias - self.mean.repeat_interleave(members) * scale
        return scale.to(self.norm.weight.dtype)[:, None], shift.to(self.norm.weight.dtype)[:, None]
