// Rows that charts draw, from the stems that pass the filters; catalogs/plots/tidy.py computes the same in Python.

/** Quantiles of curves by their names, as in Python. */
const QUANTILES = { low: 0.05, lower: 0.25, median: 0.5, upper: 0.75, high: 0.95 };

/** Cells along each axis of the chart of movements, as in Python. */
const CELLS = 48;

/** Largest code of a band's value; code 0 stands for a stem without the curve. */
const CODES = 256;

const STAGES = ["before", "after"];

function bySource(data, chosen) {
  const groups = new Map(data.names.source.map((name) => [name, []]));
  for (const stem of chosen) groups.get(data.names.source[data.stems.source[stem]]).push(stem);
  return [...groups].filter(([, stems]) => stems.length);
}

/** Share of the stems of each source and stage in each bin that holds any. */
export function histogramRows(data, chosen, { name, step }) {
  const rows = [];
  for (const [source, stems] of bySource(data, chosen)) {
    for (const stage of STAGES) {
      const values = data.stems[`${name}_${stage}`];
      const counts = new Map();
      let measured = 0;
      for (const stem of stems) {
        if (values[stem] === null) continue;
        const bin = Math.floor(values[stem] / step + 1e-9);
        counts.set(bin, (counts.get(bin) ?? 0) + 1);
        measured += 1;
      }
      for (const bin of [...counts.keys()].sort((a, b) => a - b)) {
        const stemsHere = counts.get(bin);
        rows.push({
          label: "", source, stage, from: bin * step, to: (bin + 1) * step, share: stemsHere / measured, stems: stemsHere,
        });
      }
    }
  }
  return rows;
}

/** Quantiles over the stems of each source in every band, counted over the codes, and the target. */
export function bandRows(data, chosen, curve) {
  const bands = data.hz.length;
  const rows = [];
  for (const [source, stems] of bySource(data, chosen)) {
    const measured = stems.filter((stem) => curve.codes[stem * bands] !== 0);
    if (!measured.length) continue;
    for (let band = 0; band < bands; band += 1) {
      const counts = new Uint32Array(CODES);
      for (const stem of measured) counts[curve.codes[stem * bands + band]] += 1;
      const row = { label: "", source, hz: data.hz[band] };
      for (const [name, quantile] of Object.entries(QUANTILES)) {
        let left = Math.floor((measured.length - 1) * quantile + 1e-9);
        let code = 0;
        while (left >= counts[code]) {
          left -= counts[code];
          code += 1;
        }
        row[name] = curve.low + curve.step * (code - 1);
      }
      row.target = curve.targets[source]?.[band] ?? null;
      rows.push(row);
    }
  }
  return rows;
}

/** How many stems lie in each cell of distance from the target, before and after. */
export function movementRows(data, chosen, { name, limit }) {
  const [before, after, target] = ["before", "after", "target"].map((stage) => data.stems[`${name}_${stage}`]);
  const cell = limit / CELLS;
  const place = (distance) => Math.min(Math.floor(distance / cell), CELLS - 1);
  const counts = new Map();
  for (const stem of chosen) {
    if (before[stem] === null || after[stem] === null || target[stem] === null) continue;
    const x = place(Math.abs(before[stem] - target[stem]));
    const y = place(Math.abs(after[stem] - target[stem]));
    const key = x * CELLS + y;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const rows = [0, limit].map((end) => ({ label: "", kind: "unmoved", before: end, after: end }));
  for (const key of [...counts.keys()].sort((a, b) => a - b)) {
    rows.push({
      label: "",
      kind: "cell",
      before: (Math.floor(key / CELLS) + 0.5) * cell,
      after: ((key % CELLS) + 0.5) * cell,
      stems: counts.get(key),
    });
  }
  return rows;
}

/** Number of findings of each fault. */
export function faultRows(data, findings) {
  const counts = new Map();
  for (const { fault } of findings) counts.set(fault, (counts.get(fault) ?? 0) + 1);
  return [...counts].map(([fault, count]) => ({ label: "", fault, meaning: data.meanings[fault], findings: count }));
}
