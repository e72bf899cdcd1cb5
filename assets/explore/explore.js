// The Explore page: fetches the chart of the address, draws it, follows its controls.

import { draw } from "./chart.js";
import { pixels, picture } from "./picture.js";
import { followed } from "./pointer.js";
import { written } from "./scales.js";

/** @type {any} */
const page = document.querySelector("[data-explore]");
/** @type {any} */
const plot = page.querySelector(".lb-plot");
/** @type {any} */
const note = page.querySelector(".lb-note");
/** @type {any} */
const names = page.querySelector("datalist");
/** @type {any} */
let shown = null; // the chart on screen, as it came
let current = 0; // an answer that was overtaken is dropped

const tabs = page.querySelector(".lb-tabs"); // a phone shows only some of them
const hidden = tabs.querySelector("[aria-current]").getBoundingClientRect().right - tabs.getBoundingClientRect().right;
tabs.scrollLeft += Math.max(0, hidden);

/** A row's parts, from its id as src/core/frames/contents.py writes it. */
function run(id) {
  const [, model, precision, revision] = id.match(/^(.*?)(?:~([^@#]*))?(?:@([^#]*))?(?:#\d+)?$/s) ?? [];
  return { model: model ?? id, precision, revision };
}

const nameOf = (id) => run(id).model;

function open({ series, at }) {
  const { model, precision, revision } = run(series.ids[at]);
  const query = new URLSearchParams(Object.entries({ precision, revision }).filter(([, value]) => value));
  location.href = new URL(`model/${encodeURI(model)}?${query}`, document.baseURI).href;
}

function words({ series, at }) {
  const { x, y } = shown.figure;
  const value = series.y[at].toFixed(2).replace("-", "−");
  return [
    nameOf(series.ids[at]),
    `${y.title || "Value"}: ${value}`,
    `${x.title || "Group"}: ${written(x, series.x[at])}`,
  ];
}

const follow = followed(plot, note, words, open);

function drawShown() {
  for (const old of plot.querySelectorAll("svg")) old.remove();
  const { figure } = shown;
  for (const part of [plot, page.querySelector(".lb-downloads")]) part.hidden = !figure;
  if (!figure) return;
  const drawn = draw(figure, plot.clientWidth, plot.clientHeight, nameOf);
  drawn.root.setAttribute("aria-hidden", "true"); // its words stand above, its numbers below, its points in the note
  plot.prepend(drawn.root);
  plot.setAttribute("aria-label", `${shown.title}. Arrow keys go from point to point; Enter opens the model.`);
  follow(drawn);
}

async function ask() {
  const mine = ++current;
  plot.setAttribute("aria-busy", "true");
  const answer = await fetch(new URL(`${page.dataset.figure}.json${location.search}`, document.baseURI));
  if (!answer.ok) throw new Error(`${answer.status}`);
  const chart = await answer.json();
  if (mine !== current) return;
  shown = chart;
  page.querySelector("#lb-chart-title").textContent = chart.title;
  page.querySelector("#lb-chart-words").textContent = chart.sentence;
  page.querySelector(".lb-numbers").outerHTML = chart.numbers; // escaped by src/ui/pages/explore/page.py
  drawShown();
  plot.removeAttribute("aria-busy");
}

function failed() {
  plot.removeAttribute("aria-busy");
  plot.textContent = "The chart could not be drawn. Its numbers are below, and in the CSV; reload to try again.";
}

function follows(params) {
  history.replaceState(null, "", `${location.pathname}?${params}`);
  page.querySelector("[data-csv]").href = new URL(`${page.dataset.figure}.csv?${params}`, document.baseURI);
  for (const tab of page.querySelectorAll(".lb-tabs a")) {
    const there = new URLSearchParams(params);
    there.set("chart", tab.dataset.chart);
    tab.href = new URL(`explore?${there}`, document.baseURI);
  }
  ask().catch(failed);
}

page.addEventListener("change", (/** @type {any} */ { target }) => {
  if (!target.matches("[data-ask]")) return;
  const params = new URLSearchParams(location.search);
  if (target.value) params.set(target.name, target.value);
  else params.delete(target.name);
  follows(params);
});
page.addEventListener("submit", (/** @type {any} */ event) => event.preventDefault());

// names of this chart's models that contain what is typed
page.addEventListener("input", (/** @type {any} */ { target }) => {
  if (!target.matches("[name=mark]") || !shown?.figure) return;
  const typed = target.value.trim().toLowerCase();
  const found = new Set();
  for (const { ids } of typed ? shown.figure.series : []) {
    for (const id of ids) {
      if (found.size < 20 && nameOf(id).toLowerCase().includes(typed)) found.add(nameOf(id));
    }
  }
  names.replaceChildren(...[...found].map((name) => new Option(name, name)));
});

page.addEventListener("click", async (/** @type {any} */ { target }) => {
  const kind = target.closest("[data-picture]")?.dataset.picture;
  if (!kind || !shown?.figure) return;
  const drawn = picture(page, shown.title, (width, height) => draw(shown.figure, width, height, nameOf).root);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(kind === "svg" ? drawn : await pixels(drawn));
  link.download = `${new URLSearchParams(location.search).get("chart") ?? "chart"}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

let width = 0;
new ResizeObserver(() => {
  if (plot.clientWidth === width) return;
  width = plot.clientWidth;
  if (shown?.figure && width) drawShown();
}).observe(plot);

ask().catch(failed);
