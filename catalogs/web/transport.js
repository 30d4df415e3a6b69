// Controls of a Player: play, the shared playhead, the loop, and optionally the volume.

import { element } from "./dom.js";

/** Steps of the playhead by keyboard (s). */
const STEP_SECONDS = 1;
const PAGE_SECONDS = 5;

export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Decibels below full volume, for people. */
export function decibels(volume) {
  return volume > 0 ? `${(20 * Math.log10(volume)).toFixed(1)} dB` : "silent";
}

/** A bar with the playhead. Returns {element, stop}; call stop when the bar leaves the page. */
export function transport(player) {
  const play = element("button", { type: "button", className: "play", onclick: () => player.toggle() });
  const fill = element("div", { className: "timeline-region" });
  const head = element("div", { className: "timeline-head" });
  const line = element("div", {
    className: "timeline", role: "slider", tabIndex: 0, "aria-label": "Playhead", "aria-valuemin": 0,
  }, element("div", { className: "timeline-line" }, fill, head));
  const time = element("span", { className: "time" });
  const loopStart = element("button", {
    type: "button", className: "quiet", textContent: "Loop from here", "aria-keyshortcuts": "[",
    onclick: () => setStart(player),
  });
  const loopEnd = element("button", {
    type: "button", className: "quiet", textContent: "Loop to here", "aria-keyshortcuts": "]",
    onclick: () => setEnd(player),
  });
  const whole = element("button", {
    type: "button", className: "quiet", textContent: "Loop all", "aria-keyshortcuts": "\\",
    onclick: () => player.setLoop(null),
  });

  const toSeconds = (event) => {
    const box = line.firstChild.getBoundingClientRect();
    return (Math.min(Math.max(event.clientX - box.left, 0), box.width) / box.width) * player.duration;
  };
  line.addEventListener("pointerdown", (event) => {
    line.setPointerCapture(event.pointerId);
    player.seek(toSeconds(event));
  });
  line.addEventListener("keydown", (event) => {
    const steps = {
      ArrowLeft: -STEP_SECONDS, ArrowDown: -STEP_SECONDS, ArrowRight: STEP_SECONDS, ArrowUp: STEP_SECONDS,
      PageDown: -PAGE_SECONDS, PageUp: PAGE_SECONDS, Home: -Infinity, End: Infinity,
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const { start, end } = player.loop;
    player.seek(Math.min(Math.max(player.position + steps[event.key], start), end));
  });

  const percent = (seconds) => `${player.duration ? (100 * seconds) / player.duration : 0}%`;
  let shown = -1;
  const showPosition = () => {
    const position = player.position;
    head.style.left = percent(position);
    if (Math.floor(position) !== shown) {
      shown = Math.floor(position);
      time.textContent = `${clock(position)} / ${clock(player.duration)}`;
      line.setAttribute("aria-valuenow", shown);
      line.setAttribute("aria-valuetext", `${clock(position)} of ${clock(player.duration)}`);
    }
  };
  const showState = () => {
    play.textContent = player.playing ? "Pause" : "Play";
    play.dataset.state = player.playing ? "playing" : "paused";
    line.setAttribute("aria-valuemax", Math.floor(player.duration));
    fill.style.left = percent(player.loop.start);
    fill.style.right = percent(player.duration - player.loop.end);
    whole.disabled = !player.hasLoop;
    shown = -1;
    showPosition();
  };
  let frame = requestAnimationFrame(function next() {
    showPosition();
    frame = requestAnimationFrame(next);
  });
  player.addEventListener("change", showState);
  showState();
  return {
    element: element("div", { className: "transport", role: "group", "aria-label": "Playback" },
      element("div", { className: "transport-main" }, play, line, time),
      element("div", { className: "transport-loop" }, loopStart, loopEnd, whole)),
    stop() {
      cancelAnimationFrame(frame);
      player.removeEventListener("change", showState);
    },
  };
}

export function setStart(player) {
  const { position, loop } = player;
  player.setLoop({ start: position, end: position < loop.end - 0.5 ? loop.end : player.duration });
}

export function setEnd(player) {
  const { position, loop } = player;
  player.setLoop({ start: position > loop.start + 0.5 ? loop.start : 0, end: position });
}

/** A slider for the volume: its travel is 40 dB, and silence at the far left. */
export function volumeControl(player, onChange = () => {}) {
  const toVolume = (travel) => (travel <= 0 ? 0 : 10 ** ((travel - 100) / 50));
  const toTravel = (volume) => (volume <= 0 ? 0 : Math.max(0, 100 + 50 * Math.log10(volume)));
  const output = element("output", { className: "time" });
  const input = element("input", { type: "range", id: "volume", min: 0, max: 100, step: 1 });
  const show = () => {
    output.textContent = decibels(player.volume);
    input.setAttribute("aria-valuetext", decibels(player.volume));
    input.style.setProperty("--travel", `${input.value}%`);
  };
  input.value = toTravel(player.volume);
  input.addEventListener("input", () => {
    player.setVolume(toVolume(Number(input.value)));
    show();
    onChange(player.volume);
  });
  show();
  return element("div", { className: "volume wide" },
    element("label", { for: "volume", textContent: "Volume" }), input, output);
}
