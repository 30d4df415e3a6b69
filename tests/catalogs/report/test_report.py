"""The report of a catalog: what is in it, and how it behaves in a real browser."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode, b64encode
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pandas as pd
import pytest
import soundfile
from playwright.sync_api import Page, expect
from typer.testing import CliRunner

from catalogs.catalog import Catalog
from catalogs.plots.quantities import QUANTITIES
from catalogs.plots.tidy import band_rows, histogram_rows, movement_rows
from catalogs.report.outliers import excerpt, find_outliers, mp3_uri, robust_scores
from catalogs.report.page import render_report, write_report
from catalogs.report.summary import summarize
from catalogs.storage import Location
from pipelines.cli import app
from tests.browser import WIDTHS, Browser, Visit, tab_to
from tests.catalogs.report.wide_catalog import write_wide_catalog

TABS = 200
"""More presses of Tab than the page has places."""


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return write_wide_catalog(tmp_path_factory.mktemp("report") / "wide")


@pytest.fixture(scope="module")
def report(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report.html"
    result = CliRunner().invoke(app, ["report", catalog.location.path, "-o", str(out)])
    assert result.exit_code == 0, result.output
    return out


def opened(browser: Browser, report: Path, **options: Any) -> Visit:
    visit = browser.visit(report.as_uri(), **options)
    drawn(visit.page)
    return visit


def drawn(page: Page) -> None:
    expect(page.locator("body")).to_have_attribute("data-state", "drawn", timeout=20_000)


def script_of(report: Path, id_: str) -> dict[str, Any]:
    (text,) = re.findall(rf'<script type="application/json" id="{id_}">(.*?)</script>', report.read_text())
    return json.loads(text)


def test_the_same_catalog_gives_the_same_bytes(catalog: Catalog, report: Path, tmp_path: Path) -> None:
    size = write_report(catalog, Location.parse(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == report.read_bytes()
    assert size == report.stat().st_size


def test_what_cannot_be_read_leaves_the_earlier_report(catalog: Catalog, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    out.write_text("earlier")
    result = CliRunner().invoke(app, ["report", str(tmp_path / "nothing"), "-o", str(out)])
    assert result.exit_code == 1
    assert "build a catalog with" in result.output
    assert out.read_text() == "earlier"


def test_names_of_songs_cannot_break_the_page(report: Path) -> None:
    data = script_of(report, "data")
    assert any("</script>" in song for song in data["names"]["song_id"])


def test_numbers_of_the_page_are_those_of_the_catalog(catalog: Catalog, report: Path) -> None:
    data, stems = script_of(report, "data"), summarize(catalog).stems
    assert len(data["stems"]["source"]) == len(stems)
    for place, (_, stem) in enumerate(stems.iterrows()):
        assert data["names"]["song_id"][data["stems"]["song_id"][place]] == stem["song_id"]
        for name, quantity in QUANTITIES.items():
            for stage in ("before", "after", "target"):
                shown, true = data["stems"][f"{name}_{stage}"][place], stem[f"{name}_{stage}"]
                assert (shown is None) == np.isnan(true)
                assert shown is None or abs(shown - true) <= 0.51 * 10.0 ** -(quantity.digits + 1)


def test_the_page_computes_what_python_computes(catalog: Catalog, report: Path, browser: Browser) -> None:
    """The rows that the page's script makes from its data, against the same functions in Python."""
    tidy = resources.files("catalogs.report") / "tidy.js"
    visit = opened(browser, report)
    rows = visit.page.evaluate(
        """async (tidy) => {
          const { histogramRows, bandRows, movementRows } = await import(tidy);
          const data = JSON.parse(document.getElementById("data").textContent);
          const all = data.stems.source.map((_, stem) => stem);
          const decoded = Object.fromEntries(Object.entries(data.curves).map(([name, curve]) =>
            [name, { ...curve, codes: Uint8Array.from(atob(curve.codes), (letter) => letter.charCodeAt(0)) }]));
          const each = (make) => Object.values(data.quantities).map((quantity) => make(data, all, quantity));
          return {
            histograms: each(histogramRows), movements: each(movementRows),
            curves: Object.values(decoded).map((curve) => bandRows(data, all, curve)),
          };
        }""",
        f"data:text/javascript;base64,{b64encode(tidy.read_bytes()).decode()}",
    )
    data = script_of(report, "data")
    stems = page_stems(data)
    for place, (name, quantity) in enumerate(QUANTITIES.items()):
        same_rows(rows["histograms"][place], histogram_rows(stems, quantity))
        same_rows(rows["movements"][place], movement_rows(stems, quantity, data["quantities"][name]["limit"]))
    for place, curve in enumerate(data["curves"].values()):
        same_rows(rows["curves"][place], band_rows(page_curves(data, curve), curve["targets"]))


