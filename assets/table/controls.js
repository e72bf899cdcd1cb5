// Search, filters, chips and menus around the rows. They say what the reader wants through `change`; `update` shows it.

import { FILTERS, PARTS, active, label } from "./choices.js";
import { el, icon } from "./dom.js";
import { count, plural } from "./words.js";

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

/** `on`: { change(patch, {step}), share: {link, markdown, csv, parquet}, reset } */
export class Controls {
  constructor(on) {
    this.on = on;
    this.search = el("input", {
      type: "search",
      name: "q",
      placeholder: "Search: words narrow, ; unites, @license:mit, /regex/",
      "aria-label": "Search models",
      "aria-describedby": "lt-status",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      maxlength: 512,
      oninput: ({ target }) => on.change({ q: target.value }, { step: false }),
    });
    this.sizes = el("div.lt-sizes", { role: "group", "aria-label": "Size" });
    this.buttons = new Map(FILTERS.map((part) => [part, this.opener(part)]));
    this.columns = this.opener("columns");
    this.display = this.opener("display");
    this.ranking = this.opener("ranking");
    this.share = el("button.lt-button", { ...this.opens("share"), "aria-haspopup": "true" }, icon("share"), el("span", {}, "Share"));
    this.sheetButton = el("button.lt-button.lt-sheet-button", { type: "button", onclick: () => this.openSheet() }, icon("filter"), el("span", {}, "Filters"));
    this.status = el("span.lt-count", { id: "lt-status", role: "status", "aria-live": "polite" });
    this.chips = el("div.lt-chips", {});
    this.reset = el("button.lt-plain.lt-reset", { type: "button", disabled: true, onclick: on.reset }, "Reset");
    this.compare = el("a.lt-button.lt-compare", { hidden: true });
    this.popover = el("div.lt-pop", { popover: "auto" });
    this.sheet = el("dialog.lt-sheet", { "aria-label": "Filters" });
    this.sheet.addEventListener("close", () => (this.opened = null));
    this.sheet.addEventListener("click", ({ target }) => target === this.sheet && this.sheet.close());
    this.keys = this.keysDialog();
    this.said = el("div.lt-said", { role: "status", "aria-live": "polite" });
    this.popover.addEventListener("toggle", ({ newState }) => newState === "closed" && this.closed());
    const searchBox = el("label.lt-search", {}, icon("search"), this.search, el("kbd", { "aria-hidden": "true" }, "/"));
    this.element = el("div.lt-controls", {},
      el("div.lt-line", {}, searchBox, this.sizes, this.sheetButton),
      el("div.lt-line.lt-filters", {}, [...this.buttons.values()], el("span.lt-gap"), this.columns, this.display, this.ranking, this.share),
      el("div.lt-line.lt-state", {}, this.status, this.chips, this.compare, this.reset),
      this.popover, this.sheet, this.keys, this.said,
    );
  }

  /** Show a state: { query, counts, about, columns, data, answer, total, chosen, change }. */
  update(state) {
    this.state = state;
    const { query, answer, about, total } = state;
    if (document.activeElement !== this.search || this.search.value.trim() !== query.q.trim()) this.search.value = query.q;
    this.search.setAttribute("aria-invalid", Boolean(answer.problem));
    const found = answer.problem ?? (answer.matches === total ? plural(total, "run") : `${count(answer.matches)} of ${plural(total, "run")}`);
    if (this.status.textContent !== found) this.status.textContent = found; // what is set is read aloud, even if it is the same
    this.status.classList.toggle("lt-problem", Boolean(answer.problem));
    if (!this.sizes.children.length) this.sizes.append(...about.sizes.map((size) => this.sizeChip(size)));
    about.sizes.forEach(({ key }, at) => this.sizes.children[at].setAttribute("aria-pressed", query.size.includes(key)));
    for (const [part, button] of [...this.buttons, ["columns", this.columns], ["display", this.display], ["ranking", this.ranking]]) {
      const n = part === "columns" ? Number(query.columns !== null) : active(part, query);
      button.classList.toggle("on", n > 0);
      button.querySelector(".lt-n").textContent = n && part !== "columns" ? n : "";
    }
    const chips = this.chipsOf(state);
    if (chips.length || this.chips.children.length) this.chips.replaceChildren(...chips);
    this.reset.disabled = !chips.length && !query.q;
    this.sheetButton.lastChild.textContent = chips.length ? `Filters (${chips.length})` : "Filters";
    this.showChosen(state.chosen, query);
    this.recount(state.counts);
  }

