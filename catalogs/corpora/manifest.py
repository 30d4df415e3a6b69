"""A list of files: a CSV or Parquet table that says which file is what part of which song.

Columns ``song`` and ``path`` are required, and ``stem`` or ``instrument``; the others are in COLUMNS. Paths are
relative to the table, absolute, or URIs. Rows of one song and one stem are summed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from catalogs.corpora.corpus import CorpusFile, CorpusLayoutError, CorpusSong, text
from catalogs.corpora.descriptions import flag
from catalogs.corpora.folders import SPLIT_FOLDERS, entries, is_folder, own_split, unlistable
from catalogs.corpora.labelled import LabelledCorpus
from catalogs.corpora.roots import beside, open_root
from catalogs.faults import Fault, printable
from catalogs.schemas import MATERIALS, MIXTURE

REQUIRED = ("song", "path")
SONG_COLUMNS = ("title", "artist", "genre", "provenance")
COLUMNS = (*REQUIRED, "stem", "instrument", "role", "split", "licence", "bleed", "stream", *SONG_COLUMNS)
"""Columns that are read; others are left alone."""

SUFFIXES = (".csv", ".parquet")
FILE_NAMES = tuple(f"manifest{suffix}" for suffix in SUFFIXES)
"""What a manifest is called in a folder."""


@dataclass(frozen=True)
class ManifestCorpus(LabelledCorpus):
    """Adapter for a manifest: the table itself, or a folder with ``manifest.csv`` or ``manifest.parquet``.

    ``rights`` is the licence of songs whose rows do not state one.
    """

    rights: str = ""
    name: ClassVar[str] = "manifest"
    licence: ClassVar[str] = "as the manifest states"
    citation: ClassVar[str] = ""
    looked_for: ClassVar[str] = f"{' or '.join(FILE_NAMES)}, with rows that name songs and files"

    def labelled_songs(self, root: Path) -> Iterator[CorpusSong]:
        """Every song that a row names, sorted."""
        table = self._table_in(root)
        songs: dict[str, list[tuple[int, dict[str, str]]]] = {}
        for number, row in _rows(table):
            songs.setdefault(text(row["song"]), []).append((number, row))
        for song, rows in sorted(songs.items()):
            yield self._song(table, song, rows)

    def _table_in(self, root: Path) -> Path:
        if root.suffix.lower() in SUFFIXES and not is_folder(root):
            return root
        try:
            found = [path for path in entries(root) if path.name.lower() in FILE_NAMES]
            deeper = [path for folder in entries(root) if is_folder(folder) for path in entries(folder)]
        except OSError as error:
            raise unlistable(root, self.name, self.looked_for, error) from error
        found = found or [path for path in deeper if path.name.lower() in FILE_NAMES]
        if len(found) == 1:
            return found[0]
        problem = "there are several manifests" if found else "no song of the corpus manifest was found"
        holds = ", ".join(printable(path.relative_to(root)) for path in found or entries(root)) or "nothing"
        raise CorpusLayoutError(
            f'"{printable(root)}": {problem}; looked for {self.looked_for}; it holds {holds}; name the table itself'
        )

    def _song(self, table: Path, song: str, rows: list[tuple[int, dict[str, str]]]) -> CorpusSong:
        files: dict[str, CorpusFile] = {}
        faults = []
        good = []
        for number, row in rows:
            part = MIXTURE if row["stem"] == MIXTURE else text("#".join(filter(None, (row["path"], row["stream"]))))
            problem = _problem(row, part, files)
            if problem is None:
                files[part] = _file(table, row)
                good.append(row)
            else:
                faults.append(Fault("bad_metadata", f"row {number} (song {printable(song)}): {problem}", path=table))
        values = {
            column: {row[column] for row in good if row[column]} for column in ("split", "licence", *SONG_COLUMNS)
        }
        for column in ("split", *SONG_COLUMNS):
            if len(values[column]) > 1:
                listed = " and ".join(sorted(values[column]))
                faults.append(Fault("bad_metadata", f"song {printable(song)} has the {column}s {listed}", path=table))
        one = {column: next(iter(sorted(found)), None) for column, found in values.items()}
        split = SPLIT_FOLDERS.get((one["split"] or "").lower())
        return CorpusSong(
            corpus=self.name,
            native_id=song,
            title=one["title"] or song,
            artist=one["artist"],
            split=split or self.split or own_split(table.parent) or "train",
            licence=one["licence"] if len(values["licence"]) == 1 else self.rights or None,
            files=files,
            faults=tuple(faults),
            genre=one["genre"],
            provenance=one["provenance"],
            material=self.song_material,
        )


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Number from 1 and texts of every row; a column that is absent or null is empty."""
    try:
        names, rows = _parquet(table) if table.suffix.lower() == ".parquet" else _csv(table)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise CorpusLayoutError(f'"{printable(table)}": cannot be read as a table ({error}); write it again') from error
    absent = [name for name in REQUIRED if name not in names]
    if absent or not {"stem", "instrument"} & set(names):
        needed = " and ".join(absent) if absent else "stem or instrument"
        raise CorpusLayoutError(
            f'"{printable(table)}": a manifest has a column {needed}; this one has {", ".join(names) or "none"}; '
            "rename its columns"
        )
    if not rows:
        raise CorpusLayoutError(
            f'"{printable(table)}": no song of the corpus manifest: the table has no rows; add some'
        )
    for number, row in enumerate(rows, start=1):
        yield number, {name: _as_text(row.get(name)) for name in COLUMNS}


def _parquet(table: Path) -> tuple[list[str], list[dict[str, Any]]]:
    with table.open("rb") as file:
        read = pq.read_table(file)
    return read.column_names, read.to_pylist()


def _csv(table: Path) -> tuple[list[str], list[dict[str, Any]]]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        return list(reader.fieldnames or []), rows


def _as_text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _problem(row: dict[str, str], part: str, files: dict[str, CorpusFile]) -> str | None:
    if not row["song"] or not row["path"]:
        return f"it names no {'path' if row['song'] else 'song'}"
    if not row["stem"] and not row["instrument"]:
        return "it names neither a stem nor an instrument"
    if row["role"] and row["role"] not in MATERIALS and (row["role"], row["stem"]) != (MIXTURE, MIXTURE):
        return f"{row['role']!r} is no role; the roles are {', '.join(MATERIALS)}"
    if row["split"] and row["split"].lower() not in SPLIT_FOLDERS:
        return f"{row['split']!r} is no split; the splits are train, validation, test"
    if row["bleed"] and flag(row["bleed"]) is None:
        return f"bleed is {row['bleed']!r}, expected yes or no"
    if row["stream"] and not row["stream"].isdecimal():
        return f"stream is {row['stream']!r}, expected a number from 0"
    try:
        open_root(row["path"])
    except ValueError as error:
        return str(error)
    if part in files:
        return "the same file, or a second mixture, stands in an earlier row"
    return None


def _file(table: Path, row: dict[str, str]) -> CorpusFile:
    return CorpusFile(
        beside(table, row["path"]),
        stream=int(row["stream"]) if row["stream"] else None,
        stem=row["stem"] or None,
        role="raw" if row["role"] == "raw" else "stem",
        instruments=tuple(label for label in [row["instrument"]] if label),
        bleed=flag(row["bleed"]),
        licence=row["licence"] or None,
    )
