"""Statistics as a Parquet table, and reading them from whatever file a user has."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa

from catalogs import schemas
from catalogs.storage import Location, read_table, write_table
from fxnorm.published import read_published
from fxnorm.statistics import FEATURE_LENGTHS, FeatureSum, Mode, Statistics, StatisticsError

MODE_KEY = b"mode"


def statistics_to_table(statistics: Statistics) -> pa.Table:
    """Rows sorted by source and feature; the mode is kept in the schema's metadata."""
    rows = [
        {
            "source": source,
            "feature": feature,
            "count": value.count,
            "sum": value.total,
            "songs": list(value.songs),
        }
        for (source, feature), value in sorted(statistics.sums.items())
    ]
    table = pa.Table.from_pylist(rows, schema=schemas.STATISTICS)
    return table.replace_schema_metadata({**(table.schema.metadata or {}), MODE_KEY: statistics.mode.encode()})


def table_to_statistics(table: pa.Table) -> Statistics:
    """The inverse of :func:`statistics_to_table`.

    Raises:
        StatisticsError: columns, lengths or counts that do not fit.
    """
    missing = set(schemas.STATISTICS.names) - set(table.column_names)
    if missing:
        raise StatisticsError(f"not a statistics table: no column {', '.join(sorted(missing))}")
    mode = (table.schema.metadata or {}).get(MODE_KEY, b"raw").decode()
    sums = {}
    for row in table.to_pylist():
        total = np.asarray(row["sum"], dtype=np.float64)
        feature = row["feature"]
        if total.shape != (FEATURE_LENGTHS.get(feature, -1),) or row["count"] != len(row["songs"]):
            raise StatisticsError(f"{row['source']} {feature}: sum or songs have the wrong length")
        sums[row["source"], feature] = FeatureSum(total, tuple(row["songs"]))
    return Statistics(sums, cast(Mode, mode))


def write_statistics(statistics: Statistics, path: Path | str) -> None:
    """Write a statistics file (Parquet); equal statistics give equal bytes."""
    write_table(Location.parse(path), statistics_to_table(statistics))


def read_statistics(path: Path | str) -> Statistics:
    """Read statistics from a file of ours (Parquet), a catalog folder, or the published file (``.npy``).

    Raises:
        StatisticsError: none of these.
    """
    if str(path).endswith(".npy"):
        local = Path(path)
        if not local.is_file():
            raise StatisticsError(f"{path}: no such file")
        return read_published(local)
    from catalogs.catalog import Catalog
    from catalogs.manifest import CatalogError

    location = Location.parse(path)
    if not location.exists():
        try:
            return Catalog.open(path).statistics()
        except CatalogError as error:
            raise StatisticsError(
                f"{path}: neither a statistics file nor a catalog with statistics ({error})"
            ) from None
    try:
        return table_to_statistics(read_table(location))
    except (pa.ArrowInvalid, StatisticsError) as error:
        raise StatisticsError(f"{path}: {error}") from None
