// Draws a figure of src/board/charts as SVG. Colours, fonts and weights are classes: the page's style has them.

import { scale } from "./scales.js";

const LETTER = 6.4; // pixels of an average letter: what is measured would cost a layout
const LINE = 18;
const CHUNK = 40; // points a path: those of one path do not darken one another, those of two do

// each around the middle of a point, of about one area
const SHAPES = [
  "m-3.5 0a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0-7 0z",
  "m-4.4 0l4.4-4.4l4.4 4.4l-4.4 4.4z",
  "m-3.2-3.2h6.4v6.4h-6.4z",
  "m-4.2 3l4.2-7l4.2 7z",
  "m-1.3-4.2h2.6v2.9h2.9v2.6h-2.9v2.9h-2.6v-2.9h-2.9v-2.6h2.9z",
  "m-4-2.2l1.8-1.8l2.2 2.2l2.2-2.2l1.8 1.8l-2.2 2.2l2.2 2.2l-1.8 1.8l-2.2-2.2l-2.2 2.2l-1.8-1.8l2.2-2.2z",
  "m0-4.8l1.4 3h3.2l-2.5 2.2l1 3.3l-3.1-1.9l-3.1 1.9l1-3.3l-2.5-2.2h3.2z",
  "m-2-3.7h4l2.2 3.7l-2.2 3.7h-4l-2.2-3.7z",
];
const SMALL = "m-2.2 0a2.2 2.2 0 1 0 4.4 0a2.2 2.2 0 1 0-4.4 0z";
const RING = "m-7 0a7 7 0 1 0 14 0a7 7 0 1 0-14 0z";

/** An SVG element with attributes, and a text or children in it. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, `${value}`);
  element.append(...children);
  return element;
}

const ink = (series) => (series.ink === null ? "lb-ink-text" : `lb-ink-${series.ink}`);
const shape = (series) => (series.dots === "small" ? SMALL : (SHAPES[series.ink] ?? SHAPES[0]));
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Draw `figure` into a new SVG of this many pixels; returns it with every point: {x, y, series, at}. */
export function draw(figure, width, height, nameOf) {
  const root = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  const isNarrow = width < 640;
  const legend = listed(figure, width);
  const area = areaOf(figure, width, height, legend.height, isNarrow);
  const { x, y } = scales(figure, area);
  root.append(legend.group, axes(figure, area, x, y, isNarrow));
  for (const [title, value] of figure.baselines) root.append(baseline(title, y.px(value), area));
  root.append(...cells(figure, x, y), ...bars(figure, x, y, area), ...boxes(figure, x, y));
  const points = [];
  for (const series of figure.series) {
    if (series.join) root.append(line(series, x, y));
    series.x.forEach((value, at) => {
      if (series.dots) points.push({ x: x.px(value), y: y.px(series.y[at]), series, at });
    });
    if (series.dots) root.append(...dots(series, x, y));
  }
  root.append(...labels(figure, points, area, nameOf));
  return { root, points, area };
}

function areaOf(figure, width, height, top, isNarrow) {
  const { x, y } = figure;
  const widest = y.kind === "names" ? Math.max(0, ...y.names.map((name) => name.length)) : 5;
  const left = Math.min(width * 0.4, widest * LETTER + 12) + (y.title ? LINE : 0);
  const longest = Math.max(0, ...x.names.map((name) => name.length));
  const isTurned = x.kind === "names" && longest * LETTER > (width - left - 16) / Math.max(1, x.names.length);
  const bottom = (isTurned ? Math.min(height * 0.4, longest * LETTER + 14) : 26) + (x.title ? LINE + 2 : 0);
  return { left, right: width - (isNarrow ? 8 : 16), top: top + 12, bottom: height - bottom, isTurned };
}

