"""A song as a network takes it in one piece, without a copy of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from training.models import Mixer


@dataclass(frozen=True)
class PaddedSong:
    """Zeros, the lead, the song, and zeros up to a length that the network takes.

    Attributes:
        stems: shape (sources, channels, samples).
        lead: samples of the song's start that stand before the song.
        margin: zeros in front, half of what the network's output is shorter than its input.
        length: samples of the whole.
        device: where spans are put.
    """

    stems: Tensor
    lead: int
    margin: int
    length: int
    device: torch.device

    @classmethod
    def of(cls, model: Mixer, stems: Tensor, lead: int) -> PaddedSong:
        """The shortest input of a network whose output covers the lead and the song."""
        length = model.input_samples(lead + stems.shape[-1] + model.shortening)
        return cls(stems, lead, model.shortening // 2, length, next(model.parameters()).device)

    def span(self, first: int, last: int) -> Tensor:
        """Samples from ``first`` to ``last``, (1, sources, channels, last - first); zeros outside the whole."""
        heard = torch.zeros(1, *self.stems.shape[:-1], last - first, dtype=self.stems.dtype, device=self.device)
        start = self.margin + self.lead
        for position, part in ((self.margin, self.stems[..., : self.lead]), (start, self.stems)):
            begin, end = max(first, position), min(last, position + part.shape[-1])
            if begin < end:
                heard[0, ..., begin - first : end - first] = part[..., begin - position : end - position]
        return heard
