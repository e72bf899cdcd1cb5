// A chart as a file of its own: with a paper, a title and the page's colours.

import { svg } from "./chart.js";

const [WIDTH, HEIGHT, HEAD, EDGE] = [1200, 700, 60, 20];

// what a style gives on the page, a file has as attributes
const STYLED = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "paint-order", "font-family", "font-size",
]; // prettier-ignore

/** Return the chart that `draw(width, height)` draws as an SVG file; `page` gives it its style. */
export function picture(page, title, draw) {
  const stage = document.createElement("div");
  stage.className = "lb-plot lb-stage";
  page.append(stage);
  const chart = draw(WIDTH - 2 * EDGE, HEIGHT - HEAD - EDGE);
  stage.append(chart);
  for (const element of chart.querySelectorAll("*")) {
    const style = getComputedStyle(element);
    for (const name of STYLED) element.setAttribute(name, style.getPropertyValue(name));
  }
  stage.remove();
  chart.setAttribute("x", `${EDGE}`);
  chart.setAttribute("y", `${HEAD}`);
  const { backgroundColor, color, fontFamily } = getComputedStyle(document.body);
  const size = { width: WIDTH, height: HEIGHT };
  const head = { x: EDGE + 4, y: 38, "font-size": 20, "font-family": fontFamily, fill: color };
  const parts = [svg("rect", { ...size, fill: backgroundColor }), svg("text", head, title), chart];
  const file = svg("svg", { ...size, viewBox: `0 0 ${WIDTH} ${HEIGHT}` }, ...parts);
  return new Blob([new XMLSerializer().serializeToString(file)], { type: "image/svg+xml" });
}

/** Return an SVG file as a PNG, two pixels for each of its own. */
export async function pixels(file) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * WIDTH, height: 2 * HEIGHT });
  /** @type {any} */ (canvas.getContext("2d")).drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
