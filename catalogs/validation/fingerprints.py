"""Rules on ``fingerprints``: what songs are recognised by."""

from __future__ import annotations

import pandas as pd

from catalogs.schemas import MIXTURE, STORED_ROLES, SUM
from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import KEYS, Evidence, attach, cover, one_split_wanted, stems_in_use
from catalogs.validation.facts import Twin
from catalogs.validation.measured import input_rule, measured_rules
from catalogs.validation.rule import Check, Rule, equal, holds, matches, one_of
from catalogs.validation.tracks import HASH


def _coverage(evidence: Evidence) -> pd.DataFrame:
    found = evidence.tables["fingerprints"]
    return cover(stems_in_use(evidence.tables["tracks"]), found[found["role"].ne(SUM)])


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["fingerprints"]
    lengths = {name: frame[name].map(len, na_action="ignore") for name in ("landmarks", "times")}
    of_whole_song = frame["role"].isin((MIXTURE, SUM))
    whole_songs = of_whole_song.groupby(frame["song_id"]).transform("sum")
    return frame.drop(columns=["landmarks", "times"]).assign(
        common_analysis_hash=evidence.facts.configurations["fingerprints"],
        landmark_count=lengths["landmarks"],
        time_count=lengths["times"],
        placed=(lengths["landmarks"].notna() == of_whole_song).astype(object),
        one_whole_song=whole_songs.eq(1).astype(object),
    )


def _against_tracks(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["fingerprints"][[*KEYS, "song_hash", "audio_hash"]]
    columns = {"track_song_hash": "song_hash", "split": "split"}
    joined = attach(frame, evidence.tables["tracks"], columns, ("song_id",))
    twins = [
        evidence.facts.audio_twins.get(audio_hash, Twin(song, split))
        for audio_hash, song, split in zip(joined["audio_hash"], joined["song_id"], joined["split"], strict=True)
    ]
    return joined.assign(
        twin=pd.Series([twin.song_id for twin in twins], index=joined.index, dtype=object),
        twin_split=pd.Series([twin.split for twin in twins], index=joined.index, dtype=object),
    )


CHECKS = (
    *column_checks("fingerprints"),
    Check(
        "fingerprints",
        _coverage,
        (
            Rule(
                "fingerprints.row_for_every_stem",
                "Every stem in use and every mixture of every accepted song has a row.",
                "Run analyze again; it does what is missing.",
                holds("found"),
                "no row",
                "the stem is in tracks and has no fingerprint",
            ),
            Rule(
                "fingerprints.stem_in_tracks",
                "Every row but that of a sum belongs to a stem or mixture of an accepted song.",
                "The song was removed or renamed after it was analysed; run analyze again.",
                holds("wanted"),
                "no such stem",
                "fingerprint of a stem that tracks does not name",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "fingerprints",
        _against_tracks,
        (input_rule("fingerprints"),),
        needs=("tracks",),
    ),
    Check(
        "fingerprints",
        _against_tracks,
        (
            Rule(
                "fingerprints.audio_in_one_split",
                "Songs that share the decoded audio of a stem are in one split, so that no test song is trained on.",
                "Remove one of the two songs from the corpus, or analyze without --keep-splits.",
                equal("split", "twin_split"),
                "{split}",
                "in split {split}, but this audio is also in {twin}, which is in {twin_split}",
            ),
        ),
        needs=("tracks",),
        skip=one_split_wanted,
    ),
    Check(
        "fingerprints",
        _rows,
        (
            *measured_rules("fingerprints"),
            Rule(
                "fingerprints.role_known",
                "`role` is stem, mixture or sum.",
                "Run analyze again.",
                one_of("role", (*STORED_ROLES, SUM)),
                "{role}",
                "role {role} is not one of stem, mixture, sum",
            ),
            Rule(
                "fingerprints.audio_hash_format",
                "`audio_hash` is 32 hexadecimal digits.",
                "Run analyze again.",
                matches("audio_hash", HASH),
                "{audio_hash}",
                "{audio_hash} is not a BLAKE2b-128 hash",
            ),
            Rule(
                "fingerprints.one_whole_song",
                "A song has one mixture, or one sum of its stems.",
                "Run analyze again; without it the song is not recognised.",
                holds("one_whole_song"),
                "{role}",
                "the song has no row of the role mixture or sum, or several",
            ),
            Rule(
                "fingerprints.landmarks_of_role",
                "Mixtures and sums have landmarks, stems have none.",
                "Run analyze again.",
                holds("placed"),
                "{landmark_count} landmarks",
                "a {role} with {landmark_count} landmarks",
            ),
            Rule(
                "fingerprints.times_fit_landmarks",
                "There is one time for each landmark.",
                "Run analyze again.",
                equal("landmark_count", "time_count"),
                "{time_count} times",
                "{landmark_count} landmarks with {time_count} times",
            ),
        ),
    ),
)
