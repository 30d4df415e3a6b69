"""The FxNorm-automix network against naive NumPy, and its reach, shapes and start."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.models.automix import (
    Automix,
    AutomixConfig,
    AutomixFrontEnd,
    FilterBankConfig,
    FrontEndConfig,
    MaskEstimator,
    SqueezeExcitation,
    TemporalBlock,
)
from training.models.mixer import parameter_count

SMALL_BANK = FilterBankConfig(filters=6, kernel=6, stride=1, smoothing=4, pool=4)
SMALL = AutomixConfig(
    sources=("voice", "rest"),
    filter_bank=SMALL_BANK,
    bottleneck=5,
    hidden=4,
    skip=3,
    repeats=2,
    blocks=2,
    lstm_layers=2,
    excitation=7,
)

Array = NDArray[np.float64]


def random_stems(config: AutomixConfig | FrontEndConfig, samples: int, batch: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.3 * torch.randn(batch, len(config.sources), config.channels, samples, generator=generator)


def numbers(parameter: Tensor) -> Array:
    return parameter.detach().double().numpy()


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def naive_norm(x: Array, norm: nn.GroupNorm) -> Array:
    scaled = (x - x.mean()) / np.sqrt(x.var() + 1e-8)
    return scaled * numbers(norm.weight)[:, None] + numbers(norm.bias)[:, None]


def naive_pointwise(x: Array, convolution: nn.Conv1d) -> Array:
    assert convolution.bias is not None
    return numbers(convolution.weight)[:, :, 0] @ x + numbers(convolution.bias)[:, None]


def naive_prelu(x: Array, activation: nn.PReLU) -> Array:
    return np.where(x > 0, x, numbers(activation.weight)[0] * x)


def naive_lstm(x: Array, lstm: nn.LSTM) -> Array:
    """Both directions of every layer, over (features, steps)."""
    units = lstm.hidden_size
    for layer in range(lstm.num_layers):
        directions = []
        for suffix in ("", "_reverse"):
            into, back, bias_into, bias_back = (
                numbers(getattr(lstm, f"{name}_l{layer}{suffix}"))
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            hidden, cell = np.zeros(units), np.zeros(units)
            steps = []
            for step in x.T[::-1] if suffix else x.T:
                gates = into @ step + bias_into + back @ hidden + bias_back
                entry, forget, output = (sigmoid(gates[part * units : (part + 1) * units]) for part in (0, 1, 3))
                cell = forget * cell + entry * np.tanh(gates[2 * units : 3 * units])
                hidden = output * np.tanh(cell)
                steps.append(hidden)
            directions.append(np.stack(steps[::-1] if suffix else steps, axis=1))
        x = np.concatenate(directions)
    return x


def naive_analysis(stems: Array, weight: Array, stride: int, left: int) -> Array:
    """Filter (inputs, samples) as if zeros surrounded it."""
    filters, _, kernel = weight.shape
    frames = np.zeros((filters, stems.shape[1] // stride))
    for frame in range(frames.shape[1]):
        for tap in range(kernel):
            position = frame * stride - left + tap
            if 0 <= position < stems.shape[1]:
                frames[:, frame] += weight[:, :, tap] @ stems[:, position]
    return frames


def naive_pooled(filtered: Array, weight: Array, pool: int) -> tuple[Array, Array]:
    """Maximum of every pool, and its frame."""
    filters, _, kernel = weight.shape
    smooth = np.zeros_like(filtered)
    for index in range(filters):
        padded = np.pad(np.abs(filtered[index]), ((kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2))
        smooth[index] = np.log1p(np.exp(np.correlate(padded, weight[index, 0], "valid")))
    pools = smooth.reshape(filters, -1, pool)
    return pools.max(axis=2), pools.argmax(axis=2) + np.arange(pools.shape[1]) * pool


def naive_synthesis(filtered: Array, weight: Array, left: int, right: int) -> Array:
    """Transposed convolution at stride 1, without the frames that touched the padding."""
    samples = filtered.shape[1]
    audio = np.zeros((weight.shape[1], samples))
    for frame in range(left, samples - right):
        for tap in range(weight.shape[2]):
            audio[:, frame - left + tap] += filtered[:, frame] @ weight[:, :, tap]
    return audio


def test_temporal_block_follows_its_definition() -> None:
    torch.manual_seed(1)
    block = TemporalBlock(SMALL, dilation=2, last=False).double()
    for norm in (block.norm_1, block.norm_2):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    x = np.random.default_rng(1).standard_normal((5, 11))
    inner = naive_norm(naive_prelu(naive_pointwise(x, block.expand), block.activation_1), block.norm_1)
    taps = numbers(block.depthwise.weight)[:, 0]
    padded = np.pad(inner, ((0, 0), (2, 2)))
    assert block.depthwise.bias is not None
    dilated = sum(taps[:, tap, None] * padded[:, 2 * tap : 2 * tap + 11] for tap in range(3))
    dilated = dilated + numbers(block.depthwise.bias)[:, None]
    inner = naive_norm(naive_prelu(dilated, block.activation_2), block.norm_2)
    features, skip = block(torch.from_numpy(x)[None])
    np.testing.assert_allclose(features[0].detach(), x + naive_pointwise(inner, block.residual), atol=1e-12)
    np.testing.assert_allclose(skip[0].detach(), naive_pointwise(inner, block.skip), atol=1e-12)


def test_mask_estimator_follows_its_definition() -> None:
    torch.manual_seed(14)
    estimator = MaskEstimator(SMALL).double().eval()
    envelope = np.random.default_rng(14).uniform(0.0, 2.0, (6, 9))
    features = torch.from_numpy(naive_pointwise(naive_norm(envelope, estimator.norm), estimator.bottleneck))[None]
    skips = np.zeros((3, 9))
    for dilations in estimator.repeats:
        for block in dilations.children():
            features, skip = block(features)
            skips += skip[0].detach().numpy()
    expanded = naive_pointwise(naive_prelu(skips, estimator.activation), estimator.expand)
    expected = np.log1p(np.exp(naive_lstm(np.log1p(np.exp(expanded)), estimator.lstm)))
    np.testing.assert_allclose(estimator(torch.from_numpy(envelope)[None])[0].detach(), expected, atol=1e-12)
    assert [block.depthwise.dilation for block in estimator.modules() if isinstance(block, TemporalBlock)] == [
        (1,),
        (2,),
        (1,),
        (2,),
    ]


def test_squeeze_excitation_follows_its_definition() -> None:
    torch.manual_seed(2)
    block = SqueezeExcitation(6, 7).double()
    x = np.random.default_rng(2).standard_normal((6, 20))
    hidden = numbers(block.squeeze.weight) @ np.abs(x).mean(axis=1) + numbers(block.squeeze.bias)
    gain = sigmoid(numbers(block.excite.weight) @ np.maximum(hidden, 0.0) + numbers(block.excite.bias))
    np.testing.assert_allclose(block(torch.from_numpy(x)[None])[0].detach(), x * gain[:, None], atol=1e-12)


def test_front_end_network_follows_its_definition() -> None:
    torch.manual_seed(3)
    config = FrontEndConfig(sources=("voice", "rest"), filter_bank=SMALL_BANK)
    model = AutomixFrontEnd(config).double()
    stems = random_stems(config, 32, batch=1).double()
    weight = numbers(model.front_end.analysis.weight)
    filtered = naive_analysis(stems.flatten(1, 2)[0].numpy(), weight, stride=1, left=2)
    pooled, where = naive_pooled(filtered, numbers(model.front_end.smoothing.weight), pool=4)
    gains = np.zeros_like(filtered)
    np.put_along_axis(gains, where, pooled, axis=1)
    expected = naive_synthesis(gains * filtered, weight, left=2, right=3).reshape(2, 2, 32)
    np.testing.assert_allclose(model(stems)[0].detach(), expected, atol=1e-12)


def test_network_is_the_sum_of_masked_stems() -> None:
    torch.manual_seed(4)
    model = Automix(SMALL).double().eval()
    stems = random_stems(SMALL, 32, batch=1).double()
    weight = numbers(model.front_end.analysis.weight)
    filtered = naive_analysis(stems.flatten(1, 2)[0].numpy(), weight, stride=1, left=2)
    pooled, _ = naive_pooled(filtered, numbers(model.front_end.smoothing.weight), pool=4)
    mask = numbers(model.mask(torch.from_numpy(pooled)[None]))[0]
    scaled = numbers(model.excitation(torch.from_numpy(np.repeat(mask, 4, axis=1) * filtered)[None]))[0]
    by_stem = naive_synthesis(scaled, weight, left=2, right=3).reshape(2, 2, 32)
    np.testing.assert_allclose(model(stems)[0].detach(), np.tanh(by_stem.sum(axis=0)), atol=1e-12)


def test_published_size() -> None:
    """2 752 817 parameters, of which the published code never uses the last residual convolution."""
    model = Automix(AutomixConfig())
    unused = 128 * 256 + 256
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    assert parameter_count(model) == 2_752_817
    assert trained == 2_752_817 - unused


def test_published_receptive_field() -> None:
    """505 pools of 64, one more that the synthesis touches, and the lengths of the filters less one."""
    assert AutomixConfig().seen_pools == 505
    assert Automix(AutomixConfig()).receptive_field == 506 * 64 + 127 + 63


def convolutional(model: Automix) -> Automix:
    """Without what sees the whole input: normalisation over time, the LSTM's memory, squeeze-and-excitation."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(parent, name, nn.Identity())
    units = model.mask.lstm.hidden_size
    with torch.no_grad():
        for name, parameter in model.mask.lstm.named_parameters():
            if name.startswith("weight_hh"):
                parameter.zero_()
            if name.startswith("bias"):
                parameter[units : 2 * units] = -1e4
        model.excitation.squeeze.weight.zero_()
    return model


