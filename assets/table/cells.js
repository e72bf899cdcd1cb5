// What stands in each kind of cell, and what it says when it is pointed at. The rows of the first screen are written by
// the server in the same form: src/ui/pages/leaderboard/first_rows.py.

import { el, icon } from "./dom.js";
import { shade, whisker } from "./shades.js";
import { UNKNOWN, day, number, whole } from "./words.js";

/** @import { Column, View } from "./types.js" */

const NORMAL_95 = 1.96; // standard errors either side
const KEPT_END = 9; // characters of a name that stay in sight if the cell is too narrow for all of it

/**
 * The parts of one cell that are filled again and again.
 * @typedef {{ column: Column, base: string, node: HTMLElement, text?: Text, aside?: HTMLElement | null,
 *   shape?: HTMLElement, link?: HTMLAnchorElement, run?: HTMLElement, flag?: HTMLElement }} Cell
 */

/**
 * Build an empty cell.
 * @param {Column} column
 * @param {number} at its place in the row
 * @param {boolean} isSorted whether the rows are sorted by it first
 * @returns {Cell}
 */
export function cell(column, at, isSorted) {
  const node = el(`td.lt-${column.kind}.lt-c-${css(column.key)}`, { role: "gridcell", "aria-colindex": at + 1 });
  if (isSorted) node.classList.add("lt-sorted");
  if (column.kind === "model") return modelCell(node, column);
  const text = document.createTextNode("");
  const shape = column.kind === "type" ? el("i.lt-shape", { "aria-hidden": "true" }) : undefined;
  if (shape) node.append(shape, el("span", {}, text));
  else node.append(text);
  const hasAside = column.key === "rank" || column.key === "average";
  const aside = hasAside ? node.appendChild(el("span.lt-aside", {}, document.createTextNode(""))) : null;
  return { column, base: node.className, node, text, aside, shape };
}

/** @returns {Cell} */
function modelCell(node, column) {
  const text = document.createTextNode(""); // the whole name in one, so that finding and copying it work
  const shape = el("i.lt-shape", { "aria-hidden": "true" });
  const run = el("span.lt-run", {}, document.createTextNode(""));
  const flag = el("span.lt-flag", {}, document.createTextNode(""));
  const link = /** @type {HTMLAnchorElement} */ (el("a.lt-name", { tabindex: -1 }, el("span", {}, text)));
  const more = el("button.lt-more", { type: "button", tabindex: -1, "aria-label": "Actions" }, icon("more"));
  node.append(shape, link, run, flag, more);
  return { column, base: node.className, node, link, text, shape, run, flag };
}

/**
 * Fill a cell with what it shows of a row.
 * @param {any} part
 * @param {number} row
 * @param {View} view
 * @param {number} position of the row among those shown
 */
export const fill = (part, row, view, position) => FILL[part.column.kind](part, row, view, position);

/**
 * Say the whole value of a cell in words.
 * @param {Column} column
 * @param {number} row
 * @param {View} view
 */
export const explain = (column, row, view) => EXPLAIN[column.kind](column, row, view);

/** Empty a cell whose values are still on their way. @param {Cell} part */
export function clear({ text, aside }) {
  if (text) text.data = "";
  if (aside) write(aside.firstChild, "data", "");
}

/**
 * Say which server answered for a row, and when; null if weights did.
 * @param {View["data"]} data
 * @param {number} row
 */
function servedBy(data, row) {
  const by = data.text("served", row);
  return by?.startsWith("served") ? `${by}: may change` : null;
}

const FILL = {
  rank({ node, text, aside }, row, { answer, data }) {
    const rank = answer.ranks[row];
    write(text, "data", Number.isNaN(rank) ? "–" : String(rank));
    const { isRanged } = answer; // the intervals are of the published average among all rows
    const [low, high] = [data.number("rank.low", row), data.number("rank.high", row)];
    write(aside.firstChild, "data", isRanged && low < high ? `${low}–${high}` : "");
    toggle(node, "lt-tied", isRanged && data.flag("tied", row) === true);
  },

  model({ node, link, text, shape, run, flag }, row, view, position) {
    const { data, answer, about } = view;
    const model = data.text("model", row);
    write(text, "data", model);
    write(link.dataset, "end", model.slice(-KEPT_END));
    const served = servedBy(data, row);
    const repeats = data.repeated.has(row) || position < answer.pinned;
    const precision = served ? "served" : repeats ? data.text("precision", row) : null;
    write(run.firstChild, "data", precision ? (about.precisions[precision] ?? precision) : "");
    toggle(run, "on", Boolean(precision));
    link.href = view.href(row);
    link.setAttribute("aria-label", precision ? `${model}, ${precision}` : model);
    node.title = served ? `${model}, ${served}` : model;
    const marks = {
      flagged: data.flag("flagged", row) === true,
      gone: data.flag("available", row) === false,
      audit: data.flag("audit", row) === true,
    };
    const mark = Object.keys(marks).find((key) => marks[key]) ?? "";
    write(flag.firstChild, "data", mark);
    toggle(flag, "on", Boolean(mark));
    write(shape, "className", shapeOf(data.text("type", row)));
  },

  type({ shape, text }, row, { data, types }) {
    const type = data.text("type", row);
    write(shape, "className", shapeOf(type));
    write(text, "data", type === null ? UNKNOWN : (types[type]?.title ?? type));
  },

  score({ column, base, node, text, aside }, row, view) {
    const { value, error, isAtChance, low, high } = reading(column, row, view);
    const isMissing = Number.isNaN(value);
    write(text, "data", isMissing ? "–" : value.toFixed(column.digits));
    const at = (score) => Math.max(0, Math.min(1, (score - low) / (high - low || 1)));
    const margin = error > 0 ? error * NORMAL_95 : 0;
    const tint = isMissing ? 0 : shade(at(value));
    // the average has its interval in figures, and a bar instead of a tint
    let line = "";
    if (!isMissing && aside) line = whisker(0, at(value));
    else if (!isMissing && margin) line = whisker(at(value - margin), at(value + margin));
    const classes = [base, tint && `lt-h${tint}`, line, isAtChance && "lt-chance"];
    write(node, "className", classes.filter(Boolean).join(" "));
    if (aside) write(aside.firstChild, "data", margin ? `±${margin.toFixed(1)}` : "");
  },

  number({ column, text }, row, { data }) {
    write(text, "data", number(data.number(column.key, row), column) ?? "–");
  },

  text({ column, node, text }, row, { data }) {
    const value = data.text(column.key, row) ?? UNKNOWN;
    write(text, "data", value);
    toggle(node, "lt-unknown", value === UNKNOWN);
  },

  flag({ column, node, text }, row, { data }) {
    const value = data.flag(column.key, row);
    write(text, "data", value === null ? UNKNOWN : value ? "yes" : "no");
    toggle(node, "lt-unknown", value !== true);
  },

  date({ column, node, text }, row, { data }) {
    const value = day(data.number(column.key, row));
    write(text, "data", value ?? UNKNOWN);
    toggle(node, "lt-unknown", value === null);
  },
};

