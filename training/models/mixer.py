"""What every model is to the training loop, to mixing and to evaluation: stems in, audio out, with known alignment."""

from __future__ import annotations

import abc
from typing import Literal

from torch import Tensor, nn


class Mixer(nn.Module, abc.ABC):
    """A network from stems (batch, sources, channels, samples) to audio at the same rate.

    Attributes:
        sources: names of the stems, in the order in which they are stacked.
        channels: audio channels of every stem and of the output.
        predicts: ``mixture``: output (batch, channels, samples); ``stems``: output (batch, sources, channels, samples).
        shortening: samples by which the output is shorter than the input, even; output sample n belongs to input sample
            n + shortening // 2.
        receptive_field: input samples that one output sample sees through convolutions and pooling. Normalisation over
            time, recurrence and squeeze-and-excitation see the whole input and are not counted.
    """

    predicts: Literal["mixture", "stems"] = "mixture"
    shortening: int = 0
    receptive_field: int

    def __init__(self, sources: tuple[str, ...], channels: int) -> None:
        super().__init__()
        self.sources = sources
        self.channels = channels

    @abc.abstractmethod
    def input_samples(self, minimum: int) -> int:
        """Smallest input length in samples that the network takes and that is at least ``minimum``."""

    def align(self, target: Tensor) -> Tensor:
        """Cut a target as long as the input, (..., samples), to the samples that the output has."""
        margin = self.shortening // 2
        return target[..., margin : target.shape[-1] - margin]

    def check_input(self, stems: Tensor) -> None:
        """Refuse stems of a shape or length that the network does not take.

        Raises:
            ValueError: says what was given and what fits.
        """
        expected = (len(self.sources), self.channels)
        if stems.dim() != 4 or stems.shape[1:3] != expected:
            raise ValueError(
                f"expected stems of shape (batch, {expected[0]}, {expected[1]}, samples) for "
                f"{', '.join(self.sources)}; found {tuple(stems.shape)}"
            )
        fitting = self.input_samples(stems.shape[-1])
        if fitting != stems.shape[-1]:
            raise ValueError(
                f"{type(self).__name__} does not take {stems.shape[-1]} samples; pad with zeros to {fitting}, "
                "the next length that fits"
            )


def check_sources(sources: tuple[str, ...]) -> None:
    """Refuse an empty list of sources, or one that names a source twice.

    Raises:
        ValueError: quotes the list.
    """
    if not sources or len(set(sources)) != len(sources):
        raise ValueError(f"sources must be one or more different names, found {list(sources)}")


def check_positive(**settings: int) -> None:
    """Refuse settings below one.

    Raises:
        ValueError: names the setting.
    """
    for name, value in settings.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, found {value}")


def parameter_count(model: nn.Module) -> int:
    """Number of values in the parameters of a model, frozen ones included."""
    return sum(parameter.numel() for parameter in model.parameters())