@pytest.mark.parametrize(
    "bank",
    [
        FilterBankConfig(filters=6, kernel=6, stride=1, smoothing=4, pool=4),
        FilterBankConfig(filters=6, kernel=4, stride=2, smoothing=3, pool=2),
        FilterBankConfig(filters=6, kernel=9, stride=3, smoothing=2, pool=3),
    ],
)
def test_receptive_field_measured_by_gradient(bank: FilterBankConfig) -> None:
    torch.manual_seed(5)
    config = replace(SMALL, filter_bank=bank)
    model = convolutional(Automix(config).double().eval())
    samples = model.input_samples(3 * model.receptive_field)
    widest = 0
    first, last = samples, 0
    for offset in range(bank.pool_samples):
        stems = random_stems(config, samples, batch=48, seed=offset).double().requires_grad_()
        position = samples // 2 + offset
        model(stems)[:, 0, position].sum().backward()
        assert stems.grad is not None
        for example in stems.grad.abs().sum(dim=(1, 2)):
            seen = example.nonzero().flatten()
            widest = max(widest, int(seen[-1] - seen[0]) + 1)
            first, last = min(first, int(seen[0]) - position), max(last, int(seen[-1]) - position)
    assert widest == model.receptive_field
    assert abs(first + last) <= bank.pool_samples + bank.stride


