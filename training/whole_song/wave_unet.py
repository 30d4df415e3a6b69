"""Wave-U-Net over a whole song: one pass over windows for every normalisation, and one for the mixture.

Nothing after a group normalisation can be computed before its mean and variance over the whole song are known. So a
pass runs every window as far as the first normalisation whose statistics are missing, and counts every position once.
With the published features there are 17, and the 18 passes cost 9.7 forward passes at stride 1, 9.1 at stride 4.
Nothing but the song itself is held in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from training.models.wave_unet import Down, Layer, Up, WaveUNet
from training.whole_song.moments import Moments
from training.whole_song.padded_song import PaddedSong

Affine = tuple[Tensor, Tensor]
"""Scale and shift of a normalisation whose statistics are known, (channels, 1) each."""


@dataclass(frozen=True)
class Level:
    """What a convolution gives.

    Attributes:
        features: shape (1, channels, positions).
        stride: input samples from one position to the next.
    """

    features: Tensor
    stride: int


@dataclass(frozen=True)
class Window:
    """A stretch of the song, of which a part is its own and the rest context; all in input samples.

    Windows begin at multiples of the stride of the lowest level, so that they are resampled on the positions of the
    whole. Context is longer than the receptive field, so that what the resamplers' reflection makes of an inner edge
    stays outside the own part on every level.

    Attributes:
        first: first sample that is heard.
        last: the one after the last.
        own_first: first sample of the own part; 0 in the first window.
        own_last: the one after its last; None in the last window, which owns all that is left.
    """

    first: int
    last: int
    own_first: int
    own_last: int | None

    def own(self, level: Level) -> Tensor:
        """The own positions, (channels, positions): those whose number times the stride is in the own part."""
        begin = (self.own_first - self.first) // level.stride
        end = None if self.own_last is None else (self.own_last - self.first) // level.stride
        return level.features[0, :, begin:end]


def wave_unet_pieces(model: WaveUNet, song: PaddedSong, window: int) -> Iterator[Tensor]:
    """The mixture, (channels, samples) a piece, in pieces of about ``window`` samples."""
    windows = _cut(model, song.length, window)
    known: list[Affine] = []
    for layer in (module for module in model.modules() if isinstance(module, Layer)):
        moments = Moments(layer.norm)
        for part in windows:
            moments.add(part.own(_run(model, song.span(part.first, part.last), known)))
        known.append(moments.affine())
    for part in windows:
        yield part.own(_run(model, song.span(part.first, part.last), known)).clamp(-1.0, 1.0)


def _cut(model: WaveUNet, length: int, window: int) -> list[Window]:
    """Windows with own parts of about ``window`` samples."""
    grid = model.config.stride ** len(model.down)
    core = max(1, window // grid) * grid
    context = (model.receptive_field // grid + 1) * grid
    windows = []
    for own_first in range(0, length - model.shortening, core):
        own_last = own_first + core
        first = max(0, own_first - context)
        last = min(length, first + model.input_samples(own_last + context - first))
        windows.append(Window(first, last, own_first, own_last if own_last < length - model.shortening else None))
    return windows


def _run(model: WaveUNet, stems: Tensor, known: Sequence[Affine]) -> Level:
    """The first level whose normalisation is not known; the mixture if all are."""
    levels = _levels(model, stems)
    for (scale, shift), level in zip(known, levels, strict=False):
        level.features.mul_(scale).add_(shift).relu_()
    return next(levels)


def _levels(model: WaveUNet, stems: Tensor) -> Iterator[Level]:
    """What every convolution gives, in the order of the forward pass.

    Whoever takes one normalises and rectifies it in place before taking the next.
    """
    features = stems.flatten(1, 2)
    shortcuts = []
    stride = 1
    for down in cast("Sequence[Down]", model.down):
        shortcut = down.pre.convolution(features)
        yield Level(shortcut, stride)
        shortcuts.append(shortcut)
        features = down.post.convolution(shortcut)
        yield Level(features, stride)
        features = down.resampler.down(features)
        stride *= model.config.stride
    features = model.bottleneck.convolution(features)
    yield Level(features, stride)
    for up in cast("Sequence[Up]", model.up):
        stride //= model.config.stride
        features = up.pre.convolution(up.resampler.up(features))
        yield Level(features, stride)
        features = up.post.convolution(up.join(features, shortcuts.pop()))
        yield Level(features, stride)
    yield Level(model.output(features), 1)
