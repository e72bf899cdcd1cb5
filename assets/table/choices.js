// The parts that filters, columns and display options are made of; a popover on wide screens and the sheet on narrow
// ones show the same parts.

import { choice } from "./choice.js";
import { el } from "./dom.js";
import { changed, ranking } from "./ranking.js";
import { DEFAULT } from "./url.js";
import { UNKNOWN } from "./words.js";

const FINDABLE = 12; // choices from which a list gets a box to find one in
const STEPS = 200; // of the size slider, logarithmic
const SMALLEST = 0.1; // billions

/** Each part: { title, build(state) → { node, update(state) } }; `state`: { query, counts, about, columns, change }. */
/** @type {Record<string, { title: string, build(state: any): import("./types.js").Part }>} */
export const PARTS = {
  types: {
    title: "Type",
    build: (state) =>
      list(
        state,
        "types",
        state.about.types.map(({ key }) => key),
      ),
  },
  family: { title: "Family", build: (state) => list(state, "family") },
  precision: { title: "Precision", build: (state) => list(state, "precision") },
  size: { title: "Size", build: sizes },
  license: { title: "Licence", build: (state) => list(state, "license") },
  dates: { title: "Dates", build: dates },
  hide: { title: "Hide", build: hides },
  columns: { title: "Columns", build: columns },
  ranking: { title: "Ranking", build: whole },
  fits: { title: "Fits my machine", build: fits },
  filters: { title: "More filters", build: more },
};

export const FILTERS = ["types", "family", "precision", "size", "license", "dates", "hide"];
const MORE = FILTERS.filter((part) => part !== "types");
/** What the page hides if its address does not say: src/board/table/query.py has the same. */
export const HIDDEN = Object.freeze(["flagged"]);

/** How many choices of a part are made. */
export function active(part, query) {
  const isSet = (ends) => ends.some((end) => end !== null);
  if (part === "size") return query.size.length + Number(isSet(query.params));
  if (part === "dates") return Number(isSet(query.uploaded)) + Number(isSet(query.submitted));
  if (part === "hide") return query.hide.filter((key) => !HIDDEN.includes(key)).length + Number(query.official);
  if (part === "fits") return Number(query.params[1] !== null);
  if (part === "filters") return MORE.reduce((sum, name) => sum + active(name, query), 0);
  if (part === "ranking") return changed(query) + OPTIONS.filter(([name]) => query[name] !== DEFAULT[name]).length;
  return query[part]?.length ?? 0;
}

const without = (values, value) => values.filter((each) => each !== value);
const toggled = (values, value) => (values.includes(value) ? without(values, value) : [...values, value]);

/** What a choice is called. */
export function label(about, group, value) {
  if (group === "types") return about.types.find(({ key }) => key === value)?.title ?? value;
  return value;
}

function list(state, group, order) {
  const known = Object.keys(state.counts[group]);
  const values = order
    ? order
        .filter((value) => known.includes(value))
        .concat(without(known, ...order).filter((value) => !order.includes(value)))
    : known;
  if (!order)
    values.sort(
      (a, b) =>
        Number(a === UNKNOWN) - Number(b === UNKNOWN) ||
        state.counts[group][b] - state.counts[group][a] ||
        (a < b ? -1 : 1),
    );
  const rows = new Map();
  for (const value of [...values, ...state.query[group].filter((chosen) => !values.includes(chosen))]) {
    rows.set(
      value,
      choice({
        text: label(state.about, group, value),
        title: state.about.types.find(({ key }) => group === "types" && key === value)?.help,
        shape: group === "types" ? value : null,
        checked: false,
        onchange: () => current.change({ [group]: toggled(current.query[group], value) }),
      }),
    );
  }
  let current = state;
  const box = el(
    "div.lt-choices",
    {},
    [...rows.values()].map(({ node }) => node),
  );
  const find =
    rows.size > FINDABLE &&
    el("input.lt-find", {
      type: "search",
      placeholder: "Find",
      "aria-label": `Find a ${PARTS[group].title.toLowerCase()}`,
      oninput: ({ target }) => {
        for (const [value, { node }] of rows) node.hidden = !value.toLowerCase().includes(target.value.toLowerCase());
      },
    });
  const update = (next) => {
    current = next;
    for (const [value, row] of rows) row.update(next.query[group].includes(value), next.counts[group][value] ?? 0);
  };
  update(state);
  return { node: el("div", {}, find, box), update };
}

