// Search, filters, chips and menus around the rows, on the elements that the page's HTML brings along. They say what
// the reader wants through `change`; `update` shows it.

import { OWN_RANKING, chips } from "./chips.js";
import { FILTERS, PARTS, active } from "./choices.js";
import { el } from "./dom.js";
import { count, plural } from "./words.js";

/** @import { About, Change, Counts, Part, Query, State } from "./types.js" */

const MENUS = ["types", "fits", "filters", "columns", "ranking", "share"];
const KEYS = [
  ["/", "search"],
  ["j  k", "next, previous row"],
  ["Enter", "open the model"],
  ["p", "pin the row"],
  ["c", "choose for comparison"],
  ["Shift + click a header", "sort by it as well"],
  ["Esc", "leave the search, close a menu"],
  ["?", "this list"],
];

const isOfficial = ({ official, hide }) => official && hide.includes("gone");

export class Controls {
  /**
   * @param {HTMLElement} root
   * @param {{ change: Change, reset(): void, share: import("./share.js").Share }} on
   */
  constructor(root, on) {
    this.on = on;
    /** @type {any} */
    this.query = null; // a Query
    /** @type {any} */
    this.waiting = null; // the menu to open when the rows have come
    /** @type {State | null} */
    this.state = null;
    /** @type {any} */
    this.opened = null; // a Part
    /** @type {HTMLElement | null} */
    this.openedBy = null;
    /** @param {string} selector @returns {any} */
    const find = (selector) => root.querySelector(selector);
    this.asOf = root.dataset.asOf;
    this.form = find(".lt-form");
    this.search = find("input[name=q]");
    /** @type {any[]} */
    this.sizes = [...root.querySelectorAll(".lt-sizes .lt-chip")];
    this.buttons = new Map(MENUS.map((part) => [part, find(`[data-part=${part}]`)]));
    this.sheetButton = find(".lt-sheet-button");
    this.status = find(".lt-count");
    this.chips = find(".lt-chips");
    this.reset = find(".lt-reset");
    this.compare = find(".lt-compare");
    this.back = find(".lt-back");
    this.flagged = find(".lt-flagged");
    this.official = find(".lt-official");
    this.popover = el("div.lt-pop", { popover: "auto" });
    this.sheet = /** @type {HTMLDialogElement} */ (el("dialog.lt-sheet", { "aria-label": "Filters" }));
    this.keys = this.keysDialog();
    this.notice = el("div.lt-notice", { role: "status", "aria-live": "polite" });
    find(".lt-controls").append(this.popover, this.sheet, this.keys, this.notice);
    this.form.addEventListener("submit", (event) => event.preventDefault()); // it is there for readers without scripts
    this.search.addEventListener("input", () => on.change({ q: this.search.value }, { step: false }));
    for (const chip of this.sizes) chip.addEventListener("click", () => this.toggleSize(chip.value));
    for (const [part, button] of this.buttons) this.opens(button, part);
    this.sheetButton.addEventListener("click", () => this.openSheet());
    this.reset.addEventListener("click", on.reset);
    this.flagged.addEventListener("click", () =>
      on.change({ hide: this.query.hide.filter((key) => key !== "flagged") }),
    );
    this.official.addEventListener("click", () => this.toggleOfficial());
    this.back.addEventListener("click", () => on.change(OWN_RANKING));
    this.sheet.addEventListener("close", () => (this.opened = null));
    this.sheet.addEventListener("click", ({ target }) => target === this.sheet && this.sheet.close());
    this.popover.addEventListener("toggle", (event) => {
      if (/** @type {ToggleEvent} */ (event).newState === "closed") this.closed();
    });
  }

  /**
   * Show what is known before the rows have come, and take over what was typed before this script.
   * @param {Query} query
   * @param {Set<string>} chosen
   */
  greet(query, chosen) {
    this.query = query;
    this.showChosen(chosen, query);
    if (this.search.value !== query.q) this.on.change({ q: this.search.value }, { step: false });
  }

