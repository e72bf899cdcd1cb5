// Which point a reader is at, by pointer or by arrow keys: it is named, ringed, and opened by a click or Enter.

import { svg } from "./chart.js";

const NEAR = 24; // pixels

/** Follow the pointer and the keys on `host`; `words(point)` names a point, `open(point)` opens it. */
export function followed(host, note, words, open) {
  /** @type {any} */
  let drawn = null;
  /** @type {any} */
  let current = null;
  const ring = svg("circle", { class: "lb-current", r: 6 });

  function show(point) {
    current = point;
    note.hidden = !point;
    host.classList.toggle("lb-on-point", Boolean(point));
    ring.remove();
    if (!point) return;
    ring.setAttribute("cx", point.x);
    ring.setAttribute("cy", point.y);
    drawn.root.append(ring);
    const lines = words(point);
    note.textContent = lines.join(" · ");
    const isRight = point.x > drawn.root.clientWidth / 2;
    note.style.left = isRight ? "" : `${point.x + 12}px`;
    note.style.right = isRight ? `${drawn.root.clientWidth - point.x + 12}px` : "";
    note.style.top = `${Math.max(0, point.y - 14)}px`;
  }

  function nearest(x, y) {
    let best = null;
    let least = NEAR * NEAR;
    for (const point of drawn?.points ?? []) {
      const away = (point.x - x) ** 2 + (point.y - y) ** 2;
      if (away < least) [best, least] = [point, away];
    }
    return best;
  }

  /** The point of the same series `step` places on, or the last one there is. */
  function along(step) {
    const line = drawn.points
      .filter(({ series }) => series === current.series)
      .sort((a, b) => a.x - b.x || a.at - b.at);
    return line[Math.min(line.length - 1, Math.max(0, line.indexOf(current) + step))];
  }

  /** The nearest point across of the next series; `step` −1 or 1. */
  function beside(step) {
    const all = [...new Set(drawn.points.map(({ series }) => series))];
    const next = all[all.indexOf(current.series) + step];
    if (!next) return current;
    const line = drawn.points.filter(({ series }) => series === next);
    return line.reduce((best, each) => (Math.abs(each.x - current.x) < Math.abs(best.x - current.x) ? each : best));
  }

  const KEYS = {
    ArrowRight: () => along(1),
    ArrowLeft: () => along(-1),
    ArrowUp: () => beside(1),
    ArrowDown: () => beside(-1),
    Home: () => along(-Infinity),
    End: () => along(Infinity),
    Escape: () => null,
  };

  host.addEventListener("pointermove", ({ clientX, clientY }) => {
    const box = host.getBoundingClientRect();
    show(nearest(clientX - box.left, clientY - box.top));
  });
  host.addEventListener("pointerleave", () => show(null));
  host.addEventListener("blur", () => show(null));
  host.addEventListener("click", ({ clientX, clientY }) => {
    const box = host.getBoundingClientRect();
    const point = nearest(clientX - box.left, clientY - box.top);
    if (point) open(point);
  });
  host.addEventListener("keydown", (event) => {
    if (!drawn?.points.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Enter" && current) open(current);
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    // the last series is the most telling one: the front, or what is highlighted
    if (!current && event.key !== "Escape") show(drawn.points.at(-1));
    else show(KEYS[event.key]());
  });

  return (chart) => {
    show(null);
    drawn = chart;
  };
}
