"""What every table of a catalog holds: pyarrow schemas with the meaning and unit of each column.

The description of a column is stored with the field (metadata key ``description``), so that a Parquet file explains
itself to whoever opens it without this package.
"""

from __future__ import annotations

import pyarrow as pa

FORMAT_VERSION = 1
"""Version of the catalog layout; a reader refuses a catalog with a later one."""

MIXTURE = "mixture"
"""Name under which the engineer's mix stands in the column ``stem``."""

EXCLUDED = "excluded"
"""Name that stands in the column ``stem`` for files that are recorded and belong to no stem."""

SUM = "sum"
"""Role of the sum of a song's stems, which stands in for a mixture that the song does not have."""

ROLES = ("stem", "mixture", "raw")
STORED_ROLES = ("stem", "mixture")
"""Roles in the audio shards, where raws in use are stems."""

MATERIALS = ("stem", "raw")
"""Roles of which a song is normalised one."""

SPLITS = ("train", "validation", "test")
EFFECT_STATUSES = ("applied", "limited", "unchanged", "skipped")


def _field(name: str, dtype: pa.DataType, description: str, nullable: bool = False) -> pa.Field:
    return pa.field(name, dtype, nullable=nullable, metadata={"description": description})


_SONG = _field("song_id", pa.string(), "corpus/native id; the same on every run and machine")
_STEM = _field("stem", pa.string(), "name of the stem, or 'mixture'")
_ROLE = _field("role", pa.string(), "stem or mixture")

TRACKS = pa.schema(
    [
        _SONG,
        _field("stem", pa.string(), "stem that the file is part of: a source, 'mixture', or 'excluded'"),
        _field("part", pa.string(), "name of the file in its song; the stem's name where that is the whole stem"),
        _field("role", pa.string(), "stem, mixture, or raw (an unprocessed recording)"),
        _field("used", pa.bool_(), "whether the later stages take the file; those of one stem are summed"),
        _field("corpus", pa.string(), "name of the corpus adapter"),
        _field("native_id", pa.string(), "the corpus' own name of the song"),
        _field("title", pa.string(), "song title", nullable=True),
        _field("artist", pa.string(), "artist", nullable=True),
        _field("genre", pa.string(), "genre where the corpus states one", nullable=True),
        _field("instruments", pa.list_(pa.string()), "the corpus' labels of what plays; empty where it has none"),
        _field("bleed", pa.bool_(), "other sources are heard in it; null where unknown", nullable=True),
        _field("split", pa.string(), "train, validation or test; test where the same song is test anywhere"),
        _field("corpus_split", pa.string(), "the split that the corpus or the user's options say"),
        _field("licence", pa.string(), "licence of the track where the corpus states one", nullable=True),
        _field("provenance", pa.string(), "where the corpus has the song from, where it tells", nullable=True),
        _field("errata", pa.list_(pa.string()), "published errors of the file, and what was done about them"),
        _field("uri", pa.string(), "file URI of the input, percent-encoded"),
        _field("stream", pa.int32(), "audio stream inside the file, null for a single-stream file", nullable=True),
        _field("container", pa.string(), "container found in the file, whatever its name says"),
        _field("encoding", pa.string(), "sample encoding found in the file"),
        _field("sample_rate", pa.int32(), "Hz, of the input file"),
        _field("channels", pa.int32(), "channels of the input file"),
        _field("frames", pa.int64(), "samples per channel in the input file"),
        _field("catalog_frames", pa.int64(), "samples per channel after conversion to the catalog's rate"),
        _field("bytes", pa.int64(), "size of the input file"),
        _field("modified_ns", pa.int64(), "modification time of the input file, ns since 1970"),
        _field("content_hash", pa.string(), "BLAKE2b-128 of the input file's bytes, hexadecimal"),
        _field("song_hash", pa.string(), "BLAKE2b-128 over the content hashes of the files in use"),
        _field("conversions", pa.list_(pa.string()), "what decoding changes: channels, rate, misleading name"),
    ],
    metadata={
        "table": "tracks",
        "description": "one row for each input file (or stream) of each accepted song",
    },
)

FEATURES = pa.schema(
    [
        _SONG,
        _STEM,
        _field("split", pa.string(), "train, validation or test"),
        _field("song_hash", pa.string(), "hash of the audio the features were measured on"),
        _field("analysis_hash", pa.string(), "hash of the analysis configuration"),
        _field("silent", pa.bool_(), "peak at or below the gate; no feature is measured"),
        _field("peak_dbfs", pa.float64(), "sample peak, dBFS; null for digital silence", nullable=True),
        _field("loudness_lufs", pa.float64(), "integrated loudness, ITU-R BS.1770-4, LUFS", nullable=True),
        _field("compression_mean_db", pa.float64(), "mean onset peak level, dBFS", nullable=True),
        _field(
            "compression_std_db",
            pa.float64(),
            "standard deviation of the onset peak level, dB",
            nullable=True,
        ),
        _field("eq", pa.list_(pa.float32()), "mean magnitude spectrum at -30 LUFS, 32 769 bins", nullable=True),
        _field(
            "panning",
            pa.list_(pa.float32()),
            "mean panning similarity phi, 32 769 bins, 0 to 1",
            nullable=True,
        ),
        _field("notes", pa.list_(pa.string()), "features that could not be measured, with the reason"),
    ],
    metadata={"table": "features", "description": "one row for each stem of each accepted song"},
)