  /** @param {State} state */
  update(state) {
    this.state = state;
    this.query = state.query;
    const { query, answer, about, total } = state;
    if (document.activeElement !== this.search || this.search.value.trim() !== query.q.trim()) {
      this.search.value = query.q;
    }
    this.search.setAttribute("aria-invalid", String(Boolean(answer.problem)));
    const open = query.hide.includes("flagged") ? total - about.flagged : total; // the others are counted beside it
    const all = plural(open, "run");
    const found = answer.problem ?? (answer.matches === open ? all : `${count(answer.matches)} of ${all}`);
    // what is set is read aloud, even if it is the same
    if (this.status.textContent !== found) this.status.textContent = found;
    this.status.classList.toggle("lt-problem", Boolean(answer.problem));
    this.showSizes(query);
    for (const [part, button] of this.buttons) {
      const n = part === "columns" ? Number(query.columns !== null) : active(part, query);
      button.classList.toggle("on", n > 0);
      const tally = button.querySelector(".lt-n");
      if (tally) tally.textContent = n && part !== "columns" ? String(n) : "";
    }
    const shown = chips(query, about, this.on.change, answer);
    if (shown.length || this.chips.children.length) this.chips.replaceChildren(...shown);
    this.back.hidden = answer.isPublished;
    this.reset.hidden = !shown.length && !query.q;
    this.flagged.hidden = !about.flagged || !query.hide.includes("flagged");
    this.official.setAttribute("aria-pressed", String(isOfficial(query)));
    this.sheetButton.lastElementChild.textContent = shown.length ? `Filters (${shown.length})` : "Filters";
    this.showChosen(state.chosen, query);
    this.recount(state.counts);
  }

  /** Show how many rows each choice would leave; null: not known yet. @param {Counts | null} counts */
  recount(counts) {
    if (!this.state) return;
    this.state = { ...this.state, counts };
    for (const chip of this.sizes)
      chip.querySelector(".lt-n").textContent = counts ? count(counts.size[chip.value]) : "";
    this.opened?.update(this.state);
    const waiting = counts && this.waiting;
    if (waiting) {
      this.waiting = null;
      this.open(...waiting);
    }
  }

  /** @param {Query} query */
  showSizes(query) {
    for (const chip of this.sizes) chip.setAttribute("aria-pressed", String(query.size.includes(chip.value)));
  }

  toggleOfficial() {
    const { hide } = this.query;
    const others = hide.filter((key) => key !== "gone");
    const now = isOfficial(this.query);
    this.on.change({ official: !now, hide: now ? others : [...others, "gone"] });
  }

  toggleSize(key) {
    const { size } = this.query;
    const next = size.includes(key) ? size.filter((each) => each !== key) : [...size, key];
    this.query = { ...this.query, size: next };
    this.showSizes(this.query); // at once, even while the rows are on their way
    this.on.change({ size: next });
  }

  /** Link to the comparison of the rows chosen, on this board. */
  showChosen(chosen, { suite }) {
    this.compare.hidden = !chosen.size;
    this.compare.textContent = `Compare ${chosen.size}`;
    const board = suite ? `&suite=${encodeURIComponent(suite)}` : "";
    this.compare.href = `compare?models=${[...chosen].map(encodeURIComponent).join(",")}${board}`;
  }

  /** Say what happened, for a moment. @param {string} text */
  notify(text) {
    this.notice.textContent = text;
    this.notice.classList.add("on");
    clearTimeout(this.notifying);
    this.notifying = setTimeout(() => this.notice.classList.remove("on"), 2500);
  }

  focusSearch() {
    this.search.focus();
    this.search.setSelectionRange(this.search.value.length, this.search.value.length);
  }

  showKeys() {
    if (this.keys.open) this.keys.close();
    else this.keys.showModal();
  }

  // ── menus ──

  opens(button, part) {
    // the browser closes an open menu between the press and the click
    button.addEventListener("pointerdown", () => (this.closing = button === this.openedBy));
    button.addEventListener("click", () => {
      if (this.closing) this.closing = false;
      else this.open(part, button);
    });
  }

