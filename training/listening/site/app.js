// The listening test from welcome to saved result.

import { element } from "./web/dom.js";
import { Player } from "./web/player.js";
import { ratingPage } from "./rating-page.js";
import { questionnaire } from "./questionnaire.js";
import { Store } from "./state.js";
import { beginSession, download, submit } from "./submit.js";

const main = document.getElementById("main");
const PARTICIPANT = /^[A-Za-z0-9._-]{0,64}$/;

let test;
let store;
let submission;
let player = null;
let leave = () => {};

async function readJson(url) {
  const response = await fetch(url, { cache: "no-store" });
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status}`);
  return response.json();
}

/** The player; it exists once, so that the volume stays. The rate is that of the files: nothing is resampled here. */
function thePlayer() {
  if (player === null) {
    player = new Player(new AudioContext({ sampleRate: test.sample_rate, latencyHint: "interactive" }));
    player.setVolume(store.state.volume);
  }
  return player;
}

function show(view, { narrow = false } = {}) {
  main.replaceChildren(...view);
  main.className = narrow ? "narrow" : "";
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function showProgress() {
  const box = document.getElementById("progress-box");
  const bar = document.getElementById("progress");
  const { step } = store.state ?? { step: 0 };
  box.hidden = store.state === null;
  const count = test.pages.length;
  bar.max = count + 2;
  bar.value = Math.min(step, count + 2);
  document.getElementById("progress-text").textContent =
    step === 0 ? "Training" : step <= count ? `Page ${step} of ${count}` : step === count + 1 ? "Questions" : "Finished";
}

function goTo(step) {
  leave();
  leave = () => {};
  store.state.step = step;
  store.save();
  render();
}

function render() {
  showProgress();
  const { state } = store;
  if (state === null) return welcome();
  const count = test.pages.length;
  if (state.step <= count) return rate();
  if (state.step === count + 1) return ask();
  return end();
}

function welcome() {
  const given = new URLSearchParams(location.search).get("participant") ?? "";
  const problem = element("p", { className: "remaining", role: "alert" });
  const input = element("input", {
    type: "text", id: "participant", className: "short", maxLength: 64, autocomplete: "off", spellcheck: false,
    value: PARTICIPANT.test(given) ? given : "", "aria-describedby": "participant-hint",
  });
  const begin = async (event) => {
    event.preventDefault();
    if (!PARTICIPANT.test(input.value)) {
      problem.textContent = "Use letters, digits, dots and dashes only.";
      input.focus();
      return;
    }
    try {
      const session = submission.sessions ? await beginSession(submission.sessions, test.test_id, input.value) : null;
      store.begin(input.value, session);
      render();
    } catch (error) {
      problem.textContent = `The test could not begin: ${error.message}. Please try again, or tell the person who invited you.`;
    }
  };
  show([
    element("div", { className: "page-head" },
      element("h1", { textContent: test.title }),
      element("p", { textContent: test.introduction })),
    element("dl", { className: "facts card" },
      element("dt", {}, "What you do"),
      element("dd", {}, `Compare ${test.training.stimuli.length} mixes of the same passage, on ${test.pages.length} pages, and place each on ${test.axes.length} scales.`),
      element("dt", {}, "How long"),
      element("dd", {}, `About ${test.minutes} minutes. You may pause: this browser remembers where you were.`),
      element("dt", {}, "What you need"),
      element("dd", {}, "Headphones or monitors that you mix on, and a quiet room."),
      element("dt", {}, "What is kept"),
      element("dd", {}, "Your ratings, when you listened to what, your answers and comments, and your browser's name. No name or address unless you write one.")),
    element("form", { className: "stack", noValidate: true, onsubmit: begin },
      element("div", { className: "field" },
        element("label", { for: "participant" }, "Participant number or name"),
        element("p", { className: "hint", id: "participant-hint", textContent: "As you were given it; leave it empty if you have none." }),
        input),
      store.kept ? null : element("p", { className: "remaining", textContent: "This browser keeps no data: a reload would lose your answers. A window that is not private does better." }),
      problem,
      element("button", { type: "submit", className: "primary", textContent: "Begin with the training page" })),
  ], { narrow: true });
}

function rate() {
  const { state } = store;
  const training = state.step === 0;
  const page = training ? state.training : state.pages[state.step - 1];
  const described = training ? test.training : test.pages.find((candidate) => candidate.id === page.page);
  const view = ratingPage({
    test, store, player: thePlayer(), page, described, training, number: state.step,
    onDone: () => goTo(state.step + 1),
  });
  leave = view.leave;
  show(view.nodes);
  view.shown();
}

function ask() {
  show(questionnaire(test.questionnaire, store, () => {
    store.state.finished = new Date().toISOString();
    goTo(test.pages.length + 2);
  }), { narrow: true });
}

function end() {
  const { state } = store;
  const status = element("p", { role: "status" });
  const retry = element("button", { type: "button", textContent: "Try again to send", hidden: true });
  const save = element("button", {
    type: "button", textContent: "Download the result", className: submission.results ? "" : "primary",
    onclick: () => {
      download(store.result(), `${test.test_id}-${state.participant}.json`);
      state.saved = true;
      store.save();
      again.hidden = false;
    },
  });
  const again = element("button", {
    type: "button", className: "quiet", textContent: "Clear this browser for the next participant", hidden: !state.saved,
    onclick: () => {
      store.forget();
      render();
    },
  });
  const send = async () => {
    retry.hidden = true;
    status.textContent = "Sending your result.";
    try {
      await submit(submission.results, store.result());
      state.saved = true;
      store.save();
      status.textContent = "Your result is saved. You can close this page.";
      again.hidden = false;
    } catch (error) {
      status.textContent = `Your result could not be sent: ${error.message}. It is kept in this browser. Try again, or download it and send it to the person who invited you.`;
      retry.hidden = false;
    }
  };
  retry.addEventListener("click", send);
  show([
    element("div", { className: "page-head" },
      element("h1", { textContent: "Thank you" }),
      element("p", { textContent: test.thanks })),
    element("div", { className: "card stack" }, status, element("div", { className: "row" }, retry, save, again)),
  ], { narrow: true });
  if (!submission.results) {
    status.textContent = `Please download your result and send the file to ${test.contact || "the person who invited you"}.`;
  } else if (state.saved) status.textContent = "Your result is saved. You can close this page.";
  else send();
}

try {
  [test, submission] = await Promise.all([readJson("test.json"), readJson("submission.json")]);
  store = new Store(test);
  document.title = test.title;
  document.getElementById("test-title").textContent = test.title;
  window.addEventListener("pagehide", () => store.state && store.save());
  render();
} catch (error) {
  show([element("h1", { textContent: "The test could not be loaded" }), element("p", { textContent: error.message })]);
  throw error;
}
