"""``catalog.json``: the small file, written last, that names everything that belongs to a catalog.

``draft.json`` has the same form and holds what the stages have made since; publishing copies it. What neither names
does not exist for a reader.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs import schemas
from catalogs.storage import PARQUET_OPTIONS, HashingStream, Location
from fxnorm.settings import SPECTRUM_BINS

PUBLISHED = "catalog.json"
DRAFT = "draft.json"

ROW_GROUP_BYTES = 1 << 26
"""Size in memory, roughly, of what is written as one row group of a table."""

LANDMARKS_BYTES = 1 << 16
"""Bytes of landmarks or times in a row of ``fingerprints``, more than most have, so that one song is quickly read."""

SPECTRUM_BYTES = 4 * SPECTRUM_BINS
"""Bytes of a spectrum or panning curve in a row of ``features``."""


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

    def fingerprint(self) -> str:
        """BLAKE2b-128 of the file's content, which names every table by its own; hexadecimal."""
        return hashlib.blake2b(self.to_json(), digest_size=16).hexdigest()


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


class TableWriter:
    """A table of a catalog, written piece by piece under a name that contains its content's hash.

    No earlier table is overwritten, and nothing is there before the block ends without an error. Columns get the
    types and descriptions of the table's schema; what else the metadata of the first piece say is kept. The same
    rows give the same file, however they are cut into pieces.

    Args:
        catalog: folder of the catalog.
        name: of the table.
    """

    def __init__(self, catalog: Location, name: str) -> None:
        self._catalog = catalog
        self._name = name
        self._schema: pa.Schema | None = None
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._rows = 0
        self._cleanup = ExitStack()
        self._stored: TableFile | None = None

    def __enter__(self) -> TableWriter:
        stream = self._cleanup.enter_context((self._catalog / "tables").open_to_be_named(self._file_name))
        self._stream = HashingStream(stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            if self._schema is None:
                self.write_rows([])
            self._flush(everything=True)
            self._parquet.close()
        elif self._schema is not None:
            with suppress(OSError, pa.ArrowException):
                self._parquet.close()
        self._cleanup.__exit__(kind, error, trace)
        if kind is None:
            self._stored = TableFile(f"tables/{self._file_name()}", self._rows, self._stream.hexdigest())

    def write(self, piece: pa.Table) -> None:
        """Add rows behind those that were written."""
        if self._schema is None:
            self._begin(piece.schema.metadata or {})
        self._waiting.append(piece.cast(self._schema))
        self._waiting_rows += piece.num_rows
        self._rows += piece.num_rows
        if self._waiting_rows >= self._group:
            self._flush()

    def write_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """As :meth:`write`, from dictionaries."""
        self.write(pa.Table.from_pylist(list(rows), schema=schemas.STORED[self._name]))

    @property
    def stored(self) -> TableFile:
        """The table, once the block has ended without an error."""
        if self._stored is None:
            raise ValueError(f"the table {self._name} is not whole yet")
        return self._stored

    def _begin(self, metadata: Mapping[bytes, bytes]) -> None:
        schema = schemas.STORED[self._name]
        self._schema = schema.with_metadata({**metadata, **schema.metadata})
        self._parquet = pq.ParquetWriter(self._stream, self._schema, **PARQUET_OPTIONS)
        self._group = max(1, ROW_GROUP_BYTES // _row_bytes(schema))

    def _flush(self, everything: bool = False) -> None:
        rows = pa.concat_tables(self._waiting).combine_chunks()
        whole = rows.num_rows if everything else rows.num_rows // self._group * self._group
        if whole:
            self._parquet.write_table(rows.slice(0, whole), row_group_size=self._group)
        self._waiting = [rows.slice(whole)] if whole < rows.num_rows else []
        self._waiting_rows = rows.num_rows - whole

    def _file_name(self) -> str:
        return f"{self._name}-{self._stream.hexdigest()}.parquet"


def _row_bytes(schema: pa.Schema) -> int:
    """A rough size of a row in memory, which decides how many rows make a row group."""
    listed = [field.type.value_type for field in schema if pa.types.is_list(field.type)]
    spectra, landmarks = (sum(map(kind, listed)) for kind in (pa.types.is_floating, pa.types.is_unsigned_integer))
    return 512 + spectra * SPECTRUM_BYTES + landmarks * LANDMARKS_BYTES


def store_table(catalog: Location, name: str, table: pa.Table) -> TableFile:
    """Write a whole table as :class:`TableWriter` does."""
    with TableWriter(catalog, name) as writer:
        writer.write(table)
    return writer.stored