def page_stems(data: dict[str, Any]) -> pd.DataFrame:
    """The numbers as the page has them, rounded."""
    columns = {name: values for name, values in data["stems"].items() if name not in data["names"]}
    frame = pd.DataFrame(columns, dtype=float).assign(label="")
    for name, values in data["names"].items():
        frame[name] = [values[code] for code in data["stems"][name]]
    for name in QUANTITIES:
        for stage in ("before", "after"):
            frame[f"{name}_distance_{stage}"] = (frame[f"{name}_{stage}"] - frame[f"{name}_target"]).abs()
    return frame


def page_curves(data: dict[str, Any], curve: dict[str, Any]) -> pd.DataFrame:
    """The curves as the page has them, of stems that have one."""
    codes = np.frombuffer(b64decode(curve["codes"]), np.uint8).reshape(-1, len(data["hz"])).astype(float)
    stems = page_stems(data)
    index = pd.MultiIndex.from_frame(stems[["song_id", "source"]])
    return pd.DataFrame(curve["low"] + curve["step"] * (codes - 1), index=index)[codes[:, 0] > 0]


def same_rows(found: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> None:
    assert len(found) == len(wanted) > 0
    for one, other in zip(found, wanted, strict=True):
        assert one.keys() == other.keys()
        for key, value in other.items():
            assert one[key] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)


def test_nothing_is_fetched_and_nothing_is_complained_about(report: Path, browser: Browser) -> None:
    context = browser.context()
    requests: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    visit = opened(browser, report, context=context)
    visit.page.get_by_role("button", name=re.compile("^Play ")).first.click()
    expect(visit.page.get_by_role("button", name=re.compile("^Pause ")).first).to_be_visible()
    assert visit.complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [report.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", sorted(WIDTHS))
def test_accessible_and_within_the_window(report: Path, browser: Browser, size: str, scheme: str) -> None:
    visit = opened(browser, report, size=WIDTHS[size], color_scheme=scheme)
    assert visit.accessibility(outside=".chart svg") == []
    assert visit.overflow() == 0
    assert visit.complaints == []
    widths = visit.page.locator(".chart").evaluate_all(
        "charts => charts.map(c => [c.clientWidth, c.querySelector('svg').getBoundingClientRect().width])"
    )
    assert len(widths) > 10
    for available, drawn_width in widths:
        assert 0.9 * available <= drawn_width <= available
    names = visit.page.locator("button, select, input").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label') || (e.labels?.[0] ?? e).textContent)"
    )
    assert len(names) > 20
    assert all(name.strip() for name in names)


def rows_of(page: Page, table: str) -> list[list[str]]:
    return page.locator(f"#{table} tbody tr").evaluate_all(
        "rows => rows.map(r => [...r.cells].map(c => c.textContent))"
    )


def panels(page: Page, chart: str) -> list[str]:
    """Sources that a chart has panels of."""
    texts = page.locator(f"#{chart} svg text").all_text_contents()
    return [text for text in texts if text in ("drums", "vocals")]


def test_filters_change_charts_tables_and_outliers(catalog: Catalog, report: Path, browser: Browser) -> None:
    page = opened(browser, report).page
    stems = summarize(catalog).stems
    assert panels(page, "histogram-loudness") == panels(page, "bands-eq") == ["drums", "vocals"]
    page.get_by_label("Source", exact=True).select_option("drums")
    drawn(page)
    assert panels(page, "histogram-loudness") == panels(page, "bands-eq") == ["drums"]
    drums = int((stems["source"] == "drums").sum())
    expect(page.locator("#counts")).to_have_text(f"{drums} of {len(stems)} stems")
    assert {row[1] for row in rows_of(page, "stem-table")} == {"drums"}
    assert {row[1] for row in rows_of(page, "finding-table")} <= {"drums", "None."}
    assert page.locator(".outlier:visible").count() > 0
    for card in page.locator(".outlier:visible").all():
        assert (card.locator(".eyebrow").text_content() or "").startswith("drums")
    page.get_by_label("Corpus", exact=True).select_option("second")
    page.get_by_label("Split", exact=True).select_option("test")
    drawn(page)
    chosen = stems[stems["source"].eq("drums") & stems["corpus"].eq("second") & stems["split"].eq("test")]
    assert [row[0] for row in rows_of(page, "stem-table")] == list(chosen["song_id"])
    assert {row[1] for row in rows_of(page, "quarantine-table")} <= {"second", ""}
    page.get_by_role("button", name="Show all").click()
    expect(page.locator("#counts")).to_have_text(f"{len(stems)} of {len(stems)} stems")
    page.get_by_label("Song", exact=True).fill("song 07")
    expect(page.locator("#counts")).to_have_text(f"2 of {len(stems)} stems")
    page.get_by_label("Song", exact=True).fill("no such song")
    expect(page.locator("#no-outliers")).to_be_visible()
    drawn(page)
    assert rows_of(page, "stem-table") == [["None."]]


