// The Explore page: fetches the chart of the address, draws it in the page's own colours, follows its controls.
/** @type {any} */
const page = document.querySelector("[data-explore]");
/** @type {any} */
const plot = page.querySelector(".lb-plot");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
/** @type {any} */
let library = null; // loaded when the first chart is drawn
/** @type {any} */
let shown = null; // the chart on screen, as it came
let current = 0; // an answer that was overtaken is dropped

const tabs = page.querySelector(".lb-tabs"); // a phone shows only some of them
const hidden = tabs.querySelector("[aria-current]").getBoundingClientRect().right - tabs.getBoundingClientRect().right;
tabs.scrollLeft += Math.max(0, hidden);

const loadLibrary = () =>
  (library ??= new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = new URL(page.dataset.plotly, document.baseURI).href;
    script.onload = () => done(/** @type {any} */ (window).Plotly);
    script.onerror = fail;
    document.head.append(script);
  }));

const token = (name) => getComputedStyle(page).getPropertyValue(`--lb-${name}`).trim();

// the inks are distinct on white; on black the dark ones are lifted
const LIFTED = {
  "#0072b2": "#4aa8e8",
  "#d55e00": "#f5833c",
  "#009e73": "#22c597",
  "#cc79a7": "#e39ac3",
  "#e69f00": "#f5b733",
  "#56b4e9": "#a9dcf9",
  "#8a7f00": "#cabd2b",
  "#7f7f7f": "#a8a8a8",
};
const isNarrow = () => plot.clientWidth < 640;
const isDark = () => document.body.classList.contains("dark");

function inked(trace) {
  const ink = token("text");
  if (trace.meta === "ink") return { ...trace, line: { ...trace.line, color: ink }, marker: { color: ink } };
  if (trace.type === "heatmap") return { ...trace, textfont: { color: ink, size: 13 } };
  if (trace.type === "bar") {
    // white words stand in the bars, on one line if there is room
    return { ...trace, text: isNarrow() ? trace.text : trace.text.map((words) => words.replace("<br>", ", ")) };
  }
  if (!isDark()) return trace;
  const lifted = { ...trace }; // a part that is not there must not be there as undefined either: plotly looks into it
  for (const part of ["marker", "line"]) {
    if (trace[part]) lifted[part] = { ...trace[part], color: LIFTED[trace[part].color] ?? trace[part].color };
  }
  return lifted;
}

function dressed(layout) {
  const axis = (own = {}) => ({
    ...own,
    title: { ...own.title, font: { size: 13, color: token("quiet") } },
    gridcolor: token("line"),
    linecolor: token("line"),
    tickcolor: token("line"),
  });
  // names of groups are too long to lie
  const upright = isNarrow() && !layout.xaxis?.title?.text ? { tickangle: -90 } : {};
  const baseline = (shape) => ({ ...shape, line: { ...shape.line, color: token("quiet") } });
  return {
    ...layout,
    font: { family: getComputedStyle(page).fontFamily, size: 13, color: token("text") },
    hoverlabel: { bgcolor: token("surface"), bordercolor: token("line"), font: { color: token("text") } },
    // below the picture if there is no room beside its head
    legend: { ...layout.legend, font: { color: token("text") }, ...(isNarrow() ? { y: -0.24, yanchor: "top" } : {}) },
    xaxis: { ...axis(layout.xaxis), ...upright },
    yaxis: axis(layout.yaxis),
    shapes: layout.shapes?.map(baseline),
    annotations: layout.annotations?.map((words) => ({ ...words, font: { size: 12, color: token("quiet") } })),
    transition: calm.matches ? { duration: 0 } : layout.transition,
  };
}

const OPTIONS = { responsive: true, displayModeBar: false, displaylogo: false };

async function draw() {
  const mine = ++current;
  plot.setAttribute("aria-busy", "true");
  const [Plotly, answer] = await Promise.all([
    loadLibrary(),
    fetch(new URL(`${page.dataset.figure}.json${location.search}`, document.baseURI)),
  ]);
  if (!answer.ok) throw new Error(`${answer.status}`);
  const chart = await answer.json();
  if (mine !== current) return;
  shown = chart;
  page.querySelector("#lb-chart-title").textContent = chart.title;
  page.querySelector("#lb-chart-words").textContent = chart.sentence;
  page.querySelector(".lb-numbers").outerHTML = chart.numbers; // escaped by src/ui/pages/explore/page.py
  await Plotly.react(plot, chart.figure.data.map(inked), dressed(chart.figure.layout), OPTIONS);
  plot.removeAttribute("aria-busy");
  plot.removeAllListeners?.("plotly_click");
  plot.on("plotly_click", ({ points }) => open(points[0]?.customdata));
}

function open(id) {
  if (typeof id !== "string") return;
  // an id as src/core/frames/contents.py writes it
  const [, model, precision, revision] = id.match(/^(.*?)(?:~([^@#]*))?(?:@([^#]*))?(?:#\d+)?$/s) ?? [];
  const run = new URLSearchParams(Object.entries({ precision, revision }).filter(([, value]) => value));
  location.href = new URL(`model/${encodeURI(model)}?${run}`, document.baseURI).href;
}

function failed() {
  plot.removeAttribute("aria-busy");
  plot.textContent = "The chart could not be drawn. Its numbers are below, and in the CSV; reload to try again.";
}

function ask(params) {
  history.replaceState(null, "", `${location.pathname}?${params}`);
  page.querySelector("[data-csv]").href = new URL(`${page.dataset.figure}.csv?${params}`, document.baseURI);
  for (const tab of page.querySelectorAll(".lb-tabs a")) {
    const there = new URLSearchParams(params);
    there.set("chart", tab.dataset.chart);
    tab.href = new URL(`explore?${there}`, document.baseURI);
  }
  draw().catch(failed);
}

page.addEventListener("change", (/** @type {any} */ { target }) => {
  if (!target.matches("[data-ask]")) return;
  const params = new URLSearchParams(location.search);
  params.set(target.name, target.value);
  ask(params);
});

page.addEventListener("click", async (/** @type {any} */ { target }) => {
  const kind = target.closest("[data-picture]")?.dataset.picture;
  if (!kind) return;
  if (!shown) return;
  const Plotly = await loadLibrary();
  const name = new URLSearchParams(location.search).get("chart") ?? "chart";
  // away from the page a picture needs a paper and a title of its own
  const layout = dressed(shown.figure.layout);
  const paper = { paper_bgcolor: token("bg"), plot_bgcolor: token("bg"), margin: { ...layout.margin, t: 96 } };
  const title = { text: shown.title, x: 0.04, y: 0.96, font: { size: 18, color: token("text") } };
  const picture = { data: shown.figure.data.map(inked), layout: { ...layout, ...paper, title } };
  Plotly.downloadImage(picture, {
    format: kind,
    filename: name,
    width: 1200,
    height: 700,
    scale: kind === "png" ? 2 : 1,
  });
});

// the theme is a class on the body: colours follow it without another answer
new MutationObserver(() => {
  const { Plotly } = /** @type {any} */ (window);
  if (Plotly && shown) Plotly.react(plot, shown.figure.data.map(inked), dressed(shown.figure.layout), OPTIONS);
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });

draw().catch(failed);
