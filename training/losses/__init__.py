"""Losses between a network's output and its target, one module each, and the way from a configuration to a loss."""

from __future__ import annotations

from torch import nn

from training.losses.multi_resolution import MultiResolutionConfig, MultiResolutionLoss
from training.losses.stereo_spectrum import StereoSpectrumConfig, StereoSpectrumLoss
from training.losses.waveform import WaveformConfig, WaveformLoss

LossConfig = StereoSpectrumConfig | MultiResolutionConfig | WaveformConfig


def build_loss(config: LossConfig, guard: int) -> nn.Module:
    """A module that takes output and target to a scalar.

    Args:
        config: which loss.
        guard: samples at both ends that are left out.
    """
    match config:
        case StereoSpectrumConfig():
            return StereoSpectrumLoss(config, guard)
        case MultiResolutionConfig():
            return MultiResolutionLoss(config, guard)
        case WaveformConfig():
            return WaveformLoss(guard)