QUALITY = pa.schema(
    [
        _SONG,
        _STEM,
        _ROLE,
        _field("song_hash", pa.string(), "hash of the audio that was measured"),
        _field("analysis_hash", pa.string(), "hash of the analysis configuration"),
        _field("sample_rate", pa.int32(), "Hz, of the input; of the longest file where several are summed"),
        _field(
            "length_difference",
            pa.int64(),
            "samples at 44 100 Hz that it is longer than the mixture; null without one",
            nullable=True,
        ),
        _field("level_dbfs", pa.float64(), "RMS of both channels, dBFS; -200 for digital silence"),
        _field("peak_dbfs", pa.float64(), "sample peak, dBFS; -200 for digital silence"),
        _field("true_peak_dbtp", pa.float64(), "true peak, ITU-R BS.1770-4 annex 2, dBTP; -200 for digital silence"),
        _field(
            "clipped_runs",
            pa.int64(),
            "runs of 3 or more samples at full scale (1 - 2^-15) in the input files, all channels",
        ),
        _field("clipped_longest", pa.int64(), "samples in the longest of these runs; 0 for none"),
        _field("dc_offset_dbfs", pa.float64(), "mean of the channel where it is larger, dBFS; -200 for none"),
        _field("silence_share_zero", pa.float64(), "share of blocks of 0.1 s in digital silence, 0 to 1"),
        _field("silence_share_m80", pa.float64(), "share of blocks of 0.1 s with a peak of -80 dBFS or less, 0 to 1"),
        _field("silence_share_m60", pa.float64(), "share of blocks of 0.1 s with a peak of -60 dBFS or less, 0 to 1"),
        _field("imbalance_db", pa.float64(), "RMS of left over right, dB; 200 or -200 where one is digital silence"),
        _field("side_db", pa.float64(), "RMS of (L - R) over (L + R), dB; -200 where the channels are the same"),
        _field("correlation", pa.float64(), "correlation of left and right, -1 to 1; null without one", nullable=True),
        _field("bandwidth_hz", pa.float64(), "Hz, upper end of the highest band of 250 Hz above -110 dBFS; 0 for none"),
        _field("bandwidth_fall_db", pa.float64(), "fall of the spectrum over that end, 1 kHz above to 1 kHz below, dB"),
        _field("gain_db", pa.float64(), "gain of the stem in the mixture, dB; null for a mixture", nullable=True),
        _field("polarity", pa.int32(), "1, or -1 where the mixture has the stem inverted", nullable=True),
        _field("lag", pa.int64(), "samples that the mixture has the stem later, -4 096 to 4 096", nullable=True),
        _field("bleed_db", pa.float64(), "level of another stem in this one at rest, over its own, dB", nullable=True),
        _field("bleed_share", pa.float64(), "share of the stem's energy at rest that is bleed, 0 to 1", nullable=True),
        _field("bleed_source", pa.string(), "name of that other stem", nullable=True),
        _field("residual_left_db", pa.float64(), "left of mixture minus fitted stems, over its own, dB", nullable=True),
        _field("residual_right_db", pa.float64(), "the same on the right; null for a stem", nullable=True),
        _field("residual_worst_db", pa.float64(), "residual of the worst excerpt, over the mean, dB", nullable=True),
    ],
    metadata={"table": "quality", "description": "one row for each stem and mixture of each accepted song"},
)

FINGERPRINTS = pa.schema(
    [
        _SONG,
        _STEM,
        _field("role", pa.string(), "stem, mixture, or sum (of the stems of a song without a mixture)"),
        _field("song_hash", pa.string(), "hash of the audio the fingerprint was made of"),
        _field("analysis_hash", pa.string(), "hash of the analysis configuration"),
        _field(
            "audio_hash",
            pa.string(),
            "BLAKE2b-128 of the samples at 16 bits; null for a sum, a silent stem, or less than 1 s of sound",
            nullable=True,
        ),
        _field(
            "landmarks",
            pa.list_(pa.uint32()),
            "pairs of spectral peaks, sorted: step of 21.5 Hz << 16, interval + 80 << 8, frames apart; null for a stem",
            nullable=True,
        ),
        _field(
            "times", pa.list_(pa.uint32()), "frame of 1 024 samples of each landmark; null for a stem", nullable=True
        ),
    ],
    metadata={
        "table": "fingerprints",
        "description": "one row for each stem and mixture of each accepted song",
    },
)

