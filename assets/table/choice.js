// One choice of a list: a box or a dot, its words, and how many rows it would leave.

import { el } from "./dom.js";
import { count } from "./words.js";

/**
 * A choice; `n` undefined: nothing is counted.
 * @param {{ text: string, title?: string, shape?: string | null, checked?: boolean, n?: number, type?: string,
 *   name?: string, onchange(): void }} options
 */
export function choice({ text, title, shape, checked, n, onchange, type = "checkbox", name }) {
  const box = el("input", { type, name, checked, onchange });
  const tally = el("span.lt-n", {}, n === undefined ? "" : count(n));
  const node = el(
    "label.lt-choice",
    { title },
    box,
    shape && el(`i.lt-shape.lt-shape-${shape}`, { "aria-hidden": "true" }),
    el("span", {}, text),
    tally,
  );
  return {
    node,
    update(isChecked, found) {
      box.checked = isChecked;
      if (found === undefined) return;
      tally.textContent = count(found);
      node.classList.toggle("lt-none", found === 0 && !isChecked);
    },
  };
}
