"""Networks, and the plain sum, on the songs of a catalog's split, against the engineers' mixes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from catalogs.catalog import Catalog
from training.data.songs import read_song, song_samples
from training.data.splits import choose_splits
from training.evaluation.bootstrap import Bootstrap
from training.evaluation.evaluate import SystemMix, evaluate
from training.evaluation.report import EvaluationReport
from training.mixing import LoadedMixer, MixConfig
from training.mixing.mixdown import run_network

NORMALISED_SUM = "normalised sum"
"""Name of the baseline: the sum of the normalised stems, no network."""


def evaluate_split(
    catalog: Catalog,
    split: str,
    mixers: Mapping[str, LoadedMixer],
    baseline: bool = True,
    bootstrap: Bootstrap | None = None,
    on_mix: Callable[[int, int], None] | None = None,
) -> EvaluationReport:
    """Mix every song of a split with every network and compare with its mixture.

    Args:
        catalog: the catalog; its stems are normalised already.
        split: ``validation``, ``test`` or ``train``.
        mixers: networks by name.
        baseline: evaluate the sum of the normalised stems as well.
        bootstrap: how the intervals are made.
        on_mix: told how many mixes are done, and of how many.

    Raises:
        ValueError: no song with a mixture in the split.
    """
    songs = choose_splits(catalog).as_mapping()[split]
    if not songs:
        raise ValueError(f"{catalog.location.path}: no {split} song with a mixture")
    mixes = _mixes(catalog, songs, mixers, baseline, on_mix)
    return evaluate(mixes, bootstrap=bootstrap)


def _mixes(
    catalog: Catalog,
    songs: Sequence[str],
    mixers: Mapping[str, LoadedMixer],
    baseline: bool,
    on_mix: Callable[[int, int], None] | None,
) -> Iterator[SystemMix]:
    total = len(songs) * (len(mixers) + baseline)
    done = 0
    for song in songs:
        samples = song_samples(catalog, song)
        present = tuple(name for name in catalog.song(song).frames if name != "mixture")
        systems: dict[str, LoadedMixer | None] = {NORMALISED_SUM: None} if baseline else {}
        systems.update(mixers)
        for name, mixer in systems.items():
            stems, mixture = read_song(catalog, song, present if mixer is None else mixer.sources, 0, samples)
            mix = stems.sum(dim=0).numpy().T if mixer is None else run_network(mixer, stems, MixConfig())
            yield SystemMix(name, song, np.ascontiguousarray(mix), np.ascontiguousarray(mixture.numpy().T))
            done += 1
            if on_mix is not None:
                on_mix(done, total)
