// Where a participant is: kept in the browser after every change, so that a reload goes on exactly there.

import { generator, orderPages, shuffled } from "./order.js";

export const SCHEMA_VERSION = 1;

/** Most events that the log of a page keeps. */
const LOG_LIMIT = 4000;

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A page as a participant gets it: mixes in random order with letters, markers parked along each scale. */
function newPage(page, axes, random) {
  const stimuli = shuffled(page.stimuli, random);
  const parked = (index) => Math.round((100 * (index + 0.5)) / stimuli.length);
  const parking = axes.map(() => shuffled(stimuli.keys(), random));
  return {
    page: page.id,
    started: null,
    finished: null,
    seconds: 0,
    comment: "",
    stimuli: stimuli.map((stimulus, index) => ({
      id: stimulus.id,
      label: String.fromCharCode(65 + index),
      heard_seconds: 0,
      ratings: Object.fromEntries(axes.map((axis, place) => [axis.id, parked(parking[place][index])])),
      moves: Object.fromEntries(axes.map((axis) => [axis.id, 0])),
    })),
    dry_seconds: 0,
    log: [],
  };
}

export class Store {
  #key;

  constructor(test) {
    this.test = test;
    this.#key = `listening-test:${test.test_id}`;
    this.kept = true;
    this.state = this.#read();
  }

  #read() {
    try {
      localStorage.setItem(`${this.#key}:try`, "1");
      localStorage.removeItem(`${this.#key}:try`);
      const state = JSON.parse(localStorage.getItem(this.#key));
      if (state?.schema_version === SCHEMA_VERSION) {
        state.reloads += 1;
        return state;
      }
    } catch {
      this.kept = false;
    }
    return null;
  }

  /** Begin with a participant's name or number; an empty one is drawn. */
  begin(participant, session) {
    const { test } = this;
    const name = participant || randomId();
    const random = generator(`${test.test_id} ${name}`);
    const order = orderPages(test.pages, random);
    this.state = {
      schema_version: SCHEMA_VERSION,
      test_id: test.test_id,
      session: session ?? randomId(),
      participant: name,
      started: new Date().toISOString(),
      finished: null,
      reloads: 0,
      volume: 0.5,
      shortcuts: true,
      step: 0,
      training: newPage(test.training, test.axes, random),
      pages: order.map((page) => newPage(page, test.axes, random)),
      questionnaire: {},
      saved: false,
    };
    this.save();
  }

  save() {
    try {
      localStorage.setItem(this.#key, JSON.stringify(this.state));
      this.kept = true;
    } catch {
      this.kept = false;
    }
  }

  forget() {
    this.state = null;
    localStorage.removeItem(this.#key);
  }

  log(page, ...event) {
    if (page.log.length < LOG_LIMIT) page.log.push([Math.round(page.seconds * 1000) / 1000, ...event]);
  }

  /** What is saved at the end. */
  result() {
    const { step, saved, shortcuts, ...kept } = this.state;
    return {
      ...kept,
      page_order: kept.pages.map((page) => page.page),
      browser: navigator.userAgent,
      screen: [window.innerWidth, window.innerHeight],
    };
  }
}