  /** Show how many rows each choice would leave; null: not known yet. */
  recount(counts) {
    this.state = { ...this.state, counts };
    this.state.about.sizes.forEach(({ key }, at) => (this.sizes.children[at].lastChild.textContent = counts ? count(counts.size[key]) : ""));
    this.opened?.update(this.state);
  }

  /** The way to compare the rows chosen, on this board. */
  showChosen(chosen, { suite }) {
    this.compare.hidden = !chosen.size;
    this.compare.textContent = `Compare ${chosen.size}`;
    const board = suite ? `&suite=${encodeURIComponent(suite)}` : "";
    this.compare.href = `compare?models=${[...chosen].map(encodeURIComponent).join(",")}${board}`;
  }

  /** Say something that happened, for a moment. */
  say(text) {
    this.said.textContent = text;
    this.said.classList.add("on");
    clearTimeout(this.saying);
    this.saying = setTimeout(() => this.said.classList.remove("on"), 2500);
  }

  showKeys() {
    this.keys.open ? this.keys.close() : this.keys.showModal();
  }

  // ── parts ──

  opener(part) {
    return el("button.lt-button", { ...this.opens(part), "aria-haspopup": "dialog", "data-part": part }, el("span", {}, PARTS[part].title), el("span.lt-n"), icon("down"));
  }

  opens(part) {
    return {
      type: "button",
      "aria-expanded": "false",
      // the browser closes an open menu between the press and the click
      onpointerdown: ({ currentTarget }) => (this.closing = currentTarget === this.opener_),
      onclick: ({ currentTarget }) => (this.closing ? (this.closing = false) : this.open(part, currentTarget)),
    };
  }

  sizeChip({ key, title, words }) {
    const onclick = () => {
      const { size } = this.state.query;
      this.on.change({ size: size.includes(key) ? size.filter((each) => each !== key) : [...size, key] });
    };
    return el("button.lt-chip", { type: "button", "aria-pressed": "false", onclick, title: `${title}: ${words} parameters` }, el("span", {}, title), el("small", {}, words), el("span.lt-n"));
  }

  open(part, button) {
    if (this.opener_ === button && this.popover.matches(":popover-open")) return this.popover.hidePopover();
    this.opener_?.setAttribute("aria-expanded", "false");
    if (part !== "share" && !this.state?.counts) return;
    this.opened = part === "share" ? this.shareMenu() : PARTS[part].build(this.state);
    this.popover.replaceChildren(this.opened.node);
    this.popover.className = `lt-pop lt-pop-${part}`;
    this.popover.showPopover();
    const at = button.getBoundingClientRect();
    const fits = at.left + this.popover.offsetWidth <= document.documentElement.clientWidth - 8;
    this.popover.style.left = `${Math.max(8, fits ? at.left : at.right - this.popover.offsetWidth)}px`;
    this.popover.style.top = `${at.bottom + 4}px`;
    this.popover.style.maxHeight = `${innerHeight - at.bottom - 16}px`;
    this.opener_ = button;
    button.setAttribute("aria-expanded", "true");
    this.popover.querySelector("input, button, a")?.focus();
  }

  closed() {
    this.opened = null;
    this.opener_?.setAttribute("aria-expanded", "false");
    if (this.popover.contains(document.activeElement)) this.opener_?.focus();
    this.opener_ = null;
  }

