"""The FxNorm-automix network: adaptive front-end, mask estimator, back-end.

    P    = conv(stems)                              a learnt filter bank over all stems at once
    Z    = max-pool(softplus(smooth(|P|)))          its envelope, one value a pool
    mask = upsample(softplus(BLSTM(TCN(Z))))        a gain for every filter and pool
    mix  = tanh(sum over stems of conv^T(SE(mask P)))

conv^T has the weights of conv; SE is squeeze-and-excitation. To pre-train the front-end, it reproduces the stems by
itself: conv^T(unpool(Z) P). Source: Martínez-Ramírez et al., ISMIR 2022 (arXiv 2208.11428), section 3, and the
published code; the default configuration is the published one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.mixer import Mixer, check_positive, check_sources

NORM_EPSILON = 1e-8
FORGET_SPAN = (1.0, 31.0)
"""Range of exp(forget bias) at the start, in time steps (chrono initialisation, Tallec and Ollivier 2018)."""


@dataclass(frozen=True)
class FilterBankConfig:
    """Shape of the adaptive front-end.

    Attributes:
        filters: filters of the first convolution.
        kernel: its length in samples.
        stride: samples between its frames; published 1.
        smoothing: length in frames of the depthwise convolution over the rectified filters.
        pool: frames in a pool.
        start: values before training. ``random`` is PyTorch's default; ``cosine`` is a lapped cosine transform of every
            channel by itself, with which an untrained network returns the sum of its stems.
    """

    filters: int = 128
    kernel: int = 64
    stride: int = 1
    smoothing: int = 128
    pool: int = 64
    start: Literal["random", "cosine"] = "random"

    def __post_init__(self) -> None:
        check_positive(
            filters=self.filters, kernel=self.kernel, stride=self.stride, smoothing=self.smoothing, pool=self.pool
        )
        if self.kernel < self.stride:
            raise ValueError(f"kernel {self.kernel} is shorter than stride {self.stride}: samples would be skipped")

    @property
    def pool_samples(self) -> int:
        """Samples in a pool; input lengths are multiples of it."""
        return self.pool * self.stride


@dataclass(frozen=True)
class FrontEndConfig:
    """The network that pre-trains the front-end.

    Attributes:
        sources: names of the stems, in the order in which they are stacked.
        channels: audio channels of a stem.
        filter_bank: shape of the front-end.
    """

    name: Literal["automix_front_end"] = "automix_front_end"
    sources: tuple[str, ...] = ("vocals", "bass", "drums", "other")
    channels: int = 2
    filter_bank: FilterBankConfig = field(default_factory=FilterBankConfig)

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_positive(channels=self.channels)


@dataclass(frozen=True)
class AutomixConfig:
    """The mixing network.

    Attributes:
        sources: names of the stems, in the order in which they are stacked.
        channels: audio channels of a stem and of the mixture.
        filter_bank: shape of the front-end; an even number of filters.
        bottleneck: channels that run through the temporal blocks.
        hidden: channels inside a temporal block.
        skip: channels of its skip connection.
        block_kernel: taps of its dilated convolution, odd.
        repeats: how often the ladder of dilations is run through.
        blocks: dilations 1, 2, 4, .. in a ladder.
        lstm_layers: layers of the bidirectional LSTM, half as many hidden units a direction as there are filters.
        dropout: between its layers.
        excitation: hidden units of the squeeze-and-excitation.
    """

    name: Literal["automix"] = "automix"
    sources: tuple[str, ...] = ("vocals", "bass", "drums", "other")
    channels: int = 2
    filter_bank: FilterBankConfig = field(default_factory=FilterBankConfig)
    bottleneck: int = 256
    hidden: int = 128
    skip: int = 64
    block_kernel: int = 3
    repeats: int = 4
    blocks: int = 6
    lstm_layers: int = 3
    dropout: float = 0.1
    excitation: int = 2048

    def __post_init__(self) -> None:
        check_sources(self.sources)
        check_positive(
            channels=self.channels,
            bottleneck=self.bottleneck,
            hidden=self.hidden,
            skip=self.skip,
            block_kernel=self.block_kernel,
            repeats=self.repeats,
            blocks=self.blocks,
            lstm_layers=self.lstm_layers,
            excitation=self.excitation,
        )
        if self.filter_bank.filters % 2:
            raise ValueError(f"filters must be even, half for each direction, found {self.filter_bank.filters}")
        if self.block_kernel % 2 == 0:
            raise ValueError(f"block_kernel must be odd to keep the length, found {self.block_kernel}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be in [0, 1), found {self.dropout}")

    @property
    def seen_pools(self) -> int:
        """Pools that one pool of the mask sees through the temporal blocks."""
        return 1 + self.repeats * (self.block_kernel - 1) * (2**self.blocks - 1)


class FrontEnd(nn.Module):
    """Filter bank, its envelope, and the way back.

    Args:
        inputs: sources times channels.
        config: shape.
        expected_gain: by what filtered audio will be multiplied before synthesis; the ``cosine`` start allows for it.
    """

    def __init__(self, inputs: int, config: FilterBankConfig, expected_gain: float = 1.0) -> None:
        super().__init__()
        self.stride = config.stride
        self.pool = config.pool
        self.margins = split_margin(config.kernel - config.stride)
        self.smoothing_margins = split_margin(config.smoothing - 1)
        self.analysis = nn.Conv1d(inputs, config.filters, config.kernel, stride=config.stride, bias=False)
        self.smoothing = nn.Conv1d(config.filters, config.filters, config.smoothing, groups=config.filters, bias=False)
        if config.start == "cosine":
            self.analysis.weight.data = cosine_filters(inputs, config) / math.sqrt(expected_gain)

    def forward(self, stems: Tensor) -> Tensor:
        """Filter stems (batch, sources, channels, samples): P (batch, filters, frames)."""
        return self.analysis(functional.pad(stems.flatten(1, 2), self.margins))

    def envelope(self, filtered: Tensor) -> tuple[Tensor, Tensor]:
        """Z of P, (batch, filters, pools), and where in P each maximum was."""
        smooth = functional.softplus(self.smoothing(functional.pad(filtered.abs(), self.smoothing_margins)))
        return functional.max_pool1d(smooth, self.pool, return_indices=True)

    def synthesis(self, filtered: Tensor, weight: Tensor) -> Tensor:
        """Transposed convolution of (batch, filters, frames) to (batch, outputs, samples), as long as the input was.

        Frames whose filter reaches over an end of the input are left out. ``weight``: (filters, outputs, kernel).
        """
        lead, trail = self.margins
        frames = filtered.shape[-1]
        inner = filtered[..., lead // self.stride : frames - trail // self.stride]
        audio = functional.conv_transpose1d(inner, weight, stride=self.stride)
        return audio.narrow(-1, lead % self.stride, frames * self.stride)


class TemporalBlock(nn.Module):
    """Dilated depthwise convolution between 1x1 convolutions (Conv-TasNet, Luo and Mesgarani 2019)."""

    def __init__(self, config: AutomixConfig, dilation: int, last: bool) -> None:
        super().__init__()
        self.last = last
        self.expand = nn.Conv1d(config.bottleneck, config.hidden, 1)
        self.activation_1 = nn.PReLU()
        self.norm_1 = nn.GroupNorm(1, config.hidden, eps=NORM_EPSILON)
        self.depthwise = nn.Conv1d(
            config.hidden,
            config.hidden,
            config.block_kernel,
            padding=dilation * (config.block_kernel - 1) // 2,
            dilation=dilation,
            groups=config.hidden,
        )
        self.activation_2 = nn.PReLU()
        self.norm_2 = nn.GroupNorm(1, config.hidden, eps=NORM_EPSILON)
        self.skip = nn.Conv1d(config.hidden, config.skip, 1)
        self.residual = nn.Conv1d(config.hidden, config.bottleneck, 1).requires_grad_(not last)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (batch, bottleneck, pools) for the next block, and this block's share of the skip path.

        The last block has no next one: its residual convolution is in the published weights but never used.
        """
        inner = self.norm_1(self.activation_1(self.expand(features)))
        inner = self.norm_2(self.activation_2(self.depthwise(inner)))
        return features if self.last else features + self.residual(inner), self.skip(inner)


