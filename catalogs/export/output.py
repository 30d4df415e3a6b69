"""The folder that an export is written to: what is finished in it, and the last file, ``export.json``, that says so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import fs as pafs

from catalogs.export.format import ExportError, Unit
from catalogs.storage import Location, write_table

EXPORT = "export.json"
"""What an export consists of; written last."""

UNFINISHED = "unfinished"
"""Folder that exists while an export is not finished, with a small file for each finished unit."""

PLAN = "plan.json"

Record = dict[str, Any]


class ExportOutput:
    """A folder of an export.

    Args:
        out: the folder.
        form: name of the format.

    Raises:
        ExportError: the folder holds other files, or an export in another format.
    """

    def __init__(self, out: Location, form: str) -> None:
        self.out = out
        self._unfinished = out / UNFINISHED
        self._finished = self._read(out / EXPORT)
        plan = self._read(self._unfinished / PLAN)
        found = self._finished or plan
        if found is None and self._names():
            raise ExportError(f"{out.path}: holds other files and no export; name a folder that is empty or new")
        if found is not None and found.get("format") != form:
            raise ExportError(
                f"{out.path}: holds an export in the format {found.get('format')}; name another folder for {form}"
            )
        self._paths: set[str] = set(() if plan is None else plan["paths"])
        self._records: dict[str, Record] = {}
        if self._finished is not None:
            self._records = {record["key"]: record for record in self._finished["units"]}
            self._paths |= {file["path"] for record in self._records.values() for file in record["files"]}
            self._paths |= set(self._finished["index"])
        elif plan is not None:
            for name in sorted(self._unfinished.file_names() - {PLAN}):
                if (record := self._read(self._unfinished / name)) is not None:
                    self._records[record["key"]] = record
        self._form = form

    def _names(self) -> list[str]:
        found = self.out.filesystem.get_file_info(pafs.FileSelector(self.out.path, allow_not_found=True))
        return [info.base_name for info in found]

    @staticmethod
    def _read(location: Location) -> dict[str, Any] | None:
        if not location.exists():
            return None
        try:
            content = json.loads(location.read_bytes())
        except ValueError as error:
            raise ExportError(f"{location.path}: not what an export leaves ({error}); name another folder") from None
        return content if isinstance(content, dict) else None

    def is_finished(self, key: str) -> bool:
        """Whether the files of a unit are there, by name and size."""
        record = self._records.get(key)
        return record is not None and all((self.out / f["path"]).size() == f["bytes"] for f in record["files"])

    def record(self, key: str) -> Record:
        """What is known of a finished unit."""
        return self._records[key]

    def begin(self, units: Iterable[Unit]) -> None:
        """Say which files will be written; from here on, and until the end, the folder is not a finished export."""
        planned = {path for unit in units for path in unit.paths}
        self._paths |= planned
        plan = {"format": self._form, "paths": sorted(self._paths)}
        (self._unfinished / PLAN).write_bytes(json.dumps(plan).encode())
        for record in self._records.values():
            _keep(self.out, record)
        (self.out / EXPORT).delete()
        for folder in {path.rpartition("/")[0] for path in planned}:
            (self.out / folder if folder else self.out).remove_temporaries()

    def complete(
        self,
        about: Mapping[str, Any],
        records: Sequence[Record],
        index: Mapping[str, str],
        tables: Mapping[str, pa.Table],
    ) -> None:
        """Write the index files and ``export.json``; delete files of an earlier export that are no part of this one."""
        for path, text in index.items():
            (self.out / path).write_bytes(text.encode())
        for path, table in tables.items():
            write_table(self.out / path, table)
        kept = {file["path"] for record in records for file in record["files"]} | set(index) | set(tables)
        for path in sorted(self._paths - kept):
            (self.out / path).delete()
        content = {**about, "index": sorted([*index, *tables]), "units": list(records)}
        text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        (self.out / EXPORT).write_bytes(text.encode())
        self.out.filesystem.delete_dir(self._unfinished.path)


def finish_unit(out: Location, key: str, unit: Unit, note: Mapping[str, Any]) -> Record:
    """Remember that the files of a unit are complete: their sizes and hashes, and what the index has to know."""
    files = [{"path": path, "bytes": (out / path).size(), "hash": (out / path).hash()} for path in unit.paths]
    record = {"key": key, "split": unit.split, "files": files, "note": dict(note)}
    _keep(out, record)
    return record


def _keep(out: Location, record: Record) -> None:
    (out / UNFINISHED / f"{record['key']}.json").write_bytes(json.dumps(record, sort_keys=True).encode())
