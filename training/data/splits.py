"""Which songs of a catalog are trained on, validated with and tested with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalogs.catalog import Catalog
from catalogs.schemas import MIXTURE

HELD_OUT_SHARE = 0.1
"""Share of the training songs that is held out for validation where a catalog has no validation songs."""

FEWEST_TO_HOLD_OUT = 4
"""With fewer training songs, none is held out."""


@dataclass(frozen=True)
class Splits:
    """Song ids by purpose, sorted; ``note`` says so where validation songs were held out."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    note: str = ""

    def as_mapping(self) -> Mapping[str, Sequence[str]]:
        """Song ids by name of the split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def choose_splits(catalog: Catalog) -> Splits:
    """Songs with a mixture, by the catalog's column ``split``.

    Where no song is marked for validation, the last tenth of the training songs is held out, one at least.
    """
    songs = {name: catalog.song(name) for name in catalog.songs}
    usable = {name: song.split for name, song in songs.items() if MIXTURE in song.frames}
    train, validation, test = (
        tuple(name for name, split in usable.items() if split == wanted) for wanted in ("train", "validation", "test")
    )
    if validation or len(train) < FEWEST_TO_HOLD_OUT:
        return Splits(train, validation, test)
    count = max(1, round(HELD_OUT_SHARE * len(train)))
    return Splits(
        train[:-count], train[-count:], test, f" held out of the training songs ({', '.join(train[-count:])})"
    )
