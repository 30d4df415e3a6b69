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
from catalogs.versions import numbered, publish
from fxnorm.settings import hash_of
from fxnorm.statistics import Statistics
from fxnorm.version import VERSION
from pipelines.runner import PipelineError
from pipelines.song_rows import Rows, SongRows, without_songs

QUARANTINING_STAGES = ("ingest", "analyze", "normalize")

PARTS = ("", "tables", "shards", "report", "versions", "work", "work/ingest", "work/features", "work/normalized")
"""Folders of a catalog, in which a killed run may leave files that it was writing."""

TRACK_ORDER = [("song_id", "ascending"), ("stem", "ascending"), ("part", "ascending")]


def song_key(song_id: str, song_hash: str, config_hash: str) -> str:
    """Name of a stage's result for one song: the same input and configuration give the same name."""
    return hash_of([song_id, song_hash, config_hash])


def song_keys(songs: SongRows, config_hash: str) -> dict[str, str]:
    """By song id, the name of a stage's result."""
    return {song: song_key(song, song_hash, config_hash) for song, song_hash in songs.first("song_hash").items()}


class Workspace:
    """Results of the stages in the folder ``work`` of a catalog, and the draft of the next publication.

    Args:
        target: path or URI of the catalog.

    Raises:
        PipelineError: the target is a version of a catalog, which nothing is done to.
    """

    def __init__(self, target: str | Path) -> None:
        if numbered(target) is not None:
            raise PipelineError(f"{target}: a version of a catalog is only read; name the catalog without the number")
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
            for part in PARTS:
                (self.catalog / part if part else self.catalog).remove_temporaries()
            yield

    def folder(self, name: str) -> Location:
        """A folder of per-song results."""
        return self._work / name

    def draft(self) -> Manifest:
        """The draft, else the published manifest, else an empty one."""
        return read_manifest(self.catalog, DRAFT) or read_manifest(self.catalog, PUBLISHED) or Manifest()

    def save_draft(
        self, stage: str, tables: Mapping[str, TableFile], config: Mapping[str, Any], drop: Sequence[str] = ()
    ) -> Manifest:
        """Name a stage's tables in the draft, together with tracks and quarantine as they now are.

        Args:
            stage: the stage that made them.
            tables: by name, as they were stored.
            config: the stage's configuration.
            drop: tables of later stages that this stage's result has made obsolete.
        """
        refused = self.quarantine()
        accepted = without_songs(self.ingested(), {row["song_id"] for row in refused})
        stored = {
            **tables,
            "tracks": self.store("tracks", accepted),
            "quarantine": self.store("quarantine", pa.Table.from_pylist(refused, schema=schemas.QUARANTINE)),
        }
        manifest = self.draft().without_tables(*drop).with_stage(stage, stored, config)
        manifest = Manifest(manifest.tables, manifest.config, VERSION)
        (self.catalog / DRAFT).write_bytes(manifest.to_json())
        return manifest

    def store(self, name: str, table: pa.Table) -> TableFile:
        """Write a table of the catalog; it belongs to nothing before a draft names it."""
        return store_table(self.catalog, name, table)

    def publish(self) -> bool:
        """Make the draft the catalog, in one step; False if it is the catalog already."""
        return publish(self.catalog, self.draft())

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

    def ingested(self) -> pa.Table:
        """Rows of all files of all songs that passed ingest, sorted by song, stem and part.

        Their split is that of the last analysis where it has moved the song, else that of the corpus.

        Raises:
            PipelineError: nothing was ingested.
        """
        location = self._work / "ingested.parquet"
        if not location.exists():
            raise PipelineError(f"{self.target}: nothing ingested yet; run 'fxnorm-data ingest' first")
        tracks, moves = _tracks(read_table(location)), self.moves()
        return _moved(tracks, moves) if moves else tracks

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

    def previously_ingested(self) -> pa.Table:
        """Rows of the ingest before this one; empty for the first."""
        location = self._work / "ingested.parquet"
        return _tracks(read_table(location)) if location.exists() else schemas.TRACKS.empty_table()

    def save_ingested(self, tracks: pa.Table) -> None:
        """Replace the rows of all songs that passed ingest."""
        write_table(self._work / "ingested.parquet", tracks.sort_by(TRACK_ORDER))

    def accepted_songs(self, before: str) -> SongRows:
        """By song id, the rows of the stems of all songs that no stage before ``before`` has refused.

        Files of one stem are one row, and files that are not in use have none; see catalogs.material.
        """
        stages = QUARANTINING_STAGES[: QUARANTINING_STAGES.index(before)]
        refused = {row["song_id"] for row in self.quarantine(stages)}
        return SongRows(without_songs(self.ingested(), refused), stem_rows)

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


def _moved(tracks: pa.Table, moves: Mapping[str, Move]) -> pa.Table:
    """Tracks with the splits that songs were moved to, unless the corpus says another split of them by now."""
    splits = [
        moves[song].split if song in moves and moves[song].corpus_split == corpus_split else corpus_split
        for song, corpus_split in zip(tracks["song_id"].to_pylist(), tracks["corpus_split"].to_pylist(), strict=True)
    ]
    column = tracks.schema.get_field_index("split")
    return tracks.set_column(column, tracks.schema.field(column), pa.array(splits, pa.string()))


def _tracks(table: pa.Table) -> pa.Table:
    """The tracks table; that of an earlier version gets the columns that it left out."""
    absent = set(schemas.TRACKS.names) - set(table.column_names)
    if not absent:
        return table
    empty = pa.array([[]] * table.num_rows, pa.list_(pa.string()))
    defaults = {
        "part": table["stem"],
        "used": pa.array([True] * table.num_rows),
        "instruments": empty,
        "errata": empty,
        "corpus_split": table["split"],
    }
    for name in sorted(absent):
        column = defaults.get(name, pa.nulls(table.num_rows, schemas.TRACKS.field(name).type))
        table = table.append_column(name, column)
    return table.select(schemas.TRACKS.names).cast(schemas.TRACKS)


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
