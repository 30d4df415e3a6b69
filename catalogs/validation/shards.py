"""Rules on ``shards``: the normalised audio as it is stored."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pyarrow.fs as pafs

from catalogs.schemas import SPLITS, STORED_ROLES
from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import KEYS, Evidence, attach, cover, first_of, stems_in_use
from catalogs.validation.rule import Check, Rule, at_most, equal, holds, one_of, unique, within
from fxnorm.settings import SAMPLE_RATE

CHANNELS = 2
"""Channels of every stored stem and mixture; mono input is repeated."""

PEAK_ROUNDING_DB = 0.01
"""How far a stored peak may exceed its scale through rounding."""

HASH_BLOCK = 1 << 20
"""Bytes read at a time while a shard is hashed."""


def is_inside(path: object) -> bool:
    """Whether a path is relative, has POSIX separators and stays under the folder it is relative to."""
    if not isinstance(path, str) or "\\" in path or "://" in path:
        return False
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["shards"]
    segment_frames = frame["segment_frames"].where(frame["segment_frames"] > 0)
    inside = frame["shard"].map(is_inside).astype(object)
    shared = frame["shard"].isin(list(evidence.facts.shard_songs))
    return frame.assign(
        inside=inside.where(frame["shard"].notna(), None),
        song_shard=first_of(frame, "song_id", "shard"),
        shard_song=frame["shard"].map(evidence.facts.shard_songs).astype(object).where(shared, frame["song_id"]),
        first_shard_hash=first_of(frame, "shard", "shard_hash"),
        common_normalization_hash=evidence.facts.configurations["shards"],
        expected_segments=np.ceil(frame["frames"] / segment_frames),
        peak_limit=20.0 * np.log10(frame["scale"].where(frame["scale"] > 0)) + PEAK_ROUNDING_DB,
    )


def _against_tracks(evidence: Evidence) -> pd.DataFrame:
    columns = {
        "track_role": "role",
        "track_split": "split",
        "track_song_hash": "song_hash",
        "catalog_frames": "catalog_frames",
    }
    return attach(evidence.tables["shards"], stems_in_use(evidence.tables["tracks"]), columns)


def _coverage(evidence: Evidence) -> pd.DataFrame:
    return cover(stems_in_use(evidence.tables["tracks"]), evidence.tables["shards"])


def _against_features(evidence: Evidence) -> pd.DataFrame:
    shards = evidence.tables["shards"]
    columns = {"feature_silent": "silent", "input_peak": "peak_dbfs"}
    return attach(shards[shards["role"] == "stem"], evidence.tables["features"], columns)


def _against_receipts(evidence: Evidence) -> pd.DataFrame:
    shards, receipts = evidence.tables["shards"], evidence.tables["receipts"]
    loudness = receipts[receipts["effect"] == "loudness"]
    columns = {"status": "status", "target": "target", "achieved": "achieved"}
    sounding = shards[(shards["role"] == "stem") & shards["silent"].eq(False)]
    frame = attach(sounding[[*KEYS, "loudness_lufs"]], loudness, columns)
    aims = frame["target"].where(frame["status"].isin(("applied", "unchanged")))
    is_last = evidence.effects[-1:] == ("loudness",)
    reached = frame["achieved"].where(pd.Series(is_last, index=frame.index))
    return frame.assign(
        tolerance=evidence.loudness_tolerance,
        target_error=_distance(frame["loudness_lufs"], aims),
        receipt_error=_distance(frame["loudness_lufs"], reached),
    )


def _distance(stored: pd.Series, wanted: pd.Series) -> pd.Series:
    """Absolute difference rounded to 1e-6; null where nothing is wanted, infinite where nothing is stored."""
    distance = (stored - wanted).abs().round(6)
    return distance.where(stored.notna() | wanted.isna(), np.inf)


def _files(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["shards"]
    sizes = _sizes(evidence.filesystem, _readable(frame["shard"]))
    found = frame["shard"].map(lambda name: name in sizes).astype(object)
    return frame.assign(
        found=found.where(frame["shard"].notna(), None),
        file_bytes=frame["shard"].map(sizes).astype("float64"),
    )


def _hashes(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["shards"]
    names = _sizes(evidence.filesystem, _readable(frame["shard"]))
    hashes = {name: _hash(evidence.filesystem, name) for name in names}
    return frame.assign(file_hash=frame["shard"].map(hashes).astype(object))


def _readable(names: pd.Series) -> list[str]:
    return [name for name in names.dropna().unique() if is_inside(name)]


def _sizes(filesystem: pafs.FileSystem, names: list[str]) -> dict[str, int]:
    """Size in bytes of those names that are files."""
    infos = filesystem.get_file_info(names) if names else []
    found = zip(names, infos, strict=True)
    return {name: info.size for name, info in found if info.type == pafs.FileType.File}


def _hash(filesystem: pafs.FileSystem, name: str) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with filesystem.open_input_stream(name) as stream:
        while block := stream.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _without_root(evidence: Evidence) -> str | None:
    return None if evidence.filesystem else "the catalog's folder was not given"


def _without_hashes(evidence: Evidence) -> str | None:
    unasked = None if evidence.verify_hashes else "reading every shard was not asked for"
    return _without_root(evidence) or unasked


CHECKS = (
    *column_checks("shards"),
    Check(
        "shards",
        _coverage,
        (
            Rule(
                "shards.row_for_every_track",
                "Every stem and mixture of every accepted song is stored.",
                "Run normalize again; it does what is missing.",
                holds("found"),
                "no row",
                "in tracks, but no shard holds it",
            ),
            Rule(
                "shards.row_in_tracks",
                "Every stored stem and mixture belongs to an accepted song.",
                "The song was removed or renamed after it was normalised; run normalize again.",
                holds("wanted"),
                "no such track",
                "stored, but tracks does not name it",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "shards",
        _against_tracks,
        (
            Rule(
                "shards.role_equals_tracks",
                "`role` is that in tracks; raws in use are stored as stems.",
                "Run normalize again.",
                equal("role", "track_role"),
                "{role}",
                "role {role}, tracks says {track_role}",
            ),
            Rule(
                "shards.split_equals_tracks",
                "`split` is that of the song in tracks.",
                "The split was changed after the song was normalised; run normalize again.",
                equal("split", "track_split"),
                "{split}",
                "split {split}, tracks says {track_split}",
            ),
            Rule(
                "shards.song_hash_equals_input",
                "The stored audio was made from the audio that tracks names now.",
                "The input changed after it was normalised; run normalize again.",
                equal("song_hash", "track_song_hash"),
                "{song_hash}",
                "made from audio {song_hash}, tracks names {track_song_hash}",
            ),
            Rule(
                "shards.frames_equal_input",
                "Stored audio has exactly `catalog_frames` samples of its input, or of the longest file of a sum.",
                "Run normalize again; stems of another length drift against their mixture.",
                equal("frames", "catalog_frames"),
                "{frames} samples",
                "{frames} samples stored, the input has {catalog_frames}",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "shards",
        _rows,
        (
            Rule(
                "shards.song_stem_unique",
                "A stem or mixture is stored once.",
                "Rows of two runs are mixed; run normalize again.",
                unique(*KEYS),
                "{shard}",
                "more than one row for this stem; this one points to {shard}",
            ),
            Rule(
                "shards.role_known",
                "`role` is stem or mixture.",
                "Run normalize again.",
                one_of("role", STORED_ROLES),
                "{role}",
                "role {role} is neither stem nor mixture",
            ),
            Rule(
                "shards.split_known",
                "`split` is train, validation or test.",
                "Run normalize again.",
                one_of("split", SPLITS),
                "{split}",
                "split {split} is not one of train, validation, test",
            ),
            Rule(
                "shards.path_inside_catalog",
                "`shard` is a relative path that stays inside the catalog.",
                "Do not open this catalog's shards before you know who wrote the path; run normalize again.",
                holds("inside"),
                "{shard}",
                "{shard} leads out of the catalog",
            ),
            Rule(
                "shards.one_shard_a_song",
                "All rows of a song are in one shard.",
                "Rows of two runs are mixed; run normalize again.",
                equal("shard", "song_shard"),
                "{shard}",
                "stored in {shard}, the song's first row in {song_shard}",
            ),
            Rule(
                "shards.one_song_a_shard",
                "A shard holds one song.",
                "Run normalize again; two songs were written under one name.",
                equal("song_id", "shard_song"),
                "{shard}",
                "{shard} is also the shard of {shard_song}",
            ),
            Rule(
                "shards.one_hash_a_shard",
                "All rows of a shard carry one `shard_hash`.",
                "Rows of two runs are mixed; run normalize again.",
                equal("shard_hash", "first_shard_hash"),
                "{shard_hash}",
                "shard_hash {shard_hash}, the shard's first row says {first_shard_hash}",
            ),
            Rule(
                "shards.one_normalization_hash",
                "All rows were normalised with one configuration and one set of statistics.",
                "Run normalize again; it redoes the songs that were made with another configuration.",
                equal("normalization_hash", "common_normalization_hash"),
                "{normalization_hash}",
                "configuration {normalization_hash}, most rows have {common_normalization_hash}",
            ),
            Rule(
                "shards.sample_rate",
                f"Stored audio has {SAMPLE_RATE} Hz.",
                "Run normalize again.",
                one_of("sample_rate", (SAMPLE_RATE,)),
                "{sample_rate} Hz",
                f"{{sample_rate}} Hz, expected {SAMPLE_RATE}",
            ),
            Rule(
                "shards.channels",
                "Stored audio is stereo.",
                "Run normalize again.",
                one_of("channels", (CHANNELS,)),
                "{channels} channels",
                f"{{channels}} channels, expected {CHANNELS}",
            ),
            Rule(
                "shards.frames_positive",
                "Stored audio holds at least one sample.",
                "Run normalize again.",
                within("frames", low=1),
                "{frames} samples",
                "{frames} samples",
            ),
            Rule(
                "shards.segments_of_frames",
                "`segments` is `frames` over `segment_frames`, rounded up.",
                "Run normalize again; crops would be read from the wrong segment.",
                equal("segments", "expected_segments"),
                "{segments} segments",
                "{segments} segments, expected {expected_segments} for {frames} samples in segments of "
                "{segment_frames}",
            ),
            Rule(
                "shards.segment_frames_positive",
                "A segment holds at least one sample.",
                "Run normalize again.",
                within("segment_frames", low=1),
                "{segment_frames} samples",
                "segments of {segment_frames} samples",
            ),
            Rule(
                "shards.subtype_known",
                "`subtype` is PCM_16 or PCM_24.",
                "Run normalize again.",
                one_of("subtype", ("PCM_16", "PCM_24")),
                "{subtype}",
                "subtype {subtype} cannot be stored in FLAC",
            ),
            Rule(
                "shards.scale_range",
                "`scale` lies between 1 and 1 000.",
                "Run normalize again; audio is scaled only where it exceeds full scale.",
                within("scale", 1, 1_000),
                "{scale}",
                "decoded samples would be multiplied by {scale}",
            ),
            Rule(
                "shards.peak_range",
                "The sample peak as stored lies between -400 and 60 dBFS.",
                "Run normalize again and look at the receipts of the stem.",
                within("peak_dbfs", -400, 60),
                "{peak_dbfs} dBFS",
                "sample peak of {peak_dbfs} dBFS",
            ),
            Rule(
                "shards.peak_within_scale",
                "The sample peak as stored is reachable: at most 20 log10 `scale` dBFS.",
                "Run normalize again; the audio is clipped or its scale is wrong.",
                at_most("peak_dbfs", "peak_limit"),
                "{peak_dbfs} dBFS",
                "sample peak of {peak_dbfs} dBFS with a scale of {scale}",
            ),
            Rule(
                "shards.loudness_range",
                "Integrated loudness as stored lies between -70 (the gate of BS.1770) and 10 LUFS.",
                "Run normalize again and look at the receipts of the stem.",
                within("loudness_lufs", -70, 10),
                "{loudness_lufs} LUFS",
                "integrated loudness of {loudness_lufs} LUFS",
            ),
        ),
    ),
    Check(
        "shards",
        _against_features,
        (
            Rule(
                "shards.silent_equals_features",
                "A stem is stored as silent exactly where its features say so.",
                "Run normalize again; the gate was asked about different audio.",
                equal("silent", "feature_silent"),
                "silent {silent}",
                "silent is {silent}, features say {feature_silent} at an input peak of {input_peak} dBFS",
            ),
        ),
        needs=("features",),
    ),
    Check(
        "shards",
        _against_receipts,
        (
            Rule(
                "shards.loudness_on_target",
                "A sounding stem is stored within 0.1 LU (or the tolerance given) of the target loudness, "
                "unless its loudness receipt says limited or skipped.",
                "Run normalize again; if it stays, the receipts show which effect moved the loudness.",
                at_most("target_error", "tolerance"),
                "{loudness_lufs} LUFS",
                "stored at {loudness_lufs} LUFS, the target is {target} LUFS and the receipt says {status}",
            ),
            Rule(
                "shards.loudness_as_receipt",
                "Where loudness is the last effect, the stem is stored at the loudness that its receipt says "
                "was achieved, within the same tolerance.",
                "The audio changed between the last effect and the shard; run normalize again.",
                at_most("receipt_error", "tolerance"),
                "{loudness_lufs} LUFS",
                "stored at {loudness_lufs} LUFS, the receipt says {achieved} LUFS was achieved",
            ),
        ),
        needs=("receipts",),
    ),
    Check(
        "shards",
        _files,
        (
            Rule(
                "shards.file_exists",
                "The shard is a file in the catalog.",
                "Restore the file, or run normalize again to write it.",
                holds("found"),
                "{shard}",
                "no file {shard} in the catalog",
            ),
            Rule(
                "shards.file_size",
                "The shard file has `shard_bytes` bytes.",
                "The file is truncated or was replaced; delete it and run normalize again.",
                equal("file_bytes", "shard_bytes"),
                "{file_bytes} bytes",
                "{shard} has {file_bytes} bytes, expected {shard_bytes}",
            ),
        ),
        skip=_without_root,
    ),
    Check(
        "shards",
        _hashes,
        (
            Rule(
                "shards.file_hash",
                "The shard file has the hash `shard_hash`; checked on request, as it reads all audio.",
                "The file is damaged; delete it and run normalize again.",
                equal("file_hash", "shard_hash"),
                "{file_hash}",
                "{shard} has the hash {file_hash}, expected {shard_hash}",
            ),
        ),
        skip=_without_hashes,
    ),
)
