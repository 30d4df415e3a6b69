"""``catalog.json``: the small file, written last, that names everything that belongs to a catalog.

``draft.json`` has the same form and holds what the stages have made since; publishing copies it. What neither names
does not exist for a reader.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from catalogs import schemas
from catalogs.storage import TEMPORARY_SUFFIX, Location, write_table

PUBLISHED = "catalog.json"
DRAFT = "draft.json"


class CatalogError(ValueError):
    """A folder that is not a catalog, or a catalog that cannot be read."""


@dataclasses.dataclass(frozen=True)
class TableFile:
    """A table of the catalog: path relative to it, rows, and BLAKE2b-128 of the file."""

    path: str
    rows: int
    hash: str


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a catalog consists of.

    Attributes:
        tables: by name.
        config: configuration of each stage that made them.
        version: version of the package that wrote it.
        format: version of the layout.
    """

    tables: Mapping[str, TableFile] = dataclasses.field(default_factory=dict)
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    version: str = ""
    format: int = schemas.FORMAT_VERSION

    def with_stage(self, stage: str, tables: Mapping[str, TableFile], config: Mapping[str, Any]) -> Manifest:
        """This manifest with a stage's tables and configuration replaced."""
        return dataclasses.replace(self, tables={**self.tables, **tables}, config={**self.config, stage: dict(config)})

    def without_tables(self, *names: str) -> Manifest:
        """This manifest without some tables."""
        return dataclasses.replace(self, tables={k: v for k, v in self.tables.items() if k not in names})

    def to_json(self) -> bytes:
        """The file's content; the same for the same catalog."""
        return (json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True) + "\n").encode()


def read_manifest(catalog: Location, name: str = PUBLISHED) -> Manifest | None:
    """Read ``catalog.json`` or ``draft.json``; None if there is none.

    Raises:
        CatalogError: the file is not a manifest, or from a later version.
    """
    location = catalog / name
    if not location.exists():
        return None
    try:
        content = json.loads(location.read_bytes())
        layout = int(content["format"])
        manifest = _from_json(content, layout) if layout <= schemas.FORMAT_VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogError(f"{location.path}: not a catalog manifest ({error!r}); restore it or build anew") from None
    if manifest is None:
        raise CatalogError(
            f"{location.path}: layout {layout} is newer than {schemas.FORMAT_VERSION}; upgrade fxnorm-data"
        )
    return manifest


def _from_json(content: Mapping[str, Any], layout: int) -> Manifest:
    tables = {name: TableFile(**entry) for name, entry in content["tables"].items()}
    return Manifest(tables, dict(content["config"]), str(content["version"]), layout)


def store_table(catalog: Location, name: str, table: pa.Table) -> TableFile:
    """Write a table under a name that contains its content's hash, so that no earlier table is overwritten.

    Columns get the types and descriptions of the table's schema; what else the table's metadata say is kept.
    """
    schema = schemas.STORED[name]
    metadata = {**(table.schema.metadata or {}), **schema.metadata}
    temporary = catalog / "tables" / f".{name}{TEMPORARY_SUFFIX}"
    write_table(temporary, table.cast(schema.with_metadata(metadata)))
    digest = temporary.hash()
    final = catalog / "tables" / f"{name}-{digest}.parquet"
    catalog.filesystem.move(temporary.path, final.path)
    return TableFile(f"tables/{final.name}", table.num_rows, digest)
