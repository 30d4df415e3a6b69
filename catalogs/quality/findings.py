"""Faults: rows of the table ``quality`` with a number at or beyond a threshold. Nothing is dropped because of one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

import pandas as pd

from catalogs.schemas import MIXTURE


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Where a number becomes a finding.

    Attributes:
        low_rate_hz: input below this rate; a CD has 44 100 Hz, and less holds less than the catalog does.
        length_samples: difference to the mixture; encoders pad by up to 4 096 samples, and 0.1 s is beyond that.
        clipped_runs: runs at full scale; a peak-normalised stem has a few, a clipped one has them at every loud note.
        true_peak_dbtp: mastered mixtures commonly reach +1 dBTP; above, every player distorts.
        dc_offset_dbfs: 1 % of full scale; low notes cut off by the end of a song stay below.
        silent_share: share of blocks at or below -60 dBFS; what remains is too little to train on.
        dead_channel_db: one channel over the other; a stem panned to the end of a console's pot stays below.
        mono_side_db: side over mid of a mixture, at which fxnorm calls a stem centred.
        antiphase_correlation: wide synthesisers reach -0.3; a channel with inverted polarity reaches -1.
        cut_hz: converters cut above 20 kHz, codecs at the rates in use below.
        cut_fall_db: fall over the edge; the steepest of the demo corpus' stems is 13 dB.
        residual_db: of the worse channel; sums of the same files leave nothing, AAC at 256 kbit/s of both up to -22 dB.
        passage_db: residual of the worst excerpt over the mixture's mean energy.
        fit_db: residual of the better channel up to which gain, lag and polarity of a song's stems are judged.
        heard_db: difference of a stem's gain to the median of the song's up to which its lag and polarity are judged;
            the mixture hardly has a stem beyond.
        gain_db: difference of a stem's gain to the median of the song's stems.
        polarity: of a stem in the mixture, 1 or -1; any inversion is one.
        lag_samples: any lag moves the stem against the mixture.
        bleed_db: level of the other stem in this one; a spill of 1 % of its amplitude.
        bleed_share: share of the energy at rest that it has to have; chance makes up to 0.14 of it on clean songs.
    """

    low_rate_hz: float = 44_100.0
    length_samples: float = 4_410.0
    clipped_runs: float = 10.0
    true_peak_dbtp: float = 1.0
    dc_offset_dbfs: float = -40.0
    silent_share: float = 0.95
    dead_channel_db: float = 40.0
    mono_side_db: float = -60.0
    antiphase_correlation: float = -0.5
    cut_hz: float = 20_000.0
    cut_fall_db: float = 20.0
    residual_db: float = -20.0
    passage_db: float = -12.0
    fit_db: float = -10.0
    heard_db: float = 20.0
    gain_db: float = 1.0
    polarity: float = -1.0
    lag_samples: float = 1.0
    bleed_db: float = -40.0
    bleed_share: float = 0.2

    @classmethod
    def with_values(cls, values: Mapping[str, float]) -> Thresholds:
        """The defaults with some values replaced.

        Raises:
            ValueError: no threshold has that name.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise ValueError(f"unknown threshold {name!r}; known: {', '.join(known)}")
        return cls(**values)


Rows = Callable[[pd.DataFrame, Thresholds], pd.Series]


def _all(frame: pd.DataFrame, limits: Thresholds) -> pd.Series:
    return pd.Series(True, index=frame.index)


def _of_mixtures(frame: pd.DataFrame, limits: Thresholds) -> pd.Series:
    return frame["role"] == MIXTURE


def _fitted(frame: pd.DataFrame, limits: Thresholds) -> pd.Series:
    return frame["song_residual_db"] <= limits.fit_db


def _heard(frame: pd.DataFrame, limits: Thresholds) -> pd.Series:
    return _fitted(frame, limits) & (frame["gain_deviation_db"] <= limits.heard_db)


@dataclasses.dataclass(frozen=True)
class Criterion:
    """What makes a row faulty.

    Attributes:
        value: number that is judged, a column of the table or one that :func:`find_faults` derives.
        threshold: field of :class:`Thresholds`.
        above: the fault is at or above the threshold; otherwise at or below.
        meaning: what is wrong, in a few words.
        where: rows that can have the fault.
    """

    value: str
    threshold: str
    above: bool
    meaning: str
    where: Rows = _all


FAULTS: dict[str, Criterion] = {
    "antiphase": Criterion("correlation", "antiphase_correlation", False, "the channels cancel each other in mono"),
    "bleed": Criterion(
        "bleed_db",
        "bleed_db",
        True,
        "another stem is heard while this one rests",
        lambda frame, limits: frame["bleed_share"] >= limits.bleed_share,
    ),
    "clipped": Criterion("clipped_runs", "clipped_runs", True, "runs of samples at full scale"),
    "cut_bandwidth": Criterion(
        "bandwidth_fall_db",
        "cut_fall_db",
        True,
        "the spectrum ends in a cliff, as lossy codecs leave it",
        lambda frame, limits: frame["bandwidth_hz"] <= limits.cut_hz,
    ),
    "dc_offset": Criterion("dc_offset_dbfs", "dc_offset_dbfs", True, "the waveform does not stand around zero"),
    "dead_channel": Criterion("unbalanced_db", "dead_channel_db", True, "one channel is empty beside the other"),
    "gain": Criterion("gain_deviation_db", "gain_db", True, "not at its level in the mixture", _fitted),
    "inverted": Criterion("polarity", "polarity", False, "of opposite polarity in the mixture", _heard),
    "lag": Criterion("lag_number", "lag_samples", True, "not at its place in the mixture", _heard),
    "length": Criterion("length_number", "length_samples", True, "not as long as the mixture"),
    "low_rate": Criterion(
        "sample_rate",
        "low_rate_hz",
        False,
        "the input has a lower sample rate than the catalog",
        lambda frame, limits: frame["sample_rate"] < limits.low_rate_hz,
    ),
    "mono_mixture": Criterion(
        "side_db", "mono_side_db", False, "both channels of the mixture are the same", _of_mixtures
    ),
    "residual": Criterion("residual_db", "residual_db", True, "the stems do not add up to the mixture"),
    "residual_passage": Criterion("residual_worst_db", "passage_db", True, "the stems do not add up in some passage"),
    "silent": Criterion("silence_share_m60", "silent_share", True, "hardly anything is there"),
    "true_peak": Criterion("true_peak_dbtp", "true_peak_dbtp", True, "exceeds full scale between the samples"),
}
"""Every fault by its name."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """A stem, or a mixture, with a fault.

    Attributes:
        song_id: the song.
        stem: name of the stem, or ``mixture``.
        fault: key of :data:`FAULTS`.
        value: number that was found, in the unit of its threshold.
        threshold: number that it reaches.
    """

    song_id: str
    stem: str
    fault: str
    value: float
    threshold: float


def find_faults(quality: pd.DataFrame, thresholds: Thresholds | None = None) -> list[Finding]:
    """Findings in a table ``quality``, sorted by song, stem and fault."""
    limits = thresholds or Thresholds()
    frame = _judged(quality)
    findings = []
    for name, fault in FAULTS.items():
        limit = getattr(limits, fault.threshold)
        values = frame[fault.value].astype(float)
        reached = (values >= limit) if fault.above else (values <= limit)
        rows = frame[reached & fault.where(frame, limits)]
        findings += [
            Finding(song, stem, name, float(value), limit)
            for song, stem, value in zip(rows["song_id"], rows["stem"], rows[fault.value], strict=True)
        ]
    return sorted(findings, key=lambda finding: (finding.song_id, finding.stem, finding.fault))


def count_faults(findings: Iterable[Finding]) -> dict[str, int]:
    """Number of findings of each fault that occurs, by name."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.fault] = counts.get(finding.fault, 0) + 1
    return dict(sorted(counts.items()))


def _judged(quality: pd.DataFrame) -> pd.DataFrame:
    numbers = {name: pd.to_numeric(quality[name]) for name in ("gain_db", "lag", "length_difference", "imbalance_db")}
    residuals = quality[["residual_left_db", "residual_right_db"]].astype(float)
    song = quality["song_id"]
    return quality.assign(
        residual_db=residuals.max(axis=1),
        song_residual_db=residuals.min(axis=1).groupby(song).transform("min"),
        gain_deviation_db=(numbers["gain_db"] - numbers["gain_db"].groupby(song).transform("median")).abs(),
        lag_number=numbers["lag"].abs(),
        length_number=numbers["length_difference"].abs(),
        unbalanced_db=numbers["imbalance_db"].abs(),
    )