class MaskEstimator(nn.Module):
    """Temporal blocks and a bidirectional LSTM: from the envelope Z to a positive gain for every filter and pool."""

    def __init__(self, config: AutomixConfig) -> None:
        super().__init__()
        filters = config.filter_bank.filters
        last = (config.repeats - 1, config.blocks - 1)
        self.norm = nn.GroupNorm(1, filters, eps=NORM_EPSILON)
        self.bottleneck = nn.Conv1d(filters, config.bottleneck, 1)
        self.repeats = nn.ModuleList(
            nn.ModuleList(TemporalBlock(config, 2**block, (repeat, block) == last) for block in range(config.blocks))
            for repeat in range(config.repeats)
        )
        self.activation = nn.PReLU()
        self.expand = nn.Conv1d(config.skip, filters, 1)
        self.lstm = nn.LSTM(
            filters,
            filters // 2,
            config.lstm_layers,
            batch_first=True,
            dropout=config.dropout if config.lstm_layers > 1 else 0.0,
            bidirectional=True,
        )
        start_lstm_biases(self.lstm)

    def forward(self, envelope: Tensor) -> Tensor:
        """Envelope (batch, filters, pools) to gains of the same shape."""
        features = self.bottleneck(self.norm(envelope))
        skips = features.new_zeros(())
        for repeat in self.repeats:
            for block in repeat.children():
                features, skip = block(features)
                skips = skips + skip
        gains = functional.softplus(self.expand(self.activation(skips)))
        gains, _ = self.lstm(gains.transpose(1, 2))
        return functional.softplus(gains.transpose(1, 2))