function sizes(state) {
  let current = state;
  const offered = state.about.sizes.filter(({ key, old }) => !old || state.query.size.includes(key));
  const rows = offered.map(({ key, title }) => [
    key,
    choice({
      text: title,
      onchange: () => current.change({ size: toggled(current.query.size, key) }),
    }),
  ]);
  const most = Math.max(...(state.data.numbers("params_b") ?? [1]).filter((size) => size > 0), 1);
  const toSize = (step) => SMALLEST * (most / SMALLEST) ** (step / STEPS);
  const toStep = (size) =>
    Math.round((STEPS * Math.log(Math.max(size, SMALLEST) / SMALLEST)) / Math.log(most / SMALLEST));
  const tidy = (size) => +size.toPrecision(2);
  const set = (low, high, step = true) => current.change({ params: [low, high] }, { step });
  const typed = ({ target }, end) => {
    const value = target.value === "" ? null : Math.max(0, Number(target.value));
    set(...current.query.params.map((old, at) => (at === end ? value : old)));
  };
  const field = (text, end) =>
    el("input", {
      type: "number",
      min: 0,
      step: "any",
      inputmode: "decimal",
      placeholder: end ? "any" : "0",
      "aria-label": `Size ${text}, billions of parameters`,
      onchange: (event) => typed(event, end),
    });
  const fields = [field("from", 0), field("up to", 1)];
  const slid = () => {
    const [low, high] = sliders.map(({ value }) => Number(value)).sort((a, b) => a - b);
    set(low === 0 ? null : tidy(toSize(low)), high === STEPS ? null : tidy(toSize(high)), false);
  };
  const slider = (text) =>
    el("input", { type: "range", min: 0, max: STEPS, "aria-label": `${text} size`, oninput: slid });
  const sliders = [slider("Smallest"), slider("Largest")];
  const track = el("div.lt-track", {}, sliders);
  const update = (next) => {
    current = next;
    for (const [key, row] of rows) row.update(next.query.size.includes(key), next.counts.size[key]);
    const [low, high] = next.query.params;
    const steps = [low === null ? 0 : toStep(low), high === null ? STEPS : Math.min(STEPS, toStep(high))];
    fields.forEach((input, end) => document.activeElement !== input && (input.value = next.query.params[end] ?? ""));
    sliders.forEach((input, end) => document.activeElement !== input && (input.value = steps[end]));
    sliders.forEach((input, end) =>
      input.setAttribute(
        "aria-valuetext",
        next.query.params[end] === null ? "any" : `${next.query.params[end]} billion`,
      ),
    );
    track.style.setProperty("--from", steps[0] / STEPS);
    track.style.setProperty("--to", steps[1] / STEPS);
  };
  update(state);
  const range = el(
    "div.lt-range",
    {},
    el("div.lt-ends", {}, fields[0], el("span", {}, "≤ billions of parameters <"), fields[1]),
    track,
  );
  return {
    node: el(
      "div",
      {},
      el(
        "div.lt-choices",
        {},
        rows.map(([, { node }]) => node),
      ),
      range,
    ),
    update,
  };
}

/** Several parts in one menu, each in a fold. */
function more(state) {
  const parts = MORE.map((part) => {
    const { title, build } = PARTS[part];
    const built = build(state);
    const tally = el("span.lt-n");
    const node = el("details", { open: active(part, state.query) > 0 }, el("summary", {}, title, tally), built.node);
    return { part, built, tally, node };
  });
  const update = (next) => {
    for (const { part, built, tally } of parts) {
      built.update(next);
      tally.textContent = String(active(part, next.query) || "");
    }
  };
  update(state);
  return {
    node: el(
      "div.lt-folds",
      {},
      parts.map(({ node }) => node),
    ),
    update,
  };
}

/** What counts, how, and among whom. */
function whole(state) {
  const parts = [ranking(state), display(state)];
  const update = (next) => parts.forEach((part) => part.update(next));
  return {
    node: el(
      "div",
      {},
      parts.map(({ node }) => node),
    ),
    update,
  };
}

/** Memory, and bits a number: the largest model that runs in it, by the board's one estimate. */
function fits(state) {
  let current = state;
  const { gb } = state.about;
  const hint = el("p.lt-hint", { "aria-live": "polite" });
  const bits = el(
    "select",
    { "aria-label": "Bits a number" },
    Object.keys(gb).map((each) => el("option", { value: each }, `${each} bits`)),
  );
  bits.value = "16";
  const set = () => {
    const value = Number(memory.value);
    const most = value > 0 ? +(value / gb[bits.value]).toPrecision(3) : null;
    current.change({ params: [current.query.params[0], most] });
  };
  const memory = el("input", {
    type: "number",
    min: 1,
    step: "any",
    inputmode: "decimal",
    placeholder: "24",
    "aria-label": "Memory in GB",
    oninput: set,
  });
  bits.addEventListener("change", set);
  const update = (next) => {
    current = next;
    const [, most] = next.query.params;
    hint.textContent =
      most === null
        ? "Weights, and a quarter more for the work with them."
        : `Models below ${most} B. Scores are of the published precision.`;
  };
  update(state);
  const ends = el("div.lt-ends", {}, memory, el("span", {}, "GB at"), bits);
  return { node: el("div", {}, ends, hint), update };
}

