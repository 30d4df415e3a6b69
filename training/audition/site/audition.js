// An audition page: the systems of a song side by side, one of them heard, at one playhead.

import { element } from "./dom.js";
import { Player } from "./player.js";
import { clock, setEnd, setStart, transport, volumeControl } from "./transport.js";

/** Steps of the arrow keys (s). */
const STEP = 1;

/** Height of a loudness curve (LU), and its lines. */
const CURVE_RANGE = 24;
const CURVE_LINES = 6;

const KEYS = [
  [["1", "to", "9"], "hear a system; the playhead stays"],
  [["Space"], "play or pause"],
  [["←", "→"], "move the playhead by 1 s"],
  [["M"], "match the levels, or not"],
  [["[", "]"], "begin or end the loop here"],
  [["\\"], "loop all"],
];

const main = document.getElementById("main");
const choice = document.getElementById("song");
const places = JSON.parse(document.getElementById("places").textContent);
const texts = [...document.querySelectorAll("script.song")].map((script) => script.textContent);
const player = new Player(new AudioContext({ sampleRate: Number(main.dataset.rate), latencyHint: "interactive" }));
globalThis.audition = { player, tracks: () => JSON.parse(texts[Number(choice.value)]).systems };

let matched = false;
let leave = () => {};

const factor = (db) => 10 ** (db / 20);
const signed = (db) => `${db < -0.05 ? "−" : db > 0.05 ? "+" : "±"}${Math.abs(db).toFixed(1)}`;
const plain = (value) => value.toFixed(1).replace("-", "−");

/** An SVG path through values, broken where there is none; x in values, y in LU below the top. */
function path(values, shift, top) {
  let pen = "M";
  return values.map((value, index) => {
    if (value === null) { pen = "M"; return ""; }
    const y = Math.min(CURVE_RANGE, Math.max(0, top - value - shift));
    const part = `${pen}${index + 1} ${y.toFixed(2)}`;
    pen = "L";
    return part;
  }).join("");
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Loudness over time; `draw(shift, top)` draws it with a gain of `shift` dB, and `top` LUFS at the upper edge. */
function curve(system) {
  const momentary = svg("path", { class: "momentary", "vector-effect": "non-scaling-stroke" });
  const shortTerm = svg("path", { class: "short-term", "vector-effect": "non-scaling-stroke" });
  const lines = Array.from({ length: CURVE_RANGE / CURVE_LINES - 1 }, (_, n) => (n + 1) * CURVE_LINES);
  const drawing = svg("svg", {
    viewBox: `0 0 ${system.momentary.length} ${CURVE_RANGE}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Loudness of ${system.name} over time`,
  }, ...lines.map((y) => svg("path", { class: "grid", d: `M0 ${y}H${system.momentary.length}`, "vector-effect": "non-scaling-stroke" })),
  momentary, shortTerm);
  const labels = lines.map((y) => element("span", { className: "tick", style: `top: ${(100 * y) / CURVE_RANGE}%` }));
  return {
    element: element("div", { className: "curve" }, drawing, labels),
    draw(shift, top) {
      momentary.setAttribute("d", path(system.momentary, shift, top));
      shortTerm.setAttribute("d", path(system.short_term, shift, top));
      labels.forEach((label, n) => { label.textContent = plain(top - lines[n]).replace(/\.0$/, ""); });
    },
  };
}

function spectrogram(system) {
  return element("div", { className: "spectrogram" },
    element("img", { src: system.spectrogram, alt: `Spectrogram of ${system.name}` }),
    Object.entries(places).map(([label, share]) =>
      element("span", { className: "tick", style: `bottom: ${100 * share}%`, textContent: label })));
}

/** One system: its button, its levels, and its pictures, on which a click moves the playhead. */
function card(system, index) {
  const id = String(index);
  const facts = element("p", { className: "facts" });
  const button = element("button", {
    type: "button", className: "hear", "aria-pressed": "false", onclick: () => player.select(id),
    "aria-keyshortcuts": index < 9 ? String(index + 1) : null,
  }, element("span", { className: "number", "aria-hidden": "true", textContent: index < 9 ? index + 1 : "" }), system.name);
  const loudness = curve(system);
  const head = element("div", { className: "head" });
  const strip = element("div", { className: "strip" }, spectrogram(system), loudness.element, head);
  strip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const box = strip.getBoundingClientRect();
    player.seek(((event.clientX - box.left) / box.width) * player.duration);
  });
  return {
    head,
    element: element("article", { className: "system", "aria-label": system.name }, button, facts, strip),
    show(top) {
      const selected = player.selected === id;
      button.setAttribute("aria-pressed", String(selected));
      button.closest("article").dataset.heard = selected ? "yes" : "no";
      facts.textContent = `${plain(system.loudness)} LUFS, ${plain(system.true_peak)} dBTP`
        + (matched ? `, heard ${signed(system.match_db)} dB` : "");
      loudness.draw(matched ? system.match_db : 0, top);
    },
  };
}

