"""Stage 3: normalise every stem in memory, and write stems and mixture of a song into its audio shard."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from rich.console import Console

from catalogs.manifest import TableWriter
from catalogs.material import flac_subtype
from catalogs.shards import ShardDraft, ShardStem
from catalogs.staging import last_file_kept
from catalogs.statistics_file import read_statistics, statistics_to_table
from catalogs.storage import Location
from fxnorm.chain import ChainConfig, normalize_padded
from fxnorm.loudness import integrated_loudness
from fxnorm.receipt import StemReceipt
from fxnorm.settings import PADDING, SAMPLE_RATE
from fxnorm.statistics import Targets
from fxnorm.stereo import is_below_gate, to_db
from pipelines.config import NormalizationConfig, RunOptions, as_json
from pipelines.results import read_ahead
from pipelines.runner import Job, Outcome, PipelineError
from pipelines.song_rows import Rows, SongRows
from pipelines.songs import SongRefusedError, decode_stem, mixture_last, refusals_remembered, run_stage
from pipelines.workspace import Workspace, song_keys

STAGE = "normalize"
FOLDER = "normalized"

SHARD_KEY_LENGTH = 16
"""Digits of a result's key in the name of its shard."""


@dataclasses.dataclass(frozen=True)
class NormalizeSong:
    """Task: normalise all stems of a song and write its shard.

    Attributes:
        catalog: path or URI of the catalog.
        config: configuration.
        chain: effects and responses.
        targets: averages by stem name.
        audio_hash: hash of all that the audio depends on beside the input.
    """

    catalog: str
    config: NormalizationConfig
    chain: ChainConfig
    targets: Mapping[str, Targets]
    audio_hash: str

    def __call__(self, job: Job) -> Outcome:
        workspace = Workspace(self.catalog)
        folder = workspace.folder(FOLDER)
        name = shard_name(job["song_id"], job["key"])
        location = workspace.catalog / name
        with (
            refusals_remembered(folder, job["key"]) as refuse,
            ShardDraft(job["song_id"], self.config.segment_frames, SAMPLE_RATE) as draft,
        ):
            try:
                with last_file_kept():
                    shards, receipts = self._normalize(job, draft)
            except SongRefusedError as error:
                return refuse(error.rows)
            draft.write(location)
        stored = {
            "shard": name,
            "shard_bytes": location.size(),
            "shard_hash": location.hash(),
            "sample_rate": SAMPLE_RATE,
            "normalization_hash": self.audio_hash,
        }
        result = {"shards": [{**row, **stored} for row in shards], "receipts": receipts}
        (folder / result_file(job["key"])).write_bytes(json.dumps(result).encode())
        return {"status": "ok", "song_id": job["song_id"]}

    def _normalize(self, job: Job, draft: ShardDraft) -> tuple[Rows, Rows]:
        """Encode one stem after the other into the draft; rows of the shards and of the receipts."""
        shards: Rows = []
        receipts: Rows = []
        for track in mixture_last(job["tracks"]):
            name = track["stem"]
            if track["role"] == "mixture":
                stem = ShardStem(name, "mixture", decode_stem(track, STAGE), flac_subtype(track))
            else:
                targets = self.targets.get(name, Targets())
                normalised, receipt = normalize_padded(
                    decode_stem(track, STAGE, PADDING), name, targets, self.chain, job["song_id"]
                )
                stem = ShardStem(name, "stem", normalised, self.config.subtype)
                receipts += receipt_rows(job["song_id"], name, receipt)
                del normalised
            draft.add(stem)
            shards.append(self._shard_row(stem, track))
            del stem
        return shards, receipts

    def _shard_row(self, stem: ShardStem, track: Mapping[str, Any]) -> dict[str, Any]:
        level = to_db(stem.peak)
        frames = stem.audio.shape[0]
        return {
            "song_id": track["song_id"],
            "stem": stem.name,
            "role": stem.role,
            "split": track["split"],
            "channels": stem.audio.shape[1],
            "frames": frames,
            "segments": -(-frames // self.config.segment_frames),
            "segment_frames": self.config.segment_frames,
            "subtype": stem.subtype,
            "scale": stem.scale,
            "silent": is_below_gate(stem.peak),
            "peak_dbfs": level if np.isfinite(level) else None,
            "loudness_lufs": integrated_loudness(stem.audio),
            "song_hash": track["song_hash"],
        }


def result_file(key: str) -> str:
    """Name of the file with a song's rows; a song that has it, and its shard, is finished."""
    return f"{key}.json"


def shard_name(song_id: str, key: str) -> str:
    """Path of a song's shard in the catalog: readable, and different for every input and configuration."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", song_id).strip("-")[:80]
    return f"shards/{slug}-{key[:SHARD_KEY_LENGTH]}.parquet"


def shard_key(name: str) -> str:
    """The part of a shard's name that says which result it is."""
    return name.removesuffix(".parquet").rpartition("-")[2]


def receipt_rows(song_id: str, stem: str, receipt: StemReceipt) -> Rows:
    """Rows of the receipts table."""
    common = {
        "seed": receipt.seed,
        "settings_hash": receipt.settings_hash,
        "statistics_hash": receipt.statistics_hash,
    }
    return [
        {
            "song_id": song_id,
            "stem": stem,
            "position": position,
            "effect": entry.effect,
            "status": entry.status,
            "reason": entry.reason,
            "quantity": entry.quantity,
            "unit": entry.unit,
            "target": entry.target,
            "before": entry.before,
            "achieved": entry.achieved,
            "details": json.dumps({**entry.details, **common, "version": receipt.version}, sort_keys=True),
        }
        for position, entry in enumerate(receipt.effects)
    ]


def normalize(workspace: Workspace, config: NormalizationConfig, options: RunOptions, console: Console) -> None:
    """Normalise what is not normalised yet, and write the tables ``shards`` and ``receipts`` into the draft.

    Raises:
        PipelineError: nothing was analysed, or there are no statistics to normalise to.
    """
    statistics = workspace.measured() if config.statistics is None else read_statistics(config.statistics)
    try:
        chain = config.chain(statistics.fingerprint())
    except ValueError as error:
        raise PipelineError(str(error)) from None
    songs = workspace.accepted_songs(before=STAGE)
    names = stem_names(songs)
    targets = {name: statistics.targets(name, config.settings) for name in names if name in statistics.sources}
    for name in names:
        if name not in targets:
            console.print(
                f"warning: the statistics hold nothing on {name!r}; its effects will be skipped",
                style="yellow",
            )
    audio_hash = config.audio_hash(chain)
    folder = workspace.folder(FOLDER)
    keys = song_keys(songs, audio_hash)
    shards = {shard_key(name) for name in (workspace.catalog / "shards").file_names()}

    def is_done(present: set[str], key: str) -> bool:
        return result_file(key) in present and key[:SHARD_KEY_LENGTH] in shards

    task = NormalizeSong(workspace.target, config, chain, targets, audio_hash)
    refused = run_stage(STAGE, task, songs, keys, folder, is_done, options, console)
    workspace.save_quarantine(STAGE, refused)
    refused_songs = {row["song_id"] for row in refused}
    finished = [result_file(key) for song, key in keys.items() if song not in refused_songs]
    if not finished:
        raise PipelineError(f"{workspace.target}: every song was refused; see 'fxnorm-data inspect'")
    splits = songs.first("split")
    with TableWriter(workspace.catalog, "shards") as stored, TableWriter(workspace.catalog, "receipts") as receipts:
        for result in read_ahead(_read_result, folder, finished):
            stored.write_rows([{**row, "split": splits[row["song_id"]]} for row in result["shards"]])
            receipts.write_rows(result["receipts"])
    tables = {"shards": stored.stored, "receipts": receipts.stored}
    if config.statistics is not None:
        tables["targets"] = workspace.store("targets", statistics_to_table(statistics))
    workspace.save_draft(STAGE, tables, as_json(config), drop=("targets",))


def stem_names(songs: SongRows) -> list[str]:
    """Names of all stems in use, sorted."""
    used = songs.table.filter(pc.and_(songs.table["used"], pc.not_equal(songs.table["role"], "mixture")))
    return sorted(used["stem"].unique().to_pylist())


def _read_result(location: Location) -> dict[str, Rows]:
    return json.loads(location.read_bytes())
