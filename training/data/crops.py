"""Random crops of a catalog's songs, the same for the same (seed, epoch, position) whatever the number of workers.

Every example of an epoch has a number. Which song, which offset and whether left and right are swapped follow from
the seed, the epoch and that number alone; ranks and loader workers merely share the numbers out. The state to resume
from is therefore (epoch, examples taken).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from catalogs.catalog import Catalog
from training.data.songs import read_song, song_samples


@dataclass(frozen=True)
class CropConfig:
    """What a training example is.

    Attributes:
        samples: length of a crop.
        sources: stems, in this order.
        seed: seed of all choices.
        swap: swap left and right, of all stems and the mixture alike, in half of the examples.
    """

    samples: int
    sources: tuple[str, ...]
    seed: int = 0
    swap: bool = True


@dataclass(frozen=True)
class Choice:
    """What example ``number`` of an epoch is."""

    song_id: str
    start: int
    swap: bool


class CropDataset(IterableDataset[tuple[Tensor, Tensor]]):
    """Yields (stems (sources, 2, samples), mixture (2, samples)), float32, without end of data within an epoch.

    Args:
        catalog: path or URI; every worker opens it by itself.
        songs: ids to draw from, with equal chances.
        config: what an example is.
        examples: examples in an epoch, over all ranks.
        rank: this process.
        ranks: number of processes.
        group: examples that stay together on one rank, the batch size of a rank.
    """

    def __init__(
        self,
        catalog: str,
        songs: Sequence[str],
        config: CropConfig,
        examples: int,
        rank: int = 0,
        ranks: int = 1,
        group: int = 1,
    ) -> None:
        super().__init__()
        if not songs:
            raise ValueError(f"{catalog}: no song to draw from")
        self._target = catalog
        self._songs = tuple(sorted(songs))
        self._config = config
        self._examples = examples
        self._rank = rank
        self._ranks = ranks
        self._group = group
        self._epoch = 0
        self._taken = 0
        self._lengths: dict[str, int] = {}
        self._catalog: Catalog | None = None

    def state_dict(self) -> dict[str, int]:
        """Epoch, and the number of its examples that were taken over all ranks."""
        return {"epoch": self._epoch, "taken": self._taken}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where a state was taken."""
        self._epoch, self._taken = state["epoch"], state["taken"]

    def choose(self, epoch: int, number: int) -> Choice:
        """Song, offset and swap of an example."""
        rng = np.random.default_rng([self._config.seed, epoch, number])
        song_id = self._songs[int(rng.integers(len(self._songs)))]
        if song_id not in self._lengths:
            self._lengths[song_id] = song_samples(self._open(), song_id)
        last = max(0, self._lengths[song_id] - self._config.samples)
        start = int(rng.integers(last + 1))
        return Choice(song_id, start, self._config.swap and bool(rng.integers(2)))

    def example(self, epoch: int, number: int) -> tuple[Tensor, Tensor]:
        """Read an example."""
        choice = self.choose(epoch, number)
        return read_song(
            self._open(), choice.song_id, self._config.sources, choice.start, self._config.samples, choice.swap
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        worker = get_worker_info()
        worker_id, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for number in self.numbers(worker_id, workers):
            yield self.example(self._epoch, number)

    def numbers(self, worker: int = 0, workers: int = 1) -> Iterator[int]:
        """Numbers of the examples that a loader worker of this rank reads: its share of the groups, in order."""
        groups = range(self._taken // self._group + self._rank, self._examples // self._group, self._ranks)
        for group in groups[worker::workers]:
            yield from range(group * self._group, (group + 1) * self._group)

    def _open(self) -> Catalog:
        if self._catalog is None:
            self._catalog = Catalog.open(self._target)
        return self._catalog

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_catalog": None}
