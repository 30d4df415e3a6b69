"""FxNorm-automix over a whole song: filters in windows, the mask estimator over the pools of the whole song.

    Z, L  = envelope of P and sum of |P|, pool by pool       first pass over windows
    mask  = softplus(BLSTM(TCN(Z)))                          once, over all pools
    gain  = SE's gain from the mean of mask L                |mask P| = mask |P|, since the mask is positive
    mix   = tanh(conv^T(gain mask P))                        second pass over windows

Whatever is as long as the song has one value a pool. In the published size, with a pool of 64 samples, 128 channels of
a minute at 44.1 kHz are 21 MB; the peak is below 8 times that.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.models.automix import Automix, FrontEnd, MaskEstimator, TemporalBlock
from training.whole_song.lstm import long_lstm
from training.whole_song.padded_song import PaddedSong

CHUNK = 16_384
"""Steps of the LSTM that are run at a time."""


def automix_pieces(model: Automix, song: PaddedSong, window: int) -> Iterator[Tensor]:
    """The mixture, (channels, samples) a piece, in pieces of about ``window`` samples."""
    bank = model.front_end
    pools = song.length // model.config.filter_bank.pool_samples
    step = max(1, window // model.config.filter_bank.pool_samples)
    windows = [(first, min(first + step, pools)) for first in range(0, pools, step)]
    envelope, levels = _analyse(bank, song, windows)
    mask = _estimate_mask(model.mask, envelope)
    del envelope
    level = levels.mul_(mask).sum(dim=-1, dtype=torch.float64) / (pools * bank.pool)
    del levels
    mask *= model.excitation.gain(level.to(mask.dtype)).unsqueeze(-1)
    weight = bank.analysis.weight.unflatten(1, (len(model.sources), model.channels)).sum(dim=1)
    for first, last in windows:
        yield torch.tanh(_synthesise(bank, song, mask, weight, first, last))[0]


def _filter(bank: FrontEnd, song: PaddedSong, first: int, last: int) -> Tensor:
    """Frames ``first`` to ``last`` of P, (1, filters, frames)."""
    lead, trail = bank.margins
    return bank.analysis(song.span(first * bank.stride - lead, last * bank.stride + trail).flatten(1, 2))


def _analyse(bank: FrontEnd, song: PaddedSong, windows: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Envelope Z and the sum of |P| over every pool, both (1, filters, pools).

    Softplus rises everywhere, so that it may come after the maximum.
    """
    before, after = bank.smoothing_margins
    pools = windows[-1][1]
    envelope = bank.analysis.weight.new_empty(1, bank.analysis.out_channels, pools)
    levels = torch.empty_like(envelope)
    for first_pool, last_pool in windows:
        first, last = first_pool * bank.pool, last_pool * bank.pool
        heard_first, heard_last = max(0, first - before), min(pools * bank.pool, last + after)
        rectified = _filter(bank, song, heard_first, heard_last).abs_()
        own = rectified[..., first - heard_first : last - heard_first]
        levels[..., first_pool:last_pool] = own.unflatten(-1, (-1, bank.pool)).sum(dim=-1)
        padded = functional.pad(rectified, (before - (first - heard_first), after - (heard_last - last)))
        envelope[..., first_pool:last_pool] = functional.max_pool1d(bank.smoothing(padded), bank.pool)
    return functional.softplus(envelope), levels


def _estimate_mask(estimator: MaskEstimator, envelope: Tensor) -> Tensor:
    """Gains (1, filters, pools), with the sums of the residual and skip paths in place."""
    features = _pointwise(estimator.bottleneck, estimator.norm(envelope))
    skips = features.new_zeros(1, estimator.expand.in_channels, features.shape[-1])
    for block in (module for module in estimator.modules() if isinstance(module, TemporalBlock)):
        inner = block.norm_1(block.activation_1(_pointwise(block.expand, features)))
        inner = block.norm_2(block.activation_2(block.depthwise(inner)))
        _add_pointwise(skips, block.skip, inner)
        if not block.last:
            _add_pointwise(features, block.residual, inner)
    del features, inner
    gains = functional.softplus(_pointwise(estimator.expand, estimator.activation(skips)))
    return functional.softplus(long_lstm(estimator.lstm, gains[0].T, CHUNK).T.contiguous())[None]


def _pointwise(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """A convolution of one tap, as a product, which needs no second copy of its output."""
    return torch.baddbmm(cast(Tensor, convolution.bias)[:, None], convolution.weight[None, ..., 0], x)


def _add_pointwise(total: Tensor, convolution: nn.Conv1d, x: Tensor) -> None:
    """Add a convolution of one tap to ``total``, in place."""
    total.add_(cast(Tensor, convolution.bias)[:, None]).baddbmm_(convolution.weight[None, ..., 0], x)


def _synthesise(bank: FrontEnd, song: PaddedSong, mask: Tensor, weight: Tensor, first: int, last: int) -> Tensor:
    """Masked audio of the pools ``first`` to ``last``, (1, channels, samples), before the limiter.

    The frames that reach into them are the first to the last whose filter covers a sample of theirs, without those that
    reach over an end of the whole, as in the forward pass.
    """
    lead, trail = bank.margins
    frames = mask.shape[-1] * bank.pool
    start, end = first * bank.pool * bank.stride, last * bank.pool * bank.stride
    first_frame = max(lead // bank.stride, -(-(start + lead + 1 - weight.shape[-1]) // bank.stride))
    last_frame = min(frames - trail // bank.stride, (end - 1 + lead) // bank.stride + 1)
    first_pool, last_pool = first_frame // bank.pool, -(-last_frame // bank.pool)
    offset = first_pool * bank.pool
    masked = _filter(bank, song, offset, last_pool * bank.pool)
    masked.unflatten(-1, (-1, bank.pool)).mul_(mask[..., first_pool:last_pool, None])
    reaching = masked[..., first_frame - offset : last_frame - offset]
    audio = functional.conv_transpose1d(reaching, weight, stride=bank.stride)
    return audio.narrow(-1, start - (first_frame * bank.stride - lead), end - start)
