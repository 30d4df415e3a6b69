"""Stage 2: features, quality and fingerprints from one decoding of every stem, and the statistics of the corpus."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
from rich.console import Console

from catalogs import schemas
from catalogs.leakage import FingerprintTable, Move, SongFingerprint, find_pairs, moves_to_strictest
from catalogs.manifest import TableFile, TableWriter
from catalogs.quality import FAULTS, SongQuality, find_faults
from catalogs.quality.clipping import Clipping
from catalogs.staging import last_file_kept
from catalogs.statistics_file import statistics_to_table
from catalogs.storage import Location, read_table, write_table
from fxnorm.chain import ChainConfig, normalize_padded
from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import StemFeatures, analyze_padded
from fxnorm.settings import DEFAULT_EFFECTS, PADDING, hash_of
from fxnorm.statistics import Statistics, Targets, measure_statistics
from fxnorm.stereo import is_silent, pad, unpad
from pipelines.config import AnalysisConfig, RunOptions, as_json
from pipelines.results import read_ahead, read_tables
from pipelines.runner import Job, Outcome, PipelineError
from pipelines.song_rows import Rows, SongRows, without_songs
from pipelines.songs import SongRefusedError, decode_stem, mixture_last, refusals_remembered, run_stage
from pipelines.workspace import Workspace, quarantine_row, song_key, song_keys

STAGE = "analyze"
FOLDER = "features"

LISTED = 5
"""Songs of another split than their corpus says that are printed; the table ``tracks`` has all of them."""


@dataclasses.dataclass(frozen=True)
class AnalyzeSong:
    """Task: measure the features of all stems of a song, and quality and fingerprint of stems and mixture as they came.

    Attributes:
        catalog: path or URI of the catalog.
        config: configuration.
        preceding: statistics to normalise to before measuring, for sequential statistics.
        effects: effects to apply before measuring.
    """

    catalog: str
    config: AnalysisConfig
    preceding: Statistics | None = None
    effects: tuple[str, ...] = ()

    def __call__(self, job: Job) -> Outcome:
        folder = Workspace(self.catalog).folder(FOLDER)
        with refusals_remembered(folder, job["key"]) as refuse:
            try:
                with last_file_kept():
                    rows, observed = self._measure(job)
            except SongRefusedError as error:
                return refuse(error.rows)
        if observed is not None:
            quality, fingerprint = observed
            table = pa.Table.from_pylist(quality.rows(), schema=schemas.QUALITY)
            write_table(folder / quality_file(job["key"]), table)
            table = pa.Table.from_pylist(fingerprint.rows(), schema=schemas.FINGERPRINTS)
            write_table(folder / fingerprint_file(job["key"]), table)
        write_table(folder / features_file(job["key"]), pa.Table.from_pylist(rows, schema=schemas.FEATURES))
        return {"status": "ok", "song_id": job["song_id"]}

    def _measure(self, job: Job) -> tuple[Rows, tuple[SongQuality, SongFingerprint] | None]:
        measured = []
        observed = None
        if not self.effects:
            analysis_hash = self.config.features_hash()
            observed = SongQuality(job["tracks"], analysis_hash), SongFingerprint(job["tracks"], analysis_hash)
        for track in mixture_last(job["tracks"]):
            name = track["stem"]
            if observed is None and track["role"] == "mixture":
                continue
            clipping = Clipping()
            padded = decode_stem(track, STAGE, PADDING, clipping.of_file)
            if observed is not None:
                quality, fingerprint = observed
                quality.add(track, unpad(padded), clipping)
                fingerprint.add(track, unpad(padded))
            if track["role"] == "mixture":
                continue
            if self.effects and not is_silent(padded):
                targets = Targets()
                if self.preceding is not None and name in self.preceding.sources:
                    targets = self.preceding.targets(name, self.config.settings)
                chain = ChainConfig(effects=self.effects, settings=self.config.settings)
                normalised, _ = normalize_padded(padded, name, targets, chain, job["song_id"])
                padded = pad(normalised)
                del normalised
            measured.append((analyze_padded(padded, self.config.settings), track))
            del padded
        if all(features.silent for features, _ in measured):
            message = (
                f"{job['song_id']}: all stems are silent (peak at or below -50 dBFS); "
                "export the stems again, or take the song out of the corpus"
            )
            track = job["tracks"][0]
            raise SongRefusedError([quarantine_row(track, STAGE, "all_stems_silent", message, whole=True)])
        rows = [features_to_row(features, track, self.config.features_hash()) for features, track in measured]
        return rows, observed


def features_file(key: str) -> str:
    """Name of the file of a song's features; a song that has it is finished."""
    return f"{key}.parquet"


