"""Stage 2: features, quality and fingerprints from one decoding of every stem, and the statistics of the corpus."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
from rich.console import Console

from catalogs import schemas
from catalogs.leakage import Move, SongFingerprint, find_pairs, moves_to_strictest, songs_of_table
from catalogs.quality import FAULTS, SongQuality, find_faults
from catalogs.quality.clipping import Clipping
from catalogs.statistics_file import statistics_to_table
from catalogs.storage import Location, read_table, write_table
from fxnorm.chain import ChainConfig, normalize_padded
from fxnorm.compression import OnsetPeakLevel
from fxnorm.features import StemFeatures, analyze_padded
from fxnorm.settings import DEFAULT_EFFECTS, PADDING, hash_of
from fxnorm.statistics import Statistics, Targets, measure_statistics
from fxnorm.stereo import is_silent, pad, unpad
from pipelines.config import AnalysisConfig, RunOptions, as_json
from pipelines.runner import Job, Outcome, PipelineError
from pipelines.songs import SongRefusedError, decode_stem, mixture_last, refusals_remembered, run_stage, with_splits
from pipelines.workspace import Rows, Workspace, quarantine_row, song_key

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
                rows, observed = self._measure(job)
            except SongRefusedError as error:
                return refuse(error.rows)
        if observed is not None:
            quality, fingerprint = observed
            table = pa.Table.from_pylist(quality.rows(), schema=schemas.QUALITY)
            write_table(folder / quality_file(job["key"]), table)
            table = pa.Table.from_pylist(fingerprint.rows(), schema=schemas.FINGERPRINTS)
            write_table(folder / fingerprint_file(job["key"]), table)
        write_table(folder / f"{job['key']}.parquet", pa.Table.from_pylist(rows, schema=schemas.FEATURES))
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
    keys = {song: song_key(song, rows[0]["song_hash"], config.features_hash()) for song, rows in songs.items()}
    task = AnalyzeSong(workspace.target, config)
    refused = run_stage(STAGE, task, songs, keys, folder, _is_done, options, console)
    refused_songs = {row["song_id"] for row in refused}
    measured = [song for song in sorted(songs) if song not in refused_songs]
    quality = [read_table(folder / quality_file(keys[song])) for song in measured]
    faulty = _refused_for_quality(songs, quality, config.refuse)
    workspace.save_quarantine(STAGE, refused + faulty)
    refused_songs = {row["song_id"] for row in faulty}
    kept = {song: keys[song] for song in measured if song not in refused_songs}
    if not kept:
        raise PipelineError(f"{workspace.target}: every song was refused; see 'fxnorm-data inspect'")
    tables = [read_table(folder / f"{key}.parquet") for key in kept.values()]
    fingerprints = pa.concat_tables(read_table(folder / fingerprint_file(key)) for key in kept.values())
    tracks = {song: songs[song][0] for song in kept}
    moves = {} if config.keep_splits else _find_moves(fingerprints, tracks, workspace.target)
    workspace.save_moves(moves)
    _report_moves(moves, console)
    splits = {song: moves[song].split if song in moves else tracks[song]["corpus_split"] for song in kept}
    contributing = [song for song in kept if config.include_test or splits[song] != "test"]
    if not contributing:
        raise PipelineError(
            "every song is a test song, and test songs do not contribute to statistics; use --include-test-songs"
        )
    statistics = _statistics(folder, [kept[song] for song in contributing])
    if config.mode == "sequential":
        chosen = {song: songs[song] for song in contributing}
        statistics = _sequential(workspace, config, chosen, statistics, options, console)
    workspace.save_measured(statistics)
    order = [("song_id", "ascending"), ("stem", "ascending")]
    features = with_splits(pa.concat_tables(tables), splits).sort_by(order)
    accepted = [table for song, table in zip(measured, quality, strict=True) if song in kept]
    workspace.save_draft(
        STAGE,
        {
            "features": features,
            "quality": pa.concat_tables(accepted).sort_by(order),
            "fingerprints": fingerprints.sort_by(order),
            "statistics": statistics_to_table(statistics),
        },
        as_json(config),
        drop=("shards", "receipts", "targets"),
    )
    return statistics


def _find_moves(fingerprints: pa.Table, tracks: Mapping[str, Mapping[str, object]], label: str) -> dict[str, Move]:
    """Songs that are the same as one of a stricter split."""
    songs = list(songs_of_table(fingerprints, tracks, label))
    return moves_to_strictest({song: str(row["corpus_split"]) for song, row in tracks.items()}, find_pairs(songs))


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


def _refused_for_quality(songs: Mapping[str, Rows], tables: list[pa.Table], faults: tuple[str, ...]) -> Rows:
    """Quarantine rows of the songs that have a fault that the user refuses."""
    if not faults or not tables:
        return []
    rows = []
    for finding in find_faults(pa.concat_tables(tables).to_pandas()):
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
    return f"{key}.parquet" in present


def _statistics(folder: Location, keys: list[str], feature: str | None = None) -> Statistics:
    stems = (item for key in keys for item in table_to_features(read_table(folder / f"{key}.parquet")))
    if feature is None:
        return measure_statistics(stems)
    return measure_statistics(stems, "sequential", [feature])


def _sequential(
    workspace: Workspace,
    config: AnalysisConfig,
    songs: Mapping[str, Rows],
    raw: Statistics,
    options: RunOptions,
    console: Console,
) -> Statistics:
    """Measure each feature on stems that the effects before it have normalised, as the published averages were made."""
    folder = workspace.folder(FOLDER)
    first, *later = DEFAULT_EFFECTS
    sums = {key: value for key, value in raw.sums.items() if key[1] == first}
    for index, feature in enumerate(later, start=1):
        preceding = Statistics(dict(sums), "sequential")
        effects = DEFAULT_EFFECTS[:index]
        stage_hash = hash_of([config.features_hash(), feature, preceding.fingerprint()])
        keys = {song: song_key(song, rows[0]["song_hash"], stage_hash) for song, rows in songs.items()}
        task = AnalyzeSong(workspace.target, config, preceding, effects)
        refused = run_stage(f"{STAGE} {feature}", task, songs, keys, folder, _is_done, options, console)
        if refused:
            raise PipelineError(f"sequential statistics stopped: {json.dumps(refused[0])}")
        sums.update(_statistics(folder, [keys[song] for song in songs], feature).sums)
    return Statistics(dict(sorted(sums.items())), "sequential")
