// What is shown, as a Markdown table.

import { UNKNOWN, day, number } from "./words.js";

const MOST_ROWS = 50;

/** The first rows of a view with its columns; signs that Markdown would read are escaped. */
export function markdown({ data, answer, columns, query, about, types }) {
  const value = (column, row) => {
    if (column.kind === "rank") return Number.isNaN(answer.ranks[row]) ? "–" : String(answer.ranks[row]);
    if (column.key === "average") return Number.isNaN(answer.averages[row]) ? "–" : answer.averages[row].toFixed(column.digits);
    if (column.kind === "score" || column.kind === "number") {
      const raw = `${column.key}.raw`;
      const isRaw = query.score === "raw" && about.columns.some(({ key }) => key === raw);
      return number(data.number(isRaw ? raw : column.key, row), column) ?? "–";
    }
    if (column.kind === "flag") return { true: "yes", false: "no" }[data.flag(column.key, row)] ?? UNKNOWN;
    if (column.kind === "date") return day(data.number(column.key, row)) ?? UNKNOWN;
    const text = data.text(column.key, row);
    return text === null ? UNKNOWN : column.kind === "type" ? (types[text]?.title ?? text) : text;
  };
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const isNumber = ({ kind }) => ["rank", "score", "number"].includes(kind);
  return [
    line(columns.map(({ title }) => escape(title))),
    line(columns.map((column) => (isNumber(column) ? "--:" : "---"))),
    ...[...answer.rows.slice(0, MOST_ROWS)].map((row) => line(columns.map((column) => escape(value(column, row))))),
  ].join("\n");
}

const escape = (text) => text.replace(/[\\|*_`<>[\]]/g, (sign) => `\\${sign}`);
