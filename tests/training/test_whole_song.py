"""Networks over whole songs in windows: what one forward pass over the song gives, in every window."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.training.test_windows import Smoother
from training.models import AutomixFrontEnd, FrontEndConfig, Mixer, build_model
from training.models.automix import Automix, AutomixConfig, FilterBankConfig
from training.models.wave_unet import WaveUNet, WaveUNetConfig
from training.presets import read_preset
from training.whole_song import apply_to_song
from training.whole_song.lstm import long_lstm
from training.whole_song.moments import Moments
from training.windows import WindowConfig, apply_in_windows

SOURCES = ("voice", "bass", "rest")
BANKS = (
    FilterBankConfig(filters=6, kernel=6, stride=1, smoothing=4, pool=8),
    FilterBankConfig(filters=6, kernel=9, stride=3, smoothing=2, pool=4),
    FilterBankConfig(filters=6, kernel=12, stride=2, smoothing=33, pool=7),
    FilterBankConfig(filters=6, kernel=8, stride=8, smoothing=1, pool=1),
)
AUTOMIX = AutomixConfig(
    sources=SOURCES,
    bottleneck=5,
    hidden=4,
    skip=3,
    repeats=2,
    blocks=3,
    lstm_layers=2,
    excitation=7,
)
WAVE_UNET = WaveUNetConfig(sources=SOURCES, features=(8, 16, 24))


def trained(model: Mixer) -> Mixer:
    """With weights as if from training: no normalisation is neutral, and a Wave-U-Net's output stays within -1..1."""
    for module in model.modules():
        if isinstance(module, nn.GroupNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
        if isinstance(module, WaveUNet):
            module.output.weight.data *= 0.1
    return model.eval()


def automix(bank: FilterBankConfig = BANKS[0]) -> Mixer:
    torch.manual_seed(1)
    return trained(Automix(replace(AUTOMIX, filter_bank=bank)))


def wave_unet(stride: int, features: tuple[int, ...] = WAVE_UNET.features) -> Mixer:
    torch.manual_seed(2)
    return trained(WaveUNet(replace(WAVE_UNET, stride=stride, features=features)))


def song(model: Mixer, samples: int, seed: int = 0) -> Tensor:
    """Noise that grows louder, so that no stretch has the statistics of the whole."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(model.sources), model.channels, samples, generator=generator)
    return noise * torch.linspace(0.02, 0.5, samples)


@torch.no_grad()
def in_one_piece(model: Mixer, stems: Tensor, lead: int = 0) -> Tensor:
    """One forward pass over the lead and the song, with as few zeros around them as the network allows."""
    heard = torch.cat([stems[..., :lead], stems], dim=-1)
    before = model.shortening // 2
    after = model.input_samples(heard.shape[-1] + model.shortening) - heard.shape[-1] - before
    output = model(nn.functional.pad(heard, (before, after))[None])[0]
    return output[..., lead : heard.shape[-1]]


def worst_db(actual: Tensor, expected: Tensor, window: int) -> float:
    """Residual of the worst window, relative to the level of the whole."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    error = (actual - expected).double()
    worst = max(float(part.square().mean()) for part in error.split(window, dim=-1))
    return float(10.0 * torch.log10(worst / expected.double().square().mean() + 1e-300))


@settings(max_examples=40, deadline=None)
@given(
    bank=st.sampled_from(BANKS), samples=st.integers(1, 2_500), window=st.integers(1, 1_200), lead=st.integers(0, 500)
)
def test_automix_in_windows_is_automix_in_one_piece(
    bank: FilterBankConfig, samples: int, window: int, lead: int
) -> None:
    model = automix(bank).double()
    stems, lead = song(model, samples).double(), min(lead, samples)
    mixed = apply_to_song(model, stems, window, lead)
    assert worst_db(mixed, in_one_piece(model, stems, lead), window) < -220.0


@settings(max_examples=30, deadline=None)
@given(
    stride=st.sampled_from([1, 2, 3, 4]),
    samples=st.integers(1, 6_000),
    share=st.floats(0.06, 1.2),
    lead=st.integers(0, 500),
)
def test_wave_unet_in_windows_is_wave_unet_in_one_piece(stride: int, samples: int, share: float, lead: int) -> None:
    model = wave_unet(stride).double()
    stems, lead = song(model, samples).double(), min(lead, samples)
    window = max(1, round(share * samples))
    mixed = apply_to_song(model, stems, window, lead)
    assert worst_db(mixed, in_one_piece(model, stems, lead), window) < -220.0


@pytest.mark.parametrize("stride", [1, 4])
def test_windows_shorter_than_what_a_sample_sees(stride: int) -> None:
    model = wave_unet(stride, features=(8, 8, 8, 16)).double()
    stems = song(model, 1_500).double()
    window = model.receptive_field // 5
    assert worst_db(apply_to_song(model, stems, window), in_one_piece(model, stems), window) < -220.0


@pytest.mark.parametrize("samples", [1, 63, 64, 65, 130])
@pytest.mark.parametrize("window", [1, 64, 1_000])
def test_very_short_songs(samples: int, window: int) -> None:
    model = automix(replace(AUTOMIX.filter_bank, filters=6)).double()
    stems = song(model, samples).double()
    assert worst_db(apply_to_song(model, stems, window), in_one_piece(model, stems), 64) < -220.0


@pytest.mark.parametrize(
    "preset, samples, window",
    [
        ("tiny", 300_001, 44_100),
        ("ours_S_Lb", 70_000, 20_000),
        ("wave_unet_stride4", 40_000, 15_000),
        ("wun_S_Lb", 2_000, 700),
    ],
)
def test_networks_of_the_presets_are_exact_up_to_rounding(preset: str, samples: int, window: int) -> None:
    torch.manual_seed(3)
    model = trained(build_model(read_preset(preset).model))
    stems = song(model, samples)
    mixed, expected = apply_to_song(model, stems, window), in_one_piece(model, stems)
    assert 0.0 < expected.abs().max() < 1.0
    assert worst_db(mixed, expected, window) < -100.0


@pytest.mark.parametrize("model", [automix(), wave_unet(1), wave_unet(4)], ids=["automix", "stride 1", "stride 4"])
def test_windows_by_themselves_are_something_else(model: Mixer) -> None:
    """What the exact way is for: the start of a song depends on its end, and windows do not hear it."""
    stems = song(model, 6_000)
    expected = in_one_piece(model, stems)
    context = 2 * model.receptive_field
    assert worst_db(apply_in_windows(model, stems, WindowConfig(2_000, context)), expected, 2_000) > -60.0
    assert worst_db(apply_to_song(model, stems, 2_000), expected, 2_000) < -100.0


@pytest.mark.parametrize("model", [automix(), wave_unet(1), wave_unet(4)], ids=["automix", "stride 1", "stride 4"])
def test_no_convolution_hears_more_than_a_window_and_its_context(model: Mixer) -> None:
    heard = []
    first = model.front_end.analysis if isinstance(model, Automix) else model.down[0].pre.convolution
    first.register_forward_hook(lambda _module, given_, _output: heard.append(given_[0].shape[-1]))
    apply_to_song(model, song(model, 20_000), window=1_000)
    assert len(heard) >= 20
    assert max(heard) <= 1_000 + 3 * max(model.receptive_field, model.input_samples(1))


@pytest.mark.parametrize("model", [Smoother(), Smoother(68)], ids=["as long", "shorter"])
def test_other_networks_run_in_one_piece(model: Mixer) -> None:
    stems = torch.randn(2, 2, 1_234, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(apply_to_song(model.eval(), stems, 100, lead=77), in_one_piece(model, stems, 77))


def test_networks_that_predict_stems() -> None:
    torch.manual_seed(5)
    model = AutomixFrontEnd(FrontEndConfig(sources=SOURCES, filter_bank=BANKS[0])).eval()
    stems = song(model, 333)
    torch.testing.assert_close(apply_to_song(model, stems, 100, lead=50), in_one_piece(model, stems, 50))


def test_neither_stems_nor_network_are_changed() -> None:
    for model in (automix(), wave_unet(4)):
        stems = song(model, 3_000)
        before, weights = stems.clone(), {name: value.clone() for name, value in model.state_dict().items()}
        random = torch.get_rng_state()
        assert torch.equal(apply_to_song(model, stems, 500), apply_to_song(model, stems, 500))
        assert torch.equal(stems, before)
        assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
        assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("window, lead", [(0, 0), (100, -1), (100, 301)])
def test_impossible_windows_and_leads_are_refused(window: int, lead: int) -> None:
    model = automix()
    with pytest.raises(ValueError, match=r"window must be at least 1 and lead in 0\.\.300"):
        apply_to_song(model, song(model, 300), window, lead)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=6), offset=st.sampled_from([0.0, 1e3]))
def test_statistics_of_pieces_are_those_of_the_whole(cuts: list[int], offset: float) -> None:
    generator = torch.Generator().manual_seed(6)
    norm = nn.GroupNorm(3, 12).double()
    nn.init.uniform_(norm.weight, 0.5, 1.5)
    nn.init.uniform_(norm.bias, -0.5, 0.5)
    features = torch.randn(12, sum(cuts), generator=generator).double() + offset
    moments = Moments(norm)
    for piece in features.split(cuts, dim=-1):
        moments.add(piece)
    scale, shift = moments.affine()
    torch.testing.assert_close((features * scale + shift)[None], norm(features[None]), rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("chunk", [1, 7, 50, 1_000])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_long_lstm_is_the_lstm(chunk: int, layers: int) -> None:
    torch.manual_seed(7)
    lstm = nn.LSTM(6, 4, layers, batch_first=True, bidirectional=True).double().eval()
    sequence = torch.randn(50, 6, dtype=torch.float64)
    torch.testing.assert_close(long_lstm(lstm, sequence, chunk), lstm(sequence[None])[0][0])
