"""Charts and the rows that they draw, against numpy and the tables themselves."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from catalogs import plots
from catalogs.catalog import Catalog, CatalogError
from catalogs.plots.audio import PICTURE_SIZE, RANGE_HZ, picture, spectrogram_levels, waveform_rows
from catalogs.plots.bands import CENTRES_HZ, EDGES_HZ, band_frame, band_values, target_bands
from catalogs.plots.quantities import QUANTITIES
from catalogs.plots.stems import stem_frame
from catalogs.plots.tidy import CELLS, band_rows, histogram_rows, movement_limits, movement_rows
from fxnorm.settings import SAMPLE_RATE, SPECTRUM_BINS, SPECTRUM_N_FFT
from tests.small_catalog import SmallCatalog, write_small_catalog

FREQUENCIES = np.arange(SPECTRUM_BINS) * SAMPLE_RATE / SPECTRUM_N_FFT


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallCatalog:
    return write_small_catalog(tmp_path_factory.mktemp("plots") / "catalog")


@pytest.fixture(scope="module")
def catalog(small: SmallCatalog) -> Catalog:
    return Catalog.open(small.location.path)


def test_stem_frame_has_the_numbers_of_the_tables(catalog: Catalog, small: SmallCatalog) -> None:
    frame = stem_frame(catalog).set_index(["song_id", "source"])
    features = small.tables["features"].to_pylist()
    assert len(frame) == len(features) == 4
    stored = {(row["song_id"], row["stem"]): row for row in small.tables["shards"].to_pylist()}
    for row in features:
        stem = frame.loc[(row["song_id"], row["stem"])]
        shard = stored[row["song_id"], row["stem"]]
        assert stem["loudness_before"] == row["loudness_lufs"]
        assert stem["loudness_after"] == shard["loudness_lufs"]
        assert stem["loudness_distance_after"] == abs(shard["loudness_lufs"] - row["loudness_lufs"])
        assert stem["seconds"] == shard["frames"] / 44_100
        assert stem["corpus"] == "demo"
        assert np.isnan(stem["panning_before"])


def test_several_catalogs_are_told_apart(catalog: Catalog) -> None:
    frame = stem_frame({"one": catalog, "two": catalog})
    assert frame["label"].value_counts().to_dict() == {"one": 4, "two": 4}


def test_a_level_spectrum_is_level_in_bands_and_a_slope_keeps_its_slope() -> None:
    level = np.full((1, SPECTRUM_BINS), 10.0)
    assert band_values(level, "eq")[0] == pytest.approx(np.full(100, 20.0), abs=1e-4)
    octave_slope = 1.0 / np.maximum(FREQUENCIES, 1.0)[None]
    bands = band_values(octave_slope, "eq")[0]
    assert bands[60] - bands[50] == pytest.approx(-20 * np.log10(2), abs=0.02)
    assert band_values(np.full((2, SPECTRUM_BINS), 0.25), "panning") == pytest.approx(np.full((2, 100), 0.25))


def test_a_tone_is_in_its_band_alone() -> None:
    spectrum = np.zeros((1, SPECTRUM_BINS))
    spectrum[0, round(1_000 * SPECTRUM_N_FFT / SAMPLE_RATE)] = 1.0
    (band,) = np.flatnonzero(band_values(spectrum, "eq")[0] > -200)
    assert EDGES_HZ[band] <= 1_000 < EDGES_HZ[band + 1]


def test_bands_of_a_catalog_are_those_of_its_spectra(
    catalog: Catalog, small: SmallCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalogs.plots.bands.BATCH_ROWS", 3)
    for feature in ("eq", "panning"):
        bands = band_frame(catalog, feature)
        for row in small.tables["features"].to_pylist():
            wanted = band_values(np.array(row[feature], np.float32)[None], feature)[0]
            assert np.array_equal(bands.loc[(row["song_id"], row["stem"])].to_numpy(), wanted)
        assert set(target_bands(catalog, feature)) == {"drums", "vocals"}


def test_batches_name_what_is_missing(catalog: Catalog) -> None:
    with pytest.raises(CatalogError, match="no column 'colour'"):
        list(catalog.batches("features", ["colour"], 10))
    with pytest.raises(CatalogError, match="no table 'bands'"):
        list(catalog.batches("bands", ["eq"], 10))


def stems(values: dict[str, list[float]], source: str = "bass") -> pd.DataFrame:
    length = len(next(iter(values.values())))
    return pd.DataFrame({"label": [""] * length, "source": [source] * length, **values})


@given(st.lists(st.floats(-60, 0).map(lambda value: round(value, 2)), min_size=1, max_size=60))
def test_histograms_hold_every_stem_once(values: list[float]) -> None:
    frame = stems({"loudness_before": values, "loudness_after": [np.nan] * len(values)})
    rows = histogram_rows(frame, QUANTITIES["loudness"])
    assert sum(row["stems"] for row in rows) == len(values)
    assert sum(row["share"] for row in rows) == pytest.approx(1.0)
    for row in rows:
        inside = [value for value in values if row["from"] - 1e-6 <= value < row["to"] - 1e-6]
        assert len(inside) == row["stems"]


@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 30)), min_size=1, max_size=60))
def test_movements_lie_in_their_cells(pairs: list[tuple[float, float]]) -> None:
    before, after = (list(each) for each in zip(*pairs, strict=True))
    columns = {
        f"{name}_distance_{stage}": [np.nan] * len(pairs) for name in QUANTITIES for stage in ("before", "after")
    }
    frame = stems({**columns, "spectrum_distance_before": before, "spectrum_distance_after": after})
    limit = movement_limits(frame)["spectrum"]
    assert max(before + after) <= limit <= max(before + after) + 2.0 or limit == 2.0
    rows = movement_rows(frame, QUANTITIES["spectrum"], limit)
    cells = [row for row in rows if row["kind"] == "cell"]
    assert sum(row["stems"] for row in cells) == len(pairs)
    for x, y in pairs:
        assert any(max(abs(row["before"] - x), abs(row["after"] - y)) <= limit / CELLS / 2 + 1e-9 for row in cells)


def test_quantiles_of_curves_are_ordered_stems() -> None:
    index = pd.MultiIndex.from_product([[f"s{n}" for n in range(21)], ["bass"]], names=["song_id", "source"])
    curves = pd.DataFrame(np.tile(np.arange(21.0)[:, None], (1, 100)), index=index)
    rows = band_rows(curves, {"bass": np.full(100, 3.0)})
    assert len(rows) == 100
    assert {name: rows[0][name] for name in ("low", "lower", "median", "upper", "high", "target")} == {
        "low": 1, "lower": 5, "median": 10, "upper": 15, "high": 19, "target": 3,
    }  # fmt: skip
    assert [row["hz"] for row in rows] == [round(float(hz), 2) for hz in CENTRES_HZ]


@pytest.mark.parametrize("name", [name for name in plots.__all__ if name.startswith("plot_") and name[5:] not in (
    "waveform", "spectrogram"
)])  # fmt: skip
def test_every_chart_is_drawn_for_one_catalog_and_for_two(name: str, catalog: Catalog, tmp_path: Path) -> None:
    for catalogs in (catalog, {"one": catalog, "two": catalog}):
        getattr(plots, name)(catalogs).save(tmp_path / "chart.svg")
        assert "<svg" in (tmp_path / "chart.svg").read_text()


def tone(hz: float, seconds: float = 1.0) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.repeat(0.5 * np.sin(2 * np.pi * hz * time)[:, None], 2, axis=1).astype(np.float32)


@pytest.mark.parametrize("hz", [200.0, 1_000.0, 8_000.0])
def test_the_brightest_row_of_a_spectrogram_is_the_tone(hz: float) -> None:
    levels = spectrogram_levels(tone(hz))
    width, height = PICTURE_SIZE
    assert levels.shape == (height, width)
    place = height - 1 - levels.mean(axis=1).argmax()
    low, high = RANGE_HZ
    drawn = low * (high / low) ** ((place + 0.5) / height)
    assert drawn == pytest.approx(hz, rel=0.12)


def test_pictures_are_as_bright_as_the_levels_and_silence_is_dark() -> None:
    uri = picture(np.linspace(-80, 0, 256)[None].repeat(128, axis=0))
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("L")
    brightness = np.asarray(image)[0].astype(int)
    assert (np.diff(brightness) >= 0).all()
    assert np.all(spectrogram_levels(np.zeros((1_000, 2), np.float32)) == -80)


def test_waveforms_hold_the_extremes() -> None:
    audio = tone(100.0)
    audio[12_345] = 0.9
    rows = waveform_rows(audio)
    assert max(row["high"] for row in rows) == pytest.approx(0.9, abs=1e-3)
    assert [row["seconds"] for row in rows] == sorted(row["seconds"] for row in rows)
    plots.plot_waveform(audio).to_dict()
    plots.plot_spectrogram(audio).to_dict()


def test_without_altair_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "altair", None)
    for name in [name for name in sys.modules if name.startswith("catalogs.plots")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"pip install 'fxnorm-data\[report\]'"):
        importlib.import_module("catalogs.plots")
