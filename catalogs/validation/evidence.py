"""The tables that rules are judged on, in the columns and types of their schemas, and how to join them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs

from catalogs.schemas import TABLES
from catalogs.validation.facts import Facts

KEYS = ("song_id", "stem")
"""Columns that name a row in every frame."""


@dataclass(frozen=True)
class Evidence:
    """Everything a rule may look at.

    Attributes:
        tables: tables by name. Each has exactly the columns of its schema; a value of the wrong type, or a
            blank text, is null. ``statistics`` also has ``song_id`` (null) and ``stem`` (the source).
        columns: names of the columns each table came with.
        facts: what concerns songs that are not among those in ``tables``.
        filesystem: the catalog's folder, or None where the audio cannot be looked at.
        allow_test_songs: whether songs of the test split may contribute to statistics.
        keep_splits: whether a song may stand in two splits.
        effects: names of the effects of the configured chain, in order.
        loudness_tolerance: largest accepted deviation of a stored loudness, LU.
        verify_hashes: whether every shard file is read to compare its hash.
    """

    tables: Mapping[str, pd.DataFrame]
    columns: Mapping[str, frozenset[str]]
    facts: Facts
    filesystem: pafs.FileSystem | None
    allow_test_songs: bool
    keep_splits: bool
    effects: tuple[str, ...]
    loudness_tolerance: float
    verify_hashes: bool


def conform(name: str, table: pd.DataFrame, columns: Collection[str] | None = None) -> pd.DataFrame:
    """The columns of a table's schema, in plain types: float64, or objects with None for null.

    Args:
        name: name of the table, a key of :data:`catalogs.schemas.TABLES`.
        table: the table; further columns are ignored, absent ones become null.
        columns: names of the columns that are wanted; by default those of the schema.
    """
    absent: list[object] = [None] * len(table)
    values = {
        field.name: _values(table[field.name].tolist() if field.name in table else absent, field.type)
        for field in TABLES[name]
        if columns is None or field.name in columns
    }
    if name == "statistics":
        values["song_id"] = pd.Series([None] * len(table), dtype=object)
        values["stem"] = values["source"]
    return pd.DataFrame(values)


def _values(values: list[object], dtype: pa.DataType) -> pd.Series:
    if pa.types.is_integer(dtype) or pa.types.is_floating(dtype):
        numbers = [float(v) if isinstance(v, Real) and not isinstance(v, bool) else np.nan for v in values]
        return pd.Series(numbers, dtype="float64")
    if pa.types.is_boolean(dtype):
        kept: list[object] = [bool(v) if isinstance(v, bool | np.bool_) else None for v in values]
    elif pa.types.is_list(dtype):
        kept = [v if isinstance(v, list | tuple | np.ndarray) else None for v in values]
    else:
        kept = [v if isinstance(v, str) and v.strip() else None for v in values]
    return pd.Series(kept, dtype=object)


def open_root(root: str | Path | pafs.FileSystem | None) -> pafs.FileSystem | None:
    """A file system rooted at the catalog's folder.

    Args:
        root: path or URI of the folder, a file system that is already rooted there, or None.

    Raises:
        FileNotFoundError: the folder does not exist.
    """
    if root is None or isinstance(root, pafs.FileSystem):
        return root
    if "://" in str(root):
        filesystem, path = pafs.FileSystem.from_uri(str(root))
    else:
        filesystem, path = pafs.LocalFileSystem(), str(Path(root).absolute())
    if filesystem.get_file_info(path).type != pafs.FileType.Directory:
        raise FileNotFoundError(f"{root}: no such folder; name the folder that holds the catalog's shards")
    return pafs.SubTreeFileSystem(path, filesystem)


def attach(
    frame: pd.DataFrame, other: pd.DataFrame, columns: Mapping[str, str], keys: Sequence[str] = KEYS
) -> pd.DataFrame:
    """Add columns of the first matching row of another table; null where none matches.

    Args:
        frame: rows to keep, in their order.
        other: table to look up in.
        columns: new name to name in ``other``.
        keys: columns to match on.
    """
    found = other.drop_duplicates(list(keys))[[*keys, *columns.values()]]
    return frame.merge(found.set_axis([*keys, *columns], axis=1), on=list(keys), how="left")


def cover(wanted: pd.DataFrame, found: pd.DataFrame, keys: Sequence[str] = KEYS) -> pd.DataFrame:
    """Compare which rows two tables have.

    Returns:
        One row for each key of either, with ``found`` (null for keys that are not wanted) and ``wanted``
        (null for keys that are not found).
    """
    sides = [table[list(keys)].drop_duplicates() for table in (wanted, found)]
    merged = sides[0].merge(sides[1], on=list(keys), how="outer", indicator="side")
    both = merged["side"] == "both"
    merged["found"] = both.astype(object).where(merged["side"] != "right_only", None)
    merged["wanted"] = both.astype(object).where(merged["side"] != "left_only", None)
    return merged.drop(columns="side")


def one_split_wanted(evidence: Evidence) -> str | None:
    """Why songs with the same audio may be in several splits, or None where they may not."""
    return "songs may stay in the split of their corpus" if evidence.keep_splits else None


def first_of(frame: pd.DataFrame, by: str, column: str) -> pd.Series:
    """The value of a column in the first row of each group, for every row of the group."""
    return frame.groupby(by, sort=False)[column].transform("first")


def stems_in_use(tracks: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``tracks`` that the later stages take, as the stems that are made of them.

    Raws have the role ``stem``, and every file of a stem the ``catalog_frames`` of the longest.
    """
    used = tracks[tracks["used"].ne(False)]
    longest = used.groupby(list(KEYS), dropna=False)["catalog_frames"].transform("max")
    return used.assign(role=used["role"].replace("raw", "stem"), catalog_frames=longest)


def listed(flags: pd.DataFrame, where: pd.Series) -> pd.Series:
    """Names of the columns that are True in a row; null where none is, or outside ``where``."""
    names = [", ".join(name for name in flags.columns if row[name]) for row in flags.to_dict("records")]
    joined = pd.Series(names, index=flags.index, dtype=object)
    return joined.where(where & (joined != ""), None)
