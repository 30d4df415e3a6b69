// The report's page: filters, charts, tables, and the outliers with their sound.

import { element } from "./dom.js";
import { SortableTable } from "./table.js";
import { bandRows, faultRows, histogramRows, movementRows } from "./tidy.js";

const data = JSON.parse(document.getElementById("data").textContent);
const charts = JSON.parse(document.getElementById("charts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
for (const curve of Object.values(data.curves)) {
  curve.codes = Uint8Array.from(atob(curve.codes), (letter) => letter.charCodeAt(0));
}
const nameOf = (column, stem) => data.names[column][data.stems[column][stem]];

/* Filters */

const filters = ["corpus", "split", "source"].map((name) => ({ name, select: document.getElementById(`filter-${name}`) }));
const search = document.getElementById("filter-text");

/** Whether something with these words passes; what it does not have at all (such as a split) is not asked for. */
function passes(words) {
  const wanted = search.value.trim().toLowerCase();
  return filters.every(({ name, select }) => !select.value || words[name] === undefined || words[name] === select.value)
    && (!wanted || words.song_id.toLowerCase().includes(wanted));
}

function chosenStems() {
  const chosen = [];
  for (let stem = 0; stem < data.stems.source.length; stem += 1) {
    const words = { corpus: nameOf("corpus", stem), split: nameOf("split", stem), source: nameOf("source", stem), song_id: nameOf("song_id", stem) };
    if (passes(words)) chosen.push(stem);
  }
  return chosen;
}

/* Charts */

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A compiled chart in the colours of the page. */
function themed(spec) {
  const [text, muted, line] = ["--text", "--muted", "--line"].map(css);
  const config = structuredClone(spec.config ?? {});
  config.axis = { ...config.axis, labelColor: muted, titleColor: muted, gridColor: line, domainColor: muted, tickColor: muted };
  config.legend = { ...config.legend, labelColor: text, titleColor: text };
  config.title = { ...config.title, color: text };
  for (const style of ["guide-label", "guide-title"]) {
    config.style = { ...config.style, [style]: { ...config.style?.[style], fill: text } };
  }
  return { ...spec, background: "transparent", config };
}

/** A view in an element, as wide as it. */
class ChartView {
  #holder;
  #spec;
  #rows;
  #signal;
  #view = null;
  #fits = false;

  constructor(holder, spec, rows) {
    this.#holder = holder;
    this.#spec = spec;
    this.#rows = rows;
    this.#signal = spec.signals?.some(({ name }) => name === "child_width") ? "child_width" : "width";
  }

  async draw() {
    this.#view?.finalize();
    const spec = themed(this.#spec);
    spec.data = spec.data.map((each) => (each.name === "rows" ? { ...each, values: this.#rows() } : each));
    const tooltip = { theme: dark.matches ? "dark" : "light" };
    const { view } = await vegaEmbed(this.#holder, spec, { mode: "vega", renderer: "svg", actions: false, logLevel: 1, tooltip });
    this.#view = view;
    await this.#fitted();
  }

  /** Whether it is drawn, and as wide as its element; not so in an element that is hidden. */
  get finished() { return this.#view !== null && this.#fits; }

  async update() {
    if (!this.#view) {
      await this.draw();
      return;
    }
    this.#view.data("rows", this.#rows());
    await this.#fitted();
  }

  async #fitted() {
    const view = this.#view;
    await view.runAsync();
    this.#fits = this.#holder.clientWidth > 0;
    if (!this.#fits) return;
    for (let tries = 0; tries < 3; tries += 1) {
      const spare = Math.floor(this.#holder.clientWidth - this.#holder.querySelector("svg").width.baseVal.value);
      if (spare >= 0 && spare <= 2) return;
      const wanted = Math.max(120, Math.floor(view.signal(this.#signal) + spare - 1));
      await view.signal(this.#signal, wanted).resize().runAsync();
    }
  }
}

let chosen = chosenStems();
let findings = [];
const rowsOf = {
  histogram: ({ quantity }) => histogramRows(data, chosen, data.quantities[quantity]),
  bands: ({ feature }) => bandRows(data, chosen, data.curves[feature]),
  movement: ({ quantity }) => movementRows(data, chosen, data.quantities[quantity]),
  faults: () => faultRows(data, findings),
};
const views = charts.figures.map((chart) => (
  new ChartView(document.getElementById(chart.id), chart.spec, () => rowsOf[chart.kind](chart))
));

/* Outliers */

const player = document.getElementById("player");
let playing = null;
const cards = data.outliers.map((outlier, place) => {
  const title = `${outlier.song_id}, ${outlier.source}`;
  const waveform = element("div", { className: "chart", role: "img", "aria-label": `Waveform of ${title}` });
  const spectrogram = element("div", { className: "chart", role: "img", "aria-label": `Spectrogram of ${title}` });
  const done = element("div", { className: "done" });
  const play = element("button", {
    type: "button", className: "play", textContent: "Play", "aria-label": `Play ${title}`, onclick: () => toggle(place),
  });
  const card = element("li", { className: "card outlier" },
    element("h3", { textContent: outlier.song_id }),
    element("p", { className: "eyebrow", textContent: `${outlier.source} · ${outlier.corpus} · ${outlier.split} · score ${outlier.score.toFixed(1)}` }),
    element("ul", {}, outlier.reasons.map((reason) => element("li", { textContent: reason }))),
    element("div", { className: "row" }, play,
      element("span", { className: "time", textContent: `${outlier.seconds.toFixed(1)} s from ${outlier.start.toFixed(0)} s, normalised` })),
    element("div", { className: "progress", "aria-hidden": "true" }, done), waveform, spectrogram);
  const drawn = [
    new ChartView(waveform, charts.waveform, () => outlier.waveform),
    new ChartView(spectrogram, charts.spectrogram, () => outlier.spectrogram),
  ];
  return { outlier, title, card, play, done, drawn };
});
document.getElementById("outlier-list").append(...cards.map(({ card }) => card));

function show(place, state) {
  const { play, title } = cards[place];
  play.textContent = state === "playing" ? "Pause" : "Play";
  play.setAttribute("aria-label", `${play.textContent} ${title}`);
  play.dataset.state = state;
}

async function toggle(place) {
  if (playing === place && !player.paused) {
    player.pause();
    return;
  }
  if (playing !== place) {
    player.pause();
    if (playing !== null) {
      show(playing, "paused");
      cards[playing].done.style.width = "0";
    }
    playing = place;
    player.src = cards[place].outlier.audio;
  }
  try {
    await player.play();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}
player.addEventListener("playing", () => {
  show(playing, "playing");
  requestAnimationFrame(follow);
});
for (const event of ["pause", "ended"]) player.addEventListener(event, () => show(playing, "paused"));

function follow() {
  cards[playing].done.style.width = `${(100 * player.currentTime) / (player.duration || 1)}%`;
  if (!player.paused) requestAnimationFrame(follow);
}

/* Tables */

const { quantities } = data;
const distance = (stem, name) => {
  const [before, after] = ["before", "after"].map((stage) => data.stems[`${name}_${stage}`][stem]);
  return before === null || after === null ? null : after - before;
};
const stemTable = new SortableTable("table of stems", [
  { title: "Song", get: (stem) => nameOf("song_id", stem) },
  { title: "Source", get: (stem) => nameOf("source", stem) },
  { title: "Split", get: (stem) => nameOf("split", stem) },
  { title: "Seconds", number: true, digits: 1, get: (stem) => data.stems.seconds[stem] },
  ...Object.values(quantities).flatMap(({ name, short, digits }) => [
    { title: `${short} before`, number: true, digits, get: (stem) => data.stems[`${name}_before`][stem] },
    { title: "after", number: true, digits, get: (stem) => data.stems[`${name}_after`][stem] },
    { title: "moved", number: true, digits, get: (stem) => distance(stem, name) },
  ]),
]);
const findingTable = new SortableTable("table of findings", [
  { title: "Song", get: (row) => row.song_id },
  { title: "Stem", get: (row) => row.source },
  { title: "Fault", get: (row) => row.fault },
  { title: "Value", number: true, get: (row) => row.value },
  { title: "Threshold", number: true, get: (row) => row.threshold },
  { title: "Meaning", get: (row) => data.meanings[row.fault] },
]);
const quarantineTable = new SortableTable("table of quarantine", [
  { title: "Song", get: (row) => row.song_id },
  { title: "Corpus", get: (row) => row.corpus },
  { title: "Stem", get: (row) => row.stem },
  { title: "Stage", get: (row) => row.stage },
  { title: "Reason", get: (row) => row.reason },
  { title: "What is wrong, and what to do", get: (row) => row.message },
]);
for (const [id, table] of Object.entries({ "stem-table": stemTable, "finding-table": findingTable, "quarantine-table": quarantineTable })) {
  document.getElementById(id).append(table.element);
}

/* All together */

const counts = document.getElementById("counts");

function filterTables() {
  chosen = chosenStems();
  findings = data.findings.filter(passes);
  stemTable.show(chosen);
  findingTable.show(findings);
  quarantineTable.show(data.quarantine.filter((row) => passes({ corpus: row.corpus, song_id: row.song_id })));
  let shown = 0;
  for (const { outlier, card } of cards) {
    card.hidden = !passes(outlier);
    shown += Number(!card.hidden);
  }
  document.getElementById("no-outliers").hidden = shown > 0;
  counts.textContent = `${chosen.length.toLocaleString("en")} of ${data.stems.source.length.toLocaleString("en")} stems`;
}

/** Draw one after the other, so that the page answers in between; a later call ends an earlier one. */
let round = 0;
async function drawAll(draw, all) {
  const mine = (round += 1);
  document.body.dataset.state = "drawing";
  for (const view of all) {
    if (mine !== round) return;
    await draw(view);
    await new Promise((resolve) => { setTimeout(resolve); });
  }
  document.body.dataset.state = "drawn";
}
const excerptViews = cards.flatMap(({ drawn }) => drawn);
const everything = [...views, ...excerptViews];

async function refresh() {
  filterTables();
  await drawAll((view) => view.update(), [...views, ...excerptViews.filter((view) => !view.finished)]);
}

let waiting = 0;
search.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, 150);
});
for (const { select } of filters) select.addEventListener("change", refresh);
document.getElementById("filters").addEventListener("reset", () => setTimeout(refresh));
dark.addEventListener("change", () => drawAll((view) => view.draw(), everything));
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(() => drawAll((view) => view.update(), everything), 150);
});

filterTables();
performance.mark("interactive");
await drawAll(async (view) => {
  await view.draw();
  if (view === views.at(-1)) performance.mark("charts");
}, everything);
performance.mark("drawn");
