"""Spectra and panning curves of a catalog in a hundred bands, read in batches: a stem's 262 kB become 800 bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from catalogs.catalog import Catalog
from fxnorm.settings import SAMPLE_RATE, SPECTRUM_BINS, SPECTRUM_N_FFT

Feature = Literal["eq", "panning"]

LOWEST_HZ = 20.0
BANDS_PER_OCTAVE = 10
OCTAVES = 10

EDGES_HZ: NDArray[np.float64] = LOWEST_HZ * 2.0 ** (np.arange(BANDS_PER_OCTAVE * OCTAVES + 1) / BANDS_PER_OCTAVE)
"""Edges of the bands, 20 Hz to 20.48 kHz."""

CENTRES_HZ: NDArray[np.float64] = np.sqrt(EDGES_HZ[:-1] * EDGES_HZ[1:])
"""Geometric centres of the bands, shape (100,)."""

BATCH_ROWS = 128
"""Stems read at a time, 17 MB of spectra."""

SILENCE_DB = -200.0
"""Level of a band without energy."""


def band_values(curves: NDArray[np.floating], feature: Feature) -> NDArray[np.float32]:
    """Spectra or panning curves in bands.

    Args:
        curves: shape (stems, 32 769): mean magnitudes, or similarities phi.
        feature: ``eq`` gives the level of a band's mean power, dB; ``panning`` the mean similarity, 0 to 1.

    Returns:
        shape (stems, 100).
    """
    starts = np.searchsorted(np.arange(SPECTRUM_BINS) * SAMPLE_RATE / SPECTRUM_N_FFT, EDGES_HZ)
    values = np.square(curves, dtype=np.float64) if feature == "eq" else curves
    sums = np.add.reduceat(values, starts, axis=1, dtype=np.float64)[:, :-1]
    means = sums / np.diff(starts)
    if feature == "panning":
        return means.astype(np.float32)
    floor = 10.0 ** (SILENCE_DB / 10)
    return (10.0 * np.log10(np.maximum(means, floor))).astype(np.float32)


def band_frame(catalog: Catalog, feature: Feature) -> pd.DataFrame:
    """The bands of every stem that has the feature.

    Returns:
        index ``song_id`` and ``source``, 100 columns of float32 as of :func:`band_values`.
    """
    parts = list(_parts(catalog, feature))
    if not parts:
        empty = pd.MultiIndex.from_arrays([[], []], names=["song_id", "source"])
        return pd.DataFrame(np.empty((0, CENTRES_HZ.size), np.float32), index=empty)
    return pd.concat(parts).sort_index()


def _parts(catalog: Catalog, feature: Feature) -> Iterator[pd.DataFrame]:
    for batch in catalog.batches("features", ["song_id", "stem", feature], BATCH_ROWS):
        measured = batch.filter(pc.is_valid(batch[feature]))
        if measured.num_rows:
            index = pd.MultiIndex.from_arrays(
                [measured["song_id"].to_pylist(), measured["stem"].to_pylist()], names=["song_id", "source"]
            )
            yield pd.DataFrame(band_values(_matrix(measured[feature]), feature), index=index)


def _matrix(column: pa.ListArray) -> NDArray[np.float32]:
    return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)


def target_bands(catalog: Catalog, feature: Feature) -> dict[str, NDArray[np.float32]]:
    """The curve that the stems of each source were normalised to, in bands, shape (100,)."""
    statistics = catalog.targets()
    found = {}
    for source in statistics.sources:
        targets = statistics.targets(source)
        curve = targets.eq if feature == "eq" else targets.panning
        if curve is not None:
            found[source] = band_values(curve[None], feature)[0]
    return found