function setLevels(song) {
  player.setLevels(Object.fromEntries(song.systems.map(({ scale, match_db }, index) =>
    [index, scale * (matched ? factor(match_db) : 1)])));
}

/** Upper edge of the loudness curves (LUFS): the same for all systems of a song. */
function topOf(song) {
  const highest = song.systems.map(({ momentary, match_db }) =>
    Math.max(-70, ...momentary.filter((value) => value !== null)) + (matched ? match_db : 0));
  return CURVE_LINES * Math.ceil((Math.max(...highest) + 1) / CURVE_LINES);
}

async function open(index) {
  leave();
  player.clear();
  const song = JSON.parse(texts[index]);
  const status = element("p", { role: "status", textContent: "Loading the audio." });
  main.replaceChildren(status);
  const tracks = song.systems.map(({ url }, number) => ({ id: String(number), url }));
  try {
    await player.load(tracks, (done, total) => { status.textContent = `Loading the audio, ${done} of ${total}.`; });
  } catch (error) {
    const hint = location.protocol === "file:" ? " A folder needs a web server; a page in one file does not." : "";
    status.textContent = `The audio could not be loaded: ${error.message}.${hint}`;
    return;
  }
  setLevels(song);
  show(song);
}

function show(song) {
  const cards = song.systems.map(card);
  const bar = transport(player);
  const match = element("button", {
    type: "button", textContent: "Match levels", "aria-pressed": String(matched), "aria-keyshortcuts": "M",
    onclick: () => {
      matched = !matched;
      match.setAttribute("aria-pressed", String(matched));
      setLevels(song);
    },
  });
  const refresh = () => {
    const top = topOf(song);
    for (const each of cards) each.show(top);
  };
  let frame = requestAnimationFrame(function next() {
    const share = `${(100 * player.position) / player.duration}%`;
    for (const each of cards) each.head.style.left = share;
    frame = requestAnimationFrame(next);
  });
  const shortcuts = (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches("textarea, select, input[type=text]")) return;
    const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : -1;
    if (key === " ") {
      if (target.matches("button, summary")) return;
      event.preventDefault();
      player.toggle();
    } else if (digit >= 0 && digit < song.systems.length) player.select(String(digit));
    else if (key === "m" || key === "M") match.click();
    else if (key === "[") setStart(player);
    else if (key === "]") setEnd(player);
    else if (key === "\\") player.setLoop(null);
    else if ((key === "ArrowLeft" || key === "ArrowRight") && !target.matches("input, [role=slider]")) {
      event.preventDefault();
      player.seek(player.position + (key === "ArrowLeft" ? -STEP : STEP));
    }
  };
  player.addEventListener("change", refresh);
  document.addEventListener("keydown", shortcuts);
  leave = () => {
    bar.stop();
    cancelAnimationFrame(frame);
    player.removeEventListener("change", refresh);
    document.removeEventListener("keydown", shortcuts);
  };
  main.replaceChildren(
    element("section", { className: "card panel", "aria-label": "Playback of the song" },
      element("div", { className: "song-head" },
        element("h2", { textContent: song.name }),
        element("p", { className: "hint", textContent: `${clock(song.start)} to ${clock(song.start + player.duration)} of the song` })),
      bar.element,
      element("div", { className: "row" }, match, volumeControl(player))),
    element("section", { className: "systems", "aria-label": "Systems" }, cards.map((each) => each.element)),
    element("section", { className: "legend hint" },
      element("p", {}, element("span", { className: "swatch short-term" }), "short-term loudness (3 s) ",
        element("span", { className: "swatch momentary" }), "momentary loudness (400 ms), LUFS. Spectrograms share one colour scale of 80 dB, in Hz. A click on a picture moves the playhead."),
      song.notes.map((note) => element("p", { textContent: `Note: ${note}.` }))),
    element("details", {},
      element("summary", {}, "Keyboard"),
      element("dl", { className: "keys" }, KEYS.map(([keys, does]) => [
        element("dt", {}, keys.flatMap((key) => [key === "to" ? "to" : element("kbd", {}, key), " "])),
        element("dd", { textContent: does })]))));
  refresh();
}

choice.addEventListener("change", () => open(Number(choice.value)));
open(0);