def test_silent_stems_mix_to_silence() -> None:
    torch.manual_seed(6)
    assert Automix(SMALL).eval()(torch.zeros(1, 2, 2, 64)).abs().max() == 0.0


@pytest.mark.parametrize("sources", [("mix",), ("a", "b"), ("a", "b", "c", "d", "e", "f", "g")])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_number_of_sources_and_channels(sources: tuple[str, ...], channels: int) -> None:
    config = replace(SMALL, sources=sources, channels=channels)
    stems = random_stems(config, 64, batch=3)
    assert Automix(config)(stems).shape == (3, channels, 64)
    front_end = AutomixFrontEnd(FrontEndConfig(sources=sources, channels=channels, filter_bank=SMALL_BANK))
    assert front_end(stems).shape == stems.shape


@pytest.mark.parametrize("kernel, stride, pool", [(6, 1, 4), (7, 1, 4), (8, 4, 2), (9, 4, 2), (5, 5, 1), (16, 3, 4)])
def test_output_is_as_long_as_the_input(kernel: int, stride: int, pool: int) -> None:
    bank = FilterBankConfig(filters=4, kernel=kernel, stride=stride, smoothing=3, pool=pool)
    model = Automix(replace(SMALL, filter_bank=bank))
    samples = model.input_samples(50)
    assert 50 <= samples < 50 + pool * stride
    assert model(random_stems(SMALL, samples)).shape == (2, 2, samples)


def test_examples_of_a_batch_are_independent() -> None:
    torch.manual_seed(7)
    model = Automix(SMALL).eval()
    stems = random_stems(SMALL, 64, batch=3)
    torch.testing.assert_close(model(stems)[1:2], model(stems[1:2]))


def test_refuses_what_does_not_fit() -> None:
    model = Automix(SMALL)
    with pytest.raises(ValueError, match=r"does not take 63 samples; pad with zeros to 64"):
        model(random_stems(SMALL, 63))
    with pytest.raises(ValueError, match=r"\(batch, 2, 2, samples\) for voice, rest; found \(1, 4, 64\)"):
        model(torch.zeros(1, 4, 64))


