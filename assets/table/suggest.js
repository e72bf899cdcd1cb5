// "Did you mean": searches that find something, where the words of one that finds nothing may be misspelled.

import { el } from "./dom.js";
import { plural } from "./words.js";

/**
 * Fetch the searches that are like the view's and offer them.
 * @param {any} table
 * @param {string} view as an address has it
 * @param {HTMLElement} place
 */
export async function suggest(table, view, place) {
  const { query } = table;
  const address = new URL(`${table.root.dataset.suggestions}?${view}`, document.baseURI);
  const answer = await fetch(address).catch(() => null);
  const found = answer?.ok ? await answer.json() : [];
  if (query !== table.query || !found.length) return;
  const choose = (q) => {
    table.change({ q });
    table.controls.search.focus();
  };
  const offers = found.map(({ q, matches }) =>
    el("button.lt-button", { type: "button", onclick: () => choose(q) }, `${q}: ${plural(matches, "run")}`),
  );
  place.replaceChildren(el("p", {}, "Did you mean"), el("div.lt-ways", {}, offers));
}
