// The Explore page: fetches the chart of the address, draws it in the page's own colours, follows its controls.
const page = document.querySelector("[data-explore]");
const plot = page.querySelector(".lb-plot");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let library = null; // loaded when the first chart is drawn
let current = 0; // an answer that was overtaken is dropped

const loadLibrary = () =>
  (library ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL(page.dataset.plotly, document.baseURI);
    script.onload = () => done(window.Plotly);
    script.onerror = failed;
    document.head.append(script);
  }));

const token = (name) => getComputedStyle(page).getPropertyValue(`--lb-${name}`).trim();

const inked = (trace) =>
  trace.meta === "ink" ? { ...trace, line: { ...trace.line, color: token("text") }, marker: { color: token("text") } } : trace;

function dressed(layout) {
  const axis = (own = {}) => ({ ...own, gridcolor: token("line"), linecolor: token("line"), tickcolor: token("line") });
  return {
    ...layout,
    font: { family: getComputedStyle(page).fontFamily, size: 13, color: token("text") },
    hoverlabel: { bgcolor: token("surface"), bordercolor: token("line"), font: { color: token("text") } },
    // below the picture where there is no room beside its head
    legend: { ...layout.legend, font: { color: token("text") }, ...(plot.clientWidth < 640 ? { y: -0.2, yanchor: "top" } : {}) },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
    transition: calm.matches ? { duration: 0 } : layout.transition,
  };
}

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
  page.querySelector("#lb-chart-title").textContent = chart.title;
  page.querySelector("#lb-chart-words").textContent = chart.sentence;
  page.querySelector(".lb-numbers").outerHTML = chart.numbers; // escaped where it was made: src/ui/explore.py
  const options = { responsive: true, displayModeBar: false, displaylogo: false };
  await Plotly.react(plot, chart.figure.data.map(inked), dressed(chart.figure.layout), options);
  plot.removeAttribute("aria-busy");
  plot.removeAllListeners?.("plotly_click");
  plot.on("plotly_click", ({ points }) => open(points[0]?.customdata));
}

function open(id) {
  if (typeof id !== "string") return;
  const [, model, precision, revision] = id.match(/^(.*?)(?:~([^@#]*))?(?:@([^#]*))?(?:#\d+)?$/s); // src/core/contents.py
  const run = new URLSearchParams(Object.entries({ precision, revision }).filter(([, value]) => value));
  location.href = new URL(`model/${encodeURI(model)}?${run}`, document.baseURI);
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

page.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-ask]")) return;
  const params = new URLSearchParams(location.search);
  params.set(target.name, target.value);
  ask(params);
});

page.addEventListener("click", async ({ target }) => {
  const kind = target.closest("[data-picture]")?.dataset.picture;
  if (!kind) return;
  const Plotly = await loadLibrary();
  const name = new URLSearchParams(location.search).get("chart") ?? "chart";
  Plotly.downloadImage(plot, { format: kind, filename: name, width: 1200, height: 700, scale: kind === "png" ? 2 : 1 });
});

// the theme is a class on the body: colours follow it without another answer
new MutationObserver(() => {
  if (window.Plotly && plot.layout) window.Plotly.react(plot, plot.data.map(inked), dressed(plot.layout));
}).observe(document.body, { attributes: true, attributeFilter: ["class"] });

draw().catch(failed);
