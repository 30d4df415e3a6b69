"""Rules on ``features``: what was measured on each stem."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import KEYS, Evidence, attach, cover, listed, stems_in_use
from catalogs.validation.measured import input_rule, measured_rules
from catalogs.validation.rule import Check, Rule, empty, equal, holds, one_of, within
from catalogs.validation.spectrum import bins_outside, length, maximum
from fxnorm.settings import GATE_DBFS, SPECTRUM_BINS

COLUMNS = {
    "loudness": ("loudness_lufs",),
    "eq": ("eq",),
    "compression": ("compression_mean_db", "compression_std_db"),
    "panning": ("panning",),
}
"""Columns of ``features`` that hold each feature."""

GATE_ROUNDING_DB = 1e-3
"""A peak this close to the gate may be on either side of it."""


def measured(features: pd.DataFrame) -> pd.DataFrame:
    """Which features each row has: one boolean column a feature, named after it."""
    flags = {name: features[list(columns)].notna().all(axis=1) for name, columns in COLUMNS.items()}
    return pd.DataFrame(flags)


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["features"]
    has = measured(frame)
    silent = frame["silent"]
    unexplained = pd.DataFrame(
        {name: [not _explained(name, notes) for notes in frame["notes"]] for name in COLUMNS},
        index=frame.index,
    )
    near_gate = (frame["peak_dbfs"] - GATE_DBFS).abs() <= GATE_ROUNDING_DB
    below_gate = (frame["peak_dbfs"].isna() | (frame["peak_dbfs"] <= GATE_DBFS)).astype(object)
    return frame.drop(columns=["eq", "panning", "notes"]).assign(
        measured_silent=listed(has, silent.eq(True)),
        unexplained=listed(~has & unexplained, silent.eq(False)),
        below_gate=below_gate.where(~near_gate, None),
        common_analysis_hash=evidence.facts.configurations["features"],
        compression_whole=frame["compression_mean_db"].notna() == frame["compression_std_db"].notna(),
        eq_bins=frame["eq"].map(length),
        eq_bad=frame["eq"].map(lambda bins: bins_outside(bins, 0.0, np.inf)),
        eq_largest=frame["eq"].map(maximum),
        panning_bins=frame["panning"].map(length),
        panning_bad=frame["panning"].map(lambda bins: bins_outside(bins, 0.0, 1.0)),
    )


def _explained(feature: str, notes: object) -> bool:
    if not isinstance(notes, list | tuple | np.ndarray):
        return False
    return any(re.search(rf"\b{feature}\b", str(note), re.IGNORECASE) for note in notes)


def _against_tracks(evidence: Evidence) -> pd.DataFrame:
    tracks = evidence.tables["tracks"]
    columns = {"track_split": "split", "track_song_hash": "song_hash"}
    return attach(evidence.tables["features"][[*KEYS, "split", "song_hash"]], tracks, columns)


def _coverage(evidence: Evidence) -> pd.DataFrame:
    tracks = stems_in_use(evidence.tables["tracks"])
    return cover(tracks[tracks["role"] == "stem"], evidence.tables["features"])


CHECKS = (
    *column_checks("features"),
    Check(
        "features",
        _coverage,
        (
            Rule(
                "features.row_for_every_stem",
                "Every stem in use of every accepted song has a row.",
                "Run analyze again; it does what is missing.",
                holds("found"),
                "no row",
                "the stem is in tracks and was not analysed",
            ),
            Rule(
                "features.stem_in_tracks",
                "Every row belongs to a stem of an accepted song; mixtures are not analysed.",
                "The song was removed or renamed after it was analysed; run analyze again.",
                holds("wanted"),
                "no such stem",
                "features of a stem that tracks does not name",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "features",
        _against_tracks,
        (
            Rule(
                "features.split_equals_tracks",
                "`split` is that of the song in tracks.",
                "The split was changed after the song was analysed; run analyze again.",
                equal("split", "track_split"),
                "{split}",
                "split {split}, tracks says {track_split}",
            ),
            input_rule("features"),
        ),
        needs=("tracks",),
    ),
    Check(
        "features",
        _rows,
        (
            *measured_rules("features"),
            Rule(
                "features.silent_below_gate",
                f"A stem is silent exactly where its sample peak is at or below {GATE_DBFS:g} dBFS.",
                "Run analyze again.",
                equal("silent", "below_gate"),
                "silent {silent}",
                "silent is {silent} at a sample peak of {peak_dbfs} dBFS",
            ),
            Rule(
                "features.silent_has_no_features",
                "A silent stem has no features.",
                "Run analyze again; features of silence would enter the statistics.",
                empty("measured_silent"),
                "{measured_silent}",
                "silent, but has: {measured_silent}",
            ),
            Rule(
                "features.missing_explained",
                "Each feature that a sounding stem lacks is named in its notes.",
                "Run analyze again; a feature must not go missing without a reason.",
                empty("unexplained"),
                "{unexplained}",
                "not silent, but without {unexplained} and no note says why",
            ),
            Rule(
                "features.compression_whole",
                "Mean and deviation of the onset peak level come together.",
                "Run analyze again.",
                holds("compression_whole"),
                "mean {compression_mean_db}, deviation {compression_std_db}",
                "mean {compression_mean_db} and deviation {compression_std_db}: one is missing",
            ),
            Rule(
                "features.peak_range",
                "The sample peak lies between -400 and 40 dBFS.",
                "Listen to the input: a float file this loud is broken.",
                within("peak_dbfs", -400, 40),
                "{peak_dbfs} dBFS",
                "sample peak of {peak_dbfs} dBFS",
            ),
            Rule(
                "features.loudness_range",
                "Integrated loudness lies between -70 (the gate of BS.1770) and 10 LUFS.",
                "Listen to the input; if it is sound, run analyze again.",
                within("loudness_lufs", -70, 10),
                "{loudness_lufs} LUFS",
                "integrated loudness of {loudness_lufs} LUFS",
            ),
            Rule(
                "features.compression_mean_range",
                "The mean onset peak level lies between -200 and 0 dBFS.",
                "Run analyze again; a peak-normalised stem cannot exceed full scale.",
                within("compression_mean_db", -200, 0),
                "{compression_mean_db} dBFS",
                "mean onset peak level of {compression_mean_db} dBFS",
            ),
            Rule(
                "features.compression_std_range",
                "The deviation of the onset peak level lies between 0 and 100 dB.",
                "Run analyze again.",
                within("compression_std_db", 0, 100),
                "{compression_std_db} dB",
                "deviation of the onset peak level of {compression_std_db} dB",
            ),
            Rule(
                "features.eq_length",
                f"The mean spectrum has {SPECTRUM_BINS} bins.",
                "Run analyze again.",
                one_of("eq_bins", (SPECTRUM_BINS,)),
                "{eq_bins} bins",
                f"mean spectrum of {{eq_bins}} bins, expected {SPECTRUM_BINS}",
            ),
            Rule(
                "features.eq_values",
                "Every bin of the mean spectrum is finite and not negative.",
                "Run analyze again; one such bin spoils the mean over the corpus.",
                within("eq_bad", high=0),
                "{eq_bad} bins",
                "{eq_bad} bins of the mean spectrum are negative or not finite",
            ),
            Rule(
                "features.eq_not_empty",
                "The mean spectrum is not zero everywhere.",
                "Run analyze again; a sounding stem has a spectrum.",
                within("eq_largest", above=0),
                "largest bin {eq_largest}",
                "the mean spectrum is zero in every bin",
            ),
            Rule(
                "features.panning_length",
                f"The panning curve has {SPECTRUM_BINS} bins.",
                "Run analyze again.",
                one_of("panning_bins", (SPECTRUM_BINS,)),
                "{panning_bins} bins",
                f"panning curve of {{panning_bins}} bins, expected {SPECTRUM_BINS}",
            ),
            Rule(
                "features.panning_values",
                "Every bin of the panning curve lies between 0 and 1.",
                "Run analyze again; the similarity phi of two channels cannot be outside.",
                within("panning_bad", high=0),
                "{panning_bad} bins",
                "{panning_bad} bins of the panning curve are outside 0 to 1",
            ),
        ),
    ),
)
