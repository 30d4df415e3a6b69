"""Exports a catalog into the format of another library: what is missing is written, and last the file that says so."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from catalogs import export as formats
from catalogs.catalog import Catalog
from catalogs.export.format import ExportConfig, ExportError, Unit
from catalogs.export.output import ExportOutput, finish_unit
from catalogs.export.songs import ExportSong, select_songs
from catalogs.licences import corpus_terms
from catalogs.storage import Location
from fxnorm.version import VERSION
from pipelines.config import RunOptions
from pipelines.progress import StageProgress
from pipelines.runner import Job, Outcome, PipelineError, run_songs

WORKER_BYTES = 1_000_000_000
"""Memory that a worker is given: its program, and the encoded stems of a sample."""

STEREO_FLOAT32_BYTES = 8
"""Of a sample of an original stem, which is decoded whole."""


@dataclasses.dataclass(frozen=True)
class ExportUnit:
    """Task: write the files of a unit.

    Attributes:
        catalog: path or URI of the catalog.
        out: path or URI of the export.
        config: what is exported.
    """

    catalog: str
    out: str
    config: ExportConfig

    def __call__(self, job: Job) -> Outcome:
        """Write the files, and remember that they are complete."""
        unit = Unit.from_json(job["unit"])
        out = Location.parse(self.out)
        note = formats.get(self.config.format).write(unit, Location.parse(self.catalog), out, self.config)
        record = finish_unit(out, job["key"], unit, note)
        return {"status": "ok", "song_id": unit.name, "record": record}


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What an export did.

    Attributes:
        songs: songs in it.
        files: files in it, the index left out.
        bytes: size of these.
        written: files that were written now.
        turned_down: files whose samples are to be multiplied by a scale above 1.
    """

    songs: int
    files: int
    bytes: int
    written: int
    turned_down: int


def export_catalog(
    catalog_target: str,
    out: str,
    config: ExportConfig,
    console: Console,
    splits: Sequence[str] = (),
    song_ids: Sequence[str] = (),
    options: RunOptions | None = None,
) -> ExportReport:
    """Export a catalog, or bring an export up to date.

    Args:
        catalog_target: path or URI of the catalog.
        out: path or URI of a folder, empty, new, or an export in the same format.
        config: what is exported.
        console: for progress and warnings.
        splits: only these; all if empty.
        song_ids: only these; all if empty.
        options: where to work; one worker works in this process.

    Raises:
        ExportError: what the format cannot hold, or a folder with other files.
        CatalogError: no catalog, or no such songs.
        PipelineError: files that could not be read or written.
    """
    form = formats.get(config.format)
    if config.material not in form.materials:
        raise ExportError(f"{form.name} holds {', '.join(form.materials)} stems only; export original ones as folders")
    if config.subtype not in (None, *form.subtypes):
        raise ExportError(f"{form.name} cannot hold {config.subtype}; choose one of {', '.join(form.subtypes)}")
    catalog = Catalog.open(catalog_target)
    songs = select_songs(catalog, config.material, splits, song_ids)
    units = form.plan(songs, config)
    output = ExportOutput(Location.parse(out), form.name)
    keys = [unit.key(config) for unit in units]
    missing = [(key, unit) for key, unit in zip(keys, units, strict=True) if not output.is_finished(key)]
    output.begin(units)
    task = ExportUnit(_absolute(catalog_target), _absolute(out), config)
    written = {record["key"]: record for record in _run(task, missing, options or RunOptions(), console)}
    records = [written.get(key) or output.record(key) for key in keys]
    notes = [record["note"] for record in records]
    output.complete(
        _about(catalog, songs, config), records, form.index(units, notes, config), _receipts(catalog, songs, config)
    )
    files = [file for record in records for file in record["files"]]
    return ExportReport(
        len(songs),
        len(files),
        sum(file["bytes"] for file in files),
        sum(len(record["files"]) for record in written.values()),
        sum(note.get("turned_down", 0) for note in notes),
    )


def _run(
    task: ExportUnit, missing: Sequence[tuple[str, Unit]], options: RunOptions, console: Console
) -> Iterator[dict[str, Any]]:
    if not missing:
        console.print("export    nothing to do, all files are finished")
        return
    seconds = {key: _seconds(unit) for key, unit in missing}
    jobs = (
        {"song_id": unit.name, "key": key, "unit": unit.to_json(), "memory": _memory(unit, task.config)}
        for key, unit in missing
    )
    alone = options.address is None and (options.workers == 1 or len(missing) == 1)
    outcomes = map(task, jobs) if alone else run_songs(task, jobs, options, lambda job: job["memory"])
    failures = []
    with StageProgress("export", len(missing), sum(seconds.values()), console, "files") as progress:
        for outcome in outcomes:
            if outcome["status"] == "failed":
                failures.append(f"{outcome['song_id']}: {outcome['message']}")
                progress.advance(0.0, False)
            else:
                progress.advance(seconds[outcome["record"]["key"]], False)
                yield outcome["record"]
    if failures:
        raise PipelineError(
            f"{len(failures)} of {len(missing)} could not be exported, the first: {failures[0]}. "
            "Mend it and run the same command again, or leave the song out with --songs."
        )


def _absolute(target: str) -> str:
    """The path or URI as every worker understands it."""
    location = Location.parse(target)
    return location.path if location.is_local else target


def _seconds(unit: Unit) -> float:
    """Audio of a unit, all its stems together."""
    return sum(len(piece.song.stems) * piece.frames / piece.song.sample_rate for piece in unit.pieces)


def _memory(unit: Unit, config: ExportConfig) -> int:
    """Bytes that a worker needs for a unit."""
    if config.material == "original":
        return WORKER_BYTES + STEREO_FLOAT32_BYTES * unit.pieces[0].song.frames
    return WORKER_BYTES + (config.shard_bytes or 0)


def _about(catalog: Catalog, songs: Sequence[ExportSong], config: ExportConfig) -> dict[str, Any]:
    corpora = sorted({song.about["corpus"] for song in songs})
    return {
        "format": config.format,
        "config": dataclasses.asdict(config),
        "catalog": {"hash": catalog.fingerprint(), "version": catalog.manifest.version},
        "version": VERSION,
        "songs": len(songs),
        "splits": dict(sorted(Counter(song.split for song in songs).items())),
        "corpora": {name: dataclasses.asdict(corpus_terms(name)) for name in corpora},
    }


def _receipts(catalog: Catalog, songs: Sequence[ExportSong], config: ExportConfig) -> dict[str, pa.Table]:
    """What was done to the stems; nothing for the original ones."""
    if config.material == "original":
        return {}
    table = catalog.table("receipts")
    return {"receipts.parquet": table.filter(pc.is_in(table["song_id"], pa.array([song.song_id for song in songs])))}