  open(part, button) {
    if (this.openedBy === button && this.popover.matches(":popover-open")) return this.popover.hidePopover();
    this.openedBy?.setAttribute("aria-expanded", "false");
    if (part === "share") this.opened = this.shareMenu();
    else if (this.state?.counts) this.opened = PARTS[part].build(this.state);
    else return (this.waiting = [part, button]); // it opens when the rows have come
    this.popover.replaceChildren(this.opened.node);
    this.popover.className = `lt-pop lt-pop-${part}`;
    this.popover.showPopover();
    const at = button.getBoundingClientRect();
    const fits = at.left + this.popover.offsetWidth <= document.documentElement.clientWidth - 8;
    this.popover.style.left = `${Math.max(8, fits ? at.left : at.right - this.popover.offsetWidth)}px`;
    this.popover.style.top = `${at.bottom + 4}px`;
    this.popover.style.maxHeight = `${innerHeight - at.bottom - 16}px`;
    this.openedBy = button;
    button.setAttribute("aria-expanded", "true");
    /** @type {HTMLElement | null} */ (this.popover.querySelector("input, button, a"))?.focus();
  }

  closed() {
    this.opened = null;
    this.openedBy?.setAttribute("aria-expanded", "false");
    if (this.popover.contains(document.activeElement)) this.openedBy?.focus();
    this.openedBy = null;
  }

  openSheet() {
    const { state } = this;
    if (!state?.counts) return;
    const parts = ["fits", ...FILTERS, "ranking", "columns"].map((part) => {
      const built = PARTS[part].build(state);
      const tally = el("span.lt-n");
      const node = el("details", {}, el("summary", {}, PARTS[part].title, tally), built.node);
      const update = (next) => {
        built.update(next);
        tally.textContent = String((part !== "columns" && active(part, next.query)) || "");
      };
      return { node, update };
    });
    const share = el("details", {}, el("summary", {}, "Share"), this.shareMenu().node);
    const done = el("button.lt-button.lt-primary", { type: "button", onclick: () => this.sheet.close() });
    const reset = el("button.lt-plain", { type: "button", onclick: this.on.reset }, "Reset");
    this.opened = {
      node: el("div.lt-sheet-body", {}, [...parts.map((part) => part.node), share]),
      update(next) {
        for (const part of parts) part.update(next);
        done.textContent = `Show ${plural(next.answer.matches, "run")}`;
      },
    };
    this.opened.update(state);
    const header = el("header", {}, el("strong", {}, "Filters"), reset);
    this.sheet.replaceChildren(header, this.opened.node, el("footer", {}, done));
    this.sheet.showModal();
  }

  /** @returns {Part} */
  shareMenu() {
    const { share } = this.on;
    const item = (text, note, action) => {
      const onclick = () => {
        action();
        if (this.popover.matches(":popover-open")) this.popover.hidePopover();
      };
      return el("button.lt-item", { type: "button", onclick }, el("span", {}, text), el("small", {}, note));
    };
    const items = [
      item("Copy link", "opens exactly this view", () => share.link()),
      item("Copy as LaTeX", "the first 50 rows, with ± and the date", () => share.text(".tex", "LaTeX copied")),
      item("Copy BibTeX", "the board as of its date, the harness, the benchmarks", () =>
        share.text(".bib", "BibTeX copied"),
      ),
      item("Copy as Markdown", "the first 50 rows, with ± and the date", () => share.text(".md", "Markdown copied")),
      item("Download CSV", "everything shown, safe for spreadsheets", () => share.download("csv")),
      item("Download Parquet", "everything shown, with types", () => share.download("parquet")),
      item("Copy embed code", "an iframe of the first rows", () => share.embed()),
      item("Copy API address", "what is shown as JSON", () => share.copy(share.api(""), "Address copied")),
      item("Copy Python", "what is shown, with gradio_client", () => share.client()),
    ];
    const dated = el("p.lt-hint", {}, `As of ${this.asOf}.`);
    return { node: el("div.lt-items", {}, items, dated), update() {} };
  }

  keysDialog() {
    const rows = KEYS.flatMap(([keys, what]) => {
      const signs = keys.split("  ").map((key) => el("kbd", {}, key));
      return [el("dt", {}, signs), el("dd", {}, what)];
    });
    const close = el("form", { method: "dialog" }, el("button.lt-button", {}, "Close"));
    const content = [el("strong", {}, "Keys"), el("dl", {}, rows), close];
    const dialog = /** @type {HTMLDialogElement} */ (el("dialog.lt-keys", { "aria-label": "Keys" }, content));
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    return dialog;
  }
}
