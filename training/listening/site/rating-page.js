// A page of the test: synchronous mixes, the dry stems as context, and the rating scales.

import { element } from "./web/dom.js";
import { setEnd, setStart, transport, volumeControl } from "./web/transport.js";
import { scale } from "./scale.js";

/** How often listening time is counted (ms), and after how many counts it is kept. */
const TICK = 200;
const TICKS_KEPT = 5;

/** What the keys do, for people. */
const KEYS = [
  [["Space"], "play or pause"],
  [["1", "to", "9"], "hear a mix; so do its letters"],
  [["0"], "hear the dry stems"],
  [["Tab"], "go to the next mix, scale or button"],
  [["←", "→"], "move the mix that has the focus; with Shift or Page Up and Page Down in steps of ten"],
  [["Home", "End"], "move it to an end of the scale"],
  [["Enter"], "hear the mix that has the focus"],
  [["[", "]"], "begin or end the loop here"],
  [["\\"], "loop the whole passage"],
];

function announce(text) {
  document.getElementById("announcement").textContent = text;
}

/** What a participant still has to do, as [{text, focus}]. */
function remaining(page, test, mixButtons, scales) {
  const left = [];
  page.stimuli.forEach(({ label, heard_seconds: heard }, index) => {
    if (heard >= test.hear_seconds) return;
    left.push({
      text: `listen to mix ${label} for at least ${test.hear_seconds} s`, focus: () => mixButtons[index].focus(),
    });
  });
  test.axes.forEach((axis, index) => {
    const unmoved = page.stimuli.filter((stimulus) => stimulus.moves[axis.id] === 0);
    if (unmoved.length) {
      const labels = unmoved.map((stimulus) => stimulus.label).join(", ");
      left.push({ text: `place ${labels} on ${axis.name}`, focus: () => scales[index].focus(unmoved[0].id) });
    }
  });
  return left;
}

