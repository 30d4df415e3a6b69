"""The Wave-U-Net against naive NumPy, its alignment and reach measured by gradient, and the lengths it takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from training.models.mixer import parameter_count
from training.models.wave_unet import Layer, Resampler, WaveUNet, WaveUNetConfig

SMALL = WaveUNetConfig(sources=("voice", "rest"), features=(8, 16, 24))
PUBLISHED_LEVELS = replace(SMALL, features=(8, 8, 8, 8, 8))


def linear(model: WaveUNet) -> WaveUNet:
    """With positive weights and no normalisation, so that every path carries and no ReLU closes."""
    model = model.double().eval()
    for layer in [module for module in model.modules() if isinstance(module, Layer)]:
        layer.norm = nn.Identity()  # type: ignore[assignment]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("resampler.filter"):
                parameter.abs_()
                parameter /= 100.0
    return model


def seen_by(model: WaveUNet, samples: int, position: int) -> tuple[int, int]:
    """First and last input sample that an output sample depends on."""
    stems = torch.full((1, 2, 2, samples), 1e-3, dtype=torch.float64, requires_grad=True)
    model(stems)[0, 0, position].backward()
    assert stems.grad is not None
    seen = stems.grad[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    return int(seen[0]), int(seen[-1])


def test_published_size() -> None:
    """Numbers of the published implementation: 2 477 162 parameters, 2 455 562 of them trained."""
    model = WaveUNet(WaveUNetConfig())
    assert parameter_count(model) == 2_477_162
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == 2_455_562
    assert model.shortening == 68
    assert model.receptive_field == 69


def test_stride_does_not_change_the_size() -> None:
    assert parameter_count(WaveUNet(WaveUNetConfig(stride=4))) == 2_477_162


def test_layer_follows_its_definition() -> None:
    torch.manual_seed(1)
    layer = Layer(3, 16, 5).double()
    nn.init.uniform_(layer.norm.weight, 0.5, 1.5)
    nn.init.uniform_(layer.norm.bias, -0.5, 0.5)
    x = np.random.default_rng(1).standard_normal((3, 12))
    weight = layer.convolution.weight.detach().numpy()
    assert layer.convolution.bias is not None
    y = np.stack([np.einsum("oik,ik->o", weight, x[:, n : n + 5]) for n in range(8)], axis=1)
    y += layer.convolution.bias.detach().numpy()[:, None]
    for group in (slice(0, 8), slice(8, 16)):
        y[group] = (y[group] - y[group].mean()) / np.sqrt(y[group].var() + 1e-5)
    y = y * layer.norm.weight.detach().numpy()[:, None] + layer.norm.bias.detach().numpy()[:, None]
    np.testing.assert_allclose(layer(torch.from_numpy(x)[None])[0].detach(), np.maximum(y, 0.0), atol=1e-12)


@pytest.mark.parametrize("stride", [2, 4])
def test_resamplers_follow_their_definition(stride: int) -> None:
    resampler = Resampler(3, stride).double()
    taps = resampler.filter[0, 0].detach().numpy()
    assert taps.sum() == pytest.approx(1.0, abs=1e-6)
    assert not resampler.filter.requires_grad
    x = np.random.default_rng(2).standard_normal(8 * stride + 1)
    given_ = torch.from_numpy(np.tile(x, (1, 3, 1)))
    low = np.convolve(np.pad(x, 7, mode="reflect"), taps, "valid")[::stride]
    np.testing.assert_allclose(resampler.down(given_)[0, 1], low, atol=1e-12)
    stuffed = np.zeros((x.size + 14 - 1) * stride + 1)
    stuffed[::stride] = np.pad(x, 7, mode="reflect")
    spread = np.convolve(stuffed, taps, "same")
    high = spread[7 * stride : 7 * stride + (x.size - 1) * stride + 1]
    np.testing.assert_allclose(resampler.up(given_)[0, 2], high, atol=1e-12)


def test_resampling_filter_passes_lows_and_stops_what_would_fold() -> None:
    taps = Resampler(1, 4).filter.detach().numpy().ravel()
    response = np.abs(np.fft.rfft(taps, 4096))
    assert response[: 4096 // 64].min() > 0.9
    assert response[int(0.3 * 4096) :].max() < 0.01


def test_resampler_at_stride_one_is_a_unit_impulse() -> None:
    resampler = Resampler(2, 1)
    x = torch.randn(1, 2, 20)
    assert resampler.down(x) is x
    assert resampler.up(x) is x
    through = nn.functional.conv1d(x, resampler.filter, padding=7, groups=2)
    torch.testing.assert_close(through, x)


def test_published_output_is_centred_34_samples_into_the_input() -> None:
    torch.manual_seed(3)
    model = linear(WaveUNet(PUBLISHED_LEVELS))
    assert model(torch.zeros(1, 2, 2, 200, dtype=torch.float64)).shape == (1, 2, 132)
    for position in (0, 50, 131):
        assert seen_by(model, 200, position) == (position, position + 68)


def test_shortcuts_are_cut_to_the_centre() -> None:
    """With nothing coming from below, only the two layers of the first level are left: 9 samples around n + 34."""
    torch.manual_seed(4)
    model = linear(WaveUNet(PUBLISHED_LEVELS))
    with torch.no_grad():
        for parameter in model.up[-1].get_submodule("pre").parameters():
            parameter.zero_()
    assert seen_by(model, 200, 60) == (90, 98)


def test_align_cuts_the_target_to_the_output() -> None:
    target = torch.arange(200.0).expand(1, 2, 200)
    assert WaveUNet(PUBLISHED_LEVELS).align(target)[0, 1].tolist() == list(range(34, 166))


@pytest.mark.parametrize("stride", [2, 4])
def test_reach_and_alignment_of_a_strided_network(stride: int) -> None:
    torch.manual_seed(5)
    model = linear(WaveUNet(replace(SMALL, stride=stride)))
    period = stride**2
    samples = model.input_samples(model.shortening + 6 * model.receptive_field)
    middle = (samples - model.shortening) // 2
    spans = [seen_by(model, samples, middle + offset) for offset in range(period)]
    assert max(last - first + 1 for first, last in spans) == model.receptive_field
    offsets = [(first + last) / 2 - (middle + offset) for offset, (first, last) in enumerate(spans)]
    assert np.mean(offsets) == pytest.approx(model.shortening / 2, abs=period)


@settings(max_examples=30, deadline=None)
@given(minimum=st.integers(1, 3000), stride=st.sampled_from([1, 2, 3, 4]), kernel=st.sampled_from([3, 5]))
def test_lengths_that_it_names_are_taken(minimum: int, stride: int, kernel: int) -> None:
    model = WaveUNet(replace(SMALL, stride=stride, kernel=kernel)).eval()
    samples = model.input_samples(minimum)
    assert samples >= minimum
    assert model.input_samples(samples) == samples
    shortest = model.input_samples(1)
    assert samples - minimum < max(stride ** len(model.down), shortest)
    output = model(torch.zeros(1, 2, 2, samples))
    assert output.shape == (1, 2, samples - model.shortening)


def test_other_lengths_are_refused() -> None:
    model = WaveUNet(replace(SMALL, stride=4))
    samples = model.input_samples(3000)
    with pytest.raises(ValueError, match=f"pad with zeros to {samples}"):
        model(torch.zeros(1, 2, 2, samples - 1))


def test_shortest_input_leaves_a_sample() -> None:
    model = WaveUNet(PUBLISHED_LEVELS)
    assert model.input_samples(1) == 69
    assert model(torch.zeros(1, 2, 2, 69)).shape == (1, 2, 1)


def test_output_is_limited_outside_training_only() -> None:
    torch.manual_seed(6)
    model = WaveUNet(SMALL)
    with torch.no_grad():
        model.output.weight *= 100.0
    stems = torch.randn(1, 2, 2, 200)
    loud = model.train()(stems)
    assert loud.abs().max() > 1.0
    assert torch.equal(model.eval()(stems), loud.clamp(-1.0, 1.0))


@pytest.mark.parametrize("sources", [("mix",), ("a", "b", "c", "d", "e")])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_number_of_sources_and_channels(sources: tuple[str, ...], channels: int) -> None:
    model = WaveUNet(replace(SMALL, sources=sources, channels=channels))
    stems = torch.randn(2, len(sources), channels, 150)
    assert model(stems).shape == (2, channels, 150 - model.shortening)


def test_gradients_reach_every_trained_parameter() -> None:
    torch.manual_seed(7)
    model = WaveUNet(replace(SMALL, stride=2))
    stems: Tensor = torch.randn(2, 2, 2, model.input_samples(400))
    model(stems).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad != name.endswith("resampler.filter")
        if parameter.requires_grad:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"features": (8,)}, "two or more multiples of 8"),
        ({"features": (8, 12)}, "two or more multiples of 8"),
        ({"kernel": 4}, "kernel must be odd"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"sources": ("a", "a")}, "different names"),
    ],
)
def test_impossible_configurations_are_refused(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(SMALL, **change)  # type: ignore[arg-type]
