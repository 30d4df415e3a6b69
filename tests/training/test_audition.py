"""The audition page in a real browser, and the numbers and pictures on it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import expect
from scipy.signal import correlate
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from typer.testing import CliRunner

from pipelines.cli import app
from tests import signals
from tests.browser import WIDTHS, Browser, Visit, serving
from tests.signals import RATE
from training.audition.build import AuditionOptions, build_audition
from training.audition.excerpt import BLOCK, loudest_start
from training.audition.levels import match_levels
from training.audition.pictures import BANDS, COLUMNS, band_places, loudness_curve, mel_levels, spectrogram_png
from training.audition.songs import AuditionError, find_songs, read_systems, songs_of_systems

SECONDS = 6.0
LEVELS = {"dry": 0.05, "network": 0.4, "engineer": 0.9}
"""Peak of each system's noise."""

BYTES = """
globalThis.base64 = (...parts) => new Promise((resolve) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result.split(",")[1]);
  reader.readAsDataURL(new Blob(parts));
});
"""
"""Hands arrays over to the test as bytes: as lists of numbers they would take minutes."""

RECORD_OUTPUT = """
globalThis.recorded = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target === this.context.destination && this.context instanceof AudioContext) {
    const code = `registerProcessor("recorder", class extends AudioWorkletProcessor {
      process([input]) { if (input[0]) this.port.postMessage([currentFrame, input[0].slice()]); return true; } });`;
    const url = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    globalThis.recorder = this.context.audioWorklet.addModule(url).then(() => {
      const node = new AudioWorkletNode(this.context, "recorder", { channelCount: 1, channelCountMode: "explicit" });
      node.port.onmessage = ({ data }) => globalThis.recorded.push(data);
      connect.call(this, node);
      connect.call(node, this.context.destination);
    });
  }
  return connect.call(this, target, ...rest);
};
"""
"""Keeps what leaves the page's player, with the number of its first sample on the audio clock."""


def write_songs(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """Two songs of three systems, each system a noise of its own, so that a place in it can be told from its sound."""
    songs: dict[str, dict[str, np.ndarray]] = {}
    for number, song in enumerate(("First <song> & 'more'", "Second")):
        (folder / song).mkdir(parents=True)
        songs[song] = {}
        for seed, (system, level) in enumerate(LEVELS.items()):
            audio = signals.noise(SECONDS, 10 * number + seed, level)
            soundfile.write(folder / song / f"{system}.wav", audio, RATE, subtype="FLOAT")
            songs[song][system] = audio
    return songs


@pytest.fixture(scope="module")
def mixes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, np.ndarray]]]:
    folder = tmp_path_factory.mktemp("audition") / "mixes"
    return folder, write_songs(folder)


@pytest.fixture(scope="module")
def page_file(mixes: tuple[Path, Any]) -> Path:
    out = mixes[0].parent / "page.html"
    result = CliRunner().invoke(app, ["audition", str(mixes[0]), "-o", str(out), "--title", "Autumn mixes"])
    assert result.exit_code == 0, result.output
    return out


def open_page(browser: Browser, url: str, **options: Any) -> Visit:
    visit = browser.visit(url, **options)
    expect(visit.page.locator(".system")).to_have_count(len(LEVELS))
    return visit


RECORDING = """async () => {
  const kept = [...recorded];
  return [kept.map(([frame]) => frame), await base64(...kept.map(([, samples]) => samples))];
}"""


def from_bytes(encoded: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(encoded), dtype=np.float32)


def place_of(heard: np.ndarray, track: np.ndarray) -> int:
    """At which sample of a track a recording begins, from the peak of their cross-correlation."""
    return int(np.argmax(np.abs(correlate(track, heard, mode="valid", method="fft"))))


