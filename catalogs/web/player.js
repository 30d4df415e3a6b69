// Plays several recordings of one piece in step, one of them audible, and switches between them without a click.
//
// All tracks start at the same sample of the audio clock and keep running; switching changes gains only. Mixes of one
// song are correlated, so that gains that sum to one (linear ramps) keep the level during a switch. A loop jumps at an
// exact sample: its last samples are blended into those that stand before its start, so that the jump is no edge.

/** Length of every change of gain, and of the blend at a loop's end (s). */
export const RAMP_SECONDS = 0.008;

/** How far ahead of the audio clock a change is scheduled, so that it never lies in the past (s). */
const LOOKAHEAD_SECONDS = 0.02;

/** A gain whose value at any time is known, so that a new ramp starts where the last one is. */
class RampedGain {
  constructor(context, value) {
    this.node = context.createGain();
    this.node.gain.value = value;
    this.node.gain.setValueAtTime(value, context.currentTime);
    this.from = { time: context.currentTime, value };
    this.to = this.from;
  }

  valueAt(time) {
    const { from, to } = this;
    if (time >= to.time) return to.value;
    if (time <= from.time) return from.value;
    return from.value + ((to.value - from.value) * (time - from.time)) / (to.time - from.time);
  }

  ramp(target, time, seconds) {
    const value = this.valueAt(time);
    const { gain } = this.node;
    gain.cancelScheduledValues(time);
    if (time > this.from.time && time < this.to.time) gain.linearRampToValueAtTime(value, time);
    else gain.setValueAtTime(value, time);
    gain.linearRampToValueAtTime(target, time + seconds);
    this.from = { time, value };
    this.to = { time: time + seconds, value: target };
  }
}

/** Fade both ends of a buffer in place, so that playing it round and round has no edge. */
function fadeEnds(buffer, samples) {
  const length = Math.min(samples, Math.floor(buffer.length / 2));
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const data = buffer.getChannelData(channel);
    for (let n = 0; n < length; n += 1) {
      data[n] *= n / length;
      data[data.length - 1 - n] *= n / length;
    }
  }
}

/** Samples `start` to `end` of a buffer, the last ones blended into those before `start`. */
function loopOf(context, buffer, start, end, blend) {
  const length = end - start;
  const loop = context.createBuffer(buffer.numberOfChannels, length, buffer.sampleRate);
  const blended = Math.min(blend, length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const source = buffer.getChannelData(channel);
    const data = loop.getChannelData(channel);
    data.set(source.subarray(start, end));
    for (let n = 0; n < blended; n += 1) {
      const into = (n + 1) / (blended + 1);
      const before = start - blended + n;
      const at = length - blended + n;
      data[at] = data[at] * (1 - into) + (before >= 0 ? source[before] : 0) * into;
    }
  }
  return loop;
}

/**
 * Events: "change" after anything that can be seen or heard changed (playing, selection, loop, volume).
 * Times are seconds of the tracks unless said otherwise; `at` is a time of the context's clock.
 */
export class Player extends EventTarget {
  #context;
  #ramp;
  #master;
  #tracks = new Map();
  #levels = new Map();
  #run = null;
  #selected = null;
  #offset = 0;
  #loop = null;
  #loopBuffers = new Map();
  #volume = 1;

  constructor(context, { rampSeconds = RAMP_SECONDS } = {}) {
    super();
    this.#context = context;
    this.#ramp = rampSeconds;
    this.#master = new RampedGain(context, 1);
    this.#master.node.connect(context.destination);
  }