def test_columns_sort_both_ways_over_all_pages(catalog: Catalog, report: Path, browser: Browser) -> None:
    page = opened(browser, report).page
    stems = summarize(catalog).stems
    loudness = stems["loudness_before"].dropna()
    head = page.locator("#stem-table th").filter(has_text="Loudness, LUFS, before")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    column = 4
    first = [float(row[column].replace("−", "-")) for row in rows_of(page, "stem-table")]
    assert first == pytest.approx(sorted(loudness, reverse=True)[:25], abs=0.06)
    page.get_by_role("button", name="Next page of table of stems").click()
    second = [row[column].replace("−", "-") for row in rows_of(page, "stem-table")]
    assert len(first) + len(second) == len(stems)
    assert second[-1] == "–"
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    again = [float(row[column].replace("−", "-")) for row in rows_of(page, "stem-table")]
    assert again == pytest.approx(sorted(loudness)[:25], abs=0.06)


def current_time(page: Page) -> float:
    return page.evaluate("document.getElementById('player').currentTime")


def test_excerpts_play_one_at_a_time(report: Path, browser: Browser) -> None:
    page = opened(browser, report).page
    cards = page.locator(".outlier")
    first, second = (cards.nth(place).locator(".play") for place in (0, 1))
    first.click()
    expect(first).to_have_text("Pause")
    page.wait_for_function("document.getElementById('player').currentTime > 0.3")
    second.click()
    expect(second).to_have_text("Pause")
    expect(first).to_have_text("Play")
    page.wait_for_function("document.getElementById('player').currentTime > 0.3")
    second.click()
    expect(second).to_have_text("Play")
    stopped = current_time(page)
    page.wait_for_timeout(200)
    assert current_time(page) == stopped


def test_all_of_it_by_keyboard(report: Path, browser: Browser) -> None:
    page = opened(browser, report).page
    tab_to(page, "#filter-source", TABS)
    page.keyboard.press("d")
    expect(page.get_by_label("Source", exact=True)).to_have_value("drums")
    drawn(page)
    tab_to(page, ".outlier:not([hidden]) .play", TABS)
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('player').currentTime > 0.2")
    page.keyboard.press("Space")
    assert page.evaluate("document.getElementById('player').paused")
    tab_to(page, "#stem-table th:nth-child(4) button", TABS)
    page.keyboard.press("Enter")
    expect(page.locator("#stem-table th").nth(3)).to_have_attribute("aria-sort", "descending")


def test_a_filter_during_the_first_drawing_leaves_nothing_undrawn(report: Path, browser: Browser) -> None:
    visit = browser.visit(report.as_uri())
    visit.page.get_by_label("Source", exact=True).select_option("drums")
    drawn(visit.page)
    visit.page.get_by_role("button", name="Show all").click()
    expect(visit.page.locator(".outlier:visible .chart svg")).to_have_count(2 * visit.page.locator(".outlier").count())
    drawn(visit.page)
    assert panels(visit.page, "histogram-loudness") == ["drums", "vocals"]
    assert visit.complaints == []


def test_robust_scores_are_those_of_the_formula() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 4.0, 50.0, 7.0, 7.0])
    groups = pd.Series(["a"] * 5 + ["b"] * 2)
    scores = robust_scores(values, groups, floor=0.5)
    assert scores[4] == pytest.approx((50 - 3) / (1.4826 * 1))
    assert list(scores[5:]) == [0, 0]


def test_planted_outliers_come_first(catalog: Catalog) -> None:
    summary = summarize(catalog)
    outliers = find_outliers(summary.stems, summary.findings)
    assert (outliers[0].song_id, outliers[0].source) == ("second/Song 07", "drums")
    assert "loudness" in outliers[0].reasons[0]
    assert len(find_outliers(summary.stems, summary.findings, most=2)) == 2
    assert [each.score for each in outliers] == sorted((each.score for each in outliers), reverse=True)


def test_the_excerpt_is_the_loudest_stretch(catalog: Catalog) -> None:
    start, audio = excerpt(catalog, "first/Song 00", "drums")
    assert start == 2.0
    assert audio.shape == (6 * 44_100, 2)
    sound, rate = soundfile.read(io.BytesIO(urlopen(mp3_uri(audio)).read()))
    assert rate == 22_050
    assert len(sound) / rate == pytest.approx(6.0, abs=0.06)
    assert np.sqrt((sound**2).mean()) == pytest.approx(np.sqrt((audio.mean(axis=1) ** 2).mean()), rel=0.1)


def test_a_larger_catalog_is_thinned_out_and_says_so(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalogs.report.summary.SHOWN_STEMS", 10)
    monkeypatch.setattr("catalogs.report.page.find_outliers", lambda *_: [])
    page = render_report(catalog)
    assert "Charts and tables hold 10 of 40 stems" in page
