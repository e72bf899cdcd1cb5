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
    const nodes = [cell.org, cell.start, cell.end];
    const name = lower(nodes.map((node) => node.data).join(""));
    return terms
      .flatMap((term) => spans(term, name, cell.org.data.length))
      .map(([start, end]) => range(nodes, start, end));
  }
  if (!cell.text) return [];
  return terms
    .filter((term) => term.field === cell.column.key)
    .flatMap((term) => occurrences(lower(cell.text.data), term.text))
    .map(([start, end]) => range([cell.text], start, end));
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

/** The stretch from `start` to `end` of a text that lies in several nodes. */
function range(nodes, start, end) {
  const stretch = new Range();
  let before = 0;
  for (const node of nodes) {
    const after = before + node.data.length;
    if (start >= before && start <= after) stretch.setStart(node, start - before);
    if (end >= before && end <= after) {
      stretch.setEnd(node, end - before);
      break;
    }
    before = after;
  }
  return stretch;
}