  /** Fetch and decode tracks, [{id, url}]; `onProgress(done, total)` after each. All must have one length. */
  async load(tracks, onProgress = () => {}) {
    let done = 0;
    const load = async ({ id, url }) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${url}: the server answers ${response.status}`);
      const buffer = await this.#context.decodeAudioData(await response.arrayBuffer());
      done += 1;
      onProgress(done, tracks.length);
      return [id, buffer];
    };
    for (const [id, buffer] of await Promise.all(tracks.map(load))) this.addTrack(id, buffer);
  }

  /** Add an AudioBuffer, whose ends are faded in place. The first one is selected. */
  addTrack(id, buffer) {
    const [other] = this.#tracks.values();
    if (other && (other.length !== buffer.length || other.sampleRate !== buffer.sampleRate)) {
      throw new Error(`track ${id} has ${buffer.length} samples, the others have ${other.length}`);
    }
    fadeEnds(buffer, Math.round(this.#ramp * buffer.sampleRate));
    this.#tracks.set(id, buffer);
    this.#selected ??= id;
  }

  get context() { return this.#context; }
  get playing() { return this.#run !== null; }
  get selected() { return this.#selected; }
  get ids() { return [...this.#tracks.keys()]; }
  get volume() { return this.#volume; }

  /** The stretch that is repeated, {start, end}; the whole if none was set. */
  get loop() { return this.#loop ?? { start: 0, end: this.duration }; }
  get hasLoop() { return this.#loop !== null; }

  get duration() {
    const [buffer] = this.#tracks.values();
    return buffer ? buffer.length / buffer.sampleRate : 0;
  }

  /** Where the shared playhead is. */
  get position() { return this.positionAt(this.#context.currentTime); }

  positionAt(time) {
    if (!this.#run) return this.#offset;
    const { start, end } = this.loop;
    const elapsed = Math.max(0, time - this.#run.startedAt) + this.#run.offset - start;
    return start + (elapsed % (end - start));
  }

  /** Let a track be heard from now on; the playhead does not move. */
  select(id, at = this.#soon()) {
    if (!this.#tracks.has(id)) throw new Error(`no track ${id}`);
    if (id === this.#selected) return;
    this.#selected = id;
    if (this.#run) {
      for (const [other, gain] of this.#run.gains) gain.ramp(other === id ? this.levelOf(id) : 0, at, this.#ramp);
    }
    this.#changed();
  }

  /** Factor of the amplitude with which a track is played; 1 unless it was set. */
  levelOf(id) { return this.#levels.get(id) ?? 1; }

  /** Play tracks with these factors, {id: factor}, from now on; the others with 1. */
  setLevels(levels, at = this.#soon()) {
    this.#levels = new Map(Object.entries(levels));
    if (this.#run) this.#run.gains.get(this.#selected).ramp(this.levelOf(this.#selected), at, this.#ramp);
    this.#changed();
  }

  play(at = this.#soon()) {
    if (this.#run || this.#tracks.size === 0) return;
    if (this.#context instanceof AudioContext) this.#context.resume();
    this.#start(this.#offset, at);
    this.#changed();
  }

  pause(at = this.#soon()) {
    if (!this.#run) return;
    this.#offset = this.positionAt(at);
    this.#stop(at);
    this.#changed();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(seconds, at = this.#soon()) {
    const { start, end } = this.loop;
    this.#offset = Math.min(Math.max(seconds, start), Math.max(start, end - this.#ramp));
    if (this.#run) {
      this.#stop(at);
      this.#start(this.#offset, at);
    }
    this.#changed();
  }

  /** Repeat a stretch of at least half a second; null repeats the whole. */
  setLoop(region, at = this.#soon()) {
    const position = this.positionAt(at);
    if (region === null) this.#loop = null;
    else {
      const start = Math.max(0, Math.min(region.start, region.end - 0.5, this.duration - 0.5));
      this.#loop = { start: this.#toSample(start), end: this.#toSample(Math.min(this.duration, Math.max(region.end, start + 0.5))) };
    }
    this.#loopBuffers.clear();
    const { start, end } = this.loop;
    this.seek(position >= start && position < end ? position : start, at);
  }

  /** Volume from 0 to 1, a factor of the amplitude. */
  setVolume(volume) {
    this.#volume = Math.min(1, Math.max(0, volume));
    this.#master.ramp(this.#volume, this.#soon(), this.#ramp);
    this.#changed();
  }

  /** Stop, and forget all tracks, their levels and the loop; the volume stays. */
  clear() {
    if (this.#run) this.#stop(this.#soon());
    this.#tracks.clear();
    this.#levels.clear();
    this.#loopBuffers.clear();
    this.#loop = null;
    this.#selected = null;
    this.#offset = 0;
  }

  #start(offset, at) {
    const startedAt = this.#toClock(at);
    const bus = new RampedGain(this.#context, 0);
    bus.node.connect(this.#master.node);
    bus.ramp(1, startedAt, this.#ramp);
    const gains = new Map();
    const sources = [];
    const from = this.#toSample(offset);
    for (const id of this.#tracks.keys()) {
      const gain = new RampedGain(this.#context, id === this.#selected ? this.levelOf(id) : 0);
      const source = this.#context.createBufferSource();
      source.buffer = this.#bufferOf(id);
      source.loop = true;
      source.connect(gain.node).connect(bus.node);
      source.start(startedAt, from - this.loop.start);
      gains.set(id, gain);
      sources.push(source);
    }
    this.#run = { bus, gains, sources, startedAt, offset: from };
  }

  #stop(at) {
    const { bus, sources } = this.#run;
    bus.ramp(0, at, this.#ramp);
    for (const source of sources) source.stop(at + this.#ramp);
    sources[0].onended = () => bus.node.disconnect();
    this.#run = null;
  }

  #bufferOf(id) {
    const buffer = this.#tracks.get(id);
    if (this.#loop === null) return buffer;
    if (!this.#loopBuffers.has(id)) {
      const rate = buffer.sampleRate;
      const [start, end] = [this.#loop.start, this.#loop.end].map((seconds) => Math.round(seconds * rate));
      this.#loopBuffers.set(id, loopOf(this.#context, buffer, start, end, Math.round(this.#ramp * rate)));
    }
    return this.#loopBuffers.get(id);
  }

  #soon() { return this.#context.currentTime + LOOKAHEAD_SECONDS + (this.#context.baseLatency ?? 0); }

  #toClock(time) { return Math.ceil(time * this.#context.sampleRate - 1e-6) / this.#context.sampleRate; }

  #toSample(seconds) { return Math.round(seconds * this.#context.sampleRate) / this.#context.sampleRate; }

  #changed() { this.dispatchEvent(new Event("change")); }
}
