"""Networks in windows: no seam, no shift, and the same as in one piece where windows hear all that counts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.models import Mixer, WaveUNet, WaveUNetConfig
from training.windows import WindowConfig, apply_in_windows


class Smoother(Mixer):
    """Sum of the stems through a filter of 201 taps, shortened by ``shortening``; lengths are multiples of 50."""

    receptive_field = 201

    def __init__(self, shortening: int = 0) -> None:
        super().__init__(("a", "b"), 2)
        self.shortening = shortening
        self.taps = torch.nn.Parameter(torch.hann_window(201, periodic=False) / 100.0)

    def input_samples(self, minimum: int) -> int:
        return -(-minimum // 50) * 50

    def forward(self, stems: Tensor) -> Tensor:
        self.check_input(stems)
        mix = stems.sum(dim=1)
        padded = torch.nn.functional.pad(mix, (100, 100))
        smooth = torch.nn.functional.conv1d(padded.flatten(0, 1)[:, None], self.taps[None, None])[:, 0]
        return self.align(smooth.reshape(mix.shape))


@pytest.mark.parametrize("samples", [999, 5_000, 12_345])
@pytest.mark.parametrize("shortening", [0, 68])
def test_windows_with_enough_context_equal_the_whole(samples: int, shortening: int) -> None:
    model = Smoother(shortening).eval()
    stems = torch.randn(2, 2, samples, generator=torch.Generator().manual_seed(0))
    pieces = apply_in_windows(model, stems, WindowConfig(1_000, 150))
    reference = torch.nn.functional.conv1d(
        torch.nn.functional.pad(stems.sum(0), (100, 100))[:, None], model.taps[None, None].detach()
    )[:, 0]
    assert pieces.shape == (2, samples)
    torch.testing.assert_close(pieces, reference, rtol=1e-4, atol=1e-5)


def test_the_output_of_a_shortening_network_is_not_shifted() -> None:
    torch.manual_seed(0)
    model = WaveUNet(WaveUNetConfig(sources=("a", "b"))).eval()
    stems = torch.zeros(2, 2, 3_000)
    quiet = apply_in_windows(model, stems, WindowConfig(800, 200))
    stems[:, :, 1_500] = 0.5
    loud = apply_in_windows(model, stems, WindowConfig(800, 200))
    changed = (loud - quiet).abs().sum(dim=0)
    centre = (changed**2 * torch.arange(3_000)).sum() / (changed**2).sum()
    assert 1_500 - 34 <= int(changed.argmax()) <= 1_500 + 34
    assert float(centre) == pytest.approx(1_500, abs=40)


def test_impossible_windows_are_refused() -> None:
    for core, context in ((0, 10), (100, -1)):
        with pytest.raises(ValueError, match="core must be positive and context at least 0"):
            WindowConfig(core, context)
