"""Networks that mix stems, one module each, and the way from a configuration to a network."""

from __future__ import annotations

from training.models.automix import Automix, AutomixConfig, AutomixFrontEnd, FrontEndConfig
from training.models.mixer import Mixer
from training.models.wave_unet import WaveUNet, WaveUNetConfig

ModelConfig = AutomixConfig | FrontEndConfig | WaveUNetConfig


def build_model(config: ModelConfig) -> Mixer:
    """A network with the weights that it starts training from, drawn from PyTorch's random state."""
    match config:
        case AutomixConfig():
            return Automix(config)
        case FrontEndConfig():
            return AutomixFrontEnd(config)
        case WaveUNetConfig():
            return WaveUNet(config)
