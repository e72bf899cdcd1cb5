// What a search matched, marked without touching the rows' elements (the CSS Custom Highlight API).

import { lower } from "./data.js";

const NAME = "lt-hit";

/** Mark the matches of the view's search in the rows painted; a browser without highlights shows none. */
export function highlight(view, slots) {
  if (typeof Highlight === "undefined") return;
  const terms = view.answer.search.alternatives.flat() ?? [];
  if (!terms.length) return void CSS.highlights.delete(NAME);
  const ranges = slots
    .filter(({ row, index }) => !row.hidden && index >= 0)
    .flatMap(({ cells }) => cells.flatMap((cell) => inCell(cell, terms)));
  CSS.highlights.set(NAME, new Highlight(...ranges));
}

function inCell(cell, terms) {
  if (cell.column.kind === "model") {
    const name = lower(cell.text.data);
    return terms
      .flatMap((term) => spans(term, name, name.indexOf("/") + 1))
      .map(([start, end]) => range(cell.text, start, end));
  }
  if (!cell.text) return [];
  return terms
    .filter((term) => term.field === cell.column.key)
    .flatMap((term) => occurrences(lower(cell.text.data), term.text))
    .map(([start, end]) => range(cell.text, start, end));
}

function spans(term, name, orgLength) {
  if (term.kind === "word" || term.kind === "size") return occurrences(name, term.text);
  if (term.kind === "pattern") return [term.pattern.find(name)].filter(Boolean);
  return term.field === "org" ? occurrences(name.slice(0, orgLength), term.text) : [];
}

function occurrences(text, wanted) {
  const found = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length))
    found.push([at, at + wanted.length]);
  return found;
}

function range(node, start, end) {
  const stretch = new Range();
  stretch.setStart(node, start);
  stretch.setEnd(node, end);
  return stretch;
}
