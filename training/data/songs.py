"""One song of a catalog as tensors: stems in a given order, and the mixture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from catalogs.catalog import Catalog
from catalogs.schemas import MIXTURE


def read_song(
    catalog: Catalog, song_id: str, sources: tuple[str, ...], start: int, samples: int
) -> tuple[Tensor, Tensor]:
    """A stretch of a song.

    Args:
        catalog: the catalog.
        song_id: id of the song; it must have a mixture.
        sources: stems, in this order; one that the song does not have is silence.
        start: first sample.
        samples: length; zeros after the end of the song.

    Returns:
        stems, float32 of shape (sources, 2, samples), and the mixture, (2, samples).
    """
    present = catalog.song(song_id).frames
    audio = catalog.crop(song_id, start, samples, [name for name in (*sources, MIXTURE) if name in present])
    silence = np.zeros((samples, 2), dtype=np.float32)
    stems = np.stack([_channels_first(audio.get(name, silence)) for name in sources])
    return torch.from_numpy(stems), torch.from_numpy(_channels_first(audio[MIXTURE]))


def song_samples(catalog: Catalog, song_id: str) -> int:
    """Samples of the longest stem or mixture of a song."""
    return max(catalog.song(song_id).frames.values())


def _channels_first(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(audio.T)
