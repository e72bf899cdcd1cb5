// The rows in view, and no others: a native table whose few rows are filled anew as the reader scrolls.

import { el, icon, oncePainted } from "./dom.js";
import { PRECISION_SHORT, UNKNOWN, day, number, whole } from "./words.js";
import { marks } from "./marks.js";
import { shade, shades, whisker } from "./shades.js";

const SPARE = 8; // rows kept painted beyond either edge
const NORMAL_95 = 1.96; // standard errors either side
const NARROW = 640; // px: below it a row takes two lines
const MOST_STICKY = 6; // pinned rows that stay in sight

const WIDTHS = {
  rank: "58px",
  model: "minmax(280px, 3.2fr)",
  type: "minmax(112px, .6fr)",
  score: "minmax(82px, 1fr)",
  number: "minmax(76px, .7fr)",
  flag: "minmax(84px, .6fr)",
  date: "minmax(104px, .7fr)",
  text: "minmax(120px, 1fr)",
};
const WIDE = { average: "minmax(96px, 1.1fr)", base_model: "minmax(240px, 1.6fr)", architecture: "minmax(190px, 1fr)", chat_template: "minmax(112px, .6fr)" };

/** Paints answers into a table. `on`: { open, sort, acts (a row's actions are wanted), filled (a row was filled anew; `moved`: and stands elsewhere) }. */
export class Grid {
  constructor(on) {
    this.on = on;
    this.slots = [];
    this.active = -1;
    this.headRow = el("tr", { role: "row", "aria-rowindex": 1 });
    this.head = el("thead", { role: "rowgroup" }, this.headRow);
    this.pins = el("tbody.lt-pins", { role: "rowgroup" });
    this.body = el("tbody.lt-rows", { role: "rowgroup" });
    this.table = el("table.lt-grid", { role: "grid", tabindex: 0, "aria-label": "Models" }, this.head, this.pins, this.body);
    this.scroller = el("div.lt-scroll", {}, this.table);
    this.element = el("div.lt-frame", {}, this.scroller);
    this.place = { top: 0, left: 0, width: 0, height: 0 }; // asking the browser for these while painting would make it lay out twice
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.table.addEventListener("click", (event) => this.clicked(event));
    this.table.addEventListener("pointerover", (event) => {
      const slot = this.slotOf(event.target);
      if (slot && event.pointerType === "mouse") this.point(slot);
      if (slot) this.explain(slot, event.target);
    });
    this.scroller.addEventListener("pointerleave", () => this.point(null));
    shades();
    new ResizeObserver(() => this.measure()).observe(this.scroller);
  }

  /** Show a view: { data, answer, columns, query, about, chosen, total }. */
  show(view, { keepPlace = true } = {}) {
    const before = this.view;
    this.view = view;
    view.rawKeys = new Set(view.about.columns.filter(({ group }) => group === "raw scores").map(({ key }) => key));
    const layout = [view.columns.map((column) => column.key).join(), view.query.score, this.narrow, view.data.has("rank.low")].join("/");
    if (layout !== this.layout) {
      this.layout = layout;
      this.lay();
    }
    this.paintHead();
    this.total = view.total ?? view.answer.rows.length - view.answer.pinned;
    this.table.setAttribute("aria-rowcount", this.total + view.answer.pinned + 1);
    this.table.setAttribute("aria-colcount", view.columns.length);
    write(this.body.style, "height", `${this.total * this.height}px`);
    this.paintPins();
    if (!keepPlace && this.place.top) this.scroller.scrollTop = this.place.top = 0;
    // the cursor stays on its row: a pin moves the row
    if (before && !keepPlace) this.setActive(-1);
    else if (before?.data === view.data && this.active >= 0) this.setActive(view.answer.rows.indexOf(before.answer.rows[this.active]));
    for (const slot of this.slots) slot.isStale = true;
    this.paint(0); // what is seen comes first, the spare rows after the frame
    oncePainted(() => this.paint());
  }

  // ── layout ──

  measure() {
    const { scrollTop, scrollLeft, clientWidth, clientHeight } = this.scroller;
    this.place = { top: scrollTop, left: scrollLeft, width: clientWidth, height: clientHeight };
    const narrow = clientWidth < NARROW;
    const changed = narrow !== this.narrow;
    this.narrow = narrow;
    this.height = narrow ? 58 : 36;
    this.element.classList.toggle("narrow", narrow);
    this.element.style.setProperty("--lt-row", `${this.height}px`);
    this.element.style.setProperty("--lt-view", `${clientWidth}px`);
    this.inView = Math.ceil(clientHeight / this.height);
    if (!this.view) return;
    if (changed) this.show(this.view);
    else this.paint();
  }

