"""The part of a catalog that only the pipelines see: what each stage has finished for each song, keyed by content."""

from __future__ import annotations

import dataclasses
import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalogs import schemas
from catalogs.leakage.splits import Move
from catalogs.manifest import DRAFT, PUBLISHED, Manifest, TableFile, read_manifest, store_table
from catalogs.material import stem_rows
from catalogs.statistics_file import statistics_to_table, table_to_statistics
from catalogs.storage import Location, read_table, write_table
from fxnorm.settings import hash_of
from fxnorm.statistics import Statistics
from fxnorm.version import VERSION
from pipelines.runner import PipelineError

QUARANTINING_STAGES = ("ingest", "analyze", "normalize")

Rows = list[dict[str, Any]]


def song_key(song_id: str, song_hash: str, config_hash: str) -> str:
    """Name of a stage's result for one song: the same input and configuration give the same name."""
    return hash_of([song_id, song_hash, config_hash])


class Workspace:
    """Results of the stages in the folder ``work`` of a catalog, and the draft of the next publication.

    Args:
        target: path or URI of the catalog.
    """

    def __init__(self, target: str | Path) -> None:
        self.catalog = Location.parse(target)
        self.target = self.catalog.path if self.catalog.is_local else str(target)
        self._work = self.catalog / "work"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run out of a local catalog, and clear what an interrupted run left half-written.

        Raises:
            PipelineError: another run is at work, or the folder cannot be written.
        """
        if not self.catalog.is_local:
            yield
            return
        folder = Path(self.catalog.path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("w")
        except OSError as error:
            raise PipelineError(f"{folder}: cannot be written ({error}); name another --out") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PipelineError(f"{folder}: another run is building this catalog; wait for it to end") from None
            for part in ("", "tables", "shards", "report", "work", "work/features", "work/normalized"):
                (self.catalog / part if part else self.catalog).remove_temporaries()
            yield

    def folder(self, name: str) -> Location:
        """A folder of per-song results."""
        return self._work / name

    def draft(self) -> Manifest:
        """The draft, else the published manifest, else an empty one."""
        return read_manifest(self.catalog, DRAFT) or read_manifest(self.catalog, PUBLISHED) or Manifest()

    def save_draft(
        self, stage: str, tables: Mapping[str, pa.Table], config: Mapping[str, Any], drop: Sequence[str] = ()
    ) -> Manifest:
        """Store a stage's tables and name them in the draft, together with tracks and quarantine as they now are.

        Args:
            stage: the stage that made them.
            tables: by name.
            config: the stage's configuration.
            drop: tables of later stages that this stage's result has made obsolete.
        """
        refused = self.quarantine()
        refused_songs = {row["song_id"] for row in refused}
        accepted = [row for row in self.ingested() if row["song_id"] not in refused_songs]
        everything = {
            **tables,
            "tracks": pa.Table.from_pylist(accepted, schema=schemas.TRACKS),
            "quarantine": pa.Table.from_pylist(refused, schema=schemas.QUARANTINE),
        }
        stored: dict[str, TableFile] = {name: store_table(self.catalog, name, t) for name, t in everything.items()}
        manifest = self.draft().without_tables(*drop).with_stage(stage, stored, config)
        manifest = Manifest(manifest.tables, manifest.config, VERSION)
        (self.catalog / DRAFT).write_bytes(manifest.to_json())
        return manifest

    def publish(self) -> bool:
        """Make the draft the catalog, in one step; False if it is the catalog already."""
        draft = self.draft()
        if read_manifest(self.catalog, PUBLISHED) == draft:
            return False
        (self.catalog / PUBLISHED).write_bytes(draft.to_json())
        return True

    def save_measured(self, statistics: Statistics) -> None:
        """Keep the corpus' own statistics, whatever the stems are normalised to."""
        write_table(self._work / "statistics.parquet", statistics_to_table(statistics))

    def measured(self) -> Statistics:
        """The corpus' own statistics.

        Raises:
            PipelineError: not analysed yet.
        """
        location = self._work / "statistics.parquet"
        if not location.exists():
            raise PipelineError(f"{self.target}: not analysed yet; run 'fxnorm-data analyze' first")
        return table_to_statistics(read_table(location))

    def ingested(self) -> Rows:
        """Rows of all files of all songs that passed ingest, sorted by song, stem and part.

        Their split is that of the last analysis where it has moved the song, else that of the corpus.

        Raises:
            PipelineError: nothing was ingested.
        """
        location = self._work / "ingested.parquet"
        if not location.exists():
            raise PipelineError(f"{self.target}: nothing ingested yet; run 'fxnorm-data ingest' first")
        moves = self.moves()
        return [_moved(row, moves) for row in _tracks(read_table(location))]

    def save_moves(self, moves: Mapping[str, Move]) -> None:
        """Keep which songs are in another split than their corpus says, by song id."""
        plain = {song_id: dataclasses.asdict(move) for song_id, move in sorted(moves.items())}
        (self._work / "moves.json").write_bytes(json.dumps(plain, indent=1).encode())

    def moves(self) -> dict[str, Move]:
        """What :meth:`save_moves` has kept; empty before the first analysis."""
        location = self._work / "moves.json"
        if not location.exists():
            return {}
        return {song_id: Move(**move) for song_id, move in json.loads(location.read_bytes()).items()}

    def previously_ingested(self) -> Rows:
        """Rows of the ingest before this one; empty for the first."""
        location = self._work / "ingested.parquet"
        return _tracks(read_table(location)) if location.exists() else []

    def save_ingested(self, rows: Rows) -> None:
        """Replace the rows of all songs that passed ingest."""
        ordered = sorted(rows, key=lambda row: (row["song_id"], row["stem"], row["part"]))
        write_table(self._work / "ingested.parquet", pa.Table.from_pylist(ordered, schema=schemas.TRACKS))

    def accepted_songs(self, before: str) -> dict[str, Rows]:
        """By song id, the rows of the stems of all songs that no stage before ``before`` has refused.

        Files of one stem are one row, and files that are not in use have none; see catalogs.material.
        """
        stages = QUARANTINING_STAGES[: QUARANTINING_STAGES.index(before)]
        refused = {row["song_id"] for row in self.quarantine(stages)}
        songs: dict[str, Rows] = {}
        for row in self.ingested():
            if row["song_id"] not in refused:
                songs.setdefault(row["song_id"], []).append(row)
        return {song_id: stem_rows(rows) for song_id, rows in songs.items()}

    def quarantine(self, stages: Iterable[str] = QUARANTINING_STAGES) -> Rows:
        """Rows that the stages have refused, sorted."""
        rows = []
        for stage in stages:
            location = self._work / f"quarantine-{stage}.json"
            if location.exists():
                rows += json.loads(location.read_bytes())
        return sorted(rows, key=lambda row: (row["song_id"], row["stage"], row["stem"] or "", row["reason"]))

    def save_quarantine(self, stage: str, rows: Rows) -> None:
        """Replace what a stage has refused."""
        ordered = sorted(rows, key=lambda row: (row["song_id"], row["stem"] or "", row["reason"]))
        (self._work / f"quarantine-{stage}.json").write_bytes(json.dumps(ordered, indent=1).encode())


def _tracks(table: pa.Table) -> Rows:
    """Rows of the tracks table; those of earlier versions get what these left out."""
    return [
        {
            "part": row["stem"],
            "used": True,
            "instruments": [],
            "errata": [],
            "corpus_split": row["split"],
            **row,
        }
        for row in table.to_pylist()
    ]


def _moved(row: dict[str, Any], moves: Mapping[str, Move]) -> dict[str, Any]:
    """A row of tracks with the split that its song was moved to, unless the corpus says another split by now."""
    move = moves.get(row["song_id"])
    return row if move is None or move.corpus_split != row["corpus_split"] else {**row, "split": move.split}


def quarantine_row(
    track: Mapping[str, Any], stage: str, reason: str, message: str, whole: bool = False
) -> dict[str, Any]:
    """A row of the quarantine table for a song that passed ingest.

    Args:
        track: a row of its tracks.
        stage: the stage that refuses it.
        reason: reason code.
        message: what is wrong, and what to do.
        whole: the whole song is at fault, not this stem.
    """
    return {
        "song_id": track["song_id"],
        "corpus": track["corpus"],
        "stem": None if whole else track["stem"],
        "uri": None if whole else track["uri"],
        "stage": stage,
        "reason": reason,
        "message": message,
    }
