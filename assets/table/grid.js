// The rows in view, and no others: a native table whose few rows are filled again as the reader scrolls.

import { cell, css, explain, fill, toggle, write } from "./cells.js";
import { el, oncePainted } from "./dom.js";
import { highlight } from "./highlights.js";
import { narrowOrder, tracks, tracksWhenNarrow } from "./layout.js";

/** @import { Column, View } from "./types.js" */

const SPARE = 8; // rows kept painted beyond either edge
const NARROW = 640; // px: below it a row takes two lines; table.css has the same
const MOST_STICKY = 6; // pinned rows that stay in sight

/**
 * One row element. `at`: its place below the pinned rows; `position`: with them; `index`: its row in the data.
 * @typedef {{
 *   row: HTMLTableRowElement, cells: import("./cells.js").Cell[],
 *   at: number, position: number, index: number, isStale: boolean,
 * }} Slot
 */

/** Paints answers into the table that the page's HTML brings along. */
export class Grid {
  /**
   * @param {HTMLElement} frame
   * @param {{ open(row: number, apart: boolean): void, sort(column: Column, more: boolean): void,
   *   acts(slot: Slot | null, toggle: boolean): void, filled(slot: Slot, moved: boolean): void }} on
   *   what the reader does; `acts`: a row's actions are wanted; `filled`: a row element shows another row, or stands
   *   elsewhere (`moved`)
   */
  constructor(frame, on) {
    this.on = on;
    this.element = frame;
    /** @type {Slot[]} */
    this.slots = [];
    /** @type {Slot[]} */
    this.pinned = [];
    this.active = -1;
    this.scroller = /** @type {HTMLElement} */ (frame.querySelector(".lt-scroll"));
    this.table = /** @type {HTMLTableElement} */ (frame.querySelector(".lt-grid"));
    this.head = /** @type {HTMLTableSectionElement} */ (this.table.tHead);
    this.pins = this.table.tBodies[0];
    this.body = this.table.tBodies[1];
    /** @type {any} */
    this.view = null; // a View, once the rows have come
    this.total = 0;
    this.height = 0;
    this.inView = 0;
    this.pinsHeight = 0;
    this.wholeWidth = 0;
    // asking the browser for these while painting would make it lay out twice
    this.place = { top: this.scroller.scrollTop, left: 0, width: 0, height: 0 };
    this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.table.addEventListener("click", (event) => this.clicked(event));
    this.table.addEventListener("pointerover", (event) => {
      const slot = this.slotOf(event.target);
      if (slot && event.pointerType === "mouse") this.point(slot);
      if (slot) this.explain(slot, event.target);
    });
    this.scroller.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.measure()).observe(this.scroller);
    this.measure();
  }

  /** @param {View} view */
  show(view, { keepPlace = true } = {}) {
    const before = this.view;
    this.view = view;
    const sortedBy = view.query.sort[0]?.key;
    const isRanged = view.data.has("rank.low");
    const keys = view.columns.map(({ key, title }) => `${key}=${title}`).join();
    const layout = [keys, view.query.score, this.narrow, this.narrow && sortedBy, isRanged].join("/");
    if (layout !== this.layout) {
      this.layout = layout;
      this.lay();
    }
    this.paintHead();
    this.total = view.answer.rows.length - view.answer.pinned;
    this.table.setAttribute("aria-rowcount", String(view.answer.rows.length + 1));
    this.table.setAttribute("aria-colcount", String(view.columns.length));
    write(this.body.style, "height", `${this.total * this.height}px`);
    this.paintPins();
    if (!keepPlace && this.place.top) this.scroller.scrollTop = this.place.top = 0;
    // the cursor stays on its row: a pin moves the row
    if (before && !keepPlace) this.setActive(-1);
    else if (before?.data === view.data && this.active >= 0) {
      this.setActive(view.answer.rows.indexOf(before.answer.rows[this.active]));
    }
    for (const slot of this.slots) slot.isStale = true;
    this.paint(0); // what is seen comes first, the spare rows after the frame
    oncePainted(() => {
      this.wholeWidth = this.scroller.scrollWidth;
      this.paint();
    });
  }

  // ── layout ──

  measure() {
    const { scrollTop, scrollLeft, clientWidth, clientHeight, scrollWidth } = this.scroller;
    this.place = { top: scrollTop, left: scrollLeft, width: clientWidth, height: clientHeight };
    this.wholeWidth = scrollWidth;
    const narrow = this.element.clientWidth < NARROW;
    const changed = narrow !== this.narrow;
    this.narrow = narrow;
    this.height = narrow ? 58 : 36;
    this.inView = Math.ceil(clientHeight / this.height);
    if (!this.view) return this.paintEdges();
    if (changed) this.show(this.view);
    else this.paint();
  }

  lay() {
    const { columns, query, data } = this.view;
    const sortedBy = query.sort[0]?.key;
    toggle(this.element, "lt-ranged", data.has("rank.low"));
    const wide = tracks(columns);
    const narrow = tracksWhenNarrow(narrowOrder(columns, sortedBy));
    for (const [name, value] of Object.entries({
      "--lt-columns": wide.template,
      "--lt-least": wide.least,
      "--lt-columns-narrow": narrow.template,
      "--lt-least-narrow": narrow.least,
    })) {
      this.scroller.style.setProperty(name, value);
    }
    this.head.rows[0].replaceChildren(...columns.map((column, at) => this.header(column, at, sortedBy)));
    this.pins.replaceChildren();
    this.body.replaceChildren();
    this.body.classList.remove("lt-first");
    this.slots = [];
    this.pinned = [];
  }

  /**
   * @param {Column} column
   * @param {number} at
   * @param {string | undefined} sortedBy
   */
  header(column, at, sortedBy) {
    const onclick = (event) => this.on.sort(column, event.shiftKey);
    const arrow = el("b.lt-arrow", { "aria-hidden": "true" });
    const button = el("button", { type: "button", onclick }, el("span", {}, column.title), arrow);
    const unit = column.unit && column.kind !== "score" ? `, in ${column.unit}` : "";
    const form = `th.lt-${column.kind}.lt-c-${css(column.key)}${column.key === sortedBy ? ".lt-sorted" : ""}`;
    const attributes = { role: "columnheader", scope: "col", title: column.help + unit, "aria-colindex": at + 1 };
    return el(form, attributes, button);
  }

  paintHead() {
    const { query, about, columns } = this.view;
    const sorts = query.sort.filter(({ key }) => about.columns.some((column) => column.key === key));
    columns.forEach(({ key }, at) => {
      const header = this.head.rows[0].cells[at];
      const place = sorts.findIndex((sort) => sort.key === key);
      write(header, "ariaSort", place < 0 ? null : sorts[place].descending ? "descending" : "ascending");
      const arrow = header.querySelector(".lt-arrow");
      write(arrow, "textContent", place >= 0 && sorts.length > 1 ? String(place + 1) : "");
    });
  }

  // ── rows ──

  /** @returns {Slot} */
  slot(body) {
    const { columns, query } = this.view;
    const cells = columns.map((column, at) => cell(column, at, column.key === query.sort[0]?.key));
    const nodes = cells.map(({ node }) => node);
    const row = /** @type {HTMLTableRowElement} */ (el("tr", { role: "row" }, nodes));
    body.append(row);
    return { row, cells, at: -1, position: -1, index: -1, isStale: true };
  }

  /** Fill the rows in view and `spare` ones beyond either edge, where they show something else. */
  paint(spare = SPARE) {
    if (!this.view) return;
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
    highlight(this.view, [...this.pinned, ...this.slots]);
  }

  paintPins() {
    const { pinned } = this.view.answer;
    while (this.pinned.length < pinned) this.pinned.push(this.slot(this.pins));
    while (this.pinned.length > pinned) this.pinned.pop()?.row.remove();
    this.pinned.forEach((slot, at) => this.fill(slot, at, 0));
    this.pinsStay = pinned <= (this.narrow ? MOST_STICKY / 2 : MOST_STICKY);
    this.pinsHeight = pinned ? pinned * this.height + 2 : 0;
    this.pins.classList.toggle("stay", this.pinsStay);
    write(this.pins, "hidden", !pinned);
  }

  /** @param {Slot} slot */
  fill(slot, at, offset) {
    const { answer, data, chosen } = this.view;
    const position = at + offset;
    const index = answer.rows[position];
    const { row } = slot;
    const moved = slot.at !== at;
    if (moved && slot === this.pointed) this.pointed = null;
    Object.assign(slot, { at, position, index, isStale: false });
    write(row, "id", `lt-row-${position}`);
    write(row, "ariaRowIndex", String(position + 2));
    if (row.parentNode === this.body) write(row.style, "transform", `translateY(${at * this.height}px)`);
    toggle(row, "active", position === this.active);
    const isChosen = chosen.size > 0 && chosen.has(data.id(index));
    toggle(row, "chosen", isChosen);
    write(row, "ariaSelected", String(isChosen));
    for (const part of slot.cells) fill(part, index, this.view, position);
    this.on.filled(slot, moved);
  }

  scrolled() {
    const { scrollTop, scrollLeft } = this.scroller;
    Object.assign(this.place, { top: scrollTop, left: scrollLeft });
    this.paint();
    this.paintEdges();
  }

  paintEdges() {
    const { left, width, top } = this.place;
    toggle(this.element, "more-right", left + width < this.wholeWidth - 2);
    toggle(this.element, "more-left", left > 2);
    toggle(this.element, "scrolled", top > 2);
  }

  // ── the reader's hand ──

  /** @param {any} event */
  clicked(event) {
    const slot = this.slotOf(event.target);
    if (!slot || event.target.closest(".lt-acts")) return;
    this.activate(slot.position, false);
    if (event.target.closest(".lt-more")) return this.on.acts(slot, true);
    if (event.target.closest("a, button") || !getSelection()?.isCollapsed) return;
    this.on.open(slot.index, event.metaKey || event.ctrlKey);
  }

  /** @param {Slot | null} slot */
  point(slot) {
    if (slot === this.pointed || this.narrow) return;
    this.pointed = slot;
    this.on.acts(slot, false);
  }

  /** Give the cell under the pointer its whole value in words. @param {Slot} slot */
  explain(slot, target) {
    const part = slot.cells.find(({ node }) => node.contains(target));
    if (part) part.node.title = explain(part.column, slot.index, this.view);
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
    /** @type {Slot | null} */
    let current = null;
    for (const slot of [...this.pinned, ...this.slots]) {
      const isActive = slot.position === this.active && !slot.row.hidden;
      slot.row.classList.toggle("active", isActive);
      if (isActive) current = slot;
    }
    if (current && !this.narrow) this.on.acts(current, false);
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
