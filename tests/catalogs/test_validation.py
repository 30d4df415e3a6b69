"""Validation of a catalog's tables: valid tables pass, and every rule finds the corruption it is for."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalogs.catalog import Catalog
from catalogs.manifest import Manifest, TableFile
from catalogs.schemas import TABLES
from catalogs.validation import ValidationReport, render_page, validate_catalog, validate_tables
from catalogs.validation.evidence import Evidence, conform
from catalogs.validation.facts import Facts
from catalogs.validation.rule import Check, Rule, matches
from catalogs.validation.suites import CHECKS, RULES
from catalogs.validation.validate import LISTED_FAILURES, _Engine
from fxnorm.settings import DEFAULT_EFFECTS, SPECTRUM_BINS

Row = dict[str, Any]
Rows = dict[str, list[Row]]

FEATURES = ("eq", "compression", "panning", "loudness")
TARGET = {"vocals": -24.0, "bass": -28.0}
SPECTRUM = np.linspace(2.0, 0.5, SPECTRUM_BINS, dtype=np.float32)
PHI = np.linspace(1.0, 0.6, SPECTRUM_BINS, dtype=np.float32)


def digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def track(song: str, stem: str, split: str, sample_rate: int = 44_100, frames: int = 100_000) -> Row:
    return {
        "song_id": song,
        "stem": stem,
        "part": stem,
        "role": "mixture" if stem == "mixture" else "stem",
        "used": True,
        "corpus": "demo",
        "native_id": song.split("/")[1],
        "title": None,
        "artist": "Nobody",
        "genre": None,
        "instruments": [],
        "bleed": None,
        "split": split,
        "corpus_split": split,
        "licence": None,
        "provenance": None,
        "errata": [],
        "uri": f"file:///corpus/{song.split('/')[1]}/{stem}.wav",
        "stream": None,
        "container": "WAV",
        "encoding": "PCM_16",
        "sample_rate": sample_rate,
        "channels": 1 if stem == "bass" else 2,
        "frames": frames,
        "catalog_frames": round(frames * 44_100 / sample_rate),
        "bytes": 4 * frames + 44,
        "modified_ns": 1_700_000_000_000_000_000,
        "content_hash": digest(song + stem),
        "song_hash": digest(song),
        "conversions": ["mono to stereo"] if stem == "bass" else [],
    }


def feature(row: Row, silent: bool = False, without_compression: bool = False) -> Row:
    compression = not silent and not without_compression
    return {
        "song_id": row["song_id"],
        "stem": row["stem"],
        "split": row["split"],
        "song_hash": row["song_hash"],
        "analysis_hash": digest("analysis"),
        "silent": silent,
        "peak_dbfs": -60.0 if silent else -3.0,
        "loudness_lufs": None if silent else -20.0,
        "compression_mean_db": -14.0 if compression else None,
        "compression_std_db": 1.5 if compression else None,
        "eq": None if silent else SPECTRUM,
        "panning": None if silent else PHI,
        "notes": ["compression: no onset was found"] if without_compression else [],
    }


def quality(row: Row, silent: bool = False) -> Row:
    mixture = row["role"] == "mixture"
    return {
        "song_id": row["song_id"],
        "stem": row["stem"],
        "role": row["role"],
        "song_hash": row["song_hash"],
        "analysis_hash": digest("analysis"),
        "sample_rate": row["sample_rate"],
        "length_difference": 0,
        "level_dbfs": -70.0 if silent else -18.0,
        "peak_dbfs": -60.0 if silent else -3.0,
        "true_peak_dbtp": -60.0 if silent else -2.5,
        "clipped_runs": 0,
        "clipped_longest": 0,
        "dc_offset_dbfs": -90.0,
        "silence_share_zero": 0.0,
        "silence_share_m80": 0.1,
        "silence_share_m60": 1.0 if silent else 0.2,
        "imbalance_db": 0.5,
        "side_db": -12.0,
        "correlation": None if silent else 0.8,
        "bandwidth_hz": 21_000.0,
        "bandwidth_fall_db": 3.0,
        "gain_db": None if mixture else 0.0,
        "polarity": None if mixture else 1,
        "lag": None if mixture else 0,
        "bleed_db": None if mixture else -60.0,
        "bleed_share": None if mixture else 0.1,
        "bleed_source": None if mixture else "drums",
        "residual_left_db": -80.0 if mixture else None,
        "residual_right_db": -81.0 if mixture else None,
        "residual_worst_db": -78.0 if mixture else None,
    }


def fingerprint(row: Row, silent: bool = False) -> Row:
    landmarks = [0x100A05, 0x110A05] if row["role"] == "mixture" else None
    return {
        "song_id": row["song_id"],
        "stem": row["stem"],
        "role": row["role"],
        "song_hash": row["song_hash"],
        "analysis_hash": digest("analysis"),
        "audio_hash": None if silent else digest(f"samples of {row['song_id']} {row['stem']}"),
        "landmarks": landmarks,
        "times": landmarks and [3, 7],
    }


def shard(row: Row, content: bytes, silent: bool, loudness: float | None) -> Row:
    return {
        "song_id": row["song_id"],
        "stem": row["stem"],
        "role": row["role"],
        "split": row["split"],
        "shard": f"shards/{digest(row['song_id'])}.parquet",
        "shard_bytes": len(content),
        "shard_hash": hashlib.blake2b(content, digest_size=16).hexdigest(),
        "sample_rate": 44_100,
        "channels": 2,
        "frames": row["catalog_frames"],
        "segments": -(-row["catalog_frames"] // 32_768),
        "segment_frames": 32_768,
        "subtype": "PCM_16",
        "scale": 1.25 if row["role"] == "mixture" else 1.0,
        "silent": silent,
        "peak_dbfs": 1.5 if row["role"] == "mixture" else -12.0,
        "loudness_lufs": loudness,
        "song_hash": row["song_hash"],
        "normalization_hash": digest("normalisation"),
    }


def receipt(row: Row, position: int, effect: str, status: str, target: float, achieved: float) -> Row:
    measured = status in ("applied", "limited")
    return {
        "song_id": row["song_id"],
        "stem": row["stem"],
        "position": position,
        "effect": effect,
        "status": status,
        "reason": None if status == "applied" else "the reason",
        "quantity": "loudness" if measured else None,
        "unit": "LUFS" if measured else None,
        "target": target if measured else None,
        "before": -20.0 if measured else None,
        "achieved": achieved if measured else None,
        "details": '{"bins": 3}',
    }


def build(root: Path) -> Rows:
    """A valid catalog of three songs, one of a split each, and one song in quarantine."""
    rows: Rows = {name: [] for name in TABLES}
    (root / "shards").mkdir(parents=True)
    for song, split, rate in (
        ("demo/alpha", "train", 48_000),
        ("demo/beta", "validation", 44_100),
        ("demo/gamma", "test", 22_050),
    ):
        content = f"audio of {song}".encode()
        (root / "shards" / f"{digest(song)}.parquet").write_bytes(content)
        for stem in ("vocals", "bass", "mixture"):
            row = track(song, stem, split, rate)
            rows["tracks"].append(row)
            silent = (song, stem) == ("demo/gamma", "bass")
            limited = (song, stem) == ("demo/beta", "vocals")
            onsetless = (song, stem) == ("demo/beta", "bass")
            loudness = None if silent else TARGET.get(stem, -14.0) - 3.0 * limited
            rows["shards"].append(shard(row, content, silent, loudness))
            rows["quality"].append(quality(row, silent))
            rows["fingerprints"].append(fingerprint(row, silent))
            if stem == "mixture":
                continue
            rows["features"].append(feature(row, silent, onsetless))
            for position, effect in enumerate(DEFAULT_EFFECTS):
                status = "skipped" if silent or (onsetless and effect == "compression") else "applied"
                target, achieved = (TARGET[stem], loudness) if effect == "loudness" else (0.5, 0.4)
                if limited and effect == "loudness":
                    status = "limited"
                rows["receipts"].append(receipt(row, position, effect, status, target, achieved or 0.0))
    for source in TARGET:
        for name in FEATURES:
            rows["statistics"].append(summed(rows["features"], source, name))
    rows["quarantine"].append(
        {
            "song_id": "demo/delta",
            "corpus": "demo",
            "stem": None,
            "uri": None,
            "stage": "ingest",
            "reason": "missing-stem",
            "message": "there is no bass; add bass.wav",
        }
    )
    return rows


def summed(features: list[Row], source: str, name: str) -> Row:
    values = {
        row["song_id"]: np.atleast_1d(np.asarray(value, dtype=np.float64))
        for row in features
        if row["stem"] == source and row["split"] != "test" and (value := measured(row, name)) is not None
    }
    return {
        "source": source,
        "feature": name,
        "count": len(values),
        "sum": np.sum(list(values.values()), axis=0),
        "songs": sorted(values),
    }


def measured(row: Row, name: str) -> Any:
    if name == "compression":
        pair = [row["compression_mean_db"], row["compression_std_db"]]
        return None if None in pair else pair
    return row["loudness_lufs"] if name == "loudness" else row[name]


def frames_of(rows: Rows) -> dict[str, pd.DataFrame]:
    return {
        name: pd.DataFrame(table) if table else pd.DataFrame(columns=TABLES[name].names) for name, table in rows.items()
    }


@pytest.fixture
def rows(tmp_path: Path) -> Rows:
    return build(tmp_path)


def find(rows: Rows, table: str, song: str, stem: str, **more: str) -> Row:
    wanted = {"song_id": song, "stem": stem, **more}
    return next(row for row in rows[table] if all(row[key] == value for key, value in wanted.items()))


def statistic(rows: Rows, source: str, name: str) -> Row:
    return next(row for row in rows["statistics"] if (row["source"], row["feature"]) == (source, name))


Corruption = Callable[[Rows, Path], None]
CORRUPTIONS: list[tuple[str, Corruption, set[tuple[str, str]]]] = []
"""Rule, what breaks it, and the song and stem of every failure that must be reported."""


def breaks(rule: str, *found: tuple[str, str]) -> Callable[[Corruption], Corruption]:
    def register(corruption: Corruption) -> Corruption:
        CORRUPTIONS.append((rule, corruption, set(found)))
        return corruption

    return register


def sets(rule: str, song: str, stem: str, *also: tuple[str, str], **values: Any) -> None:
    """Register the corruption that puts values into one row of the table that the rule is about."""
    table = rule.split(".")[0]
    more = {"effect": values.pop("on")} if "on" in values else {}

    def corrupt(rows: Rows, root: Path) -> None:
        find(rows, table, song, stem, **more).update(values)

    breaks(rule, (song, stem), *also)(corrupt)


def sets_statistic(rule: str, source: str, name: str, **values: Any) -> None:
    def corrupt(rows: Rows, root: Path) -> None:
        statistic(rows, source, name).update(values)

    breaks(rule, ("", source))(corrupt)


def repeats(rule: str, song: str, stem: str) -> None:
    def corrupt(rows: Rows, root: Path) -> None:
        table = rows[rule.split(".")[0]]
        table.append(dict(next(row for row in table if (row["song_id"], row["stem"] or "") == (song, stem))))

    breaks(rule, (song, stem))(corrupt)


def removes(rule: str, song: str, stem: str) -> None:
    def corrupt(rows: Rows, root: Path) -> None:
        rows[rule.split(".")[0]].remove(find(rows, rule.split(".")[0], song, stem))

    breaks(rule, (song, stem))(corrupt)


def adds_stranger(rule: str) -> None:
    def corrupt(rows: Rows, root: Path) -> None:
        table = rows[rule.split(".")[0]]
        table.append({**table[0], "song_id": "demo/stranger"})

    breaks(rule, ("demo/stranger", "vocals"))(corrupt)


def spoiled(curve: np.ndarray, value: float) -> np.ndarray:
    copy = curve.copy()
    copy[7] = value
    return copy


for name in TABLES:

    def drop(rows: Rows, root: Path, name: str = name) -> None:
        column = TABLES[name].names[-1]
        rows[name] = [{key: value for key, value in row.items() if key != column} for row in rows[name]]

    breaks(f"{name}.columns", ("", ""))(drop)
sets("tracks.required_values", "demo/beta", "bass", frames=None)
sets("tracks.required_values", "demo/beta", "bass", uri="  ")
sets("tracks.required_values", "demo/beta", "bass", frames="many")
sets("tracks.required_values", "demo/beta", "bass", conversions=None)
sets("features.required_values", "demo/beta", "bass", silent=None)
sets("features.required_values", "demo/beta", "bass", silent="no")
sets("shards.required_values", "demo/beta", "mixture", scale=float("nan"))
sets("receipts.required_values", "demo/beta", "bass", effect=None, on="eq")
sets_statistic("statistics.required_values", "bass", "eq", count=None)


@breaks("quarantine.required_values", ("demo/delta", ""))
def _(rows: Rows, root: Path) -> None:
    rows["quarantine"][0]["message"] = ""


repeats("tracks.song_part_unique", "demo/beta", "bass")
sets("tracks.role_known", "demo/beta", "bass", role="bus")
sets("tracks.role_fits_stem", "demo/beta", "bass", role="mixture")
sets("tracks.role_fits_stem", "demo/beta", "mixture", role="stem")
sets("tracks.one_material", "demo/beta", "bass", role="raw")
sets("tracks.split_known", "demo/beta", "bass", split="valid")
sets("tracks.one_split", "demo/beta", "bass", split="test")
sets("tracks.corpus_split_known", "demo/beta", "bass", corpus_split="valid")
sets("tracks.id_has_corpus", "demo/beta", "bass", corpus="dem")
sets("tracks.uri_format", "demo/beta", "bass", uri="/corpus/beta/bass.wav")
sets("tracks.uri_format", "demo/beta", "bass", uri="file:///corpus/be ta/bass.wav")
sets("tracks.uri_format", "demo/beta", "bass", uri="file:///corpus/bêta/bass.wav")
sets("tracks.sample_rate_range", "demo/beta", "bass", sample_rate=0)
sets("tracks.sample_rate_range", "demo/beta", "bass", sample_rate=4_294_967)
sets("tracks.channels_known", "demo/beta", "bass", channels=6)
sets("tracks.frames_positive", "demo/beta", "bass", frames=0)
sets("tracks.bytes_positive", "demo/beta", "bass", bytes=0)
sets("tracks.catalog_frames", "demo/alpha", "bass", catalog_frames=100_000)
sets("tracks.catalog_frames", "demo/beta", "bass", catalog_frames=99_998)
sets("tracks.content_hash_format", "demo/beta", "bass", content_hash="d41d8cd98f00b204")
sets("tracks.song_hash_format", "demo/beta", "bass", song_hash=digest("x").upper())
sets("tracks.one_song_hash", "demo/beta", "bass", song_hash=digest("another"))
sets(
    "tracks.file_read_once",
    "demo/beta",
    "bass",
    ("demo/beta", "vocals"),
    uri="file:///corpus/beta/vocals.wav",
)


@breaks("tracks.has_songs", ("", ""))
def _(rows: Rows, root: Path) -> None:
    rows["tracks"].clear()


@breaks("tracks.excluded_not_used", ("demo/beta", "excluded"))
def _(rows: Rows, root: Path) -> None:
    find(rows, "tracks", "demo/beta", "bass")["stem"] = "excluded"


@breaks("tracks.song_has_stem", ("demo/beta", "mixture"))
def _(rows: Rows, root: Path) -> None:
    rows["tracks"] = [row for row in rows["tracks"] if row["song_id"] != "demo/beta" or row["role"] == "mixture"]


@breaks("tracks.song_has_stem", *(("demo/beta", stem) for stem in ("vocals", "bass", "mixture")))
def _(rows: Rows, root: Path) -> None:
    for row in rows["tracks"]:
        if row["song_id"] == "demo/beta":
            row["used"] = False


@breaks("tracks.audio_in_one_split", *(("demo/gamma", stem) for stem in ("vocals", "bass", "mixture")))
def _(rows: Rows, root: Path) -> None:
    for row in rows["tracks"]:
        if row["song_id"] == "demo/gamma":
            row["song_hash"] = digest("demo/alpha")


repeats("quarantine.rows_unique", "demo/delta", "")


@breaks("quarantine.song_not_accepted", ("demo/alpha", ""))
def _(rows: Rows, root: Path) -> None:
    rows["quarantine"][0]["song_id"] = "demo/alpha"


@breaks("quarantine.stage_known", ("demo/delta", ""))
def _(rows: Rows, root: Path) -> None:
    rows["quarantine"][0]["stage"] = "publish"


@breaks("quarantine.reason_code", ("demo/delta", ""))
def _(rows: Rows, root: Path) -> None:
    rows["quarantine"][0]["reason"] = "It is broken"


removes("features.row_for_every_stem", "demo/beta", "bass")
adds_stranger("features.stem_in_tracks")
sets("features.split_equals_tracks", "demo/beta", "bass", split="train")
sets("features.song_hash_equals_input", "demo/beta", "bass", song_hash=digest("older audio"))
repeats("features.song_stem_unique", "demo/beta", "bass")
sets("features.one_analysis_hash", "demo/beta", "bass", analysis_hash=digest("older"))
sets("features.silent_below_gate", "demo/beta", "bass", silent=True)
sets("features.silent_below_gate", "demo/gamma", "bass", silent=False)
sets("features.silent_below_gate", "demo/beta", "bass", peak_dbfs=None)
sets("features.silent_has_no_features", "demo/gamma", "bass", loudness_lufs=-60.0)
sets("features.missing_explained", "demo/beta", "bass", notes=[])
sets("features.missing_explained", "demo/beta", "bass", eq=None, notes=["compression: unequal onsets"])
sets("features.compression_whole", "demo/beta", "vocals", compression_std_db=None)
sets("features.peak_range", "demo/beta", "bass", peak_dbfs=770.0)
sets("features.loudness_range", "demo/beta", "bass", loudness_lufs=-70.5)
sets("features.loudness_range", "demo/beta", "bass", loudness_lufs=float("inf"))
sets("features.compression_mean_range", "demo/beta", "vocals", compression_mean_db=0.5)
sets("features.compression_std_range", "demo/beta", "vocals", compression_std_db=-1.0)
sets("features.eq_length", "demo/beta", "bass", eq=SPECTRUM[:-1])
sets("features.eq_values", "demo/beta", "bass", eq=spoiled(SPECTRUM, np.nan))
sets("features.eq_values", "demo/beta", "bass", eq=spoiled(SPECTRUM, -0.01))
sets("features.eq_not_empty", "demo/beta", "bass", eq=np.zeros_like(SPECTRUM))
sets("features.panning_length", "demo/beta", "bass", panning=np.append(PHI, 1.0))
sets("features.panning_values", "demo/beta", "bass", panning=spoiled(PHI, 1.01))
sets("features.panning_values", "demo/beta", "bass", panning=spoiled(PHI, np.inf))


removes("quality.row_for_every_stem", "demo/beta", "mixture")
adds_stranger("quality.stem_in_tracks")
sets("quality.song_hash_equals_input", "demo/beta", "bass", song_hash=digest("older audio"))
repeats("quality.song_stem_unique", "demo/beta", "bass")
sets("quality.one_analysis_hash", "demo/beta", "bass", analysis_hash=digest("older"))
sets("quality.required_values", "demo/beta", "bass", side_db=None)
sets("quality.role_known", "demo/beta", "bass", role="bus")
sets("quality.levels_range", "demo/beta", "bass", dc_offset_dbfs=float("-inf"))
sets("quality.levels_range", "demo/beta", "mixture", residual_left_db=201.0)
sets("quality.shares_range", "demo/beta", "bass", silence_share_m80=1.1)
sets("quality.shares_range", "demo/beta", "bass", bleed_share=-0.1)
sets("quality.correlation_range", "demo/beta", "bass", correlation=-1.1)
sets("quality.true_peak_over_peak", "demo/beta", "bass", true_peak_dbtp=-3.1)
sets("quality.clipped_runs_range", "demo/beta", "bass", clipped_runs=-1)
sets("quality.polarity_known", "demo/beta", "bass", polarity=0)
sets("quality.lag_range", "demo/beta", "bass", lag=-5_000)
sets("quality.bandwidth_range", "demo/beta", "bass", bandwidth_hz=24_000.0)
sets("quality.columns_of_role", "demo/beta", "bass", residual_left_db=-80.0)
sets("quality.columns_of_role", "demo/beta", "mixture", lag=0)
removes("fingerprints.row_for_every_stem", "demo/beta", "bass")


@breaks("fingerprints.audio_in_one_split", ("demo/gamma", "vocals"))
def _(rows: Rows, root: Path) -> None:
    shared = find(rows, "fingerprints", "demo/alpha", "vocals")["audio_hash"]
    find(rows, "fingerprints", "demo/gamma", "vocals")["audio_hash"] = shared


@breaks("fingerprints.one_whole_song", *(("demo/beta", stem) for stem in ("vocals", "bass", "mixture")))
def _(rows: Rows, root: Path) -> None:
    find(rows, "fingerprints", "demo/beta", "mixture")["role"] = "stem"


adds_stranger("fingerprints.stem_in_tracks")
sets("fingerprints.song_hash_equals_input", "demo/beta", "bass", song_hash=digest("older audio"))
repeats("fingerprints.song_stem_unique", "demo/beta", "bass")
sets("fingerprints.one_analysis_hash", "demo/beta", "bass", analysis_hash=digest("older"))
sets("fingerprints.required_values", "demo/beta", "bass", role=None)
sets("fingerprints.role_known", "demo/beta", "bass", role="bus")
sets("fingerprints.audio_hash_format", "demo/beta", "bass", audio_hash="deadbeef")
sets("fingerprints.landmarks_of_role", "demo/beta", "bass", landmarks=[1], times=[1])
sets("fingerprints.times_fit_landmarks", "demo/beta", "mixture", times=[3])


sets_statistic("statistics.feature_known", "bass", "eq", feature="reverb")
sets_statistic("statistics.count_positive", "bass", "eq", count=0)
sets_statistic("statistics.count_equals_songs", "bass", "eq", count=3)
sets_statistic("statistics.songs_sorted", "bass", "eq", songs=["demo/beta", "demo/alpha"])
sets_statistic("statistics.songs_sorted", "bass", "eq", songs=["demo/alpha", "demo/alpha"])
sets_statistic("statistics.sum_length", "bass", "eq", sum=SPECTRUM[:100])
sets_statistic("statistics.sum_length", "bass", "compression", sum=[-14.0])
sets_statistic("statistics.sum_finite", "bass", "loudness", sum=[float("-inf")])
sets_statistic("statistics.eq_mean", "bass", "eq", sum=spoiled(SPECTRUM, -1.0))
sets_statistic("statistics.eq_not_empty", "bass", "eq", sum=np.zeros(SPECTRUM_BINS))
sets_statistic("statistics.panning_mean", "bass", "panning", sum=3.0 * PHI)
sets_statistic("statistics.compression_mean", "bass", "compression", sum=[14.0, 1.5])
sets_statistic("statistics.compression_std", "bass", "compression", sum=[-14.0, -1.5])
sets_statistic("statistics.loudness_mean", "bass", "loudness", sum=[-400.0])


@breaks("statistics.source_feature_unique", ("", "bass"))
def _(rows: Rows, root: Path) -> None:
    rows["statistics"].append(dict(statistic(rows, "bass", "eq")))


@breaks("statistics.no_test_songs", ("demo/gamma", "vocals"))
def _(rows: Rows, root: Path) -> None:
    statistic(rows, "vocals", "eq")["songs"].append("demo/gamma")


@breaks("statistics.songs_in_features", ("demo/zeta", "vocals"))
def _(rows: Rows, root: Path) -> None:
    statistic(rows, "vocals", "eq")["songs"].append("demo/zeta")


@breaks("statistics.songs_measured", ("demo/beta", "bass"))
def _(rows: Rows, root: Path) -> None:
    statistic(rows, "bass", "compression")["songs"].append("demo/beta")


@breaks("statistics.training_songs_counted", ("demo/alpha", "vocals"))
def _(rows: Rows, root: Path) -> None:
    statistic(rows, "vocals", "panning")["songs"].remove("demo/alpha")


@breaks("statistics.training_songs_counted", ("demo/alpha", "vocals"))
def _(rows: Rows, root: Path) -> None:
    rows["statistics"].remove(statistic(rows, "vocals", "loudness"))


removes("shards.row_for_every_track", "demo/beta", "mixture")
adds_stranger("shards.row_in_tracks")
sets("shards.role_equals_tracks", "demo/beta", "bass", role="mixture")
sets("shards.split_equals_tracks", "demo/gamma", "bass", split="train")
sets("shards.song_hash_equals_input", "demo/beta", "bass", song_hash=digest("older audio"))
sets("shards.frames_equal_input", "demo/beta", "bass", frames=99_999)
repeats("shards.song_stem_unique", "demo/beta", "bass")
sets("shards.role_known", "demo/beta", "bass", role="bus")
sets("shards.split_known", "demo/beta", "bass", split="dev")
sets("shards.path_inside_catalog", "demo/beta", "bass", shard="/etc/passwd")
sets("shards.path_inside_catalog", "demo/beta", "bass", shard="shards/../../secret")
sets("shards.path_inside_catalog", "demo/beta", "bass", shard="file:///etc/passwd")
sets("shards.path_inside_catalog", "demo/beta", "bass", shard="shards\\beta")
sets("shards.one_shard_a_song", "demo/beta", "bass", shard=f"shards/{digest('demo/alpha')}.parquet")
sets("shards.one_song_a_shard", "demo/beta", "bass", shard=f"shards/{digest('demo/alpha')}.parquet")
sets("shards.one_hash_a_shard", "demo/beta", "bass", shard_hash=digest("older"))
sets("shards.one_normalization_hash", "demo/beta", "bass", normalization_hash=digest("older"))
sets("shards.sample_rate", "demo/beta", "bass", sample_rate=48_000)
sets("shards.channels", "demo/beta", "bass", channels=1)
sets("shards.frames_positive", "demo/beta", "bass", frames=0)
sets("shards.segments_of_frames", "demo/beta", "bass", segments=3)
sets("shards.segment_frames_positive", "demo/beta", "bass", segment_frames=0)
sets("shards.subtype_known", "demo/beta", "bass", subtype="FLOAT")
sets("shards.scale_range", "demo/beta", "bass", scale=0.5)
sets("shards.scale_range", "demo/beta", "bass", scale=float("inf"))
sets("shards.peak_range", "demo/beta", "bass", peak_dbfs=float("-inf"))
sets("shards.peak_within_scale", "demo/beta", "bass", peak_dbfs=0.1)
sets("shards.peak_within_scale", "demo/beta", "mixture", scale=1.0)
sets("shards.loudness_range", "demo/beta", "bass", loudness_lufs=-90.0)
sets("shards.silent_equals_features", "demo/beta", "bass", silent=True)
sets("shards.loudness_on_target", "demo/alpha", "vocals", loudness_lufs=-24.11)
sets("shards.loudness_on_target", "demo/alpha", "vocals", loudness_lufs=None)
sets("shards.loudness_as_receipt", "demo/beta", "vocals", loudness_lufs=-26.8)
sets("shards.file_exists", "demo/beta", "bass", shard="shards/gone.parquet")
sets("shards.file_exists", "demo/beta", "bass", shard="../outside.parquet")
sets("shards.file_exists", "demo/beta", "bass", shard="shards")


@breaks("shards.file_size", *(("demo/beta", stem) for stem in ("vocals", "bass", "mixture")))
def _(rows: Rows, root: Path) -> None:
    path = root / "shards" / f"{digest('demo/beta')}.parquet"
    path.write_bytes(path.read_bytes()[:-1])


@breaks("shards.file_hash", *(("demo/beta", stem) for stem in ("vocals", "bass", "mixture")))
def _(rows: Rows, root: Path) -> None:
    path = root / "shards" / f"{digest('demo/beta')}.parquet"
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)


removes("receipts.row_for_every_effect", "demo/beta", "bass")
adds_stranger("receipts.stem_in_shards")
sets("receipts.silent_untouched", "demo/gamma", "bass", status="applied", on="panning")
repeats("receipts.song_stem_effect_unique", "demo/beta", "bass")
sets("receipts.effect_in_chain", "demo/beta", "bass", effect="chorus", on="eq")
sets("receipts.position_in_chain", "demo/beta", "bass", position=3, on="eq")
sets("receipts.status_known", "demo/beta", "bass", status="done", on="eq")
sets("receipts.reason_given", "demo/beta", "vocals", reason=None, on="loudness")
sets("receipts.reason_given", "demo/beta", "bass", reason=" ", on="compression")
sets("receipts.applied_complete", "demo/beta", "bass", target=None, on="eq")
sets("receipts.applied_complete", "demo/beta", "bass", achieved=float("nan"), unit=None, on="eq")
sets("receipts.values_finite", "demo/beta", "bass", before=float("-inf"), on="eq")
sets("receipts.details_json", "demo/beta", "bass", details="{'bins': 3}", on="eq")


@breaks("receipts.stem_in_shards", ("demo/beta", "mixture"))
def _(rows: Rows, root: Path) -> None:
    find(rows, "receipts", "demo/beta", "bass", effect="eq")["stem"] = "mixture"


def test_valid_tables_pass_every_rule(rows: Rows, tmp_path: Path) -> None:
    tables = {}
    for name, table in rows.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(table, schema=TABLES[name]), path)
        tables[name] = pd.read_parquet(path)
    report = validate_tables(tables, tmp_path, verify_hashes=True)
    assert [(failure.rule, failure.message) for failure in report.failures] == []
    assert report.passed
    assert report.failing == 0
    assert report.skipped == ()
    assert [result.rule for result in report.results] == list(RULES)
    assert [result.rule for result in report.results if result.checked == 0] == []


def test_every_rule_has_a_corruption() -> None:
    names = [rule.name for check in CHECKS for rule in check.rules]
    assert len(names) == len(set(names))
    assert {rule for rule, _, _ in CORRUPTIONS} == set(names)


@pytest.mark.parametrize(
    "rule, corrupt, found",
    CORRUPTIONS,
    ids=[f"{number}-{rule}" for number, (rule, _, _) in enumerate(CORRUPTIONS)],
)
def test_corruption_is_found(
    rows: Rows, tmp_path: Path, rule: str, corrupt: Corruption, found: set[tuple[str, str]]
) -> None:
    corrupt(rows, tmp_path)
    report = validate_tables(frames_of(rows), tmp_path, verify_hashes=True, rules=[rule])
    (result,) = report.results
    assert result.status == "failed"
    assert not report.passed
    assert {(failure.song_id, failure.stem) for failure in result.failures} == found
    assert {failure.rule for failure in result.failures} == {rule}
    assert all(failure.observed and failure.message for failure in result.failures)
    assert result.failing == len(result.failures)
    assert result.checked >= result.failing


def stored(rows: Rows, root: Path) -> Catalog:
    """The tables as files of a catalog, each as Parquet holds it; skips what no Parquet column can hold."""
    manifest = Manifest()
    for name, frame in frames_of(rows).items():
        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            pytest.skip("a Parquet column holds values of one type")
        (root / "tables").mkdir(exist_ok=True)
        pq.write_table(table, root / "tables" / f"{name}.parquet")
        manifest = manifest.with_stage(name, {name: TableFile(f"tables/{name}.parquet", len(frame), "")}, {})
    (root / "catalog.json").write_bytes(manifest.to_json())
    return Catalog.open(root)


FIRST_CORRUPTIONS = {rule: corrupt for rule, corrupt, _ in reversed(CORRUPTIONS)}


@pytest.mark.parametrize("rule", FIRST_CORRUPTIONS)
def test_corruption_is_found_by_a_catalog_in_parts(rows: Rows, tmp_path: Path, rule: str) -> None:
    FIRST_CORRUPTIONS[rule](rows, tmp_path)
    catalog = stored(rows, tmp_path)
    frames = {name: catalog.frame(name) for name in rows}
    whole = validate_tables(frames, tmp_path, verify_hashes=True, rules=[rule])
    parts = validate_catalog(catalog, verify_hashes=True, rules=[rule], rows=1)
    ((of_whole,), (of_parts,)) = whole.results, parts.results
    assert (of_parts.status, of_parts.checked, of_parts.failing) == (
        of_whole.status,
        of_whole.checked,
        of_whole.failing,
    )
    assert set(of_parts.failures) == set(of_whole.failures)


def test_a_catalog_in_parts_is_judged_as_a_whole(rows: Rows, tmp_path: Path) -> None:
    songs: list[int] = []
    report = validate_catalog(stored(rows, tmp_path), verify_hashes=True, rows=1, report=songs.append)
    assert report == validate_tables(frames_of(rows), tmp_path, verify_hashes=True)
    assert songs == list(range(1, len({row["song_id"] for row in rows["tracks"]}) + 1))


def test_one_corruption_does_not_hide_another(rows: Rows, tmp_path: Path) -> None:
    find(rows, "tracks", "demo/beta", "bass")["channels"] = 6
    find(rows, "shards", "demo/alpha", "vocals")["frames"] = 5
    report = validate_tables(frames_of(rows), tmp_path)
    assert {(f.rule, f.song_id, f.stem) for f in report.failures} == {
        ("tracks.channels_known", "demo/beta", "bass"),
        ("shards.frames_equal_input", "demo/alpha", "vocals"),
        ("shards.segments_of_frames", "demo/alpha", "vocals"),
    }
    assert report.with_status("passed")
    observed = {failure.rule: (failure.observed, failure.message) for failure in report.failures}
    assert observed["shards.frames_equal_input"] == (
        "5 samples",
        "5 samples stored, the input has 91875",
    )


def test_missing_tables_are_skipped_with_a_note(rows: Rows, tmp_path: Path) -> None:
    tables = frames_of(rows)
    for name in ("shards", "receipts", "statistics"):
        del tables[name]
    report = validate_tables(tables, None)
    assert report.passed
    skipped = {result.rule for result in report.skipped}
    assert {name.split(".")[0] for name in skipped} == {"shards", "receipts", "statistics"}
    assert all(not result.passed and result.note and result.checked == 0 for result in report.skipped)
    assert any(note.startswith("the catalog has no shards table") for note in report.notes)


def test_rules_between_tables_need_both(rows: Rows) -> None:
    tables = frames_of(rows)
    report = validate_tables({"features": tables["features"]}, None)
    notes = {result.rule: result.note for result in report.skipped if result.suite == "features"}
    assert notes["features.row_for_every_stem"] == "the catalog has no tracks table"
    assert "features.eq_length" not in notes


def test_nothing_checked_is_not_a_pass() -> None:
    report = validate_tables({}, None)
    assert not report.passed
    assert len(report.skipped) == len(RULES)


def test_files_are_skipped_without_a_folder(rows: Rows, tmp_path: Path) -> None:
    tables = frames_of(rows)
    assert {result.rule for result in validate_tables(tables, None).skipped} == {
        "shards.file_exists",
        "shards.file_size",
        "shards.file_hash",
    }
    assert {result.rule for result in validate_tables(tables, tmp_path).skipped} == {"shards.file_hash"}


def test_root_may_be_a_uri(rows: Rows, tmp_path: Path) -> None:
    rules = ["shards.file_exists", "shards.file_size", "shards.file_hash"]
    report = validate_tables(frames_of(rows), tmp_path.as_uri(), verify_hashes=True, rules=rules)
    assert [result.status for result in report.results] == ["passed"] * 3


def test_empty_tables(tmp_path: Path) -> None:
    tables = {name: schema.empty_table().to_pandas() for name, schema in TABLES.items()}
    report = validate_tables(tables, tmp_path, verify_hashes=True)
    assert [result.rule for result in report.with_status("failed")] == ["tracks.has_songs"]


def test_empty_tables_beside_full_ones(rows: Rows, tmp_path: Path) -> None:
    for name in ("features", "shards", "receipts"):
        rows[name] = []
    report = validate_tables(frames_of(rows), tmp_path)
    failing = {result.rule: result.failing for result in report.with_status("failed")}
    assert failing["features.row_for_every_stem"] == 6
    assert failing["shards.row_for_every_track"] == 9


def test_tables_of_nothing_but_nulls(rows: Rows, tmp_path: Path) -> None:
    tables = {name: pd.DataFrame([dict.fromkeys(TABLES[name].names)] * 2 + list(table)) for name, table in rows.items()}
    report = validate_tables(tables, tmp_path, verify_hashes=True)
    for name in TABLES:
        (result,) = [r for r in report.results if r.rule == f"{name}.required_values"]
        assert result.failing == 2


def test_columns_without_a_table_of_the_right_shape(rows: Rows) -> None:
    tables = {name: pd.DataFrame({"unrelated": [1, 2]}) for name in TABLES}
    report = validate_tables(tables, None)
    failing = {result.rule: result.failing for result in report.with_status("failed")}
    for name, schema in TABLES.items():
        assert failing[f"{name}.columns"] == len(schema.names)


def test_song_with_two_splits_names_the_odd_row(rows: Rows) -> None:
    find(rows, "tracks", "demo/alpha", "mixture")["split"] = "test"
    report = validate_tables(frames_of(rows), None, rules=["tracks.one_split"])
    (failure,) = report.failures
    assert (failure.song_id, failure.stem, failure.observed) == ("demo/alpha", "mixture", "test")
    assert failure.message == "split test, while the song's first row says train"


def test_test_songs_may_be_allowed(rows: Rows) -> None:
    statistic(rows, "vocals", "eq").update(songs=["demo/alpha", "demo/beta", "demo/gamma"], count=3)
    tables, rules = frames_of(rows), ["statistics.no_test_songs", "statistics.count_equals_songs"]
    assert not validate_tables(tables, None, rules=rules).passed
    report = validate_tables(tables, None, allow_test_songs=True, rules=rules)
    assert report.passed
    assert [result.rule for result in report.skipped] == ["statistics.no_test_songs"]


def test_chain_is_the_configured_one(rows: Rows) -> None:
    report = validate_tables(frames_of(rows), None, effects=("reverb", *DEFAULT_EFFECTS))
    failing = {result.rule: result.failing for result in report.with_status("failed")}
    assert failing == {"receipts.row_for_every_effect": 5, "receipts.position_in_chain": 24}


def test_loudness_tolerance(rows: Rows) -> None:
    find(rows, "shards", "demo/alpha", "vocals")["loudness_lufs"] = -24.3
    tables, rules = frames_of(rows), ["shards.loudness_on_target", "shards.loudness_as_receipt"]
    assert not validate_tables(tables, None, rules=rules).passed
    assert validate_tables(tables, None, loudness_tolerance=0.3, rules=rules).passed


def test_same_file_of_several_streams_is_no_repetition(rows: Rows) -> None:
    for stream, stem in enumerate(("vocals", "bass", "mixture")):
        find(rows, "tracks", "demo/beta", stem).update(uri="file:///corpus/beta.stem.mp4", stream=stream)
    assert validate_tables(frames_of(rows), None, rules=["tracks.file_read_once"]).passed


def test_unknown_names_are_refused(rows: Rows, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown table: featurs; known are tracks"):
        validate_tables({"featurs": pd.DataFrame()}, None)
    with pytest.raises(ValueError, match=r"unknown rule: shards\.nothing"):
        validate_tables({}, None, rules=["shards.nothing"])
    with pytest.raises(FileNotFoundError, match="no such folder"):
        validate_tables({}, tmp_path / "elsewhere")


def test_rule_that_cannot_be_evaluated_is_an_error(rows: Rows) -> None:
    tables = {name: conform(name, table) for name, table in frames_of(rows).items()}
    evidence = Evidence(tables, {}, Facts(0, {}, {}, (), {}, {}), None, False, False, DEFAULT_EFFECTS, 0.1, False)
    rule = Rule("tracks.wrong", "", "", matches("song_id", "("), "", "")
    check = Check("tracks", lambda evidence: evidence.tables["tracks"], (rule,))
    with pytest.raises(RuntimeError, match=r"rule tracks\.wrong could not be evaluated"):
        list(_Engine().judge(check, check.rules, evidence))


def many(songs: int) -> dict[str, pd.DataFrame]:
    """Tables of many songs of four stems and a mixture; all rows share two curves."""
    stems = ("vocals", "drums", "bass", "other")
    tracks = [track(f"demo/{n:04d}", stem, "train") for n in range(songs) for stem in (*stems, "mixture")]
    stem_rows = [row for row in tracks if row["role"] == "stem"]
    features = [feature(row) for row in stem_rows]
    tables: Rows = {
        "tracks": tracks,
        "features": features,
        "shards": [shard(row, b"audio", False, -24.0) for row in tracks],
        "receipts": [
            receipt(row, position, effect, "applied", -24.0, -24.0)
            for row in stem_rows
            for position, effect in enumerate(DEFAULT_EFFECTS)
        ],
        "statistics": [
            {
                "source": stem,
                "feature": "loudness",
                "count": songs,
                "sum": [-20.0 * songs],
                "songs": [f"demo/{n:04d}" for n in range(songs)],
            }
            for stem in stems
        ],
        "quarantine": [],
    }
    return frames_of(tables)


def test_a_thousand_songs_take_seconds_and_long_lists_are_capped() -> None:
    tables = many(1_000)
    tables["shards"]["frames"] = 1
    started = time.process_time()
    report = validate_tables(tables, None)
    assert time.process_time() - started < 60
    (result,) = [r for r in report.results if r.rule == "shards.frames_equal_input"]
    assert (result.checked, result.failing, len(result.failures)) == (5_000, 5_000, LISTED_FAILURES)
    assert report.failing >= 5_000


def test_nothing_is_printed_written_or_imported_early(rows: Rows, tmp_path: Path) -> None:
    empty, repository = tmp_path / "empty", Path(__file__).parents[2]
    empty.mkdir()
    pd.DataFrame(rows["tracks"]).to_parquet(tmp_path / "tracks.parquet")
    script = (
        "import sys, pandas, catalogs.validation as validation\n"
        "assert 'great_expectations' not in sys.modules\n"
        "tables = {'tracks': pandas.read_parquet(sys.argv[1])}\n"
        "report = validation.validate_tables(tables, None)\n"
        "assert report.passed and 'great_expectations' in sys.modules\n"
    )
    names = ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    environment = {**os.environ, **dict.fromkeys(names, str(empty)), "PYTHONPATH": str(repository)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path / "tracks.parquet")],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(empty.iterdir()) == []


class Page(HTMLParser):
    """Checks that elements nest, and keeps what the tests ask about."""

    VOID = frozenset({"meta", "input", "br", "link", "img"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1], data))

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


HOSTILE = "demo/\"><script>alert('x')</script>\n&amp; {{ 7 * 7 }} ☃"


@pytest.fixture
def hostile_report(rows: Rows) -> ValidationReport:
    for table in rows.values():
        for row in table:
            if row.get("song_id") == "demo/beta":
                row["song_id"] = HOSTILE
    find(rows, "tracks", HOSTILE, "bass")["channels"] = 6
    find(rows, "tracks", HOSTILE, "vocals")["split"] = "<b>bold</b>"
    return validate_tables(frames_of(rows), None)


def test_page_is_well_formed_and_self_contained(hostile_report: ValidationReport) -> None:
    text = render_page(hostile_report, "songs of 2026")
    page = Page(text)
    assert page.open == []
    assert text.startswith("<!doctype html>")
    assert page.tags("html") == [{"lang": "en"}]
    outside_text = [str(value) for _, attributes in page.elements for value in attributes.values()]
    outside_text += [content for tag, content in page.texts if tag in ("style", "script")]
    for forbidden in ("http:", "https:", "//", "@import", "url("):
        assert forbidden not in "\n".join(outside_text)
    assert "http:" not in text
    assert "https:" not in text
    assert not {"link", "img", "iframe", "object", "embed"} & {tag for tag, _ in page.elements}
    assert all("src" not in attributes for _, attributes in page.elements)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(str(link["href"])[1:] in ids for link in page.tags("a"))


def test_page_names_every_rule_and_failure(hostile_report: ValidationReport) -> None:
    page = Page(render_page(hostile_report, "songs of 2026"))
    texts = {text for _, text in page.texts}
    whole = "".join(text for _, text in page.texts)
    assert set(RULES) <= texts
    assert [r.name for r in RULES.values() if r.description.replace("`", "") not in whole] == []
    for failure in hostile_report.failures:
        assert {failure.song_id or "(whole table)", failure.observed, failure.message} <= texts
    assert any("Failed: " in text for text in texts)
    assert RULES["tracks.channels_known"].remedy in whole


def test_page_escapes_hostile_names(hostile_report: ValidationReport) -> None:
    text = render_page(hostile_report, HOSTILE)
    page = Page(text)
    assert len(page.tags("script")) == 1
    assert page.tags("b") == []
    assert "alert('x')" not in text
    songs = [data for tag, data in page.texts if tag == "span" and "alert" in data]
    assert HOSTILE in songs


def test_page_of_a_passing_report_has_no_script(rows: Rows) -> None:
    page = Page(render_page(validate_tables(frames_of(rows), None), "all well"))
    assert page.tags("script") == []
    assert any(text.startswith("Passed: ") for _, text in page.texts)
    assert any("the catalog's folder was not given" in text for _, text in page.texts)


def test_page_of_nothing() -> None:
    page = Page(render_page(validate_tables({}, None), "empty"))
    assert ("p", "Nothing was checked.") in page.texts


def test_page_shortens_long_lists() -> None:
    tables = {"tracks": pd.DataFrame([track(f"demo/{n}", "vocals", "other") for n in range(300)])}
    text = render_page(validate_tables(tables, None, rules=["tracks.split_known"]), "long")
    assert "The first 200 of 300 are shown." in text
    assert text.count("is not one of train, validation, test") == 200


def test_songs_may_stand_in_two_splits_where_the_user_says_so(rows: Rows) -> None:
    for row in rows["tracks"]:
        row["song_hash"] = digest("one song")
    for row in rows["fingerprints"]:
        row["audio_hash"] = digest("one sound")
    rules = ["tracks.audio_in_one_split", "fingerprints.audio_in_one_split"]
    assert not validate_tables(frames_of(rows), None, rules=rules).passed
    report = validate_tables(frames_of(rows), None, rules=rules, keep_splits=True)
    assert [result.status for result in report.results] == ["skipped", "skipped"]


def test_the_sum_of_the_stems_stands_in_for_a_mixture(rows: Rows) -> None:
    for name in ("tracks", "shards", "quality"):
        rows[name] = [row for row in rows[name] if (row["song_id"], row["stem"]) != ("demo/beta", "mixture")]
    find(rows, "fingerprints", "demo/beta", "mixture").update(role="sum", audio_hash=None)
    report = validate_tables(frames_of(rows), None)
    assert [failure for failure in report.failures if failure.rule.startswith("fingerprints.")] == []


def test_documentation_lists_every_rule() -> None:
    text = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")
    suites = tuple(f"| `{suite}." for suite in TABLES)
    table_rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith(suites)}
    assert set(table_rows) == {f"`{name}`" for name in RULES}
    for rule in RULES.values():
        assert [cell.strip() for cell in table_rows[f"`{rule.name}`"].split("|")[2:4]] == [
            rule.description,
            rule.remedy,
        ]
