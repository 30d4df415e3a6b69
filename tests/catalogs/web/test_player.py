"""The player of the shared web assets, rendered sample by sample in a real browser.

An OfflineAudioContext runs the same scheduling code as a page does. A track whose samples count up (sample n is
n / 2^17) tells where the playhead is in every sample of the output.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import catalogs.web
from tests.browser import Visit, open_browser, serving

RATE = 44_100
RAMP = round(0.008 * RATE)
SCALE = 2.0**17
SECONDS = 2.5

RENDER = """async ({seconds, rate, kinds, script}) => {
  const { Player } = await import("/web/player.js");
  const context = new OfflineAudioContext(1, Math.round(seconds * rate), rate);
  const player = new Player(context);
  const make = {
    count: (n) => n / 131072,
    low: (n) => 0.5 * Math.sin(2 * Math.PI * 220 * n / rate),
    high: (n) => 0.5 * Math.sin(2 * Math.PI * 331 * n / rate + 1),
  };
  for (const [id, kind, samples] of kinds) {
    const buffer = context.createBuffer(1, samples, rate);
    const data = buffer.getChannelData(0);
    for (let n = 0; n < samples; n += 1) data[n] = make[kind](n);
    player.addTrack(id, buffer);
  }
  const positions = [];
  new Function("player", "positions", script)(player, positions);
  const rendered = await context.startRendering();
  return { audio: [...rendered.getChannelData(0)], positions };
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    folder = tmp_path_factory.mktemp("web")
    catalogs.web.copy_assets(folder / "web")

    async def empty(_: object) -> HTMLResponse:
        return HTMLResponse(
            "<!doctype html><html lang=en><title>player</title><link rel=icon href=data:,><main></main>"
        )

    routes = [Route("/", empty), Mount("/web", StaticFiles(directory=folder / "web"))]
    with serving(Starlette(routes=routes)) as url, open_browser(folder) as browser:
        yield browser.visit(url)


def render(
    page: Visit, kinds: list[tuple[str, str, int]], script: str, seconds: float = SECONDS
) -> tuple[np.ndarray, list[float]]:
    answer = page.page.evaluate(RENDER, {"seconds": seconds, "rate": RATE, "kinds": kinds, "script": script})
    return np.array(answer["audio"]), answer["positions"]


def counting(names: str, samples: int) -> list[tuple[str, str, int]]:
    return [(name, "count", samples) for name in names]


def test_all_tracks_share_one_playhead_to_the_sample_through_every_switch(page: Visit) -> None:
    script = "player.play(0.1); player.select('b', 0.5); player.select('c', 0.503); player.select('a', 1.2);"
    audio, _ = render(page, counting("abc", 3 * RATE), script)
    start = round(0.1 * RATE)
    heard = np.arange(start + 2 * RAMP, len(audio))
    np.testing.assert_allclose(audio[heard] * SCALE, heard - start, atol=0.02)
    assert not audio[:start].any()


def test_switching_makes_no_step_beyond_the_slope_of_the_signals(page: Visit) -> None:
    kinds = [("a", "low", 3 * RATE), ("b", "high", 3 * RATE)]
    switches = "".join(f"player.select('{'ba'[n % 2]}', {0.3 + 0.0517 * n});" for n in range(30))
    audio, _ = render(page, kinds, "player.play(0.05);" + switches)
    slope = 0.5 * 2 * np.pi * 331 / RATE
    crossfade = 1.0 / RAMP
    assert np.abs(np.diff(audio)).max() < slope + crossfade
    assert np.abs(audio).max() > 0.4
    plain, _ = render(page, kinds, "player.play(0.05);")
    assert np.abs(np.diff(plain)).max() < slope + crossfade


def test_a_switch_during_a_switch_goes_on_from_where_the_gains_are(page: Visit) -> None:
    kinds = [("a", "low", 3 * RATE), ("b", "high", 3 * RATE)]
    script = "player.play(0.05); player.select('b', 0.5); player.select('a', 0.504); player.select('b', 0.506);"
    audio, _ = render(page, kinds, script)
    assert np.abs(np.diff(audio)).max() < 0.5 * 2 * np.pi * 331 / RATE + 1.0 / RAMP


def test_the_whole_loops_at_its_exact_length_with_faded_ends(page: Visit) -> None:
    length = RATE // 2 + 77
    audio, _ = render(page, counting("ab", length), "player.play(0);")
    inside = np.arange(RAMP, length - RAMP)
    for turn in range(1, 4):
        np.testing.assert_allclose(audio[turn * length + inside] * SCALE, inside, atol=0.02)
        assert audio[turn * length] == 0.0
    ends = length / SCALE / RAMP
    assert np.abs(np.diff(audio[RAMP:])).max() < 1.1 * ends


def test_a_part_loops_at_the_exact_sample_without_a_step(page: Visit) -> None:
    start, end = 30_001, 30_001 + 25_013
    script = (
        f"player.setLoop({{start: {start} / 44100, end: {end} / 44100}}, 0); player.play(0); player.select('b', 1.0);"
    )
    audio, _ = render(page, counting("ab", 3 * RATE), script)
    length = end - start
    inside = np.arange(RAMP, length - RAMP)
    for turn in range(4):
        first = turn * length
        if first + length > len(audio):
            break
        np.testing.assert_allclose(audio[first + inside] * SCALE, start + inside, atol=0.03)
        after = np.arange(0, RAMP) if turn else np.arange(0, 0)
        np.testing.assert_allclose(audio[first + after] * SCALE, start + after, atol=0.03)
    assert np.abs(np.diff(audio[RAMP:])).max() < 1.1 * (length / SCALE) / RAMP
    tones, _ = render(page, [("a", "low", 3 * RATE), ("b", "high", 3 * RATE)], script)
    assert np.abs(np.diff(tones)).max() < 0.5 * 2 * np.pi * 331 / RATE + 1.0 / RAMP


def test_pausing_and_seeking_make_no_step_and_keep_the_place(page: Visit) -> None:
    kinds = [("a", "low", 3 * RATE), ("b", "high", 3 * RATE)]
    script = "player.play(0.05); player.pause(0.5); player.play(0.8); player.seek(1.7, 1.1); player.pause(1.6);"
    audio, _ = render(page, kinds, script)
    assert np.abs(np.diff(audio)).max() < 0.5 * 2 * np.pi * 331 / RATE + 1.0 / RAMP
    counted, _ = render(page, counting("ab", 3 * RATE), script)
    resumed = np.arange(round(0.8 * RATE) + 2 * RAMP, round(1.1 * RATE))
    np.testing.assert_allclose(counted[resumed] * SCALE, resumed - round(0.8 * RATE) + round(0.45 * RATE), atol=1.02)
    assert not audio[round(0.51 * RATE) : round(0.79 * RATE)].any()
    assert not audio[round(1.61 * RATE) :].any()


def test_the_reported_position_is_that_of_the_samples(page: Visit) -> None:
    script = """const note = (time) => positions.push(player.positionAt(time));
                player.play(0.1); note(0.1); note(0.6); note(1.35);
                player.setLoop({start: 0.2, end: 0.9}, 0.4); note(0.4); note(1.1);"""
    _, positions = render(page, counting("ab", RATE), script)
    np.testing.assert_allclose(positions, [0.0, 0.5, 0.25, 0.3, 0.3], atol=1e-4)


def test_tracks_of_unequal_length_are_refused(page: Visit) -> None:
    with pytest.raises(Exception, match="track b has 40000 samples, the others have 44100"):
        render(page, [("a", "low", 44_100), ("b", "high", 40_000)], "")


def test_nothing_complained(page: Visit) -> None:
    assert page.complaints == []
