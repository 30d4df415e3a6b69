"""The publications of a catalog, in numbers and as a table."""

from __future__ import annotations

import dataclasses

from rich.console import Console
from rich.table import Table

from catalogs.catalog import Catalog
from catalogs.manifest import CatalogError
from catalogs.storage import Location
from catalogs.versions import list_versions


@dataclasses.dataclass(frozen=True)
class Publication:
    """A version of a catalog.

    Attributes:
        number: from 1.
        fingerprint: of its manifest.
        package: version of the package that wrote it.
        songs: number of songs stored.
        hours: of all stems and mixtures stored.
        bytes: size of its shards.
    """

    number: int
    fingerprint: str
    package: str
    songs: int
    hours: float
    bytes: int


def list_publications(target: str) -> list[Publication]:
    """The versions of a catalog, the first one first.

    Raises:
        CatalogError: no version there, or a table that cannot be read.
    """
    versions = list_versions(Location.parse(target))
    if not versions:
        raise CatalogError(f"{target}: no version of a catalog here; build one with 'fxnorm-data build-catalog'")
    found = []
    for version in versions:
        catalog = Catalog.open(target, version.path)
        shards = catalog.frame("shards", ["song_id", "shard", "shard_bytes", "frames", "sample_rate"])
        found.append(
            Publication(
                number=version.number,
                fingerprint=version.fingerprint,
                package=catalog.manifest.version,
                songs=shards.song_id.nunique(),
                hours=float((shards.frames / shards.sample_rate).sum() / 3600),
                bytes=int(shards.drop_duplicates("shard").shard_bytes.sum()),
            )
        )
    return found


def print_publications(publications: list[Publication], console: Console) -> None:
    """Print the versions, one a line."""
    table = Table("version", "fingerprint", "songs", "stem-hours", "shards, GB", "package")
    for row in publications:
        size = f"{row.bytes / 1e9:.3f}"
        table.add_row(str(row.number), row.fingerprint, str(row.songs), f"{row.hours:.2f}", size, row.package)
    console.print(table)
