"""Rules that the tables share whose rows were measured on the input audio with one configuration."""

from __future__ import annotations

from catalogs.validation.evidence import KEYS
from catalogs.validation.rule import Rule, equal, unique


def input_rule(table: str) -> Rule:
    """The audio is that of ``tracks``; the frame has ``song_hash``, and the song's in tracks as ``track_song_hash``."""
    return Rule(
        f"{table}.song_hash_equals_input",
        "The rows were measured on the audio that tracks names now.",
        "The input changed after it was analysed; run analyze again.",
        equal("song_hash", "track_song_hash"),
        "{song_hash}",
        "measured on audio {song_hash}, tracks names {track_song_hash}",
    )


def measured_rules(table: str) -> tuple[Rule, ...]:
    """A stem has one row, and all have one configuration; the frame has ``common_analysis_hash``, that of most rows."""
    return (
        Rule(
            f"{table}.song_stem_unique",
            "A stem or mixture has one row.",
            "Rows of two runs are mixed; run analyze again.",
            unique(*KEYS),
            "{analysis_hash}",
            "more than one row for this stem; this one was made with configuration {analysis_hash}",
        ),
        Rule(
            f"{table}.one_analysis_hash",
            "All rows were measured with one configuration.",
            "Run analyze again; rows of two configurations do not compare.",
            equal("analysis_hash", "common_analysis_hash"),
            "{analysis_hash}",
            "configuration {analysis_hash}, most rows have {common_analysis_hash}",
        ),
    )