STATISTICS = pa.schema(
    [
        _field("source", pa.string(), "stem name"),
        _field("feature", pa.string(), "eq, compression, panning or loudness"),
        _field("count", pa.int64(), "number of stems summed"),
        _field("sum", pa.list_(pa.float64()), "unsmoothed sum over the stems, in the unit of the feature"),
        _field("songs", pa.list_(pa.string()), "ids of the contributing songs, sorted"),
    ],
    metadata={
        "table": "statistics",
        "description": "mergeable sums over a corpus; smoothed only when read for use",
    },
)

SHARDS = pa.schema(
    [
        _SONG,
        _STEM,
        _ROLE,
        _field("split", pa.string(), "train, validation or test"),
        _field("shard", pa.string(), "shard file, relative to the catalog"),
        _field("shard_bytes", pa.int64(), "size of the shard file"),
        _field("shard_hash", pa.string(), "BLAKE2b-128 of the shard file, hexadecimal"),
        _field("sample_rate", pa.int32(), "Hz"),
        _field("channels", pa.int32(), "channels"),
        _field("frames", pa.int64(), "samples per channel stored"),
        _field("segments", pa.int32(), "FLAC segments the audio is cut into"),
        _field("segment_frames", pa.int32(), "samples per channel in every segment but the last"),
        _field("subtype", pa.string(), "PCM_16 or PCM_24"),
        _field(
            "scale",
            pa.float64(),
            "multiply decoded samples by this; above 1 where the audio exceeds full scale",
        ),
        _field("silent", pa.bool_(), "the stem was at or below the gate and is stored as it came"),
        _field("peak_dbfs", pa.float64(), "sample peak as stored, dBFS; null for digital silence", nullable=True),
        _field("loudness_lufs", pa.float64(), "integrated loudness as stored, LUFS", nullable=True),
        _field("song_hash", pa.string(), "hash of the input audio"),
        _field("normalization_hash", pa.string(), "hash of settings, statistics, impulse responses and seed"),
    ],
    metadata={
        "table": "shards",
        "description": "one row for each stem and mixture stored in the audio shards",
    },
)

RECEIPTS = pa.schema(
    [
        _SONG,
        _STEM,
        _field("position", pa.int32(), "place in the chain, from 0"),
        _field("effect", pa.string(), "prereverb, reverb, eq, compression, panning or loudness"),
        _field("status", pa.string(), "applied, limited, unchanged or skipped"),
        _field("reason", pa.string(), "why it was limited, left unchanged or skipped", nullable=True),
        _field("quantity", pa.string(), "what target and achieved measure", nullable=True),
        _field("unit", pa.string(), "unit of target and achieved", nullable=True),
        _field("target", pa.float64(), "value the effect aimed at", nullable=True),
        _field("before", pa.float64(), "value before the effect", nullable=True),
        _field("achieved", pa.float64(), "value measured after the effect", nullable=True),
        _field("details", pa.string(), "JSON: parameters found, bins at a bound, impulse response, ..."),
    ],
    metadata={
        "table": "receipts",
        "description": "one row for each effect of each stem: what was aimed at, and reached",
    },
)

QUARANTINE = pa.schema(
    [
        _SONG,
        _field("corpus", pa.string(), "name of the corpus adapter"),
        _field("stem", pa.string(), "stem at fault; null where the whole song is", nullable=True),
        _field("uri", pa.string(), "file URI at fault, percent-encoded", nullable=True),
        _field("stage", pa.string(), "stage that refused it: ingest, analyze or normalize"),
        _field("reason", pa.string(), "reason code, see docs/input-files.md"),
        _field("message", pa.string(), "what is wrong and what to do"),
    ],
    metadata={
        "table": "quarantine",
        "description": "every song that was found and not accepted, with the reason",
    },
)

AUDIO = pa.schema(
    [
        _SONG,
        _STEM,
        _ROLE,
        _field("segment", pa.int32(), "number of the segment, from 0; a row group holds one segment of all stems"),
        _field("start", pa.int64(), "first sample of the segment in the song"),
        _field("frames", pa.int32(), "samples per channel in the segment"),
        _field("sample_rate", pa.int32(), "Hz"),
        _field("scale", pa.float64(), "multiply decoded samples by this"),
        _field("flac", pa.large_binary(), "a complete FLAC file of the segment"),
    ],
    metadata={"table": "audio", "description": "audio of one song, cut into segments"},
)

TARGETS = STATISTICS.with_metadata(
    {"table": "targets", "description": "statistics given by the user, to which the stems were normalised"}
)

TABLES: dict[str, pa.Schema] = {
    "tracks": TRACKS,
    "features": FEATURES,
    "quality": QUALITY,
    "fingerprints": FINGERPRINTS,
    "statistics": STATISTICS,
    "shards": SHARDS,
    "receipts": RECEIPTS,
    "quarantine": QUARANTINE,
}
"""Schemas of the tables that every complete catalog has."""

STORED: dict[str, pa.Schema] = {**TABLES, "targets": TARGETS}
"""Schemas of all tables that ``catalog.json`` may name."""