  openSheet() {
    if (!this.state?.counts) return;
    const parts = [...FILTERS, "display", "ranking", "columns"].map((part) => {
      const built = PARTS[part].build(this.state);
      const n = el("span.lt-n");
      const details = el("details", {}, el("summary", {}, PARTS[part].title, n), built.node);
      return { node: details, update: (state) => (built.update(state), (n.textContent = (part === "columns" ? "" : active(part, state.query)) || "")) };
    });
    const shares = this.shareMenu();
    const done = el("button.lt-button.lt-primary", { type: "button", onclick: () => this.sheet.close() });
    const reset = el("button.lt-plain", { type: "button", onclick: this.on.reset }, "Reset");
    const shown = (state) => (done.textContent = `Show ${plural(state.answer.matches, "run")}`);
    const node = el("div.lt-sheet-body", {}, parts.map((part) => part.node), el("details", {}, el("summary", {}, "Share"), shares.node));
    this.opened = {
      node,
      update: (state) => {
        for (const part of parts) part.update(state);
        shown(state);
      },
    };
    this.opened.update(this.state);
    this.sheet.replaceChildren(el("header", {}, el("strong", {}, "Filters"), reset), node, el("footer", {}, done));
    this.sheet.showModal();
  }

  shareMenu() {
    const { share } = this.on;
    const item = (text, note, action) => el("button.lt-item", { type: "button", onclick: () => (action(), this.popover.matches(":popover-open") && this.popover.hidePopover()) }, el("span", {}, text), el("small", {}, note));
    const node = el("div.lt-items", {},
      item("Copy link", "opens exactly this view", share.link),
      item("Copy as Markdown", "the first 50 rows shown", share.markdown),
      item("Download CSV", "everything shown, safe for spreadsheets", share.csv),
      item("Download Parquet", "everything shown, with types", share.parquet),
    );
    return { node, update() {} };
  }

  keysDialog() {
    const rows = KEYS.flatMap(([keys, what]) => [el("dt", {}, keys.split("  ").map((key) => el("kbd", {}, key))), el("dd", {}, what)]);
    const dialog = el("dialog.lt-keys", { "aria-label": "Keys" }, el("strong", {}, "Keys"), el("dl", {}, rows), el("form", { method: "dialog" }, el("button.lt-button", {}, "Close")));
    dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
    return dialog;
  }

  /** One chip for each choice that filters rows, to take it away by itself. */
  chipsOf({ query, about }) {
    const chip = (text, patch) => el("button.lt-chip.lt-removable", { type: "button", "aria-label": `Remove ${text}`, onclick: () => this.on.change(patch) }, el("span", {}, text), icon("close"));
    const chips = [];
    const each = (group, text) => query[group].forEach((value) => chips.push(chip(text(value), { [group]: query[group].filter((other) => other !== value) })));
    each("types", (value) => label(about, "types", value));
    each("family", (value) => value);
    each("precision", (value) => value);
    each("license", (value) => value);
    each("size", (value) => about.sizes.find(({ key }) => key === value).title);
    const ends = (group, text) => {
      const [low, high] = query[group];
      if (low !== null || high !== null) chips.push(chip(text(low, high), { [group]: [null, null] }));
    };
    ends("params", (low, high) => (high === null ? `≥ ${low} B` : low === null ? `< ${high} B` : `${low}–${high} B`));
    const span = (word) => (low, high) => (high === null ? `${word} since ${low}` : low === null ? `${word} until ${high}` : `${word} ${low} – ${high}`);
    ends("uploaded", span("uploaded"));
    ends("submitted", span("submitted"));
    each("hide", (value) => `no ${about.hides.find(({ key }) => key === value).title.toLowerCase()}`);
    if (query.official) chips.push(chip("official only", { official: false }));
    return chips;
  }
}
