"""MUSDB18's list of tracks, ``tracklist.csv``: genre, source and licence of each song, which nothing else tells.

Columns ``Track Name``, ``Genre``, ``Source`` and ``License``, as sigsep distributes it with the corpus' page.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from catalogs.corpora.corpus import CorpusLayoutError, text
from catalogs.corpora.folders import is_folder, listed
from catalogs.faults import printable

FILE_NAME = "tracklist.csv"

COLUMNS = ("Track Name", "Genre", "Source", "License")


@dataclass(frozen=True)
class ListedTrack:
    """What the list says of a song; None where a cell is empty."""

    genre: str | None = None
    source: str | None = None
    licence: str | None = None


def read_tracklist(root: Path) -> Mapping[str, ListedTrack]:
    """The list in a corpus' folder, in a folder of it, or beside it; by :func:`track_key`. Empty where there is none.

    Errors: CorpusLayoutError for a list that cannot be read, or that has a track twice with different entries.
    """
    inside = [folder / FILE_NAME for folder in listed(root)[0] if is_folder(folder)]
    for path in (root / FILE_NAME, *inside, root.absolute().parent / FILE_NAME):
        if path.is_file():
            return _read(path)
    return {}


def track_key(name: str) -> str:
    """Name of a track without regard to case and to spaces around it."""
    return text(name).strip().casefold()


def _read(path: Path) -> Mapping[str, ListedTrack]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            absent = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if absent:
                raise _unreadable(path, f"it has no column {absent[0]!r}")
            tracks: dict[str, ListedTrack] = {}
            for row in reader:
                key = track_key(row["Track Name"] or "")
                track = ListedTrack(*((row[column] or "").strip() or None for column in COLUMNS[1:]))
                if tracks.setdefault(key, track) != track:
                    raise _unreadable(path, f"it has {row['Track Name']!r} twice, with different entries")
            return tracks
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, str(error)) from None


def _unreadable(path: Path, problem: str) -> CorpusLayoutError:
    return CorpusLayoutError(
        f'"{printable(path)}": no list of tracks: {problem}; take the one of sigsep with the columns '
        f"{', '.join(COLUMNS)}, or remove the file"
    )