class SqueezeExcitation(nn.Module):
    """A gain in 0..1 for every filter, from its mean level over the whole input (Hu et al. 2018)."""

    def __init__(self, filters: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(filters, hidden)
        self.excite = nn.Linear(hidden, filters)

    def forward(self, filtered: Tensor) -> Tensor:
        """Scale (batch, filters, frames)."""
        return filtered * self.gain(filtered.abs().mean(dim=-1)).unsqueeze(-1)

    def gain(self, level: Tensor) -> Tensor:
        """Gain of every filter, from mean levels of the same shape."""
        return torch.sigmoid(self.excite(functional.relu(self.squeeze(level))))


class Automix(Mixer):
    """Mixes stems into one mixture."""

    def __init__(self, config: AutomixConfig) -> None:
        super().__init__(config.sources, config.channels)
        bank = config.filter_bank
        self.config = config
        self.receptive_field = seen_samples(bank, config.seen_pools)
        self.front_end = FrontEnd(len(config.sources) * config.channels, bank, expected_gain=UNTRAINED_GAIN)
        self.mask = MaskEstimator(config)
        self.excitation = SqueezeExcitation(bank.filters, config.excitation)

    def input_samples(self, minimum: int) -> int:
        """A multiple of the pool."""
        return up_to_multiple(minimum, self.config.filter_bank.pool_samples)

    def load_front_end(self, trained: AutomixFrontEnd) -> None:
        """Take the two convolutions of a pre-trained front-end.

        Raises:
            ValueError: it was trained with another shape or for other sources.
        """
        own, given = (
            (model.sources, model.channels, replace(model.config.filter_bank, start="random"))
            for model in (self, trained)
        )
        if own != given:
            raise ValueError(f"the front-end was trained for {given}, this network is for {own}")
        self.front_end.load_state_dict(trained.front_end.state_dict())

    def forward(self, stems: Tensor) -> Tensor:
        """Stems (batch, sources, channels, samples) to a mixture (batch, channels, samples) in -1..1.

        The stems of the output are summed in the weights of the transposed convolution, which is linear.

        Raises:
            ValueError: the stems do not fit the network.
        """
        self.check_input(stems)
        filtered = self.front_end(stems)
        envelope, _ = self.front_end.envelope(filtered)
        pools = filtered.unflatten(-1, (-1, self.front_end.pool))
        masked = (self.mask(envelope).unsqueeze(-1) * pools).flatten(-2)
        weight = self.front_end.analysis.weight.unflatten(1, (len(self.sources), self.channels)).sum(dim=1)
        return torch.tanh(self.front_end.synthesis(self.excitation(masked), weight))


class AutomixFrontEnd(Mixer):
    """Reproduces the stems from the pooled envelope and P; trains the front-end before the mixing network."""

    predicts: Literal["mixture", "stems"] = "stems"

    def __init__(self, config: FrontEndConfig) -> None:
        super().__init__(config.sources, config.channels)
        self.config = config
        self.receptive_field = seen_samples(config.filter_bank, 1)
        self.front_end = FrontEnd(len(config.sources) * config.channels, config.filter_bank)

    def input_samples(self, minimum: int) -> int:
        """A multiple of the pool."""
        return up_to_multiple(minimum, self.config.filter_bank.pool_samples)

    def forward(self, stems: Tensor) -> Tensor:
        """Stems (batch, sources, channels, samples) to stems of the same shape.

        Raises:
            ValueError: the stems do not fit the network.
        """
        self.check_input(stems)
        filtered = self.front_end(stems)
        envelope, indices = self.front_end.envelope(filtered)
        gains = functional.max_unpool1d(envelope, indices, (self.front_end.pool,))
        audio = self.front_end.synthesis(gains * filtered, self.front_end.analysis.weight)
        return audio.unflatten(1, (len(self.sources), self.channels))


UNTRAINED_GAIN = math.log(2.0) * 0.5
"""Gain of mask and excitation before training: softplus(0) times sigmoid(0)."""


def split_margin(total: int) -> tuple[int, int]:
    """Zeros before and after, the odd one after, as PyTorch's padding ``same`` has it."""
    return total // 2, total - total // 2


def up_to_multiple(samples: int, step: int) -> int:
    """Smallest positive multiple of ``step`` that is at least ``samples``."""
    return max(1, -(-samples // step)) * step


def seen_samples(bank: FilterBankConfig, pools: int) -> int:
    """Input samples behind one output sample, where a pool's gain is made of ``pools`` pools."""
    frames = -(-bank.kernel // bank.stride)
    touched = pools + -(-(frames - 1) // bank.pool)
    return (touched * bank.pool + bank.smoothing - 2) * bank.stride + bank.kernel


def start_lstm_biases(lstm: nn.LSTM) -> None:
    """Chrono initialisation of every bias by itself: forget gate log U(1, 31), input gate its negative, the rest 0."""
    for name, bias in lstm.named_parameters():
        if name.startswith("bias"):
            units = lstm.hidden_size
            forget = torch.empty(units).uniform_(*FORGET_SPAN).log()
            bias.data.zero_()
            bias.data[units : 2 * units] = forget
            bias.data[:units] = -forget


def cosine_filters(inputs: int, bank: FilterBankConfig) -> Tensor:
    """Weights (filters, inputs, kernel) of a modified discrete cosine transform of every input by itself.

    With M = filters / inputs bands, a kernel of 2 M and a stride that divides M, the transposed convolution returns the
    input (Princen, Johnson and Bradley 1987).

    Raises:
        ValueError: the shape of the filter bank does not allow it.
    """
    bands = bank.filters // inputs
    if bank.filters % inputs or bank.kernel != 2 * bands or bands % bank.stride:
        raise ValueError(
            f"start = 'cosine' for {inputs} input channels needs kernel = 2 * filters / {inputs} and a stride that "
            f"divides kernel / 2; found filters {bank.filters}, kernel {bank.kernel}, stride {bank.stride}"
        )
    time = torch.arange(bank.kernel, dtype=torch.float64) + 0.5
    band = torch.arange(bands, dtype=torch.float64) + 0.5
    window = torch.sin(math.pi * time / bank.kernel)
    cosines = window * torch.cos(math.pi / bands * band[:, None] * (time + bands / 2))
    weight = torch.zeros(inputs, bands, inputs, bank.kernel)
    for channel in range(inputs):
        weight[channel, :, channel] = cosines * math.sqrt(2.0 * bank.stride) / bands
    return weight.flatten(0, 1)