function dates(state) {
  let current = state;
  const input = (group, end, text) =>
    el("input", {
      type: "date",
      "aria-label": text,
      onchange: ({ target }) =>
        current.change({ [group]: current.query[group].map((old, at) => (at === end ? target.value || null : old)) }),
    });
  const groups = [
    ["uploaded", "Uploaded to the Hub"],
    ["submitted", "Submitted to the board"],
  ].map(([group, title]) => ({
    group,
    title,
    inputs: [input(group, 0, `${title}, from`), input(group, 1, `${title}, up to`)],
  }));
  const update = (next) => {
    current = next;
    for (const { group, inputs } of groups) inputs.forEach((each, end) => (each.value = next.query[group][end] ?? ""));
  };
  update(state);
  const node = el(
    "div",
    {},
    groups.map(({ title, inputs }) =>
      el(
        "fieldset.lt-set",
        {},
        el("legend", {}, title),
        el("div.lt-ends", {}, inputs[0], el("span", {}, "to"), inputs[1]),
      ),
    ),
  );
  return { node, update };
}

function hides(state) {
  let current = state;
  const rows = state.about.hides.map(({ key, title, help }) => [
    key,
    choice({
      text: title,
      title: help,
      onchange: () => current.change({ hide: toggled(current.query.hide, key) }),
    }),
  ]);
  const official = choice({
    text: "Official only",
    title: "Published by the organisation that made the model",
    onchange: () => current.change({ official: !current.query.official }),
  });
  const update = (next) => {
    current = next;
    for (const [key, row] of rows) row.update(next.query.hide.includes(key), next.counts.hide[key]);
    official.update(next.query.official, next.counts.official[1]);
  };
  update(state);
  return {
    node: el(
      "div.lt-choices",
      {},
      rows.map(([, { node }]) => node),
      el("hr"),
      official.node,
    ),
    update,
  };
}

function columns(state) {
  let current = state;
  const all = state.about.columns.filter(({ key }) => !["rank", "model"].includes(key));
  const shown = (next) => new Set(next.columns.map(({ key }) => key));
  const rows = all.map((column) => [
    column,
    choice({
      text: column.title,
      title: column.help,
      onchange: () => {
        const keys = toggled([...shown(current)], column.key);
        current.change({ columns: all.map(({ key }) => key).filter((key) => keys.includes(key)) });
      },
    }),
  ]);
  const groups = [...new Set(all.map(({ group }) => group))];
  const sets = groups.map((group) =>
    el(
      "fieldset.lt-set",
      {},
      el("legend", {}, GROUP_TITLES[group]),
      rows.filter(([column]) => column.group === group).map(([, { node }]) => node),
    ),
  );
  const back = el(
    "button.lt-plain",
    { type: "button", onclick: () => current.change({ columns: null }) },
    "Default columns",
  );
  const update = (next) => {
    current = next;
    const keys = shown(next);
    for (const [{ key }, row] of rows) row.update(keys.has(key));
    back.disabled = next.query.columns === null;
  };
  update(state);
  return { node: el("div", {}, el("div.lt-sets", {}, sets), el("div.lt-foot-line", {}, back)), update };
}

const GROUP_TITLES = {
  scores: "Scores",
  "raw scores": "Raw scores",
  certainty: "Certainty",
  model: "Model",
  run: "Run",
  flags: "Marks",
  dates: "Dates",
};

/** @type {[string, string, [string, string][]][]} */
const OPTIONS = [
  [
    "score",
    "Scores",
    [
      ["normalised", "Normalised: 0 is guessing, 100 perfect"],
      ["raw", "Raw: share of right answers, in per cent"],
    ],
  ],
  [
    "average",
    "Average",
    [
      ["all", "Over all benchmarks"],
      ["shown", "Over the benchmarks shown as columns"],
    ],
  ],
  [
    "rank",
    "Rank",
    [
      ["all", "In the whole board"],
      ["shown", "Among the models shown"],
    ],
  ],
];

function display(state) {
  let current = state;
  /** @type {[string, string, ReturnType<typeof choice>][]} */
  const rows = [];
  const sets = OPTIONS.map(([option, title, choices]) =>
    el(
      "fieldset.lt-set",
      {},
      el("legend", {}, title),
      choices.map(([value, text]) => {
        const row = choice({
          type: "radio",
          name: `lt-${option}`,
          text,
          onchange: () => current.change({ [option]: value }),
        });
        rows.push([option, value, row]);
        return row.node;
      }),
    ),
  );
  const update = (next) => {
    current = next;
    for (const [option, value, row] of rows) row.update(next.query[option] === value);
  };
  update(state);
  return { node: el("div", {}, sets), update };
}
