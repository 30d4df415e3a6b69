"""Reading and writing the statistics file of the published code (``features_MUSDB18.npy``).

The file is a pickled dictionary, effect -> source -> array, of averages that were smoothed once. Unpickling can run
code; the reader here admits NumPy arrays of numbers, dictionaries and nothing else.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from fxnorm.statistics import FEATURE_LENGTHS, FeatureSum, Statistics, StatisticsError

SONG = "published averages"
"""Stands for the unknown songs behind an imported average."""

_ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ADMITTED:
            raise StatisticsError(f"refused to load {module}.{name}: only NumPy arrays and dictionaries are read")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_published(path: Path) -> Statistics:
    """Read the published averages.

    The averages count as one stem, so that they are smoothed once more when used, as the published code does.

    Raises:
        StatisticsError: not such a file, or it holds anything but arrays of the known features.
    """
    data = path.read_bytes()
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        header = npy.read_array_header_1_0(stream) if version == (1, 0) else npy.read_array_header_2_0(stream)
        if not header[2].hasobject:
            raise StatisticsError(f"{path}: holds an array of {header[2]}, not a dictionary of averages")
        content = _ArraysOnly(stream).load()
    except StatisticsError as error:
        raise StatisticsError(f"{path}: {error}") from None
    except (
        ValueError,
        EOFError,
        pickle.UnpicklingError,
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
    ) as error:
        raise StatisticsError(f"{path}: not a statistics file of the published code ({error})") from None
    table = content.item() if isinstance(content, np.ndarray) and content.shape == () else content
    return Statistics(_sums(path, table), "published")


def _sums(path: Path, table: object) -> dict[tuple[str, str], FeatureSum]:
    if not isinstance(table, dict):
        raise StatisticsError(f"{path}: expected a dictionary of effects, found {type(table).__name__}")
    sums = {}
    for effect, sources in table.items():
        if effect not in FEATURE_LENGTHS or not isinstance(sources, dict):
            raise StatisticsError(f"{path}: unknown effect {effect!r}; known: {', '.join(FEATURE_LENGTHS)}")
        for source, values in sources.items():
            array = np.asarray(values)
            if not isinstance(source, str) or array.dtype.kind != "f" or array.size != FEATURE_LENGTHS[effect]:
                raise StatisticsError(
                    f"{path}: {effect} of {source!r} should be {FEATURE_LENGTHS[effect]} numbers, "
                    f"found {array.dtype} of shape {array.shape}"
                )
            if not np.isfinite(array).all():
                raise StatisticsError(f"{path}: {effect} of {source!r} holds values that are not finite")
            sums[source, effect] = FeatureSum(array.astype(np.float64).ravel(), (SONG,))
    return dict(sorted(sums.items()))


def write_published(statistics: Statistics, path: Path) -> None:
    """Write statistics as the published code reads them, in one step: averages, smoothed once, float32 spectra.

    Averages that were imported were smoothed when they were made, and are written as they came.
    """
    table: dict[str, dict[str, np.ndarray]] = {feature: {} for feature in ("eq", "compression", "panning", "loudness")}
    for source, feature in statistics.sums:
        average = _average(statistics, source, feature)
        table[feature][source] = average.astype(np.float32) if feature in ("eq", "panning") else average
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("wb") as stream:
            np.save(stream, np.asarray(table, dtype=object))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _average(statistics: Statistics, source: str, feature: str) -> np.ndarray:
    """Average of a feature, smoothed as it is when it is used, unless it is smoothed already."""
    if statistics.mode == "published":
        return statistics.sums[source, feature].total
    targets = statistics.targets(source)
    averages = {
        "eq": targets.eq,
        "panning": targets.panning,
        "compression": targets.compression and (targets.compression.mean, targets.compression.std),
        "loudness": None if targets.loudness is None else (targets.loudness,),
    }
    return np.asarray(averages[feature])
