"""The way from a network to its schedule over a whole song."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from training.models import Automix, Mixer, WaveUNet
from training.whole_song.automix import automix_pieces
from training.whole_song.padded_song import PaddedSong
from training.whole_song.wave_unet import wave_unet_pieces


@torch.no_grad()
def apply_to_song(model: Mixer, stems: Tensor, window: int, lead: int = 0) -> Tensor:
    """Run a network over a song, without gradients, and return what one forward pass over all of it would.

    Normalisation over time, recurrence and squeeze-and-excitation see the whole song, however it is cut; only rounding
    differs. A song that fits a window is run in one piece, and so is every song by a network that has no schedule of
    its own here.

    Args:
        model: the network, in evaluation mode.
        stems: shape (sources, channels, samples), on any device; windows of them are moved to the network's.
        window: samples that are held in full at a time; memory and speed depend on it, the result does not.
        lead: samples of the song's start that the network hears before the song.

    Returns:
        shape (channels, samples), or (sources, channels, samples) from a network that predicts stems, on the device of
        ``stems``.

    Raises:
        ValueError: a window without samples, or a lead longer than the song.
    """
    samples = stems.shape[-1]
    if window < 1 or not 0 <= lead <= samples:
        raise ValueError(f"window must be at least 1 and lead in 0..{samples}, found {window} and {lead}")
    shape = stems.shape if model.predicts == "stems" else stems.shape[1:]
    output = stems.new_empty(*shape[:-1], lead + samples)
    position = 0
    for piece in _pieces(model, PaddedSong.of(model, stems, lead), window):
        kept = min(piece.shape[-1], lead + samples - position)
        output[..., position : position + kept] = piece[..., :kept]
        position += kept
    return output[..., lead:]


def _pieces(model: Mixer, song: PaddedSong, window: int) -> Iterator[Tensor]:
    """Consecutive stretches of the output; the last ends with the song or after it."""
    match model:
        case Automix() if song.length > window:
            yield from automix_pieces(model, song, window)
        case WaveUNet() if song.length > window:
            yield from wave_unet_pieces(model, song, window)
        case _:
            yield model(song.span(0, song.length))[0]