  /** The columns of this layout: on a narrow screen the sorted one stands next to the average. */
  get columns() {
    const { columns, query } = this.view;
    if (!this.narrow) return columns;
    const sortedBy = query.sort[0].key;
    const weight = ({ key }) => (["rank", "model", "type"].includes(key) ? 0 : key === "average" ? 1 : key === sortedBy ? 2 : 3);
    return columns.map((column, at) => [weight(column), at, column]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , column]) => column);
  }

  lay() {
    const columns = this.columns;
    const ranged = this.view.data.has("rank.low");
    const width = ({ key, kind }) => (key === "rank" && ranged ? "116px" : (WIDE[key] ?? WIDTHS[kind]));
    const narrow = ({ key, kind }) => (key === "average" && ranged ? "minmax(100px, 1.2fr)" : ["score", "number"].includes(kind) ? "minmax(76px, 1fr)" : "minmax(110px, 1.2fr)");
    const numbers = columns.filter(({ key }) => !["rank", "model", "type"].includes(key));
    this.element.style.setProperty("--lt-columns", (this.narrow ? numbers.map(narrow) : columns.map(width)).join(" "));
    this.element.style.setProperty("--lt-rank", ranged && !this.narrow ? "116px" : "58px");
    const least = (form) => Number(/\d+/.exec(form)[0]);
    const sum = this.narrow ? numbers.map(narrow).map(least) : columns.map(width).map(least);
    this.least = sum.reduce((one, other) => one + other, this.narrow ? 20 : 0);
    this.element.style.setProperty("--lt-least", `${this.least}px`);
    this.headRow.replaceChildren(...columns.map((column, at) => this.header(column, at)));
    this.pins.replaceChildren();
    this.body.replaceChildren();
    this.slots = [];
    this.pinned = [];
  }

  header(column, at) {
    const label = el("span", {}, column.title);
    const button = el("button", { type: "button", onclick: (event) => this.on.sort(column, event.shiftKey) }, label, el("b.lt-arrow", { "aria-hidden": "true" }));
    const unit = column.unit && column.kind !== "score" ? `, in ${column.unit}` : "";
    return el(`th.lt-${column.kind}.lt-c-${css(column.key)}`, { role: "columnheader", scope: "col", title: column.help + unit, "aria-colindex": at + 1 }, button);
  }

  paintHead() {
    const sorts = this.view.query.sort.filter(({ key }) => this.view.about.columns.some((column) => column.key === key));
    this.columns.forEach(({ key }, at) => {
      const cell = this.headRow.children[at];
      const place = sorts.findIndex((sort) => sort.key === key);
      write(cell, "ariaSort", place < 0 ? null : sorts[place].descending ? "descending" : "ascending");
      write(cell.querySelector(".lt-arrow"), "textContent", place >= 0 && sorts.length > 1 ? String(place + 1) : "");
    });
  }

  // ── rows ──

  slot(body) {
    const cells = this.columns.map((column, at) => this.cell(column, at));
    const row = el("tr", { role: "row" }, cells.map(({ node }) => node));
    body.append(row);
    return { row, cells, at: -1, isStale: true };
  }

  cell(column, at) {
    const node = el(`td.lt-${column.kind}.lt-c-${css(column.key)}`, { role: "gridcell", "aria-colindex": at + 1 });
    if (column.kind === "model") return this.modelCell(node, column);
    const text = document.createTextNode("");
    if (column.kind === "type") node.append(el("i.lt-shape", { "aria-hidden": "true" }), el("span", {}, text));
    else node.append(text);
    const aside = column.key === "rank" || column.key === "average" ? node.appendChild(el("span.lt-aside", {}, document.createTextNode(""))) : null;
    return { column, base: node.className, node, text, aside };
  }

  modelCell(node, column) {
    const [org, start, end] = ["", "", ""].map((text) => document.createTextNode(text));
    const shape = el("i.lt-shape", { "aria-hidden": "true" });
    const run = el("span.lt-run", {}, document.createTextNode(""));
    const flag = el("span.lt-flag", {}, document.createTextNode(""));
    const link = el("a.lt-name", { tabindex: -1 }, el("span.lt-org", {}, org), el("span.lt-start", {}, start), el("span.lt-end", {}, end));
    const more = el("button.lt-more", { type: "button", tabindex: -1, "aria-label": "Actions" }, icon("more"));
    node.append(shape, link, run, flag, more);
    return { column, node, link, org, start, end, shape, run, flag };
  }

  /** Fill the rows in view and `spare` ones beyond either edge, where they show something else. */
  paint(spare = SPARE) {
    if (!this.view || !this.height) return;
    const top = Math.max(0, this.place.top - (this.pinsStay ? 0 : this.pinsHeight));
    const first = Math.max(0, Math.floor(top / this.height) - spare);
    const last = Math.min(this.total, Math.ceil(top / this.height) + this.inView + spare);
    const wanted = Math.min(this.inView + 2 * SPARE + 2, Math.max(this.total, 1));
    while (this.slots.length < wanted) this.slots.push(this.slot(this.body));
    const used = this.slots.length;
    for (let at = first; at < last; at++) {
      const slot = this.slots[at % used];
      if (slot.isStale || slot.at !== at) this.fill(slot, at, this.view.answer.pinned);
    }
    // a row out of sight stays as it is: to hide it and show it again costs more than to keep it
    for (const slot of this.slots) write(slot.row, "hidden", slot.at < 0 || slot.at >= this.total);
    this.paintEdges();
    marks(this.view, [...this.pinned, ...this.slots]);
  }

  paintPins() {
    const { pinned } = this.view.answer;
    while (this.pinned.length < pinned) this.pinned.push(this.slot(this.pins));
    while (this.pinned.length > pinned) this.pinned.pop().row.remove();
    this.pinned.forEach((slot, at) => this.fill(slot, at, 0));
    this.pinsStay = pinned <= (this.narrow ? MOST_STICKY / 2 : MOST_STICKY);
    this.pinsHeight = pinned ? pinned * this.height + 2 : 0;
    this.pins.classList.toggle("stay", this.pinsStay);
    write(this.pins, "hidden", !pinned);
  }

  fill(slot, at, offset) {
    const { answer, data, chosen } = this.view;
    const position = at + offset;
    const { row } = slot;
    const moved = slot.at !== at;
    if (moved && slot === this.pointed) this.pointed = null;
    Object.assign(slot, { at, position, isStale: false });
    write(row, "id", `lt-row-${position}`);
    write(row, "ariaRowIndex", String(position + 2));
    if (row.parentNode === this.body) write(row.style, "transform", `translateY(${at * this.height}px)`);
    toggle(row, "active", position === this.active);
    if (position >= answer.rows.length) {
      row.classList.add("waiting"); // its values are still on their way
      row.classList.remove("chosen");
      slot.index = -1;
      for (const { text, aside } of slot.cells) {
        if (text) text.data = "";
        if (aside) aside.firstChild.data = "";
      }
      return this.on.filled(slot, moved);
    }
    const index = answer.rows[position];
    slot.index = index;
    toggle(row, "waiting", false);
    const isChosen = chosen.size > 0 && chosen.has(data.id(index));
    toggle(row, "chosen", isChosen);
    write(row, "ariaSelected", String(isChosen));
    toggle(row, "pinned", position < answer.pinned);
    for (const cell of slot.cells) FILL[cell.column.kind](cell, index, this.view, position);
    this.on.filled(slot, moved);
  }

  scrolled() {
    const { scrollTop, scrollLeft } = this.scroller;
    Object.assign(this.place, { top: scrollTop, left: scrollLeft });
    this.paint();
  }

  paintEdges() {
    const { left, width, top } = this.place;
    this.element.classList.toggle("more-right", left + width < this.least - 2);
    this.element.classList.toggle("more-left", left > 2);
    this.element.classList.toggle("scrolled", top > 2);
  }

  // ── the reader's hand ──

  clicked(event) {
    const slot = this.slotOf(event.target);
    if (!slot || slot.index < 0 || event.target.closest(".lt-acts")) return;
    this.activate(slot.position, false);
    if (event.target.closest(".lt-more")) return this.on.acts(slot, slot.row);
    if (event.target.closest("a, button") || !getSelection().isCollapsed) return;
    this.on.open(slot.index, event.metaKey || event.ctrlKey);
  }

  point(slot) {
    if (slot === this.pointed || this.narrow) return;
    this.pointed = slot;
    this.on.acts(slot, null);
  }

  /** The whole value of the cell under the pointer, in words: made when it is looked at. */
  explain(slot, target) {
    const cell = slot.cells.find(({ node }) => node.contains(target));
    if (cell && slot.index >= 0) cell.node.title = EXPLAIN[cell.column.kind](cell.column, slot.index, this.view);
  }

  slotOf(node) {
    const row = node.closest?.("tr");
    return row && [...this.pinned, ...this.slots].find((slot) => slot.row === row);
  }

  get activeIndex() {
    return this.active >= 0 ? this.view.answer.rows[this.active] : undefined;
  }

  /** Make a row the current one; positions count pinned rows first. */
  activate(position, scroll = true) {
    const { answer } = this.view;
    this.setActive(Math.max(0, Math.min(position, answer.pinned + this.total - 1)));
    if (scroll) this.reveal(this.active - answer.pinned);
    let current = null;
    for (const slot of [...this.pinned, ...this.slots]) {
      const isActive = slot.position === this.active && !slot.row.hidden;
      slot.row.classList.toggle("active", isActive);
      if (isActive) current = slot;
    }
    if (current && !this.narrow) this.on.acts(current, null);
  }

  /** Note where the cursor is; -1: on no row. */
  setActive(position) {
    this.active = position;
    if (position < 0) this.table.removeAttribute("aria-activedescendant");
    else this.table.setAttribute("aria-activedescendant", `lt-row-${position}`);
  }

  reveal(at) {
    if (at < 0) return;
    const top = at * this.height + (this.pinsStay ? 0 : this.pinsHeight);
    const room = this.place.height - this.head.offsetHeight - (this.pinsStay ? this.pinsHeight : 0) - this.height;
    if (top < this.place.top) this.scroller.scrollTop = top;
    else if (top > this.place.top + room) this.scroller.scrollTop = top - room;
    this.scrolled();
  }
}

