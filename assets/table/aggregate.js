// Ways to make one number of several benchmarks, as `src/core/statistics/aggregate.py` does; an unknown cell leaves the
// row unknown.

/**
 * Each way; `keeps`: its result points where the benchmarks do (the others point up).
 * @type {Record<string, { title: string, help: string, keeps?: boolean, make: Function }>}
 */
export const WAYS = {
  mean: { title: "Mean", help: "the plain average", keeps: true, make: mean },
  win_rate: { title: "Win rate", help: "share of other models beaten", make: winRate },
  z_mean: { title: "z-mean", help: "distance from the typical model", make: zMean },
  geometric: { title: "Geometric", help: "0 if any is at chance", keeps: true, make: geometric },
  median: { title: "Median", help: "the middle benchmark", keeps: true, make: median },
  distance: { title: "Distance to optimum", help: "closeness to 100 everywhere", make: distance },
};

/** One number a row: `scores` are columns (NaN unknown), `weights` sum to 1, `better` is 1 or −1 for each column. */
export function aggregate(how, scores, weights, better) {
  const used = weights.flatMap((weight, at) => (weight > 0 ? [at] : []));
  const pick = (list) => used.map((at) => list[at]);
  const n = scores[0]?.length ?? 0;
  const directions = new Set(pick(better));
  if (!used.length || (WAYS[how].keeps && directions.size > 1)) return new Float64Array(n).fill(NaN);
  return WAYS[how].make(pick(scores), pick(weights), pick(better), n);
}

/** Whether a larger result is the better one. */
export const isUpward = (how, better) => !WAYS[how]?.keeps || better.includes(1);

function sum(columns, weights, n, value) {
  const result = new Float64Array(n);
  columns.forEach((column, at) => {
    for (let row = 0; row < n; row++) result[row] += weights[at] * value(column[row], at, row);
  });
  return result;
}

function mean(columns, weights, better, n) {
  return sum(columns, weights, n, (score) => score);
}

function whole(columns, n) {
  const rows = [];
  for (let row = 0; row < n; row++) if (columns.every((column) => !Number.isNaN(column[row]))) rows.push(row);
  return rows;
}

function winRate(columns, weights, better, n) {
  const rows = whole(columns, n);
  const rates = columns.map((column, at) => {
    const ordered = Float64Array.from(rows, (row) => better[at] * column[row]).sort();
    const result = new Float64Array(n).fill(NaN);
    const places = new Map(); // equal scores share one, halfway
    for (let from = 0; from < ordered.length;) {
      let to = from;
      while (to < ordered.length && ordered[to] === ordered[from]) to++;
      places.set(ordered[from], (from + to - 1) / 2 / Math.max(ordered.length - 1, 1));
      from = to;
    }
    for (const row of rows) result[row] = 100 * places.get(better[at] * column[row]);
    return result;
  });
  return sum(rates, weights, n, (rate) => rate);
}

function zMean(columns, weights, better, n) {
  const rows = whole(columns, n);
  const known = columns.map((column) => {
    const middle = rows.reduce((total, row) => total + column[row], 0) / rows.length;
    const spread = Math.sqrt(rows.reduce((total, row) => total + (column[row] - middle) ** 2, 0) / rows.length);
    return { middle, spread: spread || 1 };
  });
  return sum(columns, weights, n, (score, at) => (better[at] * (score - known[at].middle)) / known[at].spread);
}

function geometric(columns, weights, better, n) {
  if (columns.some((column) => column.some((score) => score < 0))) return new Float64Array(n).fill(NaN);
  return sum(columns, weights, n, (score) => Math.log(score)).map(Math.exp);
}

function median(columns, weights, better, n) {
  const result = new Float64Array(n);
  const pairs = weights.map((weight) => [0, weight]);
  for (let row = 0; row < n; row++) {
    columns.forEach((column, at) => (pairs[at] = [column[row], weights[at]]));
    if (pairs.some(([score]) => Number.isNaN(score))) {
      result[row] = NaN;
      continue;
    }
    pairs.sort((a, b) => a[0] - b[0]);
    let below = 0;
    let lower = NaN;
    let upper = NaN;
    for (const [score, weight] of pairs) {
      below += weight;
      if (Number.isNaN(lower) && below >= 0.5 - 1e-12) lower = score;
      if (Number.isNaN(upper) && below > 0.5 + 1e-12) upper = score;
    }
    result[row] = (lower + upper) / 2;
  }
  return result;
}

function distance(columns, weights, better, n) {
  const far = sum(columns, weights, n, (score, at) => ((better[at] > 0 ? 100 : 0) - score) ** 2);
  return far.map((squares) => 100 - Math.sqrt(squares));
}
