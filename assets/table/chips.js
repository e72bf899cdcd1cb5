// One chip for each choice that filters rows, to take it away by itself.

import { HIDDEN, label } from "./choices.js";
import { el, icon } from "./dom.js";

/** @import { About, Change, Query } from "./types.js" */

/**
 * @param {Query} query
 * @param {About} about
 * @param {Change} change
 * @param {import("./types.js").Answer | null} answer
 */
export function chips(query, about, change, answer = null) {
  const chip = (text, patch) => {
    const attributes = { type: "button", "aria-label": `Remove ${text}`, onclick: () => change(patch) };
    return el("button.lt-chip.lt-removable", attributes, el("span", {}, text), icon("close"));
  };
  const title = (items, value) => items.find(({ key }) => key === value)?.title ?? value;
  /** @type {[string, (value: string) => string][]} */
  const lists = [
    ["types", (value) => label(about, "types", value)],
    ["family", (value) => value],
    ["precision", (value) => value],
    ["license", (value) => value],
    ["size", (value) => title(about.sizes, value)],
  ];
  const each = ([group, text]) =>
    query[group].map((value) => chip(text(value), { [group]: query[group].filter((other) => other !== value) }));
  const hides = (text) =>
    query.hide
      .filter((value) => !HIDDEN.includes(value))
      .map((value) => chip(text(value), { hide: query.hide.filter((other) => other !== value) }));
  const ends = (group, text) => (isOpen(query[group]) ? [] : [chip(text(...query[group]), { [group]: [null, null] })]);
  const own = answer && !answer.isPublished ? [chip(`ranked by ${answer.ranking}`, OWN_RANKING)] : [];
  return [
    ...own,
    ...lists.flatMap(each),
    ...ends("params", sizeRange),
    ...ends("uploaded", days("uploaded")),
    ...ends("submitted", days("submitted")),
    ...(query.hide.includes("flagged")
      ? []
      : about.flagged
        ? [chip("flagged shown", { hide: [...query.hide, "flagged"] })]
        : []),
    ...hides((value) => `no ${title(about.hides, value).toLowerCase()}`),
    ...(query.official ? [chip("official only", { official: false })] : []),
  ];
}

/** What leads back to the board's own ranking. */
export const OWN_RANKING = Object.freeze({ aggregate: null, weights: [], average: "all" });

const isOpen = (ends) => ends.every((end) => end === null);

function sizeRange(low, high) {
  if (high === null) return `≥ ${low} B`;
  return low === null ? `< ${high} B` : `${low}–${high} B`;
}

const days = (word) => (low, high) => {
  if (high === null) return `${word} since ${low}`;
  return low === null ? `${word} until ${high}` : `${word} ${low} – ${high}`;
};
