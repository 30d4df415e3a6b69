"""One song of a catalog as tensors: stems in a given order, and the mixture."""

from __future__ import annotations

import torch
from torch import Tensor

from catalogs.catalog import Catalog
from catalogs.schemas import MIXTURE


def read_song(
    catalog: Catalog, song_id: str, sources: tuple[str, ...], start: int, samples: int, swap: bool = False
) -> tuple[Tensor, Tensor]:
    """A stretch of a song.

    Args:
        catalog: the catalog.
        song_id: id of the song; it must have a mixture.
        sources: stems, in this order; one that the song does not have is silence.
        start: first sample.
        samples: length; zeros after the end of the song.
        swap: exchange left and right, of all stems and the mixture.

    Returns:
        stems, float32 of shape (sources, 2, samples), and the mixture, (2, samples).
    """
    present = catalog.song(song_id).frames
    stems = torch.empty(len(sources), 2, samples)
    mixture = torch.empty(2, samples)
    channels = slice(None, None, -1) if swap else slice(None)
    places = {name: stems[index] for index, name in enumerate(sources) if name in present} | {MIXTURE: mixture}
    for index, name in enumerate(sources):
        if name not in present:
            stems[index].zero_()
    catalog.crop_into(song_id, start, {name: place.numpy().T[:, channels] for name, place in places.items()})
    return stems, mixture


def song_samples(catalog: Catalog, song_id: str) -> int:
    """Samples of the longest stem or mixture of a song."""
    return max(catalog.song(song_id).frames.values())