/** @type {Record<Column["kind"], (column: Column, row: number, view: View) => string>} */
const EXPLAIN = {
  rank(column, row, { answer, data }) {
    const rank = answer.ranks[row];
    if (Number.isNaN(rank)) return "No rank: a benchmark is missing";
    if (!answer.isPublished) return `Rank ${rank} by ${answer.ranking}`;
    if (!answer.isRanged) return `Rank ${rank} among the rows shown`;
    const [low, high] = [data.number("rank.low", row), data.number("rank.high", row)];
    const range = low < high ? `; between ${low} and ${high} with 95 % confidence` : "";
    const isTied = data.flag("tied", row) && rank > 1;
    return `Rank ${rank}${range}${isTied ? "; not distinguishable from the best" : ""}`;
  },
  model(column, row, { data }) {
    const marks = [
      servedBy(data, row),
      data.flag("flagged", row) && "reported for training on a benchmark",
      data.flag("available", row) === false && "no longer on the Hub",
      data.flag("audit", row) && "the audit has a question: see its page",
    ];
    return [data.text("model", row), data.text("precision", row), ...marks].filter(Boolean).join(", ");
  },
  type: (column, row, { data, types }) => types[data.text("type", row) ?? ""]?.help ?? "Type unknown",
  score(column, row, view) {
    const { path, value, error, isApproximate, isAtChance } = reading(column, row, view);
    if (Number.isNaN(value)) return view.data.has(path) ? "No score: not run, or not finished" : "On its way";
    const margin = error * NORMAL_95;
    const ends = `${(value - margin).toFixed(1)} and ${(value + margin).toFixed(1)}`;
    const source = isApproximate ? ", approximately: from the number of items" : "";
    const interval = error > 0 ? `; between ${ends} with 95 % confidence${source}` : "";
    return `${whole(value, column)}${interval}${isAtChance ? "; no better than guessing" : ""}`;
  },
  number: (column, row, { data }) => `${column.title}: ${whole(data.number(column.key, row), column)}`,
  text: (column, row, { data }) => data.text(column.key, row) ?? UNKNOWN,
  flag: (column) => column.help,
  date: (column) => column.help,
};

/**
 * A score as the view shows it, its standard error, and the ends of its tint.
 * @param {Column} column
 * @param {number} row
 * @param {View} view
 */
function reading(column, row, { data, answer, query, about }) {
  const raw = `${column.key}.raw`;
  const path = query.score === "raw" && about.columns.some(({ key }) => key === raw) ? raw : column.key;
  const isAverage = column.key === "average";
  const value = isAverage ? answer.averages[row] : data.number(path, row);
  const isPublished = isAverage ? answer.isPublished : path === column.key;
  const [low, high] = (isAverage && answer.scale) || (about.scales[path] ?? [0, 100]);
  return {
    path,
    value,
    low,
    high,
    error: isPublished && !Number.isNaN(value) ? data.number(`${column.key}.se`, row) : NaN,
    isApproximate: data.flag(`${column.key}.approximate`, row) === true,
    isAtChance: isPublished && data.flag(`${column.key}.at_chance`, row) === true,
  };
}

/** Write only what changed: even the same text makes the browser lay out again. */
export function write(target, property, value) {
  if (target[property] !== value) target[property] = value;
}

/** Add or remove a class only if that changes something. */
export function toggle(node, name, on) {
  if (node.classList.contains(name) !== on) node.classList.toggle(name, on);
}

/** A key as a part of a class. @param {string} key */
export const css = (key) => key.replace(/[^A-Za-z0-9]/g, "-");

/** @param {string | null} type */
const shapeOf = (type) => `lt-shape lt-shape-${css(type ?? "other")}`;
