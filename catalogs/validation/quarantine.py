"""Rules on ``quarantine``: the songs that were found and not accepted."""

from __future__ import annotations

import pandas as pd

from catalogs.validation.columns import column_checks
from catalogs.validation.evidence import Evidence, attach
from catalogs.validation.rule import Check, Rule, empty, matches, one_of, unique

STAGES = ("ingest", "analyze", "normalize")


def _rows(evidence: Evidence) -> pd.DataFrame:
    frame = evidence.tables["quarantine"]
    parts = frame[["song_id", "stem", "uri", "stage", "reason"]].fillna("")
    return frame.assign(finding=pd.Series(["\x1f".join(row) for row in parts.to_numpy()], dtype=object))


def _against_tracks(evidence: Evidence) -> pd.DataFrame:
    tracks = evidence.tables["tracks"][["song_id"]]
    accepted = tracks.assign(accepted=tracks["song_id"])
    return attach(evidence.tables["quarantine"], accepted, {"accepted": "accepted"}, ("song_id",))


CHECKS = (
    *column_checks("quarantine"),
    Check(
        "quarantine",
        _against_tracks,
        (
            Rule(
                "quarantine.song_not_accepted",
                "A song is either accepted or in quarantine, never both.",
                "Run ingest again; until then the song may be used although a stage refused it.",
                empty("accepted"),
                "{reason}",
                "in quarantine ({stage}: {reason}) and also in tracks",
            ),
        ),
        needs=("tracks",),
    ),
    Check(
        "quarantine",
        _rows,
        (
            Rule(
                "quarantine.rows_unique",
                "A finding is listed once.",
                "Rows of two runs were appended; run ingest again.",
                unique("finding"),
                "{reason}",
                "the same finding ({stage}: {reason}) is listed more than once",
            ),
            Rule(
                "quarantine.stage_known",
                "`stage` is ingest, analyze or normalize.",
                "Run the pipeline again.",
                one_of("stage", STAGES),
                "{stage}",
                "stage {stage} is not one of ingest, analyze, normalize",
            ),
            Rule(
                "quarantine.reason_code",
                "`reason` is a code: lower-case letters, digits, hyphens and underscores.",
                "Run the pipeline again; the reason codes are listed in docs/input-files.md.",
                matches("reason", "^[a-z][a-z0-9_-]*$"),
                "{reason}",
                "{reason} is not a reason code",
            ),
        ),
    ),
)
