"""A catalog of twenty songs, two of them with audio of eight seconds, for the report: values vary, some stand out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from catalogs import schemas
from catalogs.catalog import Catalog
from catalogs.manifest import PUBLISHED, Manifest, store_table
from catalogs.shards import ShardStem, write_shard
from catalogs.storage import Location
from tests import signals
from tests.signals import RATE
from tests.small_catalog import SmallCatalog, write_small_catalog

SONGS = 20
SECONDS = 8
TARGETS = {"eq": 0.0, "compression": -12.0, "panning": 0.8, "loudness": -24.0}
STRANGE_NAME = 'first/<b>O\'Brien</b> & "Élan" </script>'


def write_wide_catalog(target: Path) -> Catalog:
    """Rows of the small catalog's tables under twenty names, with other numbers."""
    small = write_small_catalog(target)
    rng = np.random.default_rng(5)
    shard = small.location / "shards/shared.parquet"
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in schemas.TABLES}
    for number in range(SONGS):
        corpus = ("first", "second")[number % 2]
        song = STRANGE_NAME if number == 4 else f"{corpus}/Song {number:02}"
        _add_song(rows, small, song, number, rng)
    _write_audio(shard, rows["shards"])
    rows["quarantine"] = [
        {**small.tables["quarantine"].to_pylist()[0], "song_id": f"{corpus}/gone", "corpus": corpus}
        for corpus in ("first", "second")
    ]
    tables = {name: small.tables[name] for name in ("statistics",)} | {
        name: pa.Table.from_pylist(rows[name], schema=schemas.TABLES[name]) for name in rows if name != "statistics"
    }
    stored = {name: store_table(small.location, name, table) for name, table in tables.items()}
    (small.location / PUBLISHED).write_bytes(Manifest(stored, {"normalize": {"seed": 0}}, "0.0.0").to_json())
    return Catalog.open(target)


def _add_song(
    rows: dict[str, list[dict[str, Any]]], small: SmallCatalog, song: str, number: int, rng: np.random.Generator
) -> None:
    template = "demo/beta"
    split = schemas.SPLITS[number % 3]
    changed = {"song_id": song, "split": split, "corpus": song.partition("/")[0], "native_id": song.partition("/")[2]}
    for name in ("tracks", "features", "quality", "shards"):
        for row in small.tables[name].to_pylist():
            if row["song_id"] == template:
                rows[name].append({**row, **{key: value for key, value in changed.items() if key in row}})
    for row in rows["features"][-2:]:
        loud = -8.0 if (number, row["stem"]) == (7, "drums") else -22.0 + rng.uniform(-4.0, 4.0)
        row["loudness_lufs"] = None if (number, row["stem"]) == (3, "vocals") else float(loud)
        row["eq"] = (np.asarray(row["eq"]) * 2.0 ** rng.standard_normal()).tolist()
        rows["receipts"] += [_receipt(song, row, effect, place, rng) for place, effect in enumerate(TARGETS)]
    for row in rows["quality"][-3:]:
        row["clipped_runs"] = 40 if number in (2, 5) and row["stem"] == "drums" else 0
        row["true_peak_dbtp"] = -3.0
    for row in rows["shards"][-3:]:
        row["loudness_lufs"] = TARGETS["loudness"] + float(rng.uniform(-0.1, 0.1))


def _receipt(song: str, row: dict[str, Any], effect: str, place: int, rng: np.random.Generator) -> dict[str, Any]:
    spread = 0.05 if effect == "panning" else 2.0
    before, achieved = (TARGETS[effect] + spread * share * float(rng.uniform()) for share in (1.0, 0.2))
    return {
        "song_id": song, "stem": row["stem"], "position": place, "effect": effect, "status": "applied", "reason": None,
        "quantity": effect, "unit": "dB", "target": TARGETS[effect], "before": before, "achieved": achieved,
        "details": "{}",
    }  # fmt: skip


def _write_audio(shard: Location, rows: list[dict[str, Any]]) -> None:
    """One shard for all songs: quiet, and loud from the second second on."""
    audio = {name: signals.plucks(SECONDS, seed, 0.9) for seed, name in enumerate(("drums", "vocals", "mixture"))}
    for samples in audio.values():
        samples[: 2 * RATE] *= 0.01
    roles = {name: "mixture" if name == "mixture" else "stem" for name in audio}
    stems = [ShardStem(name, roles[name], samples, "PCM_16") for name, samples in audio.items()]
    write_shard(shard, "first/Song 00", stems, 5 * RATE, RATE)
    for row in rows:
        row |= {"shard": f"shards/{shard.name}", "frames": SECONDS * RATE, "segment_frames": 5 * RATE, "segments": 2}
