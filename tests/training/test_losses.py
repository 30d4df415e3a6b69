"""The losses against their formulas in NumPy, their guards, and what they do with silent and mono targets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from fxnorm.settings import SAMPLE_RATE
from tests.signals import noise, plucks
from training.losses import LossConfig, build_loss
from training.losses.multi_resolution import MultiResolutionConfig
from training.losses.prefilter import Prefilter, a_weighting_taps
from training.losses.stereo_spectrum import StereoSpectrumConfig, guard_frames
from training.losses.waveform import WaveformConfig

Array = NDArray[np.float64]

LA = StereoSpectrumConfig(name="La", n_fft=512, hop=128)
LB = replace(LA, name="Lb")
MULTI = MultiResolutionConfig(n_ffts=(256, 1024))
EVERY: tuple[LossConfig, ...] = (LA, LB, MULTI, WaveformConfig())


def pair(seconds: float = 0.3) -> tuple[Tensor, Tensor]:
    """Output and target: two examples of stereo audio, (2, 2, samples)."""
    output = np.stack([noise(seconds, seed=1), plucks(seconds, seed=2, pan=0.3)])
    target = np.stack([noise(seconds, seed=3, level=0.2), plucks(seconds, seed=2, pan=0.6, level=0.7)])
    return torch.from_numpy(output.swapaxes(1, 2).copy()), torch.from_numpy(target.swapaxes(1, 2).copy())


def white_pair() -> tuple[Tensor, Tensor]:
    """Output and target without bins near the rounding of float32, (2, 2, samples)."""
    generator = torch.Generator().manual_seed(4)
    target = 0.2 * torch.randn(2, 2, 12_000, generator=generator)
    return 0.5 * target.flip(1) + 0.1 * torch.randn(2, 2, 12_000, generator=generator), target


def naive_prefilter(signal: Array) -> Array:
    weighted = np.convolve(np.pad(signal, 50), a_weighting_taps(), "valid")
    padded = np.pad(weighted, 50)
    return (padded[:-2] + 0.85 * padded[1:-1])[: signal.size]


def naive_spectra(audio: Array, n_fft: int, hop: int, guard: int, prefilter: bool) -> Array:
    """Magnitudes (examples, 2, frames, bins) of sum and difference."""
    window = np.sqrt(0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft))
    spectra = []
    for left, right in audio:
        for signal in (left + right, left - right):
            signal = naive_prefilter(signal) if prefilter else signal
            frames = 1 + (signal.size - n_fft) // hop
            kept = range(guard, frames - guard)
            spectra.append([np.abs(np.fft.rfft(window * signal[n * hop : n * hop + n_fft])) for n in kept])
    return np.array(spectra).reshape(audio.shape[0], 2, len(kept), n_fft // 2 + 1)


def naive_loss(name: str, x: Array, y: Array) -> float:
    logarithmic = np.mean(np.abs(np.log(x + 1e-30) - np.log(y + 1e-30)))
    if name == "Lb":
        return float(np.mean((y - x) ** 2) + logarithmic)
    return float(np.sqrt(np.sum((y - x) ** 2)) / np.sqrt(np.sum(y**2)) + logarithmic)


@pytest.mark.parametrize("name", ["La", "Lb"])
@pytest.mark.parametrize("prefilter", [False, True])
@pytest.mark.parametrize("guard, frames", [(0, 0), (1000, 6)])
def test_la_and_lb_follow_their_formulas(name: str, prefilter: bool, guard: int, frames: int) -> None:
    output, target = white_pair()
    config = StereoSpectrumConfig(name=name, n_fft=512, hop=128, prefilter=prefilter)  # type: ignore[arg-type]
    x, y = (naive_spectra(audio.double().numpy(), 512, 128, frames, prefilter) for audio in (output, target))
    expected = sum(naive_loss(name, x[:, part], y[:, part]) for part in range(2))
    assert build_loss(config, guard)(output, target).item() == pytest.approx(expected, rel=1e-4)


def test_multi_resolution_follows_its_formula() -> None:
    output, target = white_pair()
    values = []
    for n_fft in MULTI.n_ffts:
        for sign in (1.0, -1.0):
            x, y = (
                np.array(
                    [
                        naive_centred(naive_prefilter(left + sign * right)[500:-500], n_fft)
                        for left, right in audio.double().numpy()
                    ]
                )
                for audio in (output, target)
            )
            convergence = np.linalg.norm((y - x).ravel()) / np.linalg.norm(y.ravel())
            values.append(convergence + np.mean(np.abs(np.log(x) - np.log(y))))
    assert build_loss(MULTI, 500)(output, target).item() == pytest.approx(np.mean(values), rel=1e-4)


def naive_centred(signal: Array, n_fft: int) -> Array:
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)
    padded = np.pad(signal, n_fft // 2, mode="reflect")
    frames = 1 + signal.size // (n_fft // 4)
    spectra = [np.fft.rfft(window * padded[n * n_fft // 4 : n * n_fft // 4 + n_fft]) for n in range(frames)]
    return np.sqrt(np.maximum(np.abs(spectra) ** 2, 1e-8))


def test_waveform_loss_follows_its_formula() -> None:
    output, target = pair()
    expected = (output - target)[..., 100:-100].abs().mean().item()
    assert build_loss(WaveformConfig(), 100)(output, target).item() == pytest.approx(expected, rel=1e-6)


def test_a_weighting_follows_the_curve() -> None:
    """The analogue formula of IEC 61672, whose zero is at 1 kHz; the fit is coarse at low frequencies."""
    taps = a_weighting_taps()
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-15)
    f = np.array([500.0, 1000.0, 2000.0, 4000.0, 8000.0])
    curve = (12194.217**2 * f**4) / (
        (f**2 + 20.598997**2) * np.sqrt((f**2 + 107.65265**2) * (f**2 + 737.86223**2)) * (f**2 + 12194.217**2)
    )
    response = np.abs(np.exp(-2j * np.pi * np.outer(f, np.arange(101)) / SAMPLE_RATE) @ taps)
    np.testing.assert_allclose(20 * np.log10(response), 20 * np.log10(curve) + 1.9997, atol=0.7)


def test_prefilter_leaves_its_input_alone() -> None:
    output, _ = pair()
    before = output.clone()
    filtered = Prefilter()(output)
    assert torch.equal(output, before)
    expected = naive_prefilter(output[1, 0].double().numpy())
    np.testing.assert_allclose(filtered[1, 0], expected, atol=1e-6)


def test_low_pass_is_late_by_49_samples() -> None:
    impulse = torch.zeros(1, 1, 400)
    impulse[..., 200] = 1.0
    both = Prefilter()(impulse)[0, 0].double().numpy()
    expected = np.zeros(400)
    expected[150:251] = a_weighting_taps()
    late = np.zeros(400)
    late[50:] += expected[:-50]
    late[49:] += 0.85 * expected[:-49]
    np.testing.assert_allclose(both, late, atol=1e-7)


@pytest.mark.parametrize("guard, frames", [(0, 0), (32_446, 30), (32_540, 30), (4096, 2), (4095, 2), (2048, 0), (1, 0)])
def test_guard_in_frames(guard: int, frames: int) -> None:
    """30 frames at both published guards."""
    assert guard_frames(guard, 4096, 1024) == frames


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
def test_guarded_ends_do_not_count(config: LossConfig) -> None:
    output, target = pair()
    loss = build_loss(config, 3000)
    changed = output.clone()
    changed[..., :1000] = 0.5
    changed[..., -1000:] = 0.5
    assert torch.equal(loss(changed, target), loss(output, target))
    changed[..., 6000] = 0.5
    assert not torch.equal(loss(changed, target), loss(output, target))


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
def test_equal_signals_have_no_loss_and_swapped_channels_the_same(config: LossConfig) -> None:
    output, target = pair()
    loss = build_loss(config, 0)
    assert loss(target, target).item() == pytest.approx(0.0, abs=1e-6)
    assert loss(output, target).item() > 0.01
    assert loss(output.flip(1), target.flip(1)).item() == pytest.approx(loss(output, target).item(), rel=1e-4)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
@pytest.mark.parametrize("case", ["silent target", "mono target", "silent output", "both silent", "equal"])
def test_loss_and_gradient_are_finite(config: LossConfig, case: str) -> None:
    output, target = pair()
    target = {
        "silent target": torch.zeros_like(target),
        "mono target": target.mean(dim=1, keepdim=True).expand_as(target).contiguous(),
        "both silent": torch.zeros_like(target),
        "equal": output.clone(),
    }.get(case, target)
    output = (torch.zeros_like(output) if "silent" in case and "target" not in case else output).requires_grad_()
    value = build_loss(config, 0)(output, target)
    value.backward()
    assert value.isfinite()
    assert output.grad is not None
    assert output.grad.isfinite().all()
    steps = case in ("silent target", "mono target") or (case == "silent output" and config.name == "L1")
    assert bool(output.grad.any()) == steps


def test_norm_of_a_silent_target_is_bounded() -> None:
    """The convergence term becomes the RMS magnitude of the output over the level of silence."""
    output, _ = pair()
    config = StereoSpectrumConfig(name="La", n_fft=512, hop=128, prefilter=False, silence=0.01)
    x = naive_spectra(output.double().numpy(), 512, 128, 0, False)
    expected = sum(np.sqrt(np.mean(x[:, part] ** 2)) / 0.01 + np.mean(np.log(x[:, part] / 1e-30)) for part in range(2))
    assert build_loss(config, 0)(output, torch.zeros_like(output)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
def test_computes_in_full_precision_inside_mixed_precision(config: LossConfig) -> None:
    output, target = pair()
    loss = build_loss(config, 0)
    expected = loss(output.bfloat16().float(), target)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(output.bfloat16(), target)
    assert value.dtype == torch.float32
    assert torch.equal(value, expected)


@pytest.mark.parametrize("config", EVERY, ids=lambda config: config.name)
def test_refuses_short_and_unequal_audio(config: LossConfig) -> None:
    output, target = pair()
    with pytest.raises(ValueError, match="shape"):
        build_loss(config, 0)(output, target[..., :-1])
    with pytest.raises(ValueError, match="use longer segments or a smaller guard"):
        build_loss(config, 7000)(output, target)


@pytest.mark.parametrize("config", [LA, MULTI], ids=lambda config: config.name)
def test_spectral_losses_refuse_what_is_not_stereo(config: LossConfig) -> None:
    with pytest.raises(ValueError, match=r"\(batch, 2, samples\)"):
        build_loss(config, 0)(torch.zeros(2, 1, 4096), torch.zeros(2, 1, 4096))


@pytest.mark.parametrize("settings", [{"hop": 0}, {"hop": 8192}, {"silence": 0.0}, {"log_epsilon": 0.0}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        StereoSpectrumConfig(**settings)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="n_ffts"):
        MultiResolutionConfig(n_ffts=())
