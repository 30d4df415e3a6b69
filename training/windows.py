"""Running a network over audio in windows of the length that it trains on, each with context, as validation does.

Each window is heard by itself: what the network normalises over time is a window's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.models import Mixer


@dataclass(frozen=True)
class WindowConfig:
    """How audio is cut.

    Attributes:
        core: samples of a window that are kept.
        context: samples that the network hears on either side beyond what is kept; zeros outside the song.
    """

    core: int
    context: int

    def __post_init__(self) -> None:
        if self.core < 1 or self.context < 0:
            raise ValueError(f"core must be positive and context at least 0: {self}")


@torch.no_grad()
def apply_in_windows(model: Mixer, stems: Tensor, config: WindowConfig) -> Tensor:
    """Run a network over a song, window by window, without gradients.

    Memory is that of one window. A song that fits one window is run in one piece. Windows begin at multiples of the
    network's pools, so that every window is cut into frames as the whole song would be.

    Args:
        model: the network, in evaluation mode.
        stems: shape (sources, channels, samples).
        config: how to cut.

    Returns:
        shape (channels, samples), or (sources, channels, samples) from a network that predicts stems, on the device of
        ``stems``.
    """
    samples = stems.shape[-1]
    grid = _grid(model)
    core = -(-config.core // grid) * grid
    context = -(-max(config.context, model.shortening // 2) // grid) * grid
    if samples <= core:
        return _window(model, stems, 0, samples, context)
    shape = stems.shape if model.predicts == "stems" else stems.shape[1:]
    output = stems.new_empty(shape)
    for start in range(0, samples, core):
        end = min(start + core, samples)
        output[..., start:end] = _window(model, stems, start, end, context)
    return output


def _grid(model: Mixer) -> int:
    """Samples by which the network's input may be moved so that its filters and pools fall on the same samples."""
    smallest = model.input_samples(1)
    return smallest if model.input_samples(smallest + 1) == 2 * smallest else 1


def _window(model: Mixer, stems: Tensor, start: int, end: int, context: int) -> Tensor:
    """Output samples from ``start`` to ``end``; the network hears ``context`` more on both sides."""
    first, last = start - context, end + context
    length = model.input_samples(last - first)
    inside = stems[..., max(0, first) : min(stems.shape[-1], first + length)]
    heard = functional.pad(inside, (max(0, -first), max(0, first + length - stems.shape[-1])))
    output = model(heard[None])[0]
    offset = context - model.shortening // 2
    return output[..., offset : offset + end - start]
