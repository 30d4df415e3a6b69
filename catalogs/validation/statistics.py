"""Rules on ``statistics``: the mergeable sums over a corpus; the stem of a failure names the source."""

from __future__ import annotations

import numpy as np
import pandas as pd

from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import Evidence, attach
from catalogs.validation.features import measured
from catalogs.validation.rule import Check, Rule, equal, holds, one_of, unique, within
from catalogs.validation.spectrum import bins_outside, length, maximum
from fxnorm.settings import SPECTRUM_BINS

LENGTHS = {"eq": SPECTRUM_BINS, "panning": SPECTRUM_BINS, "compression": 2, "loudness": 1}
"""Values in the sum of each feature."""


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["statistics"]
    parts = zip(frame["feature"], frame["sum"], frame["count"], strict=True)
    mean = pd.Series([_mean(*part) for part in parts], index=frame.index, dtype=object)
    feature = frame["feature"]

    def of(name: str, place: int) -> pd.Series:
        chosen = mean.where(feature == name, None)
        return chosen.map(lambda values: np.nan if values is None else values[place]).astype("float64")

    eq, panning = mean.where(feature == "eq", None), mean.where(feature == "panning", None)
    songs = frame["songs"].map(lambda ids: None if ids is None else list(ids))
    in_order = songs.map(lambda ids: None if ids is None else ids == sorted(set(ids)))
    return frame.drop(columns=["sum", "songs"]).assign(
        song_count=songs.map(length),
        songs_in_order=in_order.astype(object),
        sum_length=frame["sum"].map(length),
        expected_length=feature.map(LENGTHS).astype("float64"),
        sum_bad=frame["sum"].map(lambda values: bins_outside(values, -np.inf, np.inf)),
        eq_bad=eq.map(lambda values: bins_outside(values, 0.0, np.inf)).astype("float64"),
        eq_largest=eq.map(maximum).astype("float64"),
        panning_bad=panning.map(lambda values: bins_outside(values, 0.0, 1.0)).astype("float64"),
        compression_mean=of("compression", 0),
        compression_std=of("compression", 1),
        loudness_mean=of("loudness", 0),
    )


def _mean(feature: object, total: object, count: float) -> np.ndarray | None:
    """Mean over the stems; None where length or count are not as they must be."""
    if total is None or not count > 0 or length(total) != LENGTHS.get(str(feature)):
        return None
    return np.asarray(total, dtype=np.float64) / count


def _contributions(evidence: Evidence) -> pd.DataFrame:
    """One row for each song of each source and feature."""
    statistics = evidence.tables["statistics"]
    songs = statistics[["stem", "feature", "songs"]].explode("songs", ignore_index=True)
    named = songs.rename(columns={"songs": "song_id"})
    return named[named["song_id"].notna()].astype(object).reset_index(drop=True)


def _splits(evidence: Evidence) -> pd.DataFrame:
    return attach(_contributions(evidence), evidence.tables["tracks"], {"split": "split"}, ("song_id",))


def _measured(features: pd.DataFrame) -> pd.DataFrame:
    """One row for each stem and feature, with ``has``: whether it was measured."""
    flags = features[["song_id", "stem", "split"]].join(measured(features))
    return flags.melt(id_vars=["song_id", "stem", "split"], var_name="feature", value_name="has")


def _against_features(evidence: Evidence) -> pd.DataFrame:
    features = evidence.tables["features"]
    frame = attach(_contributions(evidence), features.assign(known=True), {"known": "known"})
    frame = attach(frame, _measured(features), {"has": "has"}, ("song_id", "stem", "feature"))
    return frame.assign(known=frame["known"].eq(True), has=frame["has"].astype(object))


def _training_songs(evidence: Evidence) -> pd.DataFrame:
    rows = _measured(evidence.tables["features"])
    wanted = rows[(rows["split"] == "train") & rows["has"]]
    counted = _contributions(evidence).assign(counted=True)
    frame = attach(wanted, counted, {"counted": "counted"}, ("song_id", "stem", "feature"))
    return frame.assign(counted=frame["counted"].eq(True))


def _test_songs_allowed(evidence: Evidence) -> str | None:
    return "songs of the test split may contribute" if evidence.allow_test_songs else None


