"""Wave-U-Net with valid convolutions (Stoller, Ewert and Dixon 2018, in the form of f90/Wave-U-Net-Pytorch).

    layer  = ReLU(GroupNorm(conv(x)))
    down   = shortcut = layer(x); resample(layer(shortcut))
    up     = x = layer(resample(x)); layer([shortcut cut to x, x])
    mix    = conv1x1(up(.. up(layer(down(.. down(stems))))))

No convolution pads, so that every output sample is made of audio only, and the output is shorter than the input. The
default configuration is that of Martínez-Ramírez et al., ISMIR 2022: its stride of 1 leaves the levels at one rate and
a receptive field of 69 samples. A Wave-U-Net proper has stride 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.signal
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.mixer import Mixer, check_positive, check_sources

GROUP_CHANNELS = 8
"""Channels in a group of GroupNorm."""

FILTER_TAPS = 15
"""Length of the resampling filters."""

FILTER_REACH = FILTER_TAPS // 2


@dataclass(frozen=True)
class WaveUNetConfig:
    """Shape of the network.

    Attributes:
        sources: names of the stems, in the order in which they are stacked.
        channels: audio channels of a stem and of the mixture.
        features: channels of the levels, the last one the bottleneck's; multiples of 8.
        kernel: taps of every convolution, odd.
        stride: factor between the rates of two levels; published 1.
    """

    name: Literal["wave_unet"] = "wave_unet"
    sources: tuple[str, ...] = ("vocals", "bass", "drums", "other")
    channels: int = 2
    features: tuple[int, ...] = (24, 48, 96, 192, 384)
    kernel: int = 5
    stride: int = 1

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_positive(channels=self.channels, kernel=self.kernel, stride=self.stride)
        if len(self.features) < 2 or any(count < 1 or count % GROUP_CHANNELS for count in self.features):
            raise ValueError(f"features must be two or more multiples of {GROUP_CHANNELS}, found {list(self.features)}")
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel must be odd to keep the output centred, found {self.kernel}")


class Layer(nn.Module):
    """Convolution, group normalisation, ReLU; shorter by kernel - 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(inputs, outputs, kernel)
        self.norm = nn.GroupNorm(outputs // GROUP_CHANNELS, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, samples) to (batch, outputs, samples - kernel + 1)."""
        return functional.relu(self.norm(self.convolution(x)))


class Resampler(nn.Module):
    """Fixed low-pass and change of rate; does nothing at stride 1, where its filter is a unit impulse."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.filter = nn.Parameter(lowpass(stride).repeat(channels, 1, 1), requires_grad=False)

    def down(self, x: Tensor) -> Tensor:
        """(n - 1) * stride + 1 samples to n."""
        if self.stride == 1:
            return x
        padded = functional.pad(x, (FILTER_REACH, FILTER_REACH), mode="reflect")
        return functional.conv1d(padded, self.filter, stride=self.stride, groups=x.shape[1])

    def up(self, x: Tensor) -> Tensor:
        """n samples to (n - 1) * stride + 1."""
        if self.stride == 1:
            return x
        padded = functional.pad(x, (FILTER_REACH, FILTER_REACH), mode="reflect")
        audio = functional.conv_transpose1d(padded, self.filter, stride=self.stride, groups=x.shape[1])
        samples = (x.shape[-1] - 1) * self.stride + 1
        return audio.narrow(-1, (audio.shape[-1] - samples) // 2, samples)


class Down(nn.Module):
    """One level towards the bottleneck."""

    def __init__(self, inputs: int, shortcut: int, outputs: int, config: WaveUNetConfig) -> None:
        super().__init__()
        self.pre = Layer(inputs, shortcut, config.kernel)
        self.post = Layer(shortcut, outputs, config.kernel)
        self.resampler = Resampler(outputs, config.stride)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What goes on to the next level, and the shortcut."""
        shortcut = self.pre(x)
        return self.resampler.down(self.post(shortcut)), shortcut


class Up(nn.Module):
    """One level back from the bottleneck."""

    def __init__(self, inputs: int, outputs: int, config: WaveUNetConfig) -> None:
        super().__init__()
        self.resampler = Resampler(inputs, config.stride)
        self.pre = Layer(inputs, outputs, config.kernel)
        self.post = Layer(2 * outputs, outputs, config.kernel)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        """Join what comes from below with the shortcut."""
        return self.post(self.join(self.pre(self.resampler.up(x)), shortcut))

    @staticmethod
    def join(upsampled: Tensor, shortcut: Tensor) -> Tensor:
        """The centre of the shortcut, as long as what comes from below, and what comes from below."""
        margin = (shortcut.shape[-1] - upsampled.shape[-1]) // 2
        return torch.cat([shortcut.narrow(-1, margin, upsampled.shape[-1]), upsampled], dim=1)


class WaveUNet(Mixer):
    """Mixes stems into one mixture, shorter than they are."""

    def __init__(self, config: WaveUNetConfig) -> None:
        super().__init__(config.sources, config.channels)
        self.config = config
        features = config.features
        inputs = (len(config.sources) * config.channels, *features[1:-1])
        self.down = nn.ModuleList(
            Down(count, shortcut, outputs, config)
            for count, shortcut, outputs in zip(inputs, features[:-1], features[1:], strict=True)
        )
        self.bottleneck = Layer(features[-1], features[-1], config.kernel)
        self.up = nn.ModuleList(
            Up(below, above, config) for below, above in zip(features[:0:-1], features[-2::-1], strict=True)
        )
        self.output = nn.Conv1d(features[0], config.channels, 1)
        self.layer_loss = config.kernel - 1
        self.shortening = self._shortening()
        self.receptive_field = self._receptive_field()
        self.least_bottleneck = self._least_bottleneck()

    def input_samples(self, minimum: int) -> int:
        """A length at which every level's rate divides the one above."""
        stride, lost = self.config.stride, 2 * self.layer_loss
        samples = minimum
        for _ in self.down:
            samples = -(-(samples - lost - 1) // stride) + 1
        samples = max(samples, self.least_bottleneck)
        for _ in self.down:
            samples = (samples - 1) * stride + 1 + lost
        return samples

    def forward(self, stems: Tensor) -> Tensor:
        """Stems (batch, sources, channels, samples) to a mixture (batch, channels, samples - shortening).

        Outside training the mixture is limited to -1..1.

        Raises:
            ValueError: the stems do not fit the network.
        """
        self.check_input(stems)
        features = stems.flatten(1, 2)
        shortcuts = []
        for level in self.down:
            features, shortcut = level(features)
            shortcuts.append(shortcut)
        features = self.bottleneck(features)
        for level in self.up:
            features = level(features, shortcuts.pop())
        mixture = self.output(features)
        return mixture if self.training else mixture.clamp(-1.0, 1.0)

    def _shortening(self) -> int:
        lost = self.layer_loss
        for _ in self.down:
            lost = lost * self.config.stride + 4 * self.layer_loss
        return lost

    def _least_bottleneck(self) -> int:
        stride, lost = self.config.stride, 2 * self.layer_loss
        reflected = 1 if stride == 1 else FILTER_REACH + 1
        samples = 1
        for _ in self.up:
            samples = max(-(-(samples + lost - 1) // stride) + 1, reflected)
        return samples + self.layer_loss

    def _receptive_field(self) -> int:
        stride, lost = self.config.stride, 2 * self.layer_loss
        taps = 1 if stride == 1 else FILTER_TAPS
        samples = 1
        for _ in self.up:
            samples = (samples + lost + taps - 2) // stride + 1
        samples += self.layer_loss
        for _ in self.down:
            samples = (samples - 1) * stride + taps + lost
        return samples


def lowpass(stride: int) -> Tensor:
    """Windowed sinc (1, 1, 15) with its cutoff at the Nyquist frequency of the lower rate, sum 1."""
    if stride == 1:
        taps = np.zeros(FILTER_TAPS)
        taps[FILTER_REACH] = 1.0
    else:
        taps = scipy.signal.firwin(FILTER_TAPS, 1.0 / stride, window="blackman")
    return torch.as_tensor(taps, dtype=torch.float32).reshape(1, 1, FILTER_TAPS)