def test_switching_keeps_the_playhead_in_what_is_heard(browser: Browser, page_file: Path, mixes: Any) -> None:
    context = browser.context()
    context.add_init_script(BYTES + RECORD_OUTPUT)
    with serving(Starlette(routes=[Mount("/", StaticFiles(directory=page_file.parent))])) as url:
        page = open_page(browser, url + page_file.name, context=context).page
    page.evaluate("globalThis.recorder")
    page.keyboard.press("Space")
    page.wait_for_timeout(700)
    switched = []
    for key in ("2", "3", "1"):
        switched.append(page.evaluate("audition.player.context.currentTime"))
        page.keyboard.press(key)
        page.wait_for_timeout(700)
    places, samples = page.evaluate(RECORDING)
    frames, blocks = np.array(places), from_bytes(samples).reshape(len(places), -1)
    heard = np.full(frames[-1] + blocks.shape[1], np.nan)
    for frame, block in zip(frames, blocks, strict=True):
        heard[frame : frame + len(block)] = block
    tracks = {name: audio.mean(axis=1) for name, audio in mixes[1]["First <song> & 'more'"].items()}
    playing_since = []
    times = [switched[0] - 0.4, *(time + 0.3 for time in switched)]
    for time, name in zip(times, ("dry", "network", "engineer", "dry"), strict=True):
        first = round(time * RATE)
        playing_since.append(first - place_of(heard[first : first + RATE // 5], tracks[name]))
    assert np.ptp(playing_since) == 0, "10 ms are 441 samples"


LEVEL_OF_TRACKS = """async () => {
  const heard = [];
  for (const [index, { name, url }] of audition.tracks().entries()) {
    const encoded = await (await fetch(url)).arrayBuffer();
    const context = new OfflineAudioContext(2, SECONDS * 44100, 44100);
    const gain = new GainNode(context, { gain: audition.player.levelOf(String(index)) });
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(encoded) });
    source.connect(gain).connect(context.destination);
    source.start();
    const rendered = await context.startRendering();
    heard.push([name, await base64(rendered.getChannelData(0), rendered.getChannelData(1))]);
  }
  return heard;
}""".replace("SECONDS", str(int(SECONDS)))


def test_levels_are_those_of_the_files_and_equal_on_demand(browser: Browser, page_file: Path, mixes: Any) -> None:
    page = open_page(browser, page_file.as_uri()).page
    page.evaluate(BYTES)
    meter = pyloudnorm.Meter(RATE)
    originals = mixes[1]["First <song> & 'more'"]
    for name, samples in page.evaluate(LEVEL_OF_TRACKS):
        assert np.allclose(from_bytes(samples).reshape(2, -1).T, originals[name], atol=2.0**-22)
    page.get_by_role("button", name="Match levels").click()
    heard = [from_bytes(samples).reshape(2, -1).T for _, samples in page.evaluate(LEVEL_OF_TRACKS)]
    matched = [meter.integrated_loudness(audio.astype(np.float64)) for audio in heard]
    assert len(matched) == len(LEVELS)
    assert np.ptp(matched) <= 0.1
    before = [meter.integrated_loudness(audio) for audio in originals.values()]
    assert np.ptp(before) > 20.0


def test_the_keyboard_alone_does_everything_on_a_phone(browser: Browser, page_file: Path) -> None:
    visit = open_page(browser, page_file.as_uri(), size=WIDTHS["phone"])
    page = visit.page
    player = "audition.player"
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")
    for key, name in (("3", "engineer"), ("2", "network")):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("4")
    assert page.evaluate(f"{player}.selected") == "1"
    before = page.evaluate(f"{player}.position")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{player}.position") == pytest.approx(before + 1.0)
    page.keyboard.press("[")
    assert page.evaluate(f"{player}.loop.start") == pytest.approx(before + 1.0, abs=1e-3)
    page.keyboard.press("\\")
    assert not page.evaluate(f"{player}.hasLoop")
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Match levels")).to_have_attribute("aria-pressed", "true")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "song":
            break
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("heading", level=2)).to_have_text("Second")
    assert visit.complaints == []


def test_a_click_on_a_picture_moves_the_playhead(browser: Browser, page_file: Path) -> None:
    page = open_page(browser, page_file.as_uri()).page
    strip = page.locator(".strip").nth(1)
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] / 4, "y": box["height"] - 8})
    assert page.evaluate("audition.player.position") == pytest.approx(SECONDS / 4, abs=0.05)
    head = page.locator(".head").nth(2)
    left = head.evaluate("h => (h.getBoundingClientRect().left + 1 - h.parentNode.getBoundingClientRect().left)")
    assert left == pytest.approx(box["width"] / 4, abs=3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_accessible_fits_and_asks_the_network_for_nothing(
    browser: Browser, page_file: Path, width: str, scheme: str
) -> None:
    context = browser.context(size=WIDTHS[width], color_scheme=scheme)
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    visit = open_page(browser, page_file.as_uri(), context=context)
    page = visit.page
    page.get_by_role("button", name="network").click()
    page.get_by_role("button", name="Match levels").click()
    page.get_by_text("Keyboard", exact=True).click()
    assert visit.accessibility() == []
    assert visit.overflow() == 0
    assert visit.complaints == []
    assert asked[0] == page_file.as_uri()
    assert all(url.startswith(("data:", "blob:")) for url in asked[1:])
    nameless = page.locator("button, input, select, [role=slider], img").evaluate_all(
        "nodes => nodes.filter(n => !(n.ariaLabel || n.textContent.trim() || n.alt || n.labels?.length))"
        ".map(n => n.outerHTML)"
    )
    assert nameless == []


def test_a_folder_holds_whole_songs_beside_the_page(browser: Browser, mixes: Any, tmp_path: Path) -> None:
    built = build_audition(find_songs(mixes[0]), tmp_path / "site", AuditionOptions(excerpt_seconds=None))
    assert len(list((tmp_path / "site" / "audio").glob("*.flac"))) == 6
    assert built.size == sum(path.stat().st_size for path in (tmp_path / "site").rglob("*") if path.is_file())
    with serving(Starlette(routes=[Mount("/", StaticFiles(directory=tmp_path / "site", html=True))])) as url:
        visit = open_page(browser, url)
        assert visit.page.evaluate("audition.player.duration") == pytest.approx(SECONDS)
        assert visit.complaints == []


def test_the_excerpt_is_the_loudest_stretch() -> None:
    quiet, loud = signals.noise(20.0, 1, 0.05), signals.noise(4.0, 2, 0.8)
    audio = quiet.copy()
    audio[round(9.3 * RATE) : round(9.3 * RATE) + len(loud)] += loud
    assert loudest_start([audio, quiet], 4 * RATE) == pytest.approx(9.3 * RATE, abs=2 * BLOCK)
    assert loudest_start([audio], len(audio)) == 0


def test_loudness_over_time_is_that_of_ebu_tech_3341() -> None:
    time = np.arange(10 * RATE) / RATE
    tone = 10.0 ** (-23.0 / 20.0) * np.sin(2.0 * np.pi * 1000.0 * time)
    curve = loudness_curve(np.stack([tone, tone], axis=1).astype(np.float32))
    assert np.isnan(curve.momentary[:3]).all()
    assert np.isnan(curve.short_term[:29]).all()
    assert np.allclose(curve.momentary[4:], -23.0, atol=0.1)
    assert np.allclose(curve.short_term[30:], -23.0, atol=0.1)


def test_a_spectrogram_shows_a_tone_where_its_label_says() -> None:
    time = np.arange(60 * RATE) / RATE
    tone = 0.5 * np.sin(2.0 * np.pi * 5000.0 * time)
    levels = mel_levels(np.stack([tone, tone], axis=1).astype(np.float32))
    image = Image.open(io.BytesIO(spectrogram_png(levels, float(levels.max()))))
    assert image.height == BANDS
    assert image.width <= COLUMNS
    light = np.asarray(image.convert("L"), dtype=float).mean(axis=1)
    row = int(np.argmax(light))
    assert 1.0 - (row + 0.5) / BANDS == pytest.approx(band_places()["5k"], abs=1.5 / BANDS)


def test_matched_levels_leave_headroom() -> None:
    loud, peaky = signals.noise(4.0, 1, 0.9), signals.plucks(4.0, 2, 0.9)
    levels = match_levels({"loud": loud, "peaky": peaky})
    matched = {name: level.loudness_lufs + level.match_db for name, level in levels.items()}
    assert matched["loud"] == pytest.approx(matched["peaky"], abs=1e-9)
    assert max(level.true_peak_dbtp + level.match_db for level in levels.values()) <= -1.0 + 1e-6


def test_audio_above_full_scale_keeps_its_level(tmp_path: Path) -> None:
    (tmp_path / "mixes" / "song").mkdir(parents=True)
    for name, level in {"hot": 2.0, "plain": 0.5}.items():
        soundfile.write(tmp_path / f"mixes/song/{name}.wav", signals.noise(3.0, 1, level), RATE, subtype="FLOAT")
    built = build_audition(find_songs(tmp_path / "mixes"), tmp_path / "page.html")
    assert built.notes == ("song: hot exceeds full scale and clips on the page where levels are not matched",)
    text = built.page.read_text()
    song = json.loads(text.split('class="song">')[1].split("</script>")[0])
    hot, plain = song["systems"]
    assert (hot["scale"], plain["scale"]) == (2.0, 1.0)
    audio, _ = soundfile.read(io.BytesIO(base64.b64decode(hot["url"].split(",")[1])))
    assert np.abs(audio).max() * hot["scale"] == pytest.approx(2.0, rel=1e-5)


def test_other_rates_are_resampled_and_said(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    soundfile.write(tmp_path / "song/dry.wav", signals.noise(2.0, 1), RATE)
    soundfile.write(tmp_path / "song/wet.wav", np.zeros((96_000, 2)), 48_000)
    systems, notes = read_systems(find_songs(tmp_path)[0])
    assert {len(audio) for audio in systems.values()} == {2 * RATE}
    assert notes == ["wet was resampled from 48000 to 44100 Hz"]


def test_systems_are_in_the_order_of_a_comparison(tmp_path: Path) -> None:
    (tmp_path / "song").mkdir()
    for name in ("a mix", "dry", "engineer", "other"):
        soundfile.write(tmp_path / f"song/{name}.wav", signals.noise(1.0), RATE)
    (song,) = find_songs(tmp_path)
    assert list(song.files) == ["dry", "a mix", "other", "engineer"]


def test_folders_of_systems_have_the_songs_of_an_evaluation(tmp_path: Path) -> None:
    for system in ("sum", "engineer"):
        (tmp_path / system).mkdir()
        for song in ("one", "two"):
            soundfile.write(tmp_path / system / f"{song}.flac", signals.noise(1.0), RATE)
    songs = songs_of_systems({"the sum": tmp_path / "sum", "engineer": tmp_path / "engineer"})
    assert [(song.name, list(song.files)) for song in songs] == [
        ("one", ["the sum", "engineer"]),
        ("two", ["the sum", "engineer"]),
    ]
    (tmp_path / "sum" / "two.flac").unlink()
    with pytest.raises(AuditionError, match=r"the sum, two: there is no file in .*sum"):
        songs_of_systems({"the sum": tmp_path / "sum", "engineer": tmp_path / "engineer"})
    with pytest.raises(AuditionError, match="there is no such folder"):
        songs_of_systems({"the sum": tmp_path / "nowhere"})
    (tmp_path / "empty").mkdir()
    with pytest.raises(AuditionError, match="there is no audio file in the folder"):
        songs_of_systems({"the sum": tmp_path / "empty"})


def test_what_cannot_stand_side_by_side_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuditionError, match="there is no such folder"):
        find_songs(tmp_path / "nowhere")
    with pytest.raises(AuditionError, match="a folder for each song"):
        find_songs(tmp_path)
    (tmp_path / "song").mkdir()
    soundfile.write(tmp_path / "song/dry.wav", signals.noise(3.0), RATE)
    soundfile.write(tmp_path / "song/mix.wav", signals.noise(2.0), RATE)
    with pytest.raises(AuditionError, match=r"mix.wav.* has 88200 samples .*dry.wav.* has 132300"):
        build_audition(find_songs(tmp_path), tmp_path / "page.html")
    soundfile.write(tmp_path / "song/mix.wav", np.zeros((3 * RATE, 2)), RATE)
    with pytest.raises(AuditionError, match="song, mix: it is silent in the excerpt"):
        build_audition(find_songs(tmp_path), tmp_path / "page.html")
    with pytest.raises(AuditionError, match=r"ends at 3\.00 s, before --start 9"):
        build_audition(find_songs(tmp_path), tmp_path / "page.html", AuditionOptions(start=9.0))
    soundfile.write(tmp_path / "song/dry.flac", signals.noise(3.0), RATE)
    with pytest.raises(AuditionError, match="keep one of the two"):
        find_songs(tmp_path)
    assert not (tmp_path / "page.html").exists()


def test_the_command_wants_a_folder_or_systems(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["audition", "-o", str(tmp_path / "page.html")])
    assert result.exit_code == 1
    assert "give either DIR" in result.output
    result = CliRunner().invoke(app, ["audition", "--system", "nothing", "-o", str(tmp_path / "page.html")])
    assert "expected NAME=FOLDER" in result.output
