// How values read: numbers, days, sizes and the words for what is unknown.

export const UNKNOWN = "unknown";

export const count = (n) => n.toLocaleString("en-US");

export function day(since) {
  return Number.isNaN(since) ? null : new Date(since * 86400000).toISOString().slice(0, 10);
}

/** Days since 1970 of `2025-02-08`; NaN if it is none. */
export const since = (text) => Date.parse(`${text}T00:00:00Z`) / 86400000;

/** A number at the column's decimals; null if unknown. */
export function number(value, column) {
  if (Number.isNaN(value)) return null;
  return value >= 10000 ? count(Math.round(value)) : value.toFixed(column.digits);
}

/** The whole value with its unit, for a hover. */
export function whole(value, column) {
  return Number.isNaN(value) ? UNKNOWN : `${+value.toFixed(4)}${column.unit && ` ${column.unit}`}`;
}

export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;
