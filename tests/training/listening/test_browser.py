"""A listening test in a real browser, with the mouse and with the keyboard alone, from welcome to stored result."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from tests.browser import WIDTHS, Browser, Visit, serving, tab_to
from tests.training.listening.listeners import encoded, finished_result
from training.listening.analysis import analyse
from training.listening.build import Built
from training.listening.ratings import rating_table
from training.listening.report import write_report
from training.listening.results import check_result, parse_result
from training.listening.server import application

TABS = 120
"""More presses of Tab than any page has places."""


@pytest.fixture
def server(small_test: tuple[Path, Built], tmp_path: Path) -> Iterator[str]:
    folder, _ = small_test
    with serving(application(folder / "site", tmp_path / "results")) as url:
        yield url


def begin(visit: Visit, participant: str) -> None:
    visit.page.get_by_label("Participant number or name").fill(participant)
    visit.page.get_by_role("button", name="Begin with the training page").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text("Training")


def hear_all(page: Page) -> None:
    """Listen to every mix long enough, by clicks on the buttons."""
    expect(page.locator(".mix")).to_have_count(3)
    for button in page.locator(".mix").all():
        button.click()
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(button).to_have_attribute("data-heard", "yes")


def drag(page: Page, marker: Any, share: float) -> None:
    """Drag a marker to a share of its rail."""
    marker.scroll_into_view_if_needed()
    box = marker.bounding_box()
    rail = marker.evaluate("m => { const b = m.parentNode.getBoundingClientRect(); return [b.left, b.width]; }")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(rail[0] + 0.5 * rail[1], box["y"] + 10, steps=2)
    page.mouse.move(rail[0] + share * rail[1], box["y"] + 10, steps=3)
    page.mouse.up()


def rate_with_mouse(page: Page) -> dict[str, float]:
    """Place all markers by dragging; returns the ratings by accessible name."""
    hear_all(page)
    placed = {}
    for index, marker in enumerate(page.locator(".marker").all()):
        share = 0.1 + 0.8 * ((index * 7) % 11) / 11
        drag(page, marker, share)
        value = float(marker.get_attribute("aria-valuenow"))
        assert value == pytest.approx(100 * share, abs=1.0)
        placed[marker.get_attribute("aria-label")] = value
    return placed


def rate_quickly(page: Page) -> None:
    """Place all markers by their keys, in one go."""
    hear_all(page)
    page.evaluate("""for (const marker of document.querySelectorAll(".marker"))
        marker.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }))""")


def answer(page: Page) -> None:
    page.get_by_label("For how many years").fill("12")
    for option in ("For a living", "Open headphones", "No"):
        page.get_by_role("radio", name=option, exact=True).check()
    page.get_by_label("Anything you would like to tell us?").fill('Søme <b>comment</b> "quoted"')
    page.get_by_role("button", name="Finish the test").click()


def stored(tmp_path: Path) -> list[dict]:
    return [json.loads(path.read_bytes()) for path in sorted((tmp_path / "results").glob("*.json"))]


def next_page(page: Page) -> None:
    page.locator("button.primary").click()


def test_a_whole_test_with_the_mouse(
    browser: Browser, server: str, small_test: tuple[Path, Built], tmp_path: Path
) -> None:
    _, built = small_test
    visit = browser.visit(server)
    page = visit.page
    begin(visit, "mouse-1")
    page.get_by_label("Volume").fill("60")
    rate_with_mouse(page)
    next_page(page)
    placed = []
    for number in range(1, 4):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Passage {number}")
        expect(page.get_by_label("Volume")).to_have_count(0)
        placed.append(rate_with_mouse(page))
        page.get_by_label("Comments on this passage").fill(f"passage {number}: a, b, 1 2")
        next_page(page)
    answer(page)
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    (result,) = stored(tmp_path)
    check_result(parse_result(json.dumps(result).encode()), built.site)
    for page_result, wanted in zip(result["pages"], placed, strict=True):
        for stimulus in page_result["stimuli"]:
            for axis in built.site.axes:
                assert stimulus["ratings"][axis.id] == wanted[f"{axis.name}, mix {stimulus['label']}"]
            assert stimulus["heard_seconds"] >= 0.2
        assert {event[1] for event in page_result["log"]} >= {"play", "move"}
        moves = [(event[2], event[3], event[4]) for event in page_result["log"] if event[1] == "move"]
        assert len(moves) == 9
        ids = {stimulus["id"]: stimulus["ratings"] for stimulus in page_result["stimuli"]}
        assert all(ids[stimulus][axis] == rating for stimulus, axis, rating in moves)
    assert [page["comment"] for page in result["pages"]] == [f"passage {n}: a, b, 1 2" for n in (1, 2, 3)]
    assert result["volume"] == pytest.approx(10 ** ((60 - 100) / 50))
    assert result["questionnaire"]["years_of_mixing"] == 12
    assert result["questionnaire"]["comments"] == 'Søme <b>comment</b> "quoted"'
    assert len(rating_table([parse_result(json.dumps(result).encode())], built.key)) == 3 * 3 * 3
    assert visit.complaints == []


def rate_with_keys(page: Page) -> None:
    for number, button in enumerate(page.locator(".mix").all(), start=1):
        page.keyboard.press(str(number) if number % 2 else "ABC"[number - 1].lower())
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(button).to_have_attribute("data-heard", "yes")
    for index in range(page.locator(".marker").count()):
        tab_to(page, ".marker", TABS)
        before = float(page.evaluate("document.activeElement.getAttribute('aria-valuenow')"))
        page.keyboard.press("Enter")
        page.keyboard.press("PageUp" if index % 2 else "PageDown")
        page.keyboard.press("ArrowRight")
        after = float(page.evaluate("document.activeElement.getAttribute('aria-valuenow')"))
        assert after == min(100, max(0, before + (10 if index % 2 else -10))) + 1 or after == 100
        assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == f"{round(after)} of 100"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "3px"
    tab_to(page, "button.primary", TABS)
    page.keyboard.press("Enter")


def test_a_whole_test_with_the_keyboard_alone_on_a_phone_sized_window(
    browser: Browser, server: str, small_test: tuple[Path, Built], tmp_path: Path
) -> None:
    _, built = small_test
    visit = browser.visit(server, size=WIDTHS["phone"])
    page = visit.page
    expect(page.get_by_role("heading", level=1)).to_have_text("Small test")
    tab_to(page, "#participant", TABS)
    page.keyboard.type("keys-1")
    page.keyboard.press("Enter")
    expect(page.locator(".mix")).to_have_count(3)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Hear dry: All stems")).to_have_attribute("aria-pressed", "true")
    tab_to(page, "#volume", TABS)
    page.keyboard.press("ArrowLeft")
    rate_with_keys(page)
    for number in (1, 2, 3):
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Passage {number}")
        expect(page.locator(".mix")).to_have_count(3)
        rate_with_keys(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("About you")
    tab_to(page, "input[type=number]", TABS)
    page.keyboard.type("3")
    for _ in range(3):
        tab_to(page, "input[type=radio]", TABS)
        page.keyboard.press("Space")
    tab_to(page, "button[type=submit]", TABS)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    (result,) = stored(tmp_path)
    check_result(parse_result(json.dumps(result).encode()), built.site)
    assert result["screen"] == list(WIDTHS["phone"])
    assert visit.complaints == []


def test_a_page_cannot_be_left_before_all_is_heard_and_moved(browser: Browser, server: str) -> None:
    visit = browser.visit(server)
    page = visit.page
    begin(visit, "hasty")
    expect(page.locator(".mix")).to_have_count(3)
    next_page(page)
    todo = page.locator("p.remaining")
    expect(todo).to_have_text("Still to do: listen to mix A for at least 0.2 s.")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Hear mix A"
    hear_all(page)
    next_page(page)
    expect(todo).to_have_text("Still to do: place A, B, C on Production value.")
    first = page.locator(".marker").first
    first.click()
    next_page(page)
    expect(todo).to_contain_text("place A, B, C on Production value")
    expect(page.get_by_role("heading", level=1)).to_have_text("Training")
    assert visit.complaints == []


def test_a_reload_goes_on_exactly_where_it_was(browser: Browser, server: str, tmp_path: Path) -> None:
    visit = browser.visit(f"{server}?participant=reload.1")
    page = visit.page
    expect(page.get_by_label("Participant number or name")).to_have_value("reload.1")
    begin(visit, "reload.1")
    page.get_by_label("Volume").fill("40")
    rate_quickly(page)
    next_page(page)
    hear_all(page)
    for marker in page.locator(".marker").all()[:4]:
        drag(page, marker, 0.77)
    page.get_by_label("Comments on this passage").fill("half way")

    def seen() -> list:
        return page.evaluate(
            "[...document.querySelectorAll('.marker')].map(m => [m.ariaLabel, m.ariaValueText, m.style.left])"
        )

    before, order = seen(), page.evaluate("JSON.parse(Object.values(localStorage)[0]).pages.map(p => p.page)")
    page.reload()
    expect(page.locator(".mix")).to_have_count(3)
    expect(page.get_by_role("heading", level=1)).to_have_text("Passage 1")
    assert seen() == before
    expect(page.get_by_label("Comments on this passage")).to_have_value("half way")
    expect(page.locator(".mix[data-heard=yes]")).to_have_count(3)
    for marker in page.locator(".marker").all()[4:]:
        drag(page, marker, 0.3)
    next_page(page)
    for _ in (2, 3):
        rate_quickly(page)
        next_page(page)
    page.get_by_label("For how many years").fill("12")
    page.reload()
    expect(page.get_by_label("For how many years")).to_have_value("12")
    answer(page)
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    page.reload()
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    (result,) = stored(tmp_path)
    assert (result["reloads"], result["page_order"]) == (2, order)
    assert result["volume"] == pytest.approx(10 ** ((40 - 100) / 50))
    page.get_by_role("button", name="Clear this browser for the next participant").click()
    expect(page.get_by_label("Participant number or name")).to_be_visible()
    assert visit.complaints == []


def post(url: str, body: bytes) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", "/api/results", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def test_two_listeners_at_once_a_reload_and_bad_posts_between(browser: Browser, server: str, tmp_path: Path) -> None:
    visits = [browser.visit(server), browser.visit(server, size=WIDTHS["phone"])]
    for number, visit in enumerate(visits):
        begin(visit, f"pair-{number}")
        rate_quickly(visit.page)
        next_page(visit.page)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(partial(post, server, b'"' + b"x" * 50_000_000 + b'"'))
        malformed = pool.submit(partial(post, server, b'{"session": '))
        for turn in range(3):
            for visit in visits:
                rate_quickly(visit.page)
                if turn == 1 and visit is visits[0]:
                    visit.page.reload()
                    expect(visit.page.locator(".mix")).to_have_count(3)
                next_page(visit.page)
        assert large.result()[0] == 413
        assert "too large" in large.result()[1]["error"]
        assert malformed.result()[0] == 400
        assert "Invalid JSON" in malformed.result()[1]["error"]
    for visit in visits:
        answer(visit.page)
        expect(visit.page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
        assert visit.complaints == []
    results = stored(tmp_path)
    assert sorted(result["participant"] for result in results) == ["pair-0", "pair-1"]
    assert sorted(result["reloads"] for result in results) == [0, 1]
    assert len({tuple(stimulus["id"] for stimulus in result["training"]["stimuli"]) for result in results}) == 2


def test_without_a_server_the_result_is_downloaded(
    browser: Browser, small_test: tuple[Path, Built], tmp_path: Path
) -> None:
    folder, built = small_test
    static = Starlette(routes=[Mount("/", StaticFiles(directory=folder / "site", html=True))])
    with serving(static) as url:
        visit = browser.visit(url, accept_downloads=True)
        page = visit.page
        begin(visit, "")
        for _ in range(4):
            rate_quickly(page)
            next_page(page)
        answer(page)
        expect(page.get_by_role("status")).to_contain_text("Please download your result")
        with page.expect_download() as download:
            page.get_by_role("button", name="Download the result").click()
        download.value.save_as(tmp_path / "result.json")
    result = parse_result((tmp_path / "result.json").read_bytes())
    check_result(result, built.site)
    assert len(result.participant) == 24
    assert visit.complaints == []


def test_a_result_that_cannot_be_sent_is_kept_and_sent_later(browser: Browser, server: str, tmp_path: Path) -> None:
    visit = browser.visit(server)
    page = visit.page
    begin(visit, "offline")
    for _ in range(4):
        rate_quickly(page)
        next_page(page)
    page.route("**/api/results", lambda route: route.abort())
    answer(page)
    expect(page.get_by_role("status")).to_contain_text("could not be sent")
    assert stored(tmp_path) == []
    page.unroute("**/api/results")
    page.get_by_role("button", name="Try again to send").click()
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    assert [result["participant"] for result in stored(tmp_path)] == ["offline"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", list(WIDTHS))
def test_every_view_is_accessible_and_fits(browser: Browser, server: str, device: str, scheme: str) -> None:
    visit = browser.visit(server, size=WIDTHS[device], color_scheme=scheme)
    page = visit.page

    def check(view: str) -> None:
        assert (view, visit.accessibility()) == (view, [])
        assert (view, visit.overflow()) == (view, 0)
        small = page.evaluate("""[...document.querySelectorAll("main button")].filter(b => b.checkVisibility())
            .map(b => b.getBoundingClientRect()).filter(b => b.width < 24 || b.height < 24).length""")
        assert (view, small) == (view, 0)

    expect(page.get_by_role("button", name="Begin with the training page")).to_be_visible()
    check("welcome")
    begin(visit, f"look-{device}-{scheme}")
    expect(page.locator(".mix")).to_have_count(3)
    check("training")
    rate_quickly(page)
    next_page(page)
    page.locator("summary").click()
    next_page(page)
    expect(page.locator("p.remaining")).to_contain_text("Still to do")
    check("page with a reminder")
    for _ in range(3):
        rate_quickly(page)
        next_page(page)
    page.get_by_role("button", name="Finish the test").click()
    check("questions with problems")
    answer(page)
    expect(page.get_by_role("status")).to_have_text("Your result is saved. You can close this page.")
    check("end")
    assert visit.complaints == []


def test_markers_with_equal_ratings_do_not_cover_each_other(browser: Browser, server: str) -> None:
    visit = browser.visit(server, size=WIDTHS["phone"])
    page = visit.page
    begin(visit, "crowd")
    expect(page.locator(".mix")).to_have_count(3)
    markers = page.locator(".scale").first.locator(".marker")
    for marker in markers.all():
        drag(page, marker, 0.5)
    boxes = [marker.bounding_box() for marker in markers.all()]
    for index, one in enumerate(boxes):
        for other in boxes[index + 1 :]:
            apart = abs(one["x"] - other["x"]) >= one["width"] or abs(one["y"] - other["y"]) >= one["height"]
            assert apart, (one, other)


def test_pages_of_one_song_are_kept_apart_and_orders_differ(browser: Browser, server: str) -> None:
    page = browser.visit(server).page
    orders = page.evaluate("""async () => {
      const { generator, orderPages, shuffled } = await import("./order.js");
      const pages = [..."aabcdeef"].map((song, id) => ({ song, id }));
      return [...Array(200).keys()].map((n) => orderPages(pages, generator(`listener ${n}`)));
    }""")
    assert all(sorted(page["id"] for page in order) == list(range(8)) for order in orders)
    for order in orders:
        songs = [page["song"] for page in order]
        assert all(one != other for one, other in pairwise(songs))
    firsts = [order[0]["id"] for order in orders]
    assert min(firsts.count(number) for number in range(8)) > 5


@pytest.mark.parametrize("device", list(WIDTHS))
def test_the_report_is_accessible_and_fits(
    browser: Browser, small_test: tuple[Path, Built], tmp_path: Path, device: str
) -> None:
    _, built = small_test
    rng = np.random.default_rng(0)
    effects = {system: 10.0 * number for number, system in enumerate(built.key.systems)}
    results = {
        Path(f"{number}.json"): parse_result(
            encoded(finished_result(built, f"{number:08x}", f"p{number}", effects, rng))
        )
        for number in range(8)
    }
    write_report(analyse(results, built.key), tmp_path / "report")
    with serving(Starlette(routes=[Mount("/", StaticFiles(directory=tmp_path / "report"))])) as url:
        visit = browser.visit(f"{url}report.html", size=WIDTHS[device])
        assert visit.accessibility() == []
        assert visit.overflow() == 0
        broken = "[...document.images].filter(image => !image.complete || image.naturalWidth < 100).length"
        assert visit.page.evaluate(broken) == 0
        assert visit.complaints == []
