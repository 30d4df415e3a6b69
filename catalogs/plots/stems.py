"""A row for each stem of a catalog: origin, numbers before and after normalisation, and targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from catalogs.catalog import Catalog
from catalogs.plots.quantities import QUANTITIES, STAGES

Catalogs = Catalog | Mapping[str, Catalog]
"""A catalog, or several by the names that charts give them."""

KEY = ["song_id", "stem"]


def by_label(catalogs: Catalogs) -> dict[str, Catalog]:
    """Catalogs by label; one alone has an empty label."""
    return {"": catalogs} if isinstance(catalogs, Catalog) else dict(catalogs)


def stem_frame(catalogs: Catalogs) -> pd.DataFrame:
    """Numbers of all stems; reads no spectrum.

    Returns:
        columns ``label`` (name of the catalog, empty where there is one), ``corpus``, ``split``, ``song_id``,
        ``source``, ``silent``, ``seconds``, and for each of :data:`QUANTITIES` ``<name>_before``, ``<name>_after``,
        ``<name>_target``, ``<name>_distance_before`` and ``<name>_distance_after`` (magnitude of the difference to
        the target); NaN where nothing was measured. Sorted by label, song and source.

    Raises:
        CatalogError: a table is not there.
    """
    frames = [_stems(catalog).assign(label=label) for label, catalog in by_label(catalogs).items()]
    frame = pd.concat(frames, ignore_index=True)
    for name in QUANTITIES:
        for stage in STAGES:
            frame[f"{name}_distance_{stage}"] = (frame[f"{name}_{stage}"] - frame[f"{name}_target"]).abs()
    return frame


def _stems(catalog: Catalog) -> pd.DataFrame:
    columns = [*KEY, "split", "silent", "loudness_lufs", "compression_mean_db"]
    features = catalog.frame("features", columns)
    stored = catalog.frame("shards", [*KEY, "loudness_lufs", "frames", "sample_rate"]).set_index(KEY)
    receipts = _receipts(catalog)
    frame = features.join(stored.rename(columns={"loudness_lufs": "loudness_after"}), on=KEY).join(receipts, on=KEY)
    frame["loudness_before"] = frame["loudness_lufs"]
    frame["dynamics_before"] = frame["compression_mean_db"]
    frame["seconds"] = frame["frames"] / frame["sample_rate"]
    frame["corpus"] = frame["song_id"].map(_corpora(catalog))
    numbers = [f"{name}_{stage}" for name in QUANTITIES for stage in (*STAGES, "target")]
    wanted = ["corpus", "split", "song_id", "source", "silent", "seconds", *numbers]
    frame[numbers] = frame[numbers].astype(float)
    return frame.rename(columns={"stem": "source"}).sort_values(["song_id", "source"])[wanted]


def _corpora(catalog: Catalog) -> dict[str, str]:
    songs = catalog.table("tracks", ["song_id", "corpus"])
    pairs = songs.group_by("song_id").aggregate([("corpus", "min")])
    return dict(zip(pairs["song_id"].to_pylist(), pairs["corpus_min"].to_pylist(), strict=True))


def _receipts(catalog: Catalog) -> pd.DataFrame:
    """Columns by song and stem; ``loudness_after`` and the two ``before`` that other tables have are left out."""
    table = catalog.table("receipts", [*KEY, "effect", "target", "before", "achieved"])
    parts = []
    for quantity in QUANTITIES.values():
        mine = table.filter(pc.equal(table["effect"], pa.scalar(quantity.effect))).to_pandas().set_index(KEY)
        renamed = {"target": f"{quantity.name}_target"}
        if quantity.name != "loudness":
            renamed["achieved"] = f"{quantity.name}_after"
        if quantity.name in ("spectrum", "panning"):
            renamed["before"] = f"{quantity.name}_before"
        parts.append(mine[list(renamed)].rename(columns=renamed))
    return pd.concat(parts, axis=1).astype(np.float64)
