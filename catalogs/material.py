"""What of a song is normalised: its files in use, those of one stem taken together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.schemas import MIXTURE
from fxnorm.settings import SAMPLE_RATE

Row = dict[str, Any]

PARTS = "parts"
"""Key under which the row of a stem that is summed holds the rows of its files."""

SUMMED = "summed"
"""Encoding of a stem that is the sum of several files: none of its files' encodings holds it without loss."""

SIXTEEN_BIT_ENCODINGS = ("PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW")
"""Input encodings that 16-bit FLAC keeps without loss."""


def stem_rows(tracks: Iterable[Row]) -> list[Row]:
    """One row for each stem in use, and for the mixture, in the order of their first files.

    A stem of one file has that file's row. A stem of several has the row of its longest file, with
    ``encoding`` SUMMED and all its rows under PARTS. Raws that are in use have the role ``stem``.
    """
    groups: dict[str, list[Row]] = {}
    for row in tracks:
        if row["used"]:
            groups.setdefault(row["stem"], []).append(row)
    return [_stem_row(stem, rows) for stem, rows in groups.items()]


def rows_in_memory(song: Mapping[str, NDArray[np.float32]], song_id: str) -> list[Row]:
    """What the measures of a song need of the rows of its stems, for audio that is in memory.

    Args:
        song: by stem and, where there is one, ``mixture``: shape (samples, 2), 44 100 Hz.
        song_id: for the rows.
    """
    return [
        {
            "song_id": song_id,
            "stem": name,
            "role": MIXTURE if name == MIXTURE else "stem",
            "song_hash": "",
            "sample_rate": SAMPLE_RATE,
            "catalog_frames": audio.shape[0],
        }
        for name, audio in song.items()
    ]


def file_rows(rows: Iterable[Row]) -> list[Row]:
    """The rows of the files that ``stem_rows`` took together."""
    return [part for row in rows for part in row.get(PARTS, [row])]


def _stem_row(stem: str, rows: list[Row]) -> Row:
    role = {"role": "mixture" if stem == MIXTURE else "stem"}
    if len(rows) == 1:
        return {**rows[0], **role}
    longest = max(rows, key=lambda row: row["catalog_frames"])
    return {**longest, **role, "encoding": SUMMED, PARTS: rows}


def flac_subtype(row: Row) -> str:
    """The smallest FLAC depth that keeps the audio of a stem's row as it is decoded, 24 bits at most."""
    exact = row["encoding"] in SIXTEEN_BIT_ENCODINGS and row["sample_rate"] == SAMPLE_RATE
    return "PCM_16" if exact else "PCM_24"
