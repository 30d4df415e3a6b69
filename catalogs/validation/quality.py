"""Rules on ``quality``: the numbers that stems and mixtures are judged by, not the judgement."""

from __future__ import annotations

import pandas as pd

from catalogs.quality.decibels import BOUND_DB
from catalogs.quality.excerpts import MARGIN
from catalogs.schemas import STORED_ROLES
from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import KEYS, Evidence, attach, cover, listed, stems_in_use
from catalogs.validation.measured import input_rule, measured_rules
from catalogs.validation.rule import Check, Rule, at_most, empty, holds, one_of, within

LEVELS = (
    "level_dbfs",
    "peak_dbfs",
    "true_peak_dbtp",
    "dc_offset_dbfs",
    "imbalance_db",
    "side_db",
    "gain_db",
    "bleed_db",
    "residual_left_db",
    "residual_right_db",
    "residual_worst_db",
)
SHARES = ("silence_share_zero", "silence_share_m80", "silence_share_m60", "bleed_share")
OF_STEMS = ("gain_db", "polarity", "lag", "bleed_db", "bleed_share", "bleed_source")
OF_MIXTURES = ("residual_left_db", "residual_right_db", "residual_worst_db")

PEAK_ROUNDING_DB = 1e-3


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["quality"]
    mixture = frame["role"].eq("mixture")
    levels = pd.DataFrame({name: frame[name].abs() > BOUND_DB for name in LEVELS})
    shares = pd.DataFrame({name: (frame[name] < 0.0) | (frame[name] > 1.0) for name in SHARES})
    misplaced = pd.DataFrame(
        {name: frame[name].notna() & (mixture if name in OF_STEMS else ~mixture) for name in OF_STEMS + OF_MIXTURES}
    )
    everywhere = pd.Series(True, index=frame.index)
    return frame.assign(
        common_analysis_hash=evidence.facts.configurations["quality"],
        levels_outside=listed(levels, everywhere),
        shares_outside=listed(shares, everywhere),
        misplaced=listed(misplaced, everywhere),
        highest_sample=frame["peak_dbfs"] - PEAK_ROUNDING_DB,
    )


def _against_tracks(evidence: Evidence) -> pd.DataFrame:
    columns = {"track_song_hash": "song_hash"}
    return attach(evidence.tables["quality"][[*KEYS, "song_hash"]], evidence.tables["tracks"], columns)


def _coverage(evidence: Evidence) -> pd.DataFrame:
    return cover(stems_in_use(evidence.tables["tracks"]), evidence.tables["quality"])


CHECKS = (
    *column_checks("quality"),
    Check(
        "quality",
        _coverage,
        (
            Rule(
                "quality.row_for_every_stem",
                "Every stem in use and every mixture of every accepted song has a row.",
                "Run analyze again; it does what is missing.",
                holds("found"),
                "no row",
                "the stem is in tracks and its quality was not measured",
            ),
            Rule(
                "quality.stem_in_tracks",
                "Every row belongs to a stem or mixture of an accepted song.",
                "The song was removed or renamed after it was analysed; run analyze again.",
                holds("wanted"),
                "no such stem",
                "quality of a stem that tracks does not name",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "quality",
        _against_tracks,
        (input_rule("quality"),),
        needs=("tracks",),
    ),
    Check(
        "quality",
        _rows,
        (
            *measured_rules("quality"),
            Rule(
                "quality.role_known",
                "`role` is stem or mixture.",
                "Run analyze again.",
                one_of("role", STORED_ROLES),
                "{role}",
                "role {role} is not one of stem, mixture",
            ),
            Rule(
                "quality.levels_range",
                f"Levels and ratios lie between -{BOUND_DB:g} and {BOUND_DB:g} dB.",
                "Run analyze again; digital silence is at the lower bound, never beyond.",
                empty("levels_outside"),
                "{levels_outside}",
                "out of bounds: {levels_outside}",
            ),
            Rule(
                "quality.shares_range",
                "Shares lie between 0 and 1.",
                "Run analyze again.",
                empty("shares_outside"),
                "{shares_outside}",
                "not between 0 and 1: {shares_outside}",
            ),
            Rule(
                "quality.correlation_range",
                "The correlation of the channels lies between -1 and 1.",
                "Run analyze again.",
                within("correlation", -1, 1),
                "{correlation}",
                "correlation of {correlation}",
            ),
            Rule(
                "quality.true_peak_over_peak",
                "The true peak is not below the sample peak.",
                "Run analyze again; interpolation only adds samples.",
                at_most("highest_sample", "true_peak_dbtp"),
                "{true_peak_dbtp} dBTP",
                "true peak of {true_peak_dbtp} dBTP at a sample peak of {peak_dbfs} dBFS",
            ),
            Rule(
                "quality.clipped_runs_range",
                "Runs at full scale are counted from 0.",
                "Run analyze again.",
                within("clipped_runs", low=0),
                "{clipped_runs} runs",
                "{clipped_runs} runs at full scale",
            ),
            Rule(
                "quality.polarity_known",
                "`polarity` is 1 or -1.",
                "Run analyze again.",
                one_of("polarity", (1, -1)),
                "{polarity}",
                "polarity {polarity} is not one of 1, -1",
            ),
            Rule(
                "quality.lag_range",
                f"`lag` lies between -{MARGIN} and {MARGIN} samples.",
                "Run analyze again; larger lags are not searched.",
                within("lag", -MARGIN, MARGIN),
                "{lag} samples",
                "lag of {lag} samples",
            ),
            Rule(
                "quality.bandwidth_range",
                "`bandwidth_hz` lies between 0 and 22 050 Hz.",
                "Run analyze again.",
                within("bandwidth_hz", 0, 22_050),
                "{bandwidth_hz} Hz",
                "bandwidth of {bandwidth_hz} Hz",
            ),
            Rule(
                "quality.columns_of_role",
                "Gain, polarity, lag and bleed are those of stems, and residuals those of mixtures.",
                "Run analyze again.",
                empty("misplaced"),
                "{misplaced}",
                "a {role} has {misplaced}",
            ),
        ),
    ),
)
