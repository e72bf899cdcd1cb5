// The widths of columns, as custom properties of table.css: the server lays out the first screen with the same ones
// (src/ui/pages/leaderboard/layout.py).

import { css } from "./cells.js";

/** @import { Column } from "./types.js" */

const FIXED = ["rank", "model", "type"]; // on a narrow screen they do not stand among the numbers

/** @param {Column} column @param {string} [narrow] */
const least = ({ key, kind }, narrow = "") => `var(--w${narrow}-${css(key)}, var(--w${narrow}-${kind}))`;

/** @param {Column} column @param {string} [narrow] */
const track = (column, narrow = "") => {
  const share = `var(--f${narrow}-${css(column.key)}, var(--f${narrow}-${column.kind}))`;
  return `minmax(${least(column, narrow)}, ${share})`;
};

/** @param {Column[]} columns */
export const tracks = (columns) => ({
  template: columns.map((column) => track(column)).join(" "),
  least: `calc(${columns.map((column) => least(column)).join(" + ")})`,
});

/** @param {Column[]} columns */
export const tracksWhenNarrow = (columns) => ({
  template: columns.map((column) => track(column, "n")).join(" "),
  least: `calc(${["20px", ...columns.map((column) => least(column, "n"))].join(" + ")})`,
});

/**
 * The columns of the second line on a narrow screen: the average, then the one sorted by.
 * @param {Column[]} columns
 * @param {string | undefined} sortedBy
 */
export function narrowOrder(columns, sortedBy) {
  const numbers = columns.filter(({ key }) => !FIXED.includes(key));
  const place = ({ key }) => (key === "average" ? 1 : key === sortedBy ? 2 : 3);
  return numbers.toSorted((a, b) => place(a) - place(b));
}