def quality_file(key: str) -> str:
    """Name of the file of a song's quality; it is there before that of its features."""
    return f"{key}.quality.parquet"


def fingerprint_file(key: str) -> str:
    """Name of the file of a song's fingerprint; it is there before that of its features."""
    return f"{key}.fingerprint.parquet"


def features_to_row(features: StemFeatures, track: Mapping[str, object], analysis_hash: str) -> dict[str, object]:
    """A row of the features table."""
    level = features.compression
    return {
        "song_id": track["song_id"],
        "stem": track["stem"],
        "split": track["split"],
        "song_hash": track["song_hash"],
        "analysis_hash": analysis_hash,
        "silent": features.silent,
        "peak_dbfs": features.peak_dbfs,
        "loudness_lufs": features.loudness,
        "compression_mean_db": None if level is None else level.mean,
        "compression_std_db": None if level is None else level.std,
        "eq": None if features.eq is None else features.eq.astype(np.float32),
        "panning": None if features.panning is None else features.panning.astype(np.float32),
        "notes": list(features.notes),
    }


def table_to_features(table: pa.Table) -> Iterator[tuple[str, str, StemFeatures]]:
    """Song id, stem and features of each row of a features table."""
    for index in range(table.num_rows):
        row = {name: table.column(name)[index] for name in table.column_names}
        scalars = {name: row[name].as_py() for name in table.column_names if name not in ("eq", "panning")}
        curves = {
            name: row[name].values.to_numpy().astype(np.float64) if row[name].is_valid else None
            for name in ("eq", "panning")
        }
        mean = scalars["compression_mean_db"]
        yield (
            scalars["song_id"],
            scalars["stem"],
            StemFeatures(
                silent=scalars["silent"],
                peak_dbfs=scalars["peak_dbfs"],
                loudness=scalars["loudness_lufs"],
                eq=curves["eq"],
                panning=curves["panning"],
                compression=None if mean is None else OnsetPeakLevel(mean, scalars["compression_std_db"]),
                notes=tuple(scalars["notes"]),
            ),
        )


def analyze(workspace: Workspace, config: AnalysisConfig, options: RunOptions, console: Console) -> Statistics:
    """Measure what is not measured yet, and write the tables that come of it into the draft.

    Raises:
        PipelineError: no song is left to measure, or none contributes to the statistics.
    """
    songs = workspace.accepted_songs(before=STAGE)
    if not songs:
        raise PipelineError(f"{workspace.target}: no song passed ingest; see the quarantine with 'fxnorm-data inspect'")
    folder = workspace.folder(FOLDER)
    keys = song_keys(songs, config.features_hash())
    task = AnalyzeSong(workspace.target, config)
    refused = run_stage(STAGE, task, songs, keys, folder, _is_done, options, console)
    refused_songs = {row["song_id"] for row in refused}
    measured = {song: key for song, key in keys.items() if song not in refused_songs}
    quality = read_tables(folder, (quality_file(key) for key in measured.values()), schemas.QUALITY)
    faulty = _refused_for_quality(songs, quality, config.refuse)
    workspace.save_quarantine(STAGE, refused + faulty)
    faulty_songs = {row["song_id"] for row in faulty}
    kept = {song: key for song, key in measured.items() if song not in faulty_songs}
    if not kept:
        raise PipelineError(f"{workspace.target}: every song was refused; see 'fxnorm-data inspect'")
    fingerprints = _store_fingerprints(workspace, folder, kept.values())
    moves: dict[str, Move] = {}
    if not config.keep_splits:
        table = FingerprintTable(workspace.catalog / fingerprints.path)
        moves = _find_moves(table, songs.without(songs.keys() - kept.keys()), workspace.target)
    workspace.save_moves(moves)
    _report_moves(moves, console)
    splits = songs.first("corpus_split") | {song: move.split for song, move in moves.items()}
    contributing = {song: key for song, key in kept.items() if config.include_test or splits[song] != "test"}
    if not contributing:
        raise PipelineError(
            "every song is a test song, and test songs do not contribute to statistics; use --include-test-songs"
        )
    with TableWriter(workspace.catalog, "features") as features:
        statistics = measure_statistics(
            item
            for song, table in zip(kept, read_ahead(read_table, folder, map(features_file, kept.values())), strict=True)
            for item in _written(features, table, splits[song], song in contributing)
        )
    hashes: list[str] = []
    if config.mode == "sequential":
        statistics, hashes = _sequential(workspace, config, songs, list(contributing), statistics, options, console)
    workspace.save_measured(statistics)
    workspace.save_draft(
        STAGE,
        {
            "features": features.stored,
            "quality": workspace.store("quality", without_songs(quality, faulty_songs)),
            "fingerprints": fingerprints,
            "statistics": workspace.store("statistics", statistics_to_table(statistics)),
        },
        {**as_json(config), "sequential_hashes": hashes},
        drop=("shards", "receipts", "targets"),
    )
    return statistics