/** How each kind of cell is filled: (cell, index of the row, view, position). */
const FILL = {
  rank({ node, text, aside }, index, { answer, data }) {
    const rank = answer.ranks[index];
    write(text, "data", Number.isNaN(rank) ? "–" : String(rank));
    const { isPublished } = answer; // what is known of its certainty belongs to the published average
    const [low, high] = [data.number("rank.low", index), data.number("rank.high", index)];
    write(aside.firstChild, "data", isPublished && low < high ? `${low}–${high}` : "");
    toggle(node, "lt-tied", isPublished && data.flag("tied", index) === true);
  },

  model({ node, link, org, start, end, shape, run, flag }, index, view, position) {
    const { data, answer } = view;
    const model = data.text("model", index);
    const slash = model.indexOf("/") + 1;
    const name = model.slice(slash);
    const cut = name.length > 14 ? name.length - 8 : name.length; // the end of a long name tells versions apart
    write(org, "data", model.slice(0, slash));
    write(start, "data", name.slice(0, cut));
    write(end, "data", name.slice(cut));
    const precision = data.repeated.has(index) || position < answer.pinned ? data.text("precision", index) : null;
    write(run.firstChild, "data", precision ? (PRECISION_SHORT[precision] ?? precision) : "");
    toggle(run, "on", Boolean(precision));
    link.href = view.href(index);
    link.setAttribute("aria-label", precision ? `${model}, ${precision}` : model);
    node.title = model;
    const mark = data.flag("flagged", index) ? "flagged" : data.flag("available", index) === false ? "gone" : data.flag("audit", index) ? "audit" : "";
    write(flag.firstChild, "data", mark);
    toggle(flag, "on", Boolean(mark));
    write(shape, "className", `lt-shape lt-shape-${css(data.text("type", index) ?? "other")}`);
  },

  type({ node, text }, index, { data, types }) {
    const type = data.text("type", index);
    write(node.firstChild, "className", `lt-shape lt-shape-${css(type ?? "other")}`);
    write(text, "data", type === null ? UNKNOWN : (types[type]?.title ?? type));
  },

  score({ column, base, node, text, aside }, index, view) {
    const { value, error, isAtChance, low, high } = reading(column, index, view);
    const isMissing = Number.isNaN(value);
    write(text, "data", isMissing ? "–" : value.toFixed(column.digits));
    const at = (score) => Math.max(0, Math.min(1, (score - low) / (high - low || 1)));
    const margin = error > 0 ? error * NORMAL_95 : 0;
    const tint = isMissing ? 0 : shade(at(value));
    // the average has its interval in figures, and a bar instead of a tint
    const line = isMissing ? "" : aside ? whisker(0, at(value)) : margin ? whisker(at(value - margin), at(value + margin)) : "";
    write(node, "className", `${base} ${tint ? `lt-h${tint}` : ""} ${line}${isAtChance ? " lt-chance" : ""}`);
    if (aside) write(aside.firstChild, "data", margin ? `±${margin.toFixed(1)}` : "");
  },

  number({ column, text }, index, { data }) {
    write(text, "data", number(data.number(column.key, index), column) ?? "–");
  },

  text({ column, node, text }, index, { data }) {
    const value = data.text(column.key, index) ?? UNKNOWN;
    write(text, "data", value);
    toggle(node, "lt-unknown", value === UNKNOWN);
  },

  flag({ column, node, text }, index, { data }) {
    const value = data.flag(column.key, index);
    write(text, "data", value === null ? UNKNOWN : value ? "yes" : "no");
    toggle(node, "lt-unknown", value !== true);
  },

  date({ column, node, text }, index, { data }) {
    const value = day(data.number(column.key, index));
    write(text, "data", value ?? UNKNOWN);
    toggle(node, "lt-unknown", value === null);
  },
};

