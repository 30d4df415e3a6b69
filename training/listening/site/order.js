// The random order of pages and mixes: a function of the participant, so that a lost browser gets the same again.

/** Numbers in [0, 1) from a text: FNV-1a for the seed, mulberry32 for the sequence. */
export function generator(text) {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) seed = Math.imul(seed ^ byte, 0x01000193) >>> 0;
  return () => {
    seed = (seed + 0x6d2b79f5) >>> 0;
    let value = Math.imul(seed ^ (seed >>> 15), seed | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296;
  };
}

/** A shuffled copy (Fisher and Yates). */
export function shuffled(items, random) {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}

/** Pages in random order, two pages of one song as far apart as a few draws allow: never next to each other if possible. */
export function orderPages(pages, random) {
  const distance = (order) => {
    let least = Infinity;
    const last = new Map();
    order.forEach((page, index) => {
      if (last.has(page.song)) least = Math.min(least, index - last.get(page.song));
      last.set(page.song, index);
    });
    return least;
  };
  const wanted = Math.min(3, Math.floor(pages.length / 2));
  let best = shuffled(pages, random);
  for (let draw = 0; draw < 200 && distance(best) < wanted; draw += 1) {
    const order = shuffled(pages, random);
    if (distance(order) > distance(best)) best = order;
  }
  return best;
}