def test_same_seed_same_network() -> None:
    stems = random_stems(SMALL, 64)
    outputs = []
    for seed in (8, 8, 9):
        torch.manual_seed(seed)
        model = Automix(SMALL)
        outputs.append(model(stems))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2], rtol=1e-2)


def test_lstm_starts_with_a_long_memory() -> None:
    torch.manual_seed(10)
    lstm = Automix(replace(SMALL, filter_bank=replace(SMALL_BANK, filters=400))).mask.lstm
    biases = [parameter for name, parameter in lstm.named_parameters() if name.startswith("bias")]
    assert len(biases) == 2 * 2 * 2
    for bias in biases:
        entry, forget, cell, output = bias.detach().chunk(4)
        assert torch.equal(entry, -forget)
        assert not cell.any()
        assert not output.any()
        spans = forget.exp()
        assert spans.min() >= 1.0
        assert spans.max() <= 31.0
        assert abs(spans.mean() - 16.0) < 3.0
    assert not torch.equal(biases[0], biases[1])


def test_every_trainable_parameter_gets_a_gradient() -> None:
    torch.manual_seed(11)
    model = Automix(SMALL)
    model(random_stems(SMALL, 256)).square().sum().backward()
    for name, parameter in model.named_parameters():
        unused = name.startswith("mask.repeats.1.1.residual")
        assert parameter.requires_grad != unused, name
        assert unused or (parameter.grad is not None and parameter.grad.abs().sum() > 0), name


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_cosine_filters_return_their_input(stride: int) -> None:
    bank = FilterBankConfig(filters=32, kernel=16, stride=stride, smoothing=3, pool=2, start="cosine")
    front_end = AutomixFrontEnd(FrontEndConfig(sources=("a", "b"), filter_bank=bank)).front_end
    stems = random_stems(SMALL, 96, batch=1)
    returned = front_end.synthesis(front_end(stems), front_end.analysis.weight).unflatten(1, (2, 2))
    torch.testing.assert_close(returned[..., 16:-16], stems[..., 16:-16], atol=1e-5, rtol=0.0)


def test_untrained_network_with_cosine_filters_returns_the_sum_of_its_stems() -> None:
    torch.manual_seed(12)
    bank = FilterBankConfig(filters=64, kernel=32, stride=4, smoothing=8, pool=8, start="cosine")
    config = replace(SMALL, filter_bank=bank, bottleneck=32, hidden=32, skip=16, excitation=64)
    model = Automix(config).eval()
    stems = 0.1 * random_stems(config, 4096, batch=1)
    total = stems.sum(dim=1)
    with torch.no_grad():
        error = (model(stems) - total)[..., 64:-64]
    assert error.square().mean() < 0.1 * total.square().mean()


def test_cosine_filters_need_a_fitting_shape() -> None:
    bank = FilterBankConfig(filters=32, kernel=16, stride=3, smoothing=3, pool=2, start="cosine")
    with pytest.raises(ValueError, match=r"needs kernel = 2 \* filters / 4 .* found filters 32, kernel 16, stride 3"):
        AutomixFrontEnd(FrontEndConfig(sources=("a", "b"), filter_bank=bank))


def test_front_end_moves_to_the_mixing_network() -> None:
    torch.manual_seed(13)
    model = Automix(SMALL)
    trained = AutomixFrontEnd(FrontEndConfig(sources=SMALL.sources, filter_bank=SMALL_BANK))
    before = model.mask.norm.weight.clone()
    model.load_front_end(trained)
    assert torch.equal(model.front_end.analysis.weight, trained.front_end.analysis.weight)
    assert torch.equal(model.front_end.smoothing.weight, trained.front_end.smoothing.weight)
    assert torch.equal(model.mask.norm.weight, before)
    other = AutomixFrontEnd(FrontEndConfig(sources=("rest", "voice"), filter_bank=SMALL_BANK))
    with pytest.raises(ValueError, match="rest"):
        model.load_front_end(other)


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"sources": ()}, "one or more different names"),
        ({"sources": ("a", "a")}, "one or more different names"),
        ({"repeats": 0}, "repeats must be at least 1"),
        ({"block_kernel": 4}, "block_kernel must be odd"),
        ({"dropout": 1.0}, "dropout must be in"),
        ({"filter_bank": replace(SMALL_BANK, filters=5)}, "filters must be even"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(SMALL, **change)  # type: ignore[arg-type]


def test_kernel_shorter_than_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="samples would be skipped"):
        replace(SMALL_BANK, stride=7)
