"""The quality of one song: its stems are handed in one after the other, and rows of the table ``quality`` come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalogs.material import Row, rows_in_memory
from catalogs.quality.bandwidth import measure_bandwidth
from catalogs.quality.bleed import measure_bleed
from catalogs.quality.clipping import Clipping
from catalogs.quality.decibels import power_db
from catalogs.quality.excerpts import cut_excerpts, excerpt_starts
from catalogs.quality.residual import fit_mixture
from catalogs.quality.silence import block_peaks, silence_share
from catalogs.quality.stereo import measure_channels
from catalogs.quality.true_peak import true_peak
from catalogs.schemas import MIXTURE


class SongQuality:
    """Measures of a song, collected stem by stem; holds excerpts of at most 96 MB.

    Args:
        stems: rows of the song's stems and its mixture, as catalogs.material makes them.
        analysis_hash: hash of the analysis configuration, for the rows.
    """

    def __init__(self, stems: Iterable[Mapping[str, Any]], analysis_hash: str) -> None:
        self._analysis_hash = analysis_hash
        frames = {row["stem"]: row["catalog_frames"] for row in stems}
        self._mixture_frames = frames.get(MIXTURE)
        self._starts = excerpt_starts(self._mixture_frames or max(frames.values()), len(frames))
        self._rows: list[Row] = []
        self._excerpts: dict[str, NDArray[np.float32]] = {}

    def add(self, stem: Mapping[str, Any], audio: NDArray[np.float32], clipping: Clipping) -> None:
        """Measure a stem or the mixture.

        Args:
            stem: its row.
            audio: float32, shape (samples, 2), 44 100 Hz.
            clipping: what was found in its files as they were decoded.
        """
        peaks = block_peaks(audio)
        channels = measure_channels(audio)
        bandwidth = measure_bandwidth(audio)
        mixture = self._mixture_frames
        self._excerpts[stem["stem"]] = cut_excerpts(audio, self._starts)
        self._rows.append(
            {
                "song_id": stem["song_id"],
                "stem": stem["stem"],
                "role": stem["role"],
                "song_hash": stem["song_hash"],
                "analysis_hash": self._analysis_hash,
                "sample_rate": stem["sample_rate"],
                "length_difference": None if mixture is None else audio.shape[0] - mixture,
                "level_dbfs": channels.level_dbfs,
                "peak_dbfs": power_db(float(peaks.max(initial=0.0)) ** 2),
                "true_peak_dbtp": power_db(true_peak(audio, peaks) ** 2),
                "clipped_runs": clipping.runs,
                "clipped_longest": clipping.longest,
                "dc_offset_dbfs": channels.dc_offset_dbfs,
                "silence_share_zero": silence_share(peaks, None),
                "silence_share_m80": silence_share(peaks, -80.0),
                "silence_share_m60": silence_share(peaks, -60.0),
                "imbalance_db": channels.imbalance_db,
                "side_db": channels.side_db,
                "correlation": channels.correlation,
                "bandwidth_hz": bandwidth.upper_hz,
                "bandwidth_fall_db": bandwidth.fall_db,
            }
        )

    def rows(self) -> list[Row]:
        """Rows of the table ``quality``, in the order in which the stems were added."""
        mixture = self._excerpts.pop(MIXTURE, None)
        fit = None if mixture is None else fit_mixture(self._excerpts, mixture)
        bleeds = measure_bleed(self._excerpts)
        complete = []
        for row in self._rows:
            of_mixture = row["role"] == MIXTURE
            own = None if fit is None else fit.stems.get(row["stem"])
            bleed = bleeds.get(row["stem"])
            complete.append(
                {
                    **row,
                    "gain_db": None if own is None else power_db(own.gain**2),
                    "polarity": None if own is None else (-1 if own.gain < 0.0 else 1),
                    "lag": None if own is None else own.lag,
                    "bleed_db": None if bleed is None else bleed.level_db,
                    "bleed_share": None if bleed is None else bleed.share,
                    "bleed_source": None if bleed is None else bleed.source,
                    "residual_left_db": fit.left_db if fit and of_mixture else None,
                    "residual_right_db": fit.right_db if fit and of_mixture else None,
                    "residual_worst_db": fit.worst_db if fit and of_mixture else None,
                }
            )
        return complete


def measure_song(song: Mapping[str, NDArray[np.float32]], song_id: str = "") -> list[Row]:
    """Rows of the table ``quality`` for a song that is in memory.

    Args:
        song: by stem and, where there is one, ``mixture``: float32 of shape (samples, 2), 44 100 Hz.
        song_id: for the rows.
    """
    stems = rows_in_memory(song, song_id)
    quality = SongQuality(stems, "")
    for stem in stems:
        audio = song[stem["stem"]]
        clipping = Clipping()
        clipping.add(audio)
        quality.add(stem, audio, clipping)
    return quality.rows()
