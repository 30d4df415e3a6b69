"""What ingest has found so far: columns in memory, and parts on the storage so that a killed run loses little."""

from __future__ import annotations

import time
import uuid

import pyarrow as pa

from catalogs import schemas
from catalogs.storage import Location, read_table, write_table
from pipelines.song_rows import Rows

PART_SONGS = 5_000
"""Songs after which a part is written."""

PART_SECONDS = 30.0
"""Time after which a part is written, if there is anything new."""


class IngestJournal:
    """Rows of ``tracks`` and ``quarantine`` of the songs that this run, or one that was killed, has looked at.

    Args:
        folder: where parts are written.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._pieces: list[pa.Table] = []
        self._new: Rows = []
        self._new_songs = 0
        self._written = time.monotonic()
        self.refused: Rows = []

    def interrupted(self) -> pa.Table:
        """Tracks that killed runs have left behind, in no order; a song may be there twice."""
        names = sorted(self._folder.file_names())
        parts = [read_table(self._folder / name) for name in names if name.endswith(".parquet")]
        return pa.concat_tables(parts) if parts else schemas.TRACKS.empty_table()

    def add(self, tracks: Rows, refused: Rows, known: bool = False) -> None:
        """Take what was found of a song.

        Args:
            tracks: rows of its files.
            refused: rows of its faults.
            known: it was found by an earlier run, and need not be written again.
        """
        self.refused += refused
        self._new += tracks
        self._new_songs += 1
        if self._new_songs >= PART_SONGS or time.monotonic() - self._written > PART_SECONDS:
            self._cut(write=not known)

    def tracks(self) -> pa.Table:
        """All rows that were taken."""
        self._cut(write=False)
        return pa.concat_tables(self._pieces) if self._pieces else schemas.TRACKS.empty_table()

    def clear(self) -> None:
        """Delete the parts, once the result stands elsewhere."""
        for name in self._folder.file_names():
            (self._folder / name).delete()

    def _cut(self, write: bool) -> None:
        piece = pa.Table.from_pylist(self._new, schema=schemas.TRACKS)
        if piece.num_rows:
            self._pieces.append(piece)
            if write:
                write_table(self._folder / f"{uuid.uuid4().hex}.parquet", piece)
        self._new = []
        self._new_songs = 0
        self._written = time.monotonic()
