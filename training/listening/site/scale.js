// A rating scale: one horizontal line, a marker for each mix (after De Man and Reiss's APE).

import { element } from "./web/dom.js";

const STEPS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };

/**
 * `stimuli` are entries of a page's state; `onMove(stimulus, axis)` comes after each change, `onSettle` when a drag or
 * key press ends, `onPlay(id)` when a marker is clicked. Returns {element, update(selected), layout, focus(id)}.
 */
export function scale(axis, stimuli, { onMove, onSettle, onPlay }) {
  const markers = new Map();
  const rail = element("div", { className: "rail" }, element("div", { className: "rail-line" }),
    ...[0, 25, 50, 75, 100].map((at) => {
      const mark = element("div", { className: "rail-mark" });
      mark.style.left = `${at}%`;
      return mark;
    }));

  const describe = (stimulus) => {
    const marker = markers.get(stimulus.id);
    const value = stimulus.ratings[axis.id];
    const moved = stimulus.moves[axis.id] > 0;
    marker.style.left = `${value}%`;
    marker.dataset.moved = moved ? "yes" : "no";
    marker.setAttribute("aria-valuenow", value);
    marker.setAttribute("aria-valuetext", moved ? `${Math.round(value)} of 100` : `${Math.round(value)} of 100, not rated yet`);
  };

  /** Put markers that would cover each other into rows one above the other. */
  const layout = () => {
    const width = rail.clientWidth || 1;
    const size = markers.values().next().value.offsetWidth || 40;
    const rows = [];
    for (const stimulus of [...stimuli].sort((a, b) => a.ratings[axis.id] - b.ratings[axis.id])) {
      const at = (stimulus.ratings[axis.id] / 100) * width;
      let row = rows.findIndex((end) => at - end >= size);
      if (row < 0) row = rows.push(0) - 1;
      rows[row] = at;
      markers.get(stimulus.id).style.bottom = `${row * (size + 4) + 4}px`;
    }
    rail.style.height = `${rows.length * (size + 4) + 12}px`;
  };

  const move = (stimulus, value) => {
    const bounded = Math.min(100, Math.max(0, Math.round(value * 10) / 10));
    stimulus.ratings[axis.id] = bounded;
    stimulus.moves[axis.id] += 1;
    describe(stimulus);
    layout();
    onMove(stimulus, axis);
  };

  for (const stimulus of stimuli) {
    const marker = element("button", {
      type: "button", className: "marker", role: "slider", textContent: stimulus.label,
      "aria-label": `${axis.name}, mix ${stimulus.label}`, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-orientation": "horizontal", dataset: { stimulus: stimulus.id, axis: axis.id },
    });
    let drag = null;
    marker.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      marker.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, value: stimulus.ratings[axis.id], moved: false };
      onPlay(stimulus.id);
    });
    marker.addEventListener("pointermove", (event) => {
      if (!drag || (!drag.moved && Math.abs(event.clientX - drag.x) < 3)) return;
      drag.moved = true;
      move(stimulus, drag.value + (100 * (event.clientX - drag.x)) / rail.clientWidth);
    });
    const release = () => {
      if (drag?.moved) onSettle(stimulus, axis);
      drag = null;
    };
    marker.addEventListener("pointerup", release);
    marker.addEventListener("pointercancel", release);
    marker.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      let value = null;
      if (event.key in STEPS) value = stimulus.ratings[axis.id] + STEPS[event.key] * (event.shiftKey ? 10 : 1);
      if (event.key === "Home") value = 0;
      if (event.key === "End") value = 100;
      if (event.key === "Enter") {
        event.preventDefault();
        onPlay(stimulus.id);
      }
      if (value === null) return;
      event.preventDefault();
      move(stimulus, value);
      onSettle(stimulus, axis);
    });
    markers.set(stimulus.id, marker);
    rail.append(marker);
    describe(stimulus);
  }

  const heading = `axis-${axis.id}`;
  return {
    element: element("section", { className: "scale", "aria-labelledby": heading },
      element("div", { className: "scale-head" },
        element("h2", { id: heading, textContent: axis.name }),
        element("p", { className: "hint", textContent: axis.question })),
      rail,
      element("div", { className: "scale-ends hint" }, element("span", {}, axis.low), element("span", {}, axis.high))),
    layout,
    update(selected) {
      for (const [id, marker] of markers) marker.dataset.playing = id === selected ? "yes" : "no";
    },
    focus(id) { markers.get(id).focus(); },
  };
}
