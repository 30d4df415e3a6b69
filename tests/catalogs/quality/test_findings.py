"""Rows become findings at their thresholds, and songs keep all their rows."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pytest

from catalogs.quality import FAULTS, Thresholds, find_faults
from catalogs.quality.findings import count_faults
from catalogs.schemas import MIXTURE, QUALITY
from pipelines.quality_view import known_faults, parse_thresholds
from tests.catalogs.test_validation import quality, track

CLEAN = [quality(track("demo/beta", stem, "train")) for stem in ("vocals", "bass", "drums", MIXTURE)]

AT_THRESHOLD: dict[str, tuple[str, dict[str, float | int]]] = {
    "antiphase": ("bass", {"correlation": -0.5}),
    "bleed": ("bass", {"bleed_db": -40.0, "bleed_share": 0.2}),
    "clipped": ("bass", {"clipped_runs": 10}),
    "cut_bandwidth": ("bass", {"bandwidth_hz": 16_000.0, "bandwidth_fall_db": 20.0}),
    "dc_offset": ("bass", {"dc_offset_dbfs": -40.0}),
    "dead_channel": ("bass", {"imbalance_db": -40.0}),
    "gain": ("bass", {"gain_db": -1.0}),
    "inverted": ("bass", {"polarity": -1}),
    "lag": ("bass", {"lag": -1}),
    "length": ("bass", {"length_difference": -4_410}),
    "low_rate": ("bass", {"sample_rate": 44_099}),
    "mono_mixture": (MIXTURE, {"side_db": -60.0}),
    "residual": (MIXTURE, {"residual_right_db": -20.0}),
    "residual_passage": (MIXTURE, {"residual_worst_db": -12.0}),
    "silent": ("bass", {"silence_share_m60": 0.95}),
    "true_peak": (MIXTURE, {"true_peak_dbtp": 1.0}),
}


def table(stem: str, **values: object) -> pd.DataFrame:
    return pd.DataFrame([{**row, **values} if row["stem"] == stem else row for row in CLEAN], columns=QUALITY.names)


def test_clean_rows_have_no_findings() -> None:
    assert find_faults(table("none")) == []
    assert find_faults(pd.DataFrame(columns=QUALITY.names)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_number_at_its_threshold_is_a_finding_and_one_short_of_it_is_not(fault: str) -> None:
    stem, values = AT_THRESHOLD[fault]
    (found,) = find_faults(table(stem, **values))
    assert (found.song_id, found.stem, found.fault) == ("demo/beta", stem, fault)
    criterion = FAULTS[fault]
    threshold = found.threshold + (0.01 if criterion.above else -0.01) * max(1.0, abs(found.threshold)) / 100.0
    if fault != "low_rate":
        assert find_faults(table(stem, **values), Thresholds.with_values({criterion.threshold: threshold})) == []


def test_what_the_mixture_does_not_explain_is_not_judged() -> None:
    faulty = table("bass", gain_db=-6.0, polarity=-1, lag=100)
    assert count_faults(find_faults(faulty)) == {"gain": 1, "inverted": 1, "lag": 1}
    faulty.loc[faulty.stem == MIXTURE, ["residual_left_db", "residual_right_db"]] = -5.0
    assert count_faults(find_faults(faulty)) == {"residual": 1}
    absent = table("bass", gain_db=-70.0, polarity=-1, lag=100)
    assert count_faults(find_faults(absent)) == {"gain": 1}


def test_a_mixture_at_another_level_is_no_fault_of_its_stems() -> None:
    quieter = pd.DataFrame(CLEAN)
    quieter["gain_db"] -= 6.0
    assert find_faults(quieter) == []


def test_findings_are_sorted_and_every_song_is_judged_by_itself() -> None:
    other = table("bass", gain_db=-12.0, clipped_runs=500).assign(song_id="demo/alpha")
    found = find_faults(pd.concat([table("vocals", clipped_runs=11), other]))
    assert [(f.song_id, f.stem, f.fault) for f in found] == [
        ("demo/alpha", "bass", "clipped"),
        ("demo/alpha", "bass", "gain"),
        ("demo/beta", "vocals", "clipped"),
    ]


def test_options_of_the_command_line() -> None:
    assert parse_thresholds([]) == Thresholds()
    assert parse_thresholds(["residual_db=-30"]) == dataclasses.replace(Thresholds(), residual_db=-30.0)
    for wrong in ("residual_db", "residual_db=low", "=3", "nonsense=1"):
        with pytest.raises(ValueError, match=r"--threshold|unknown threshold"):
            parse_thresholds([wrong])
    assert known_faults(None) == ()
    assert known_faults("lag, clipped,lag") == ("clipped", "lag")
    with pytest.raises(ValueError, match="unknown fault 'noise'; known: antiphase, bleed"):
        known_faults("noise")


def test_documentation_lists_every_fault_and_threshold() -> None:
    text = (Path(__file__).parents[3] / "docs" / "quality-control.md").read_text(encoding="utf-8")
    limits = Thresholds()
    faults = re.findall(r"^\| `(\w+)` \| ([^|]+) \| [^|]+ \| `(\w+)` \| \D*?(-?[\d.]+)", text, re.MULTILINE)
    assert {(name, meaning, threshold, float(default)) for name, meaning, threshold, default in faults} == {
        (name, criterion.meaning, criterion.threshold, getattr(limits, criterion.threshold))
        for name, criterion in FAULTS.items()
    }
    others = dict(re.findall(r"^\| `(\w+)` \| (-?[\d.]+) \|", text, re.MULTILINE))
    named = {threshold for _, _, threshold, _ in faults}
    assert {name: float(value) for name, value in others.items()} == {
        field.name: getattr(limits, field.name) for field in dataclasses.fields(limits) if field.name not in named
    }
    assert all(f"`{column}" in text or column.split("_")[0] in text for column in QUALITY.names[5:])