CHECKS = (
    *column_checks("statistics", once=True),
    Check(
        "statistics",
        _rows,
        (
            Rule(
                "statistics.source_feature_unique",
                "A source has one row for each feature.",
                "Two tables were put together without merging them; use `stats merge`, or run analyze again.",
                unique("source", "feature"),
                "{feature}",
                "more than one row for the {feature} of {source}",
            ),
            Rule(
                "statistics.feature_known",
                "`feature` is eq, compression, panning or loudness.",
                "Run analyze again.",
                one_of("feature", tuple(LENGTHS)),
                "{feature}",
                "unknown feature {feature}",
            ),
            Rule(
                "statistics.count_positive",
                "At least one stem was summed.",
                "Remove the row, or run analyze again; a mean over nothing is not a number.",
                within("count", low=1),
                "{count} stems",
                "{feature} of {source} sums {count} stems",
            ),
            Rule(
                "statistics.count_equals_songs",
                "`count` is the number of contributing songs.",
                "Run analyze again; a song was counted twice or lost.",
                equal("count", "song_count"),
                "{count} stems",
                "{feature} of {source} counts {count} stems and names {song_count} songs",
            ),
            Rule(
                "statistics.songs_sorted",
                "The contributing songs are sorted and each is named once.",
                "Run analyze again; equal statistics must be equal to the byte.",
                holds("songs_in_order"),
                "{song_count} songs",
                "the songs of {feature} of {source} are not sorted, or one is named twice",
            ),
            Rule(
                "statistics.sum_length",
                f"The sum has {SPECTRUM_BINS} values for eq and panning, 2 for compression, 1 for loudness.",
                "Run analyze again.",
                equal("sum_length", "expected_length"),
                "{sum_length} values",
                "{feature} of {source} has {sum_length} values, expected {expected_length}",
            ),
            Rule(
                "statistics.sum_finite",
                "Every value of the sum is finite.",
                "Run analyze again; the rules on features name the stem at fault.",
                within("sum_bad", high=0),
                "{sum_bad} values",
                "{sum_bad} values of {feature} of {source} are not finite",
            ),
            Rule(
                "statistics.eq_mean",
                "Every bin of the mean spectrum is finite and not negative.",
                "Run analyze again.",
                within("eq_bad", high=0),
                "{eq_bad} bins",
                "{eq_bad} bins of the mean spectrum of {source} are negative or not finite",
            ),
            Rule(
                "statistics.eq_not_empty",
                "The mean spectrum is not zero everywhere.",
                "Run analyze again; an equaliser made from it would silence every stem.",
                within("eq_largest", above=0),
                "largest bin {eq_largest}",
                "the mean spectrum of {source} is zero in every bin",
            ),
            Rule(
                "statistics.panning_mean",
                "Every bin of the mean panning curve lies between 0 and 1.",
                "Run analyze again.",
                within("panning_bad", high=0),
                "{panning_bad} bins",
                "{panning_bad} bins of the mean panning curve of {source} are outside 0 to 1",
            ),
            Rule(
                "statistics.compression_mean",
                "The mean onset peak level lies between -200 and 0 dBFS.",
                "Run analyze again.",
                within("compression_mean", -200, 0),
                "{compression_mean} dBFS",
                "mean onset peak level of {source}: {compression_mean} dBFS",
            ),
            Rule(
                "statistics.compression_std",
                "The mean deviation of the onset peak level lies between 0 and 100 dB.",
                "Run analyze again.",
                within("compression_std", 0, 100),
                "{compression_std} dB",
                "mean deviation of the onset peak level of {source}: {compression_std} dB",
            ),
            Rule(
                "statistics.loudness_mean",
                "The mean loudness lies between -70 and 0 LUFS.",
                "Run analyze again; every stem of the source would be brought to this level.",
                within("loudness_mean", -70, 0),
                "{loudness_mean} LUFS",
                "mean loudness of {source}: {loudness_mean} LUFS",
            ),
        ),
        once=True,
    ),
    Check(
        "statistics",
        _splits,
        (
            Rule(
                "statistics.no_test_songs",
                "No song of the test split contributes, unless that was allowed.",
                "Run analyze again without test songs, or validate with test songs allowed.",
                one_of("split", ("train", "validation")),
                "{feature}",
                "a song of the {split} split contributes to {feature} of {stem}",
            ),
        ),
        needs=("tracks",),
        skip=_test_songs_allowed,
    ),
    Check(
        "statistics",
        _against_features,
        (
            Rule(
                "statistics.songs_in_features",
                "Every contributing song has features for that source.",
                "The song was removed after it was summed; run analyze again.",
                holds("known"),
                "{feature}",
                "contributes to {feature} of {stem}, but features has no such stem",
            ),
            Rule(
                "statistics.songs_measured",
                "Every contributing song has the very feature it contributes to.",
                "Run analyze again; silence or a missing feature was summed.",
                holds("has"),
                "{feature}",
                "contributes to {feature} of {stem}, but that feature was not measured",
            ),
        ),
        needs=("features",),
    ),
    Check(
        "statistics",
        _training_songs,
        (
            Rule(
                "statistics.training_songs_counted",
                "Every measured stem of a training song contributes to the statistics of its source.",
                "Run analyze again; a song was lost when the sums were merged.",
                holds("counted"),
                "{feature}",
                "{feature} of this stem was measured and is not in the statistics",
            ),
        ),
        needs=("features",),
    ),
)