/** What each kind of cell says when it is pointed at: (column, index of the row, view). */
const EXPLAIN = {
  rank(column, index, { answer, data }) {
    const rank = answer.ranks[index];
    if (Number.isNaN(rank)) return "No rank: a benchmark is missing";
    if (!answer.isPublished) return `Rank ${rank} by the average asked for`;
    const [low, high] = [data.number("rank.low", index), data.number("rank.high", index)];
    const range = low < high ? `; between ${low} and ${high} with 95 % confidence` : "";
    return `Rank ${rank}${range}${data.flag("tied", index) && rank > 1 ? "; cannot be told from the best" : ""}`;
  },
  model(column, index, { data }) {
    const flags = [
      data.flag("flagged", index) && "reported for training on a benchmark",
      data.flag("available", index) === false && "no longer on the Hub",
      data.flag("audit", index) && "the audit has a question: see its page",
    ];
    return [data.text("model", index), data.text("precision", index), ...flags].filter(Boolean).join(", ");
  },
  type: (column, index, { data, types }) => types[data.text("type", index)]?.help ?? "Type unknown",
  score(column, index, view) {
    const { path, value, error, isApproximate, isAtChance } = reading(column, index, view);
    if (Number.isNaN(value)) return view.data.has(path) ? "No score: not run, or not finished" : "On its way";
    const margin = error * NORMAL_95;
    const between = `; between ${(value - margin).toFixed(1)} and ${(value + margin).toFixed(1)} with 95 % confidence`;
    const sure = error > 0 ? between + (isApproximate ? ", approximately: from the number of items" : "") : "";
    return whole(value, column) + sure + (isAtChance ? "; no better than guessing" : "");
  },
  number: (column, index, { data }) => `${column.title}: ${whole(data.number(column.key, index), column)}`,
  text: (column, index, { data }) => data.text(column.key, index) ?? UNKNOWN,
  flag: (column) => column.help,
  date: (column) => column.help,
};

/** A score as the view shows it, how sure it is, and the ends of its tint. */
function reading(column, index, { data, answer, query, about, rawKeys }) {
  const path = query.score === "raw" && rawKeys.has(`${column.key}.raw`) ? `${column.key}.raw` : column.key;
  const isAverage = column.key === "average";
  const value = isAverage ? answer.averages[index] : data.number(path, index);
  const isPublished = isAverage ? answer.isPublished : path === column.key;
  const [low, high] = (isAverage && answer.scale) || (about.scales[path] ?? [0, 100]);
  return {
    path,
    value,
    low,
    high,
    error: isPublished && !Number.isNaN(value) ? data.number(`${column.key}.se`, index) : NaN,
    isApproximate: data.flag(`${column.key}.approximate`, index) === true,
    isAtChance: isPublished && data.flag(`${column.key}.at_chance`, index) === true,
  };
}

/** Write only what changed: even the same text makes the browser lay out again. */
function write(target, property, value) {
  if (target[property] !== value) target[property] = value;
}

function toggle(node, name, on) {
  if (node.classList.contains(name) !== on) node.classList.toggle(name, on);
}

const css = (key) => key.replace(/[^A-Za-z0-9]/g, "-");
