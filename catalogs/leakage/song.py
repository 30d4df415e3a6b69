"""The fingerprint of one song: its stems are handed in one after the other, and rows of its table come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.leakage.audio_hash import audio_hash
from catalogs.leakage.fingerprint import Landmarks, find_landmarks
from catalogs.material import Row, rows_in_memory
from catalogs.schemas import MIXTURE, SUM


class SongFingerprint:
    """Hashes of a song's stems, and landmarks of its mixture, or of the sum of its stems where it has none.

    Args:
        stems: rows of the song's stems and its mixture, as catalogs.material makes them.
        analysis_hash: hash of the analysis configuration, for the rows.
    """

    def __init__(self, stems: Iterable[Mapping[str, Any]], analysis_hash: str) -> None:
        self._analysis_hash = analysis_hash
        frames = {row["stem"]: row["catalog_frames"] for row in stems}
        self._sum = None if MIXTURE in frames else np.zeros(max(frames.values()), np.float32)
        self._rows: list[Row] = []

    def add(self, stem: Mapping[str, Any], audio: NDArray[np.float32]) -> None:
        """Take a stem or the mixture.

        Args:
            stem: its row.
            audio: float32, shape (samples, 2), 44 100 Hz.
        """
        landmarks = None
        if stem["role"] == MIXTURE:
            landmarks = find_landmarks(audio[:, 0] + audio[:, 1])
        elif self._sum is not None:
            for channel in range(audio.shape[1]):
                self._sum[: audio.shape[0]] += audio[:, channel]
        self._rows.append(self._row(stem, stem["stem"], stem["role"], audio_hash(audio), landmarks))

    def rows(self) -> list[Row]:
        """Rows of the table ``fingerprints``, in the order in which the stems were added, the sum behind them."""
        if self._sum is None:
            return self._rows
        return [*self._rows, self._row(self._rows[0], MIXTURE, SUM, None, find_landmarks(self._sum))]

    def _row(
        self, song: Mapping[str, Any], stem: str, role: str, hashed: str | None, landmarks: Landmarks | None
    ) -> Row:
        return {
            "song_id": song["song_id"],
            "stem": stem,
            "role": role,
            "song_hash": song["song_hash"],
            "analysis_hash": self._analysis_hash,
            "audio_hash": hashed,
            "landmarks": None if landmarks is None else landmarks.values,
            "times": None if landmarks is None else landmarks.times,
        }


def fingerprint_song(song: Mapping[str, NDArray[np.float32]], song_id: str = "") -> list[Row]:
    """Rows of the table ``fingerprints`` for a song that is in memory.

    Args:
        song: by stem and, where there is one, ``mixture``: float32 of shape (samples, 2), 44 100 Hz.
        song_id: for the rows.
    """
    stems = rows_in_memory(song, song_id)
    fingerprint = SongFingerprint(stems, "")
    for stem in stems:
        fingerprint.add(stem, song[stem["stem"]])
    return fingerprint.rows()
