"""A small complete catalog, written with the public functions of the package and without Ray."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from catalogs import schemas
from catalogs.flac import PCM_BITS
from catalogs.leakage import SongFingerprint
from catalogs.manifest import PUBLISHED, Manifest, store_table
from catalogs.quality import SongQuality
from catalogs.quality.clipping import Clipping
from catalogs.shards import ShardStem, write_shard
from catalogs.statistics_file import statistics_to_table
from catalogs.storage import Location
from fxnorm.features import StemFeatures, analyze_stem
from fxnorm.loudness import integrated_loudness
from fxnorm.statistics import Mode, Statistics, measure_statistics
from fxnorm.stereo import is_silent, peak, to_db
from tests import signals
from tests.signals import RATE

Audio = NDArray[np.float32]
Row = dict[str, Any]

SEGMENT_FRAMES = 22_050
SPLITS = {"demo/O'Brien - Élan": "train", "demo/beta": "test"}
SUBTYPES = {"vocals": "PCM_24", "drums": "PCM_24", "mixture": "PCM_16"}


@dataclasses.dataclass(frozen=True)
class SmallCatalog:
    """What was written.

    Attributes:
        location: the catalog.
        audio: by song and stem, before rounding.
        tables: by name, as they were given to ``store_table``.
        statistics: those in the catalog.
        manifest: the published one.
    """

    location: Location
    audio: dict[str, dict[str, Audio]]
    tables: dict[str, pa.Table]
    statistics: Statistics
    manifest: Manifest


def make_audio() -> dict[str, dict[str, Audio]]:
    """Two songs of two stems and a mixture above full scale; the vocals of the second end early."""
    songs = {}
    for seed, (song, seconds) in enumerate(zip(SPLITS, (1.7, 1.2), strict=True)):
        drums = signals.plucks(seconds, seed, 0.9)
        vocals = signals.noise(seconds - 0.5 * seed, seed, 0.9)
        mixture = drums.copy()
        mixture[: vocals.shape[0]] += vocals
        songs[song] = {"drums": drums, "vocals": vocals, "mixture": mixture}
    return songs


def quantisation(audio: Audio, subtype: str) -> float:
    """Largest error of rounding to PCM, the one step lost at positive full scale and float32 rounding included."""
    scale = max(1.0, float(np.abs(audio).max()))
    return scale * (2.0 ** -(PCM_BITS[subtype] - 1) + 2.0**-23)


def digest(*content: object) -> str:
    """A hash of the length that catalogs have."""
    return hashlib.blake2b(repr(content).encode(), digest_size=16).hexdigest()


def write_small_catalog(target: str | Path, mode: Mode = "raw", with_targets: bool = False) -> SmallCatalog:
    """Write shards, all tables, and ``catalog.json`` last."""
    location = Location.parse(target)
    audio = make_audio()
    rows: dict[str, list[Row]] = {name: [] for name in schemas.TABLES}
    features: list[tuple[str, str, StemFeatures]] = []
    for song in sorted(audio):
        shard = location / f"shards/{digest(song)}.parquet"
        stems = [ShardStem(name, _role(name), samples, SUBTYPES[name]) for name, samples in audio[song].items()]
        write_shard(shard, song, stems, SEGMENT_FRAMES, RATE)
        tracks = [_track(song, stem) for stem in stems]
        quality = SongQuality(tracks, digest("analysis"))
        fingerprint = SongFingerprint(tracks, digest("analysis"))
        for stem in stems:
            rows["tracks"].append(_track(song, stem))
            quality.add(rows["tracks"][-1], stem.audio, Clipping())
            fingerprint.add(rows["tracks"][-1], stem.audio)
            rows["shards"].append(_shard(song, stem, shard))
            if stem.role == "stem":
                measured = analyze_stem(stem.audio)
                features.append((song, stem.name, measured))
                rows["features"].append(_feature(song, stem.name, measured))
                rows["receipts"].append(_receipt(song, stem.name, measured))
        rows["quality"] += quality.rows()
        rows["fingerprints"] += fingerprint.rows()
    rows["quarantine"].append(
        {
            "song_id": "demo/gamma",
            "corpus": "demo",
            "stem": None,
            "uri": None,
            "stage": "ingest",
            "reason": "missing_stem",
            "message": "there is no bass; add bass.wav",
        }
    )
    statistics = measure_statistics((item for item in features if SPLITS[item[0]] != "test"), mode)
    tables = {name: pa.Table.from_pylist(rows[name], schema=schema) for name, schema in schemas.TABLES.items()}
    tables["statistics"] = statistics_to_table(statistics)
    if with_targets:
        tables["targets"] = statistics_to_table(measure_statistics(features, mode))
    stored = {name: store_table(location, name, table) for name, table in tables.items()}
    manifest = Manifest(stored, {"normalize": {"seed": 0}}, "0.0.0")
    (location / PUBLISHED).write_bytes(manifest.to_json())
    return SmallCatalog(location, audio, tables, statistics, manifest)


def _role(stem: str) -> str:
    return "mixture" if stem == "mixture" else "stem"


def _track(song: str, stem: ShardStem) -> Row:
    frames = stem.audio.shape[0]
    return {
        "song_id": song,
        "stem": stem.name,
        "part": stem.name,
        "role": stem.role,
        "used": True,
        "corpus": "demo",
        "native_id": song.split("/")[1],
        "title": None,
        "artist": "Nobody",
        "genre": None,
        "instruments": [],
        "bleed": None,
        "split": SPLITS[song],
        "corpus_split": SPLITS[song],
        "licence": "CC0-1.0",
        "provenance": None,
        "errata": [],
        "uri": f"file:///corpus/{digest(song)}/{stem.name}.wav",
        "stream": None,
        "container": "WAV",
        "encoding": "PCM_16",
        "sample_rate": RATE,
        "channels": 2,
        "frames": frames,
        "catalog_frames": frames,
        "bytes": 4 * frames + 44,
        "modified_ns": 1_700_000_000_123_456_789,
        "content_hash": digest(song, stem.name),
        "song_hash": digest(song),
        "conversions": ["channels 1 to 2"] if stem.name == "vocals" else [],
    }


def _shard(song: str, stem: ShardStem, shard: Location) -> Row:
    frames = stem.audio.shape[0]
    return {
        "song_id": song,
        "stem": stem.name,
        "role": stem.role,
        "split": SPLITS[song],
        "shard": f"shards/{shard.name}",
        "shard_bytes": shard.size(),
        "shard_hash": shard.hash(),
        "sample_rate": RATE,
        "channels": 2,
        "frames": frames,
        "segments": -(-frames // SEGMENT_FRAMES),
        "segment_frames": SEGMENT_FRAMES,
        "subtype": stem.subtype,
        "scale": stem.scale,
        "silent": is_silent(stem.audio),
        "peak_dbfs": to_db(peak(stem.audio)),
        "loudness_lufs": integrated_loudness(stem.audio),
        "song_hash": digest(song),
        "normalization_hash": digest("normalisation"),
    }


def _feature(song: str, stem: str, features: StemFeatures) -> Row:
    level = features.compression
    return {
        "song_id": song,
        "stem": stem,
        "split": SPLITS[song],
        "song_hash": digest(song),
        "analysis_hash": digest("analysis"),
        "silent": features.silent,
        "peak_dbfs": features.peak_dbfs,
        "loudness_lufs": features.loudness,
        "compression_mean_db": None if level is None else level.mean,
        "compression_std_db": None if level is None else level.std,
        "eq": features.eq,
        "panning": features.panning,
        "notes": list(features.notes),
    }


def _receipt(song: str, stem: str, features: StemFeatures) -> Row:
    return {
        "song_id": song,
        "stem": stem,
        "position": 0,
        "effect": "loudness",
        "status": "unchanged",
        "reason": "the stem is at its target",
        "quantity": "loudness",
        "unit": "LUFS",
        "target": features.loudness,
        "before": features.loudness,
        "achieved": features.loudness,
        "details": json.dumps({"gain_db": 0.0}),
    }
