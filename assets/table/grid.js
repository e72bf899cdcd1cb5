// The rows in view, and no others: a native table whose few rows are filled anew as the reader scrolls.

import { el, icon } from "./dom.js";
import { PRECISION_SHORT, UNKNOWN, day, number, whole } from "./words.js";
import { marks } from "./marks.js";

const SPARE = 8; // rows kept painted beyond either edge
const STEPS = 16; // shades of the tint
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

/** Paints answers into a table. `on`: { open, sort, acts } (row index → its actions). */
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
    this.scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    this.table.addEventListener("click", (event) => this.clicked(event));
    this.table.addEventListener("pointerover", (event) => {
      const slot = this.slotOf(event.target);
      if (slot && event.pointerType === "mouse") this.point(slot);
    });
    this.scroller.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.measure()).observe(this.scroller);
  }

  /** Show a view: { data, answer, columns, query, about, chosen, total }. */
  show(view, { keepPlace = true } = {}) {
    const before = this.view;
    this.view = view;
    const layout = [view.columns.map((column) => column.key).join(), view.query.score, this.narrow, view.data.has("rank.low")].join("/");
    if (layout !== this.layout) {
      this.layout = layout;
      this.lay();
    }
    this.paintHead();
    this.total = view.total ?? view.answer.rows.length - view.answer.pinned;
    this.table.setAttribute("aria-rowcount", this.total + view.answer.pinned + 1);
    this.table.setAttribute("aria-colcount", view.columns.length);
    this.body.style.height = `${this.total * this.height}px`;
    this.paintPins();
    if (!keepPlace) this.scroller.scrollTop = 0;
    if (before && !keepPlace) this.active = -1;
    for (const slot of this.slots) slot.at = -1;
    this.paint();
  }

  // ── layout ──

  measure() {
    const narrow = this.scroller.clientWidth < NARROW;
    const height = this.scroller.clientHeight;
    const changed = narrow !== this.narrow;
    this.narrow = narrow;
    this.height = narrow ? 58 : 36;
    this.element.classList.toggle("narrow", narrow);
    this.element.style.setProperty("--lt-row", `${this.height}px`);
    this.element.style.setProperty("--lt-view", `${this.scroller.clientWidth}px`);
    this.inView = Math.ceil(height / this.height);
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
    this.element.style.setProperty("--lt-least", `${sum.reduce((one, other) => one + other, this.narrow ? 20 : 0)}px`);
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
      if (place >= 0) cell.setAttribute("aria-sort", sorts[place].descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
      cell.querySelector(".lt-arrow").textContent = place >= 0 && sorts.length > 1 ? place + 1 : "";
    });
  }

  // ── rows ──

  slot(body) {
    const cells = this.columns.map((column, at) => this.cell(column, at));
    const row = el("tr", { role: "row" }, cells.map(({ node }) => node));
    body.append(row);
    return { row, cells, at: -1 };
  }

  cell(column, at) {
    const node = el(`td.lt-${column.kind}.lt-c-${css(column.key)}`, { role: "gridcell", "aria-colindex": at + 1 });
    if (column.kind === "model") return this.modelCell(node, column);
    const text = document.createTextNode("");
    if (column.kind === "type") node.append(el("i.lt-shape", { "aria-hidden": "true" }), el("span", {}, text));
    else node.append(text);
    const aside = column.key === "rank" || column.key === "average" ? node.appendChild(el("span.lt-aside", {})) : null;
    return { column, node, text, aside };
  }

  modelCell(node, column) {
    const [org, start, end] = ["", "", ""].map((text) => document.createTextNode(text));
    const shape = el("i.lt-shape", { "aria-hidden": "true" });
    const run = el("span.lt-run", {});
    const flag = el("span.lt-flag", {});
    const link = el("a.lt-name", { tabindex: -1 }, el("span.lt-org", {}, org), el("span.lt-start", {}, start), el("span.lt-end", {}, end));
    const more = el("button.lt-more", { type: "button", tabindex: -1, "aria-label": "Actions" }, icon("more"));
    node.append(shape, link, run, flag, more);
    return { column, node, link, org, start, end, shape, run, flag };
  }

  paint() {
    if (!this.view || !this.height) return;
    const top = Math.max(0, this.scroller.scrollTop - (this.pins.classList.contains("stay") ? 0 : this.pins.offsetHeight));
    const first = Math.max(0, Math.floor(top / this.height) - SPARE);
    const last = Math.min(this.total, Math.ceil(top / this.height) + this.inView + SPARE);
    const wanted = Math.min(this.inView + 2 * SPARE + 2, Math.max(this.total, 1));
    while (this.slots.length < wanted) this.slots.push(this.slot(this.body));
    const used = this.slots.length;
    for (let at = first; at < last; at++) {
      const slot = this.slots[at % used];
      if (slot.at !== at) this.fill(slot, at, this.view.answer.pinned);
    }
    for (const slot of this.slots) {
      const away = slot.at < first || slot.at >= last;
      if (slot.row.hidden !== away) slot.row.hidden = away;
    }
    this.paintEdges();
    marks(this.view, [...this.pinned, ...this.slots]);
  }

  paintPins() {
    const { pinned } = this.view.answer;
    while (this.pinned.length < pinned) this.pinned.push(this.slot(this.pins));
    while (this.pinned.length > pinned) this.pinned.pop().row.remove();
    this.pinned.forEach((slot, at) => this.fill(slot, at, 0));
    this.pins.classList.toggle("stay", pinned <= (this.narrow ? MOST_STICKY / 2 : MOST_STICKY));
    this.pins.hidden = !pinned;
  }

  fill(slot, at, offset) {
    const { answer, data, chosen } = this.view;
    const position = at + offset;
    const { row } = slot;
    slot.at = at;
    slot.position = position;
    row.id = `lt-row-${position}`;
    row.setAttribute("aria-rowindex", position + 2);
    if (offset || !answer.pinned || slot.row.parentNode === this.body) row.style.transform = `translateY(${at * this.height}px)`;
    row.classList.toggle("active", position === this.active);
    if (position >= answer.rows.length) {
      row.classList.add("waiting"); // its values are still on their way
      row.classList.remove("chosen");
      slot.index = -1;
      for (const { text, aside } of slot.cells) {
        if (text) text.data = "";
        if (aside) aside.textContent = "";
      }
      return;
    }
    const index = answer.rows[position];
    slot.index = index;
    row.classList.remove("waiting");
    const isChosen = chosen.has(data.id(index));
    row.classList.toggle("chosen", isChosen);
    row.setAttribute("aria-selected", isChosen);
    row.classList.toggle("pinned", position < answer.pinned);
    for (const cell of slot.cells) FILL[cell.column.kind](cell, index, this.view, position);
  }

  paintEdges() {
    const { scrollLeft, scrollWidth, clientWidth, scrollTop } = this.scroller;
    this.element.classList.toggle("more-right", scrollLeft + clientWidth < scrollWidth - 2);
    this.element.classList.toggle("more-left", scrollLeft > 2);
    this.element.classList.toggle("scrolled", scrollTop > 2);
  }

  // ── the reader's hand ──

  clicked(event) {
    const slot = this.slotOf(event.target);
    if (!slot || slot.index < 0) return;
    this.activate(slot.position, false);
    if (event.target.closest(".lt-more")) return this.on.acts(slot, slot.row);
    if (event.target.closest("a, button, .lt-acts") || !getSelection().isCollapsed) return;
    this.on.open(slot.index, event.metaKey || event.ctrlKey);
  }

  point(slot) {
    if (slot === this.pointed || this.narrow) return;
    this.pointed = slot;
    this.on.acts(slot, null);
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
    this.active = Math.max(0, Math.min(position, answer.pinned + this.total - 1));
    if (scroll) this.reveal(this.active - answer.pinned);
    let current = null;
    for (const slot of [...this.pinned, ...this.slots]) {
      const isActive = slot.position === this.active && !slot.row.hidden;
      slot.row.classList.toggle("active", isActive);
      if (isActive) current = slot;
    }
    this.table.setAttribute("aria-activedescendant", `lt-row-${this.active}`);
    if (current && !this.narrow) this.on.acts(current, null);
  }

  reveal(at) {
    if (at < 0) return;
    const covered = this.head.offsetHeight + (this.pins.classList.contains("stay") ? this.pins.offsetHeight : 0);
    const top = at * this.height;
    const room = this.scroller.clientHeight - covered - this.height;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room;
    this.paint();
  }
}