export function ratingPage({ test, store, player, page, described, training, number, onDone }) {
  const labels = new Map(page.stimuli.map(({ id, label }) => [id, label]));
  const dry = described.dry;
  const isDry = (id) => dry.some((stem) => stem.id === id);
  let ready = false;
  let bar = null;
  let timer = null;
  let last = performance.now();
  let ticks = 0;

  const hear = (id) => {
    if (!ready) return;
    player.select(id);
    player.play();
    announce(labels.has(id) ? `Mix ${labels.get(id)}` : `Dry: ${dry.find((stem) => stem.id === id).label}`);
  };

  const scales = test.axes.map((axis) => scale(axis, page.stimuli, {
    onPlay: hear,
    onMove: () => { store.save(); showRemaining(false); },
    onSettle: (stimulus, moved) => {
      store.log(page, "move", stimulus.id, moved.id, stimulus.ratings[moved.id]);
      store.save();
    },
  }));

  const mixButtons = page.stimuli.map(({ id, label }) => element("button", {
    type: "button", className: "mix", dataset: { mix: id }, "aria-pressed": "false", "aria-label": `Hear mix ${label}`,
    onclick: () => hear(id),
  }, label, element("span", { className: "meter", "aria-hidden": "true" })));
  const dryButtons = dry.map(({ id, label }) => element("button", {
    type: "button", className: "stem", dataset: { mix: id }, "aria-pressed": "false", "aria-label": `Hear dry: ${label}`,
    textContent: label, onclick: () => hear(id),
  }));
  const listen = element("div", { className: "card panel sticky" },
    element("p", { className: "hint", role: "status", textContent: "Loading the audio." }));
  const todo = element("p", { className: "remaining", role: "status" });

  const showRemaining = (asked) => {
    const left = remaining(page, test, mixButtons, scales);
    if (asked || (todo.textContent && !left.length)) todo.textContent = left.length ? `Still to do: ${left[0].text}.` : "";
    return left;
  };

  const showState = () => {
    for (const button of [...mixButtons, ...dryButtons]) {
      button.setAttribute("aria-pressed", String(button.dataset.mix === player.selected));
    }
    for (const each of scales) each.update(player.selected);
  };
  const showHeard = () => {
    page.stimuli.forEach(({ heard_seconds: heard, label }, index) => {
      const done = heard >= test.hear_seconds;
      mixButtons[index].dataset.heard = done ? "yes" : "no";
      mixButtons[index].style.setProperty("--heard", Math.min(1, heard / test.hear_seconds));
      mixButtons[index].setAttribute("aria-label", `Hear mix ${label}${done ? ", heard" : ""}`);
    });
  };

  let logged = "";
  const onChange = () => {
    const now = `${player.playing ? "play" : "pause"} ${player.selected}`;
    if (now !== logged) {
      logged = now;
      store.log(page, player.playing ? "play" : "pause", player.selected);
    }
    showState();
  };

  const tick = () => {
    const now = performance.now();
    const seconds = Math.min(1, (now - last) / 1000);
    last = now;
    if (document.visibilityState === "visible" || player.playing) page.seconds += seconds;
    if (player.playing && player.context.state === "running") {
      if (isDry(player.selected)) page.dry_seconds += seconds;
      else page.stimuli.find(({ id }) => id === player.selected).heard_seconds += seconds;
      showHeard();
      showRemaining(false);
    }
    ticks += 1;
    if (ticks % TICKS_KEPT === 0) store.save();
  };

  const shortcuts = (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !ready || !store.state.shortcuts) return;
    if (target.matches("textarea, select, input[type=text], input[type=number]")) return;
    if (key === " ") {
      if (target.matches("button:not([role=slider]), summary, input[type=checkbox]")) return;
      event.preventDefault();
      player.toggle();
      return;
    }
    const letter = key.length === 1 ? page.stimuli.find(({ label }) => label === key.toUpperCase()) : null;
    const digit = /^[1-9]$/.test(key) ? page.stimuli[Number(key) - 1] : null;
    if (letter ?? digit) hear((letter ?? digit).id);
    else if (key === "0") hear(dry[0].id);
    else if (key === "[") setStart(player);
    else if (key === "]") setEnd(player);
    else if (key === "\\") player.setLoop(null);
  };

  const load = async () => {
    const status = listen.firstChild;
    try {
      player.clear();
      const files = [...page.stimuli.map(({ id }) => described.stimuli.find((stimulus) => stimulus.id === id)), ...dry];
      await player.load(files.map(({ id, file }) => ({ id, url: `audio/${file}` })), (done, total) => {
        status.textContent = `Loading the audio, ${done} of ${total}.`;
      });
    } catch (error) {
      status.textContent = `The audio could not be loaded: ${error.message}. Reload the page to try again; nothing is lost.`;
      return;
    }
    ready = true;
    page.started ??= new Date().toISOString();
    bar = transport(player);
    listen.replaceChildren(bar.element,
      element("div", { className: "mixes" },
        element("span", { id: "mixes-title", className: "mixes-title" }, "Mixes"),
        element("div", { className: "row", role: "group", "aria-labelledby": "mixes-title" }, mixButtons),
        element("span", { id: "dry-title", className: "mixes-title" }, "Dry stems"),
        element("div", { className: "row", role: "group", "aria-labelledby": "dry-title" }, dryButtons)));
    showHeard();
    onChange();
  };

  const next = element("button", {
    type: "button", className: "primary", textContent: training ? "Lock the volume and start the test" : "Save and go on",
    onclick: () => {
      const left = showRemaining(true);
      if (left.length) left[0].focus();
      else {
        page.finished ??= new Date().toISOString();
        onDone();
      }
    },
  });
  const comment = element("textarea", {
    id: "comment", value: page.comment, maxLength: 2000,
    oninput: () => { page.comment = comment.value; store.save(); },
  });
  const singleKeys = element("input", {
    type: "checkbox", checked: store.state.shortcuts,
    onchange: () => { store.state.shortcuts = singleKeys.checked; store.save(); },
  });
  const resize = new ResizeObserver(() => scales.forEach((each) => each.layout()));

  return {
    nodes: [
      element("div", { className: "page-head" },
        element("h1", { textContent: training ? "Training" : `Passage ${number}` }),
        element("p", { textContent: training
          ? "This page works like those of the test, but its ratings do not count. Play, switch between the mixes while they run, and place each of them on every scale. The dry stems are the raw material, not a mix to aim for."
          : "Place each mix on every scale, by comparing it with the others. There are no right answers." })),
      training ? element("div", { className: "card stack" },
        element("h2", { textContent: "Set the volume first" }),
        element("p", { className: "hint", textContent: "Choose a level at which you would judge a mix. All mixes are equally loud. You cannot change it after this page, so leave your interface's knob alone, too." }),
        volumeControl(player, (volume) => { store.state.volume = volume; store.save(); })) : null,
      listen,
      element("div", { className: "card scales" }, scales.map((each) => each.element)),
      element("div", { className: "field" },
        element("label", { for: "comment" }, "Comments on this passage ", element("span", { className: "required" }, "(if you like)")), comment),
      todo,
      element("div", { className: "row" }, next),
      element("details", {},
        element("summary", {}, "Keyboard"),
        element("dl", { className: "keys" }, KEYS.map(([keys, does]) => [
          element("dt", {}, keys.flatMap((key) => [key === "to" ? "to" : element("kbd", {}, key), " "])),
          element("dd", { textContent: does })])),
        element("label", { className: "choice" }, singleKeys, "Use the single keys")),
    ].filter(Boolean),
    shown() {
      player.addEventListener("change", onChange);
      document.addEventListener("keydown", shortcuts);
      timer = setInterval(tick, TICK);
      resize.observe(document.getElementById("main"));
      load();
    },
    leave() {
      tick();
      store.save();
      clearInterval(timer);
      resize.disconnect();
      player.removeEventListener("change", onChange);
      document.removeEventListener("keydown", shortcuts);
      bar?.stop();
      player.clear();
    },
  };
}
