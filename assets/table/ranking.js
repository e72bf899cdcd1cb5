// The reader's own ranking: another way to aggregate, and a weight for each benchmark, re-ranked while a slider moves.

import { WAYS } from "./aggregate.js";
import { choice } from "./choice.js";
import { el } from "./dom.js";
import { HEAVIEST } from "./url.js";

const TENTHS = 10; // steps of a slider between a benchmark's own weight and the next

/** How many of the board's own choices are changed. */
export const changed = (query) => Number(query.aggregate !== null) + query.weights.length;

/** The part: { node, update(state) }. */
export function ranking(state) {
  let current = state;
  const { about } = state;
  const benchmarks = about.columns.filter((column) => column.weight);
  const oneWay = new Set(benchmarks.map((column) => column.better)).size === 1;
  const ways = Object.entries(WAYS).filter(([, way]) => oneWay || !way.keeps);
  /** @type {[string, ReturnType<typeof choice>][]} */
  const radios = ways.map(([key, { title, help }]) => [
    key,
    choice({
      type: "radio",
      name: "lt-aggregate",
      text: `${title}: ${help}`,
      onchange: () => current.change({ aggregate: key === about.aggregation ? null : key }),
    }),
  ]);
  const sliders = benchmarks.map(({ key, title }) => {
    const shown = el("output", {});
    const input = el("input", {
      type: "range",
      min: 0,
      max: HEAVIEST * TENTHS,
      step: 1,
      "aria-label": `Weight of ${title}`,
      oninput: ({ target }) => {
        const others = current.query.weights.filter(([other]) => other !== key);
        const weight = Number(target.value) / TENTHS;
        current.change({ weights: weight === 1 ? others : [...others, [key, weight]] }, { step: false });
      },
    });
    return { key, input, shown, node: el("label.lt-weight", {}, el("span", {}, title), input, shown) };
  });
  const back = el(
    "button.lt-plain",
    { type: "button", onclick: () => current.change({ aggregate: null, weights: [] }) },
    "As the board ranks",
  );
  const update = (next) => {
    current = next;
    for (const [key, row] of radios) row.update(key === (next.query.aggregate ?? about.aggregation));
    const weights = new Map(next.query.weights);
    for (const { key, input, shown } of sliders) {
      const weight = weights.get(key) ?? 1;
      if (document.activeElement !== input) input.value = weight * TENTHS;
      shown.textContent = `× ${weight.toFixed(1)}`;
      input.setAttribute("aria-valuetext", `${weight.toFixed(1)} times its own weight`);
    }
    back.disabled = !changed(next.query);
  };
  update(state);
  const node = el(
    "div",
    {},
    el(
      "fieldset.lt-set",
      {},
      el("legend", {}, "Average"),
      radios.map(([, row]) => row.node),
    ),
    el(
      "fieldset.lt-set",
      {},
      el("legend", {}, "Weights"),
      sliders.map((slider) => slider.node),
    ),
    el("div.lt-foot-line", {}, back),
  );
  return { node, update };
}
