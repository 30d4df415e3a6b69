"""A list of files: a CSV or Parquet table that says which file is what part of which song.

Columns ``song`` and ``path`` are required, and ``stem`` or ``instrument``; the others are in COLUMNS. Paths are
relative to the table, absolute, or URIs. Rows of one song and one stem are summed.
"""

from __future__ import annotations

import csv
import itertools
import operator
from collections.abc import Iterator, Mapping, Sequence
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

NUMBER = "number"
"""Key of a row's number in the table, from 1."""

ROWS_AT_A_TIME = 20_000
"""Rows that are Python objects at a time; the others are columns of text, some 150 bytes each."""

Row = dict[str, Any]

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
        for song, rows in itertools.groupby(_rows(table), key=operator.itemgetter("song")):
            yield self._song(table, song, list(rows))

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

    def _song(self, table: Path, song: str, rows: list[Row]) -> CorpusSong:
        files: dict[str, CorpusFile] = {}
        faults = []
        good = []
        for row in rows:
            part = MIXTURE if row["stem"] == MIXTURE else text("#".join(filter(None, (row["path"], row["stream"]))))
            problem = _problem(row, part, files)
            if problem is None:
                files[part] = _file(table, row)
                good.append(row)
            else:
                faults.append(
                    Fault("bad_metadata", f"row {row[NUMBER]} (song {printable(song)}): {problem}", path=table)
                )
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


def _rows(table: Path) -> Iterator[Row]:
    """Every row, sorted by song: its number from 1, and its texts; a column that is absent or null is empty."""
    try:
        pieces = [_columns(rows, first) for first, rows in _numbered(table)]
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise CorpusLayoutError(f'"{printable(table)}": cannot be read as a table ({error}); write it again') from error
    if not pieces:
        raise CorpusLayoutError(
            f'"{printable(table)}": no song of the corpus manifest: the table has no rows; add some'
        )
    whole = pa.concat_tables(pieces).sort_by([("song", "ascending"), (NUMBER, "ascending")])
    for batch in whole.to_batches(max_chunksize=ROWS_AT_A_TIME):
        yield from batch.to_pylist()


def _columns(rows: Sequence[Mapping[str, Any]], first: int) -> pa.Table:
    """Rows as columns of text, which take a tenth of what they take as objects."""
    columns = {name: pa.array([_as_text(row.get(name)) for row in rows], pa.string()) for name in COLUMNS}
    columns["song"] = pa.array([text(song) for song in columns["song"].to_pylist()], pa.string())
    return pa.table({NUMBER: pa.array(range(first, first + len(rows)), pa.int64()), **columns})


def _numbered(table: Path) -> Iterator[tuple[int, Sequence[Mapping[str, Any]]]]:
    """Some rows at a time, with the number of the first."""
    read = _parquet if table.suffix.lower() == ".parquet" else _csv
    first = 1
    for rows in read(table):
        yield first, rows
        first += len(rows)


def _parquet(table: Path) -> Iterator[Sequence[Mapping[str, Any]]]:
    with table.open("rb") as content, pq.ParquetFile(content) as file:
        names = file.schema_arrow.names
        _check_columns(table, names)
        wanted = [name for name in COLUMNS if name in names]
        for batch in file.iter_batches(ROWS_AT_A_TIME, columns=wanted):
            yield batch.to_pylist()


def _csv(table: Path) -> Iterator[Sequence[Mapping[str, Any]]]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(table, list(reader.fieldnames or []))
        while rows := list(itertools.islice(reader, ROWS_AT_A_TIME)):
            yield rows


def _check_columns(table: Path, names: list[str]) -> None:
    absent = [name for name in REQUIRED if name not in names]
    if absent or not {"stem", "instrument"} & set(names):
        needed = " and ".join(absent) if absent else "stem or instrument"
        raise CorpusLayoutError(
            f'"{printable(table)}": a manifest has a column {needed}; this one has {", ".join(names) or "none"}; '
            "rename its columns"
        )


def _as_text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _problem(row: Row, part: str, files: dict[str, CorpusFile]) -> str | None:
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


def _file(table: Path, row: Row) -> CorpusFile:
    return CorpusFile(
        beside(table, row["path"]),
        stream=int(row["stream"]) if row["stream"] else None,
        stem=row["stem"] or None,
        role="raw" if row["role"] == "raw" else "stem",
        instruments=tuple(label for label in [row["instrument"]] if label),
        bleed=flag(row["bleed"]),
        licence=row["licence"] or None,
    )