function scales({ x, y, series, bars: values, baselines }, area) {
  const all = (key) => series.flatMap((each) => each[key]);
  const across = [...all("x"), ...values.map((bar) => bar.value)];
  const up = [...all("y"), ...baselines.map(([, value]) => value)];
  const isTable = y.kind === "names"; // the first on top
  return {
    x: scale(x, across, area.left, area.right, x.kind === "date" ? 90 : 70),
    y: scale(y, up, isTable ? area.top : area.bottom, isTable ? area.bottom : area.top, 48),
  };
}

function axes(figure, area, x, y, isNarrow) {
  const group = svg("g", { class: "lb-axes" });
  for (const { value, text } of y.ticks) {
    const at = y.px(value);
    if (figure.y.kind !== "names")
      group.append(svg("path", { class: "lb-grid", d: `M${area.left} ${at}H${area.right}` }));
    const most = Math.floor((area.left - (figure.y.title ? LINE : 0)) / LETTER);
    group.append(svg("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, cut(text, most)));
  }
  for (const { value, text } of x.ticks) {
    const at = x.px(value);
    if (figure.x.kind !== "names")
      group.append(svg("path", { class: "lb-grid", d: `M${at} ${area.top}V${area.bottom}` }));
    const turned = { transform: `translate(${at + 4} ${area.bottom + 8}) rotate(-90)`, "text-anchor": "end" };
    const level = { x: at, y: area.bottom + 18, "text-anchor": "middle" };
    group.append(svg("text", area.isTurned ? turned : level, cut(text, area.isTurned ? (isNarrow ? 26 : 36) : 40)));
  }
  const middle = { x: (area.left + area.right) / 2, y: (area.top + area.bottom) / 2 };
  const foot = area.bottom + 38;
  if (figure.x.title) group.append(svg("text", { x: middle.x, y: foot, "text-anchor": "middle" }, figure.x.title));
  if (figure.y.title) {
    group.append(
      svg("text", { transform: `translate(12 ${middle.y}) rotate(-90)`, "text-anchor": "middle" }, figure.y.title),
    );
  }
  return group;
}

function listed(figure, width) {
  const group = svg("g", { class: "lb-legend" });
  const shown = figure.series.filter((series) => series.listed);
  if (shown.length < 2) return { group, height: 0 };
  let x = 4;
  let y = 12;
  for (const series of shown) {
    const long = 26 + series.name.length * (LETTER + 0.4) + 14;
    if (x + long > width && x > 4) [x, y] = [4, y + LINE];
    const mark = series.join ? svg("path", { class: `lb-line ${ink(series)}`, d: `M${x} ${y}h18` }) : "";
    group.append(mark, svg("path", { class: `lb-dots ${ink(series)}`, d: `M${x + 9} ${y}${shape(series)}` }));
    group.append(svg("text", { x: x + 24, y: y + 4 }, series.name));
    x += long;
  }
  return { group, height: y + 8 };
}

function dots(series, x, y) {
  if (series.dots === "ring") {
    const rings = series.x.map((value, at) => `M${x.px(value).toFixed(1)} ${y.px(series.y[at]).toFixed(1)}${RING}`);
    return [svg("path", { class: "lb-ring", d: rings.join("") })];
  }
  const form = shape(series);
  const paths = Array.from({ length: Math.ceil(series.x.length / CHUNK) }, () => "");
  series.x.forEach((value, at) => {
    paths[at % paths.length] += `M${x.px(value).toFixed(1)} ${y.px(series.y[at]).toFixed(1)}${form}`;
  });
  const isWhole = series.join ? " lb-whole" : "";
  return paths.map((d) => svg("path", { class: `lb-dots ${ink(series)}${isWhole}`, d }));
}

function line(series, x, y) {
  let d = "";
  series.x.forEach((value, at) => {
    const [across, up] = [x.px(value).toFixed(1), y.px(series.y[at]).toFixed(1)];
    d += at === 0 ? `M${across} ${up}` : series.join === "steps" ? `H${across}V${up}` : `L${across} ${up}`;
  });
  if (series.until !== null) d += `H${x.px(series.until).toFixed(1)}`;
  return svg("path", { class: `lb-line ${ink(series)}`, d });
}

function baseline(title, at, area) {
  const group = svg("g", { class: "lb-baseline" });
  group.append(
    svg("path", { d: `M${area.left} ${at}H${area.right}` }),
    svg("text", { x: area.left + 6, y: at - 5 }, title),
  );
  return group;
}

function boxes(figure, x, y) {
  return figure.boxes.map((box) => {
    const middle = x.px(box.at);
    const half = Math.min(28, x.band * 0.32);
    const [low, first, median, third, high] = [box.low, box.first, box.median, box.third, box.high].map(y.px);
    const d =
      `M${middle} ${low}V${first}M${middle} ${third}V${high}M${middle - half / 2} ${low}h${half}` +
      `M${middle - half / 2} ${high}h${half}M${middle - half} ${first}h${2 * half}V${third}h${-2 * half}z` +
      `M${middle - half} ${median}h${2 * half}`;
    return svg("path", { class: "lb-box lb-ink-0", d });
  });
}

function bars(figure, x, y, area) {
  return figure.bars.map((bar, at) => {
    const high = y.band * 0.8;
    const top = y.px(at) - high / 2;
    const group = svg("g", { class: "lb-bars" });
    const long = Math.max(0, x.px(bar.value) - area.left);
    group.append(svg("rect", { x: area.left, y: top, width: long, height: high, rx: 2 }));
    const fits = bar.words.length * LETTER < long - 16;
    const parts = fits ? [bar.words] : bar.words.split(", ");
    // words that fit in no bar stand after it, in the page's ink
    const isInside = parts.every((words) => words.length * LETTER < long - 10);
    parts.forEach((words, row) => {
      const place = {
        x: isInside ? area.left + 8 : area.left + long + 6,
        y: top + high / 2 + 4 + (row - (parts.length - 1) / 2) * 15,
      };
      group.append(svg("text", { ...place, class: isInside ? "lb-in" : "lb-beside" }, words));
    });
    return group;
  });
}

function cells(figure, x, y) {
  return figure.cells.flatMap((row, up) =>
    row.flatMap((value, across) => {
      const place = { x: x.px(across) - x.band / 2 + 1, y: y.px(up) - y.band / 2 + 1 };
      const size = { width: x.band - 2, height: y.band - 2, rx: 2, class: "lb-cell" };
      const strength = { "fill-opacity": (0.03 + 0.47 * Math.abs(value)).toFixed(3) };
      const text = { x: x.px(across), y: y.px(up) + 4, "text-anchor": "middle", class: "lb-value" };
      return [svg("rect", { ...place, ...size, ...strength }), svg("text", text, value.toFixed(2).replace("-", "−"))];
    }),
  );
}

/** Names beside the points of labelled series, the last ones first, each only where it covers no other. */
function labels(figure, points, area, nameOf) {
  const taken = [];
  const made = [];
  const isFree = (box) =>
    !taken.some((it) => box.x < it.x + it.w && it.x < box.x + box.w && box.y < it.y + it.h && it.y < box.y + box.h);
  const shown = points.filter(({ series }) => series.labelled).reverse();
  for (const point of shown) taken.push({ x: point.x - 3, y: point.y - 3, w: 6, h: 6 });
  for (const point of shown) {
    const words = nameOf(point.series.ids[point.at]).replace(/^.*\//, "");
    const text = cut(words, 34);
    const w = text.length * (LETTER + 0.2);
    const gap = point.series.dots === "ring" ? 11 : 8;
    const places = [
      { x: point.x - gap - w, y: point.y - 15, w, h: 14 }, // above a rising front
      { x: point.x + gap, y: point.y + 1, w, h: 14 },
      { x: point.x + gap, y: point.y - 15, w, h: 14 },
    ];
    const box = places.find(
      (it) => it.x > area.left && it.x + w < area.right && it.y > area.top - 6 && it.y + 14 < area.bottom && isFree(it),
    );
    if (!box) continue;
    taken.push(box);
    made.push(svg("text", { class: "lb-label", x: box.x, y: box.y + 11 }, text));
  }
  return made;
}
