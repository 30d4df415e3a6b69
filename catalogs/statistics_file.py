"""Statistics as a Parquet table, and reading them from whatever file a user has."""

from __future__ import annotations

from pathlib import Path
from typing import cast, get_args

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
        StatisticsError: columns, lengths or counts that do not fit, or sums that are not finite.
    """
    missing = set(schemas.STATISTICS.names) - set(table.column_names)
    if missing:
        raise StatisticsError(f"not a statistics table: no column {', '.join(sorted(missing))}")
    mode = (table.schema.metadata or {}).get(MODE_KEY, b"raw").decode(errors="replace")
    if mode not in get_args(Mode):
        raise StatisticsError(f"not a statistics table: unknown mode {mode!r}")
    try:
        rows = table.select(schemas.STATISTICS.names).cast(schemas.STATISTICS).to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise StatisticsError(f"not a statistics table: {error}") from None
    sums: dict[tuple[str, str], FeatureSum] = {}
    for row in rows:
        source, feature = row["source"], row["feature"]
        total = np.asarray(row["sum"], dtype=np.float64)
        if total.shape != (FEATURE_LENGTHS.get(feature, -1),) or not row["songs"] or row["count"] != len(row["songs"]):
            raise StatisticsError(f"{source} {feature}: sum or songs have the wrong length")
        if not np.isfinite(total).all() or (source, feature) in sums:
            raise StatisticsError(f"{source} {feature}: in the table twice, or a sum is not finite")
        sums[source, feature] = FeatureSum(total, tuple(row["songs"]))
    return Statistics(sums, cast(Mode, mode))


def write_statistics(statistics: Statistics, path: Path | str) -> None:
    """Write a statistics file (Parquet); equal statistics give equal bytes."""
    write_table(Location.parse(path), statistics_to_table(statistics))


def read_statistics(path: Path | str) -> Statistics:
    """Read statistics from a file of ours (Parquet), a catalog folder, or the published file (``.npy``).

    Raises:
        StatisticsError: none of these.
    """
    from catalogs.catalog import Catalog
    from catalogs.manifest import CatalogError

    location = Location.parse(path)
    if location.name.endswith(".npy"):
        if not location.is_local:
            raise StatisticsError(f"{path}: the published file is read from a local disk only; download it first")
        if not location.exists():
            raise StatisticsError(f"{path}: no such file")
        return read_published(Path(location.path))
    if not location.exists():
        try:
            return Catalog.open(path).statistics()
        except CatalogError as error:
            raise StatisticsError(
                f"{path}: neither a statistics file nor a catalog with statistics ({error})"
            ) from None
    try:
        return table_to_statistics(read_table(location))
    except (OSError, pa.ArrowException, StatisticsError) as error:
        raise StatisticsError(f"{path}: not a statistics file that can be read ({error}); measure it again") from None