/** How each kind of cell is filled: (cell, index of the row, view). */
const FILL = {
  rank({ node, text, aside }, index, { answer, data }) {
    const rank = answer.ranks[index];
    text.data = Number.isNaN(rank) ? "–" : String(rank);
    const [low, high] = [data.number("rank.low", index), data.number("rank.high", index)];
    const hasRange = low < high;
    aside.textContent = hasRange ? `${low}–${high}` : "";
    const isTied = data.flag("tied", index) === true;
    node.classList.toggle("lt-tied", isTied);
    const range = hasRange ? `; between ${low} and ${high} with 95 % confidence` : "";
    node.title = Number.isNaN(rank) ? "No rank: a benchmark is missing" : `Rank ${rank}${range}${isTied && rank > 1 ? "; cannot be told from the best" : ""}`;
  },

  model({ node, link, org, start, end, shape, run, flag }, index, view, position) {
    const { data, answer } = view;
    const model = data.text("model", index);
    const slash = model.indexOf("/") + 1;
    const name = model.slice(slash);
    const cut = name.length > 14 ? name.length - 8 : name.length; // the end of a long name tells versions apart
    org.data = model.slice(0, slash);
    start.data = name.slice(0, cut);
    end.data = name.slice(cut);
    const isRepeated = data.repeated.has(index) || position < answer.pinned;
    const precision = data.text("precision", index);
    run.textContent = isRepeated && precision ? (PRECISION_SHORT[precision] ?? precision) : "";
    link.href = view.href(index);
    link.setAttribute("aria-label", isRepeated && precision ? `${model}, ${precision}` : model);
    node.title = model;
    flag.textContent = data.flag("flagged", index) ? "flagged" : data.flag("available", index) === false ? "gone" : "";
    flag.title = flag.textContent === "flagged" ? "Reported for training on a benchmark" : flag.textContent ? "No longer on the Hub" : "";
    const type = data.text("type", index);
    shape.className = `lt-shape lt-shape-${css(type ?? "other")}`;
  },

  type({ node, text }, index, { data, types }) {
    const type = data.text("type", index);
    node.firstChild.className = `lt-shape lt-shape-${css(type ?? "other")}`;
    text.data = type === null ? UNKNOWN : (types[type]?.title ?? type);
    node.title = types[type]?.help ?? "Type unknown";
  },

  score({ column, node, text, aside }, index, view) {
    const { data, answer, query, about } = view;
    const raw = query.score === "raw" && column.key !== "average" ? `${column.key}.raw` : column.key;
    const path = about.columns.some(({ key }) => key === raw) ? raw : column.key;
    const value = column.key === "average" ? answer.averages[index] : data.number(path, index);
    const isMissing = Number.isNaN(value);
    text.data = isMissing ? "–" : value.toFixed(column.digits);
    node.title = isMissing ? (data.has(path) ? "No score: not run, or not finished" : "On its way") : whole(value, column);
    const [low, high] = about.scales[path] ?? [0, 100];
    const share = Math.max(0, Math.min(1, (value - low) / (high - low || 1)));
    node.style.setProperty("--h", isMissing ? 0 : column.key === "average" ? share.toFixed(3) : Math.round(share ** 1.5 * STEPS) / STEPS);
    const isPublished = column.key === "average" ? query.average === "all" : path === column.key;
    const error = isPublished && !isMissing ? data.number(`${column.key}.se`, index) : NaN;
    whisker(node, value, error, data.flag(`${column.key}.approximate`, index), low, high);
    node.classList.toggle("lt-chance", isPublished && data.flag(`${column.key}.at_chance`, index) === true);
    if (aside) aside.textContent = error > 0 ? `±${(error * NORMAL_95).toFixed(1)}` : "";
    if (node.classList.contains("lt-chance")) node.title += "; no better than guessing";
  },

  number({ column, node, text }, index, { data }) {
    const value = data.number(column.key, index);
    text.data = number(value, column) ?? "–";
    node.title = `${column.title}: ${whole(value, column)}`;
  },

  text({ column, node, text }, index, { data }) {
    const value = data.text(column.key, index);
    text.data = value ?? UNKNOWN;
    node.title = value ?? UNKNOWN;
    node.classList.toggle("lt-unknown", value === null || value === UNKNOWN);
  },

  flag({ column, node, text }, index, { data }) {
    const value = data.flag(column.key, index);
    text.data = value === null ? UNKNOWN : value ? "yes" : "no";
    node.classList.toggle("lt-unknown", value !== true);
  },

  date({ column, node, text }, index, { data }) {
    const value = day(data.number(column.key, index));
    text.data = value ?? UNKNOWN;
    node.classList.toggle("lt-unknown", value === null);
  },
};

/** Where the true score lies with 95 % confidence: a line below the number, and words on hover. */
function whisker(node, value, error, isApproximate, low, high) {
  const margin = error * NORMAL_95;
  const at = (score) => Math.max(0, Math.min(1, (score - low) / (high - low || 1)));
  node.style.setProperty("--w0", error > 0 ? at(value - margin).toFixed(3) : 0);
  node.style.setProperty("--w1", error > 0 ? at(value + margin).toFixed(3) : 0);
  if (!(error > 0)) return;
  const between = `between ${(value - margin).toFixed(1)} and ${(value + margin).toFixed(1)} with 95 % confidence`;
  node.title += `; ${between}${isApproximate ? ", approximately: from the number of items" : ""}`;
}

const css = (key) => key.replace(/[^A-Za-z0-9]/g, "-");