def _store_fingerprints(workspace: Workspace, folder: Location, keys: Iterable[str]) -> TableFile:
    with TableWriter(workspace.catalog, "fingerprints") as fingerprints:
        for table in read_ahead(read_table, folder, map(fingerprint_file, keys)):
            fingerprints.write(table.sort_by("stem"))
    return fingerprints.stored


def _find_moves(fingerprints: FingerprintTable, songs: SongRows, label: str) -> dict[str, Move]:
    """Songs that are the same as one of a stricter split."""
    corpus_splits = songs.first("corpus_split")
    known = fingerprints.songs(songs.table, label)
    return moves_to_strictest(corpus_splits, find_pairs(known))


def _report_moves(moves: Mapping[str, Move], console: Console) -> None:
    for split in schemas.SPLITS:
        moved = [f"{song} (as {move.same_as})" for song, move in moves.items() if move.split == split]
        if moved:
            listed = ", ".join(moved[:LISTED]) + (", ..." if len(moved) > LISTED else "")
            console.print(
                f"{STAGE:<9} {len(moved)} {'songs are' if len(moved) > 1 else 'song is'} {split} for being the same as "
                f"{split} songs: {listed}; --keep-splits leaves them where they are",
                style="yellow",
                soft_wrap=True,
                markup=False,
            )


def _written(
    features: TableWriter, table: pa.Table, split: str, contributes: bool
) -> Iterator[tuple[str, str, StemFeatures]]:
    """Add a song to the table ``features``, with its split of now; its stems, if they contribute to the statistics."""
    column = table.schema.get_field_index("split")
    splits = pa.array([split] * table.num_rows, pa.string())
    features.write(table.set_column(column, table.schema.field(column), splits).sort_by("stem"))
    if contributes:
        yield from table_to_features(table)


def _refused_for_quality(songs: Mapping[str, Rows], quality: pa.Table, faults: tuple[str, ...]) -> Rows:
    """Quarantine rows of the songs that have a fault that the user refuses."""
    if not faults:
        return []
    rows = []
    for finding in find_faults(quality.to_pandas()):
        if finding.fault in faults:
            track = next(row for row in songs[finding.song_id] if row["stem"] == finding.stem)
            message = (
                f"{finding.song_id}, {finding.stem}: {FAULTS[finding.fault].meaning} "
                f"({FAULTS[finding.fault].value} {finding.value:.6g}, threshold {finding.threshold:g}); "
                f"repair the file, or build without --refuse {finding.fault}"
            )
            rows.append(quarantine_row(track, STAGE, f"quality_{finding.fault}", message))
    return rows


def _is_done(present: set[str], key: str) -> bool:
    return features_file(key) in present


def _sequential(
    workspace: Workspace,
    config: AnalysisConfig,
    songs: SongRows,
    contributing: list[str],
    raw: Statistics,
    options: RunOptions,
    console: Console,
) -> tuple[Statistics, list[str]]:
    """Measure each feature on stems that the effects before it have normalised, as the published averages were made.

    Returns:
        the statistics, and what the results of each pass depend on beside the audio.
    """
    folder = workspace.folder(FOLDER)
    first, *later = DEFAULT_EFFECTS
    sums = {key: value for key, value in raw.sums.items() if key[1] == first}
    song_hashes = songs.first("song_hash")
    stage_hashes = []
    for index, feature in enumerate(later, start=1):
        preceding = Statistics(dict(sums), "sequential")
        effects = DEFAULT_EFFECTS[:index]
        stage_hash = hash_of([config.features_hash(), feature, preceding.fingerprint()])
        stage_hashes.append(stage_hash)
        keys = {song: song_key(song, song_hashes[song], stage_hash) for song in contributing}
        task = AnalyzeSong(workspace.target, config, preceding, effects)
        refused = run_stage(f"{STAGE} {feature}", task, songs, keys, folder, _is_done, options, console)
        if refused:
            raise PipelineError(f"sequential statistics stopped: {json.dumps(refused[0])}")
        tables = read_ahead(read_table, folder, map(features_file, keys.values()))
        stems = (item for table in tables for item in table_to_features(table))
        sums.update(measure_statistics(stems, "sequential", [feature]).sums)
    return Statistics(dict(sorted(sums.items())), "sequential"), stage_hashes
