"""The stems of a catalog that stand out, with an excerpt of each to see and to hear."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import soxr

from catalogs.catalog import Catalog
from catalogs.plots.audio import spectrogram_rows, waveform_rows
from catalogs.plots.quantities import QUANTITIES
from catalogs.quality import FAULTS
from fxnorm.settings import SAMPLE_RATE
from fxnorm.stereo import Audio

OUTLIERS = 30
"""Most outliers in a report."""

ROBUST_SCORE = 3.5
"""Robust z-score from which a stem stands out (Iglewicz and Hoaglin 1993, for the modified z-score)."""

MAD_TO_STD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

EXCERPT_SECONDS = 6.0
SEARCHED_SECONDS = 300.0
"""The loudest excerpt is looked for in so much of a stem's beginning, so that memory is bounded."""

EXCERPT_RATE = 22_050
"""Hz; of one channel, in an MP3, which every browser plays and whose bytes are the same on every run."""

MP3_COMPRESSION = 0.75
"""Of libsndfile's scale from 0 to 1."""

EXAMINED = {
    **{f"{name}_before": (name, "as it came") for name in ("loudness", "panning", "dynamics")},
    **{f"{name}_distance_after": (name, "off its target after normalisation") for name in QUANTITIES},
}
"""Columns in which stems are compared with those of their source: the quantity, and what the column says."""


@dataclass(frozen=True)
class Outlier:
    """A stem that stands out.

    Attributes:
        song_id: id of the song.
        source: name of the stem.
        corpus: its corpus.
        split: its split.
        score: largest robust z-score, plus the number of findings.
        reasons: what stands out, in words.
    """

    song_id: str
    source: str
    corpus: str
    split: str
    score: float
    reasons: tuple[str, ...]


def robust_scores(values: pd.Series, groups: pd.Series, floor: float) -> pd.Series:
    """Distance from the median of the group over its spread: 1.4826 median absolute deviations, the floor at least."""
    median = values.groupby(groups).transform("median")
    spread = MAD_TO_STD * (values - median).abs().groupby(groups).transform("median")
    return (values - median) / spread.clip(lower=floor)


def find_outliers(stems: pd.DataFrame, findings: pd.DataFrame, most: int = OUTLIERS) -> list[Outlier]:
    """Stems with a robust z-score of 3.5 or more among those of their source, or with a finding; the worst first.

    Args:
        stems: as of :func:`catalogs.plots.stems.stem_frame`.
        findings: with ``song_id``, ``source``, ``fault`` and ``value``.
        most: at most so many.
    """
    stems = stems.reset_index(drop=True)
    scores = pd.DataFrame(
        {
            column: robust_scores(stems[column], stems["source"], QUANTITIES[name].floor).abs().fillna(0.0)
            for column, (name, _) in EXAMINED.items()
        }
    )
    faults = findings.groupby(["song_id", "source"])["fault"].agg(list).to_dict()
    found = [faults.get(key, []) for key in zip(stems["song_id"], stems["source"], strict=True)]
    counts = np.array([len(names) for names in found], dtype=float)
    total = scores.max(axis=1).to_numpy() + counts
    standing = (scores.max(axis=1).to_numpy() >= ROBUST_SCORE) | (counts > 0)
    order = np.lexsort((np.arange(len(stems)), -total))
    return [
        Outlier(
            str(stems.at[place, "song_id"]),
            str(stems.at[place, "source"]),
            str(stems.at[place, "corpus"]),
            str(stems.at[place, "split"]),
            float(total[place]),
            (*_reasons(stems.loc[place], scores.loc[place]), *(FAULTS[name].meaning for name in found[place])),
        )
        for place in order[standing[order]][:most]
    ]


def _reasons(stem: pd.Series, scores: pd.Series) -> list[str]:
    reasons = []
    for place, score in scores.sort_values(ascending=False, kind="stable").items():
        if score >= ROBUST_SCORE:
            column = str(place)
            name, words = EXAMINED[column]
            quantity = QUANTITIES[name]
            unit = quantity.unit if "distance" in column else quantity.scale
            reasons.append(f"{name} {stem[column]:.{quantity.digits}f} {unit} {words}, score {score:.1f}")
    return reasons


def excerpt(catalog: Catalog, song_id: str, stem: str) -> tuple[float, Audio]:
    """The loudest six seconds of a normalised stem.

    Returns:
        where they begin (s), and the samples, shape (samples, 2); all of a shorter stem.

    Raises:
        CatalogError: there is no audio of it.
        catalogs.shards.ShardError: its shard is gone or damaged.
    """
    frames = min(catalog.song(song_id).frames[stem], round(SEARCHED_SECONDS * SAMPLE_RATE))
    audio = catalog.crop(song_id, 0, frames, [stem])[stem]
    seconds = [np.square(audio[n : n + SAMPLE_RATE], dtype=np.float64).sum() for n in range(0, len(audio), SAMPLE_RATE)]
    length = round(EXCERPT_SECONDS)
    sums = np.convolve(seconds, np.ones(length), mode="valid") if len(seconds) > length else np.zeros(1)
    start = min(int(sums.argmax()) * SAMPLE_RATE, max(0, len(audio) - length * SAMPLE_RATE))
    return start / SAMPLE_RATE, audio[start : start + length * SAMPLE_RATE]


def mp3_uri(audio: Audio) -> str:
    """Audio of shape (samples, 2) as a data URI: one channel, 22 kHz, turned down where it exceeds full scale."""
    mono = soxr.resample(audio.mean(axis=1), SAMPLE_RATE, EXCERPT_RATE)
    content = io.BytesIO()
    soundfile.write(
        content, mono / max(1.0, float(np.abs(mono).max(initial=0.0))), EXCERPT_RATE,
        format="MP3", subtype="MPEG_LAYER_III", compression_level=MP3_COMPRESSION,
    )  # fmt: skip
    return f"data:audio/mpeg;base64,{base64.b64encode(content.getvalue()).decode()}"


def outlier_data(catalog: Catalog, outliers: list[Outlier]) -> list[dict[str, Any]]:
    """What the page shows of each outlier."""
    shown = []
    for outlier in outliers:
        start, audio = excerpt(catalog, outlier.song_id, outlier.source)
        shown.append(
            {
                "song_id": outlier.song_id,
                "source": outlier.source,
                "corpus": outlier.corpus,
                "split": outlier.split,
                "score": round(outlier.score, 1),
                "reasons": list(outlier.reasons),
                "start": start,
                "seconds": round(len(audio) / SAMPLE_RATE, 3),
                "waveform": waveform_rows(audio),
                "spectrogram": spectrogram_rows(audio),
                "audio": mp3_uri(audio),
            }
        )
    return shown
