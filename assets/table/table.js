// The table: what the reader asked for, the rows that answer, the address that says so, and the keys.

import { Controls } from "./controls.js";
import { Data } from "./data.js";
import { el, icon, oncePainted } from "./dom.js";
import { Grid } from "./grid.js";
import { read, write } from "./links.js";
import { Answers } from "./query.js";
import { markdown } from "./markdown.js";
import { plural } from "./words.js";

const WRITE_AFTER = 250; // ms without a keystroke before the address follows
const HUB = "https://huggingface.co/";
const MOST_COMPARED = 6;
const NAMES = { q: "the search", types: "type", family: "family", precision: "precision", license: "licence", size: "size preset", params: "size range", uploaded: "upload date", submitted: "submission date", hide: "hidden rows", official: "official only" };
const CLEAR = { q: "", types: [], family: [], precision: [], license: [], size: [], params: [null, null], uploaded: [null, null], submitted: [null, null], hide: [], official: false };

export class Table {
  constructor(root) {
    this.root = root;
    this.controls = new Controls({
      change: (patch, how) => this.change(patch, how),
      reset: () => this.change(CLEAR),
      share: { link: () => this.copyLink(), markdown: () => this.copyMarkdown(), csv: () => this.download("csv"), parquet: () => this.download("parquet") },
    });
    this.grid = new Grid({
      open: (row, apart) => this.open(row, apart),
      sort: (column, more) => this.sort(column, more),
      acts: (slot, anchor) => this.showActs(slot, anchor),
      filled: (slot, moved) => slot.row.contains(this.acts) && this.showActs(moved ? null : slot),
    });
    this.acts = this.actsBar();
    this.empty = el("div.lt-empty", { hidden: true });
    this.grid.element.append(this.empty);
    root.replaceChildren(this.controls.element, this.grid.element);
    this.fetching = new Set();
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("popstate", () => this.restore());
    addEventListener("pagehide", () => this.leave());
    addEventListener("resize", () => this.fit());
    this.fit();
    this.load(read(location.search));
  }

  // ── loading ──

  /** Ask for the first screen of a view, show it, then fetch the rest of the rows. */
  async load(query) {
    const mine = (this.loading = Symbol("load"));
    this.query = query;
    this.choice = query.suite ? `lb.compare.${query.suite}` : "lb.compare"; // rows of two boards cannot be compared
    this.chosen = new Set(remembered(this.choice) ?? []);
    this.root.setAttribute("aria-busy", "true");
    try {
      const search = location.search.slice(1);
      const about = await json(`${this.root.dataset.first}${search && "?" + search}`);
      if (mine !== this.loading) return;
      this.about = about;
      this.types = Object.fromEntries(about.types.map((type) => [type.key, type]));
      this.query = this.withMemory(this.query);
      this.total = about.total;
      this.answers = this.counts = null;
      this.showFirst(about);
      const rows = await json(about.core);
      if (mine !== this.loading) return;
      this.answers = new Answers(new Data(rows), about);
      this.root.removeAttribute("aria-busy");
      this.refresh({ keepPlace: true });
      this.returnToPlace();
      if (write(this.query) !== write(read(location.search))) this.address();
      this.root.dispatchEvent(new CustomEvent("lb:ready", { bubbles: true }));
      if (about.certainty) (window.requestIdleCallback ?? setTimeout)(() => this.fetchMore("certainty"));
    } catch (error) {
      if (mine === this.loading) this.failed(error);
    }
  }

  /** The rows that came with the first answer; the others follow as empty lines of the right height. */
  showFirst(about) {
    const data = new Data(about.rows);
    const rows = Uint32Array.from({ length: data.n }, (_, row) => row);
    const number = (value) => value ?? NaN;
    const answer = {
      rows,
      pinned: about.pinned,
      matches: about.matches,
      problem: about.problem,
      search: null,
      averages: data.numbers("average"),
      ranks: about.rows.ranks.map(number),
      isPublished: this.query.average === "all" && this.query.aggregate === null && !this.query.weights.length,
    };
    const columns = new Answers(data, about).shown(this.query.columns);
    this.paint({ data, answer, columns, counts: null, total: about.shown - about.pinned }, {});
  }

  /** Fetch more columns of the same rows: `extra` when one is wanted, `certainty` when all else is on screen. */
  async fetchMore(what) {
    if (this.fetching.has(what)) return;
    this.fetching.add(what);
    const { answers } = this;
    try {
      const { columns } = await json(this.about[what]);
      answers.data.add(columns);
      if (answers === this.answers) this.refresh();
    } catch (error) {
      this.controls.say(`Some columns could not be fetched: ${error.message}`);
    } finally {
      this.fetching.delete(what);
    }
  }

  failed(error) {
    this.root.removeAttribute("aria-busy");
    const again = el("button.lt-button", { type: "button", onclick: () => this.load(this.query) }, "Try again");
    this.showEmpty("The rows could not be fetched.", `${error.message}. Whatever was on screen is kept.`, [again]);
  }

  // ── one view to the next ──

  /** Change the view; `step`: the reader may want to come back here with the browser's back button. */
  change(patch, { step = true } = {}) {
    if (this.left) this.address(); // the step before this one
    const { query: before, place } = this;
    this.query = { ...this.query, ...patch };
    if ("columns" in patch) remember(`lb.columns.${this.about.suite}`, patch.columns);
    if (!this.answers) return;
    this.refresh({ keepPlace: !Object.keys(patch).some((name) => name in CLEAR || name === "sort") });
    clearTimeout(this.writing);
    if (step && write(before) !== write(this.query)) {
      this.left = place;
      oncePainted(() => this.address());
    } else this.writing = setTimeout(() => this.address(), WRITE_AFTER);
  }

  refresh(how = {}) {
    const { answers, query } = this;
    const answer = answers.answer(query);
    // while a pattern is being typed, the last one that could be read stays on screen
    if (!answer.problem) this.good = query.q;
    else if (this.good !== undefined) Object.assign(answer, answers.answer({ ...query, q: this.good }), { problem: answer.problem });
    const columns = answers.shown(query.columns);
    // the counts beside the choices follow the rows; when none is left, they say what to relax
    const follow = this.counts && answer.matches;
    if (!follow) this.counts = answers.counts(answer.failed);
    this.paint({ data: answers.data, answer, columns, counts: this.counts, total: undefined }, how);
    if (follow) oncePainted(() => answers === this.answers && answer === this.view.answer && this.recount());
    const wanted = columns.map(({ key }) => (query.score === "raw" && answers.byKey.has(`${key}.raw`) ? `${key}.raw` : key)).concat(query.sort.map(({ key }) => key));
    if (wanted.some((key) => answers.byKey.has(key) && key !== "rank" && !answers.data.has(key))) this.fetchMore("extra");
  }

  paint({ data, answer, columns, counts, total }, how) {
    const { query, about, chosen, types } = this;
    const href = (row) => this.href(data, row);
    this.view = { data, answer, columns, query, about, types, chosen, total, href };
    this.grid.show(this.view, how);
    this.controls.update({ query, answer, counts, about, columns, data, chosen, total: this.total, change: (...args) => this.change(...args) });
    if (answer.matches || !counts) this.empty.hidden = true;
    else this.showNothing(answer, counts);
    this.root.dispatchEvent(new CustomEvent("lb:query", { bubbles: true, detail: write(query) }));
  }

  recount() {
    this.counts = this.answers.counts(this.view.answer.failed);
    this.controls.recount(this.counts);
  }

  /** The columns of an earlier visit, where the address asks for nothing but its board: a link shows everybody the same. */
  withMemory(query) {
    const asks = [...new URLSearchParams(location.search).keys()].some((name) => name !== "suite");
    const columns = asks ? null : remembered(`lb.columns.${this.about.suite}`);
    return Array.isArray(columns) ? { ...query, columns: columns.filter((key) => typeof key === "string") } : query;
  }

  sort(column, more) {
    const key = column.kind === "rank" ? "average" : column.key;
    const first = column.kind === "rank" || (["score", "number", "date", "flag"].includes(column.kind) && column.better === "higher");
    const { sort } = this.query;
    const old = sort.find((each) => each.key === key);
    const next = { key, descending: old ? !old.descending : first };
    this.change({ sort: more ? (old ? sort.map((each) => (each === old ? next : each)) : [...sort, next].slice(0, 5)) : [next] });
  }

  pin(row) {
    const id = this.view.data.id(row);
    const { pinned } = this.query;
    const isPinned = this.view.answer.rows.indexOf(row) < this.view.answer.pinned;
    // a pin of an older form goes too
    const ids = [...this.view.answer.rows.subarray(0, this.view.answer.pinned)].map((each) => this.view.data.id(each));
    this.change({ pinned: isPinned ? ids.filter((each) => each !== id) : [...(ids.length ? ids : pinned), id] });
    this.controls.say(isPinned ? "Unpinned" : "Pinned");
  }

  choose(row) {
    const id = this.view.data.id(row);
    if (!this.chosen.delete(id)) {
      if (this.chosen.size >= MOST_COMPARED) return this.controls.say(`At most ${MOST_COMPARED} models can be compared at once`);
      this.chosen.add(id);
    }
    remember(this.choice, [...this.chosen]);
    this.root.dispatchEvent(new CustomEvent("lb:compare", { bubbles: true, detail: [...this.chosen] }));
    this.grid.show(this.view); // the same rows, marked anew
    this.controls.showChosen(this.chosen, this.query);
    this.controls.say(`${plural(this.chosen.size, "model")} chosen for comparison`);
  }

  // ── the address ──

  /** Let the address say what is shown; where the reader left another view for it, as a step of its own. */
  address() {
    clearTimeout(this.writing);
    const { left, view, place } = this;
    this.left = null;
    if (!view) return;
    const search = write(this.query);
    const url = `${location.pathname}${search && "?" + search}${location.hash}`;
    if (url === location.pathname + location.search + location.hash) return;
    this.keepPlace(left ?? place);
    history[left ? "pushState" : "replaceState"](left ? null : history.state, "", url);
  }

  restore() {
    const query = read(location.search);
    if (query.suite !== this.query.suite) return this.load(query);
    this.query = query;
    if (this.answers) this.refresh({ keepPlace: false });
    this.returnToPlace();
  }

  /** Leave the address and the place as they are seen, for whoever comes back. */
  leave() {
    this.address();
    this.keepPlace(this.place);
  }

  /** Where the reader is. */
  get place() {
    return { top: this.grid.place.top, active: this.grid.active };
  }

  keepPlace(place) {
    history.replaceState({ ...history.state, lb: place }, "");
  }

  returnToPlace() {
    const place = history.state?.lb;
    if (!place) return;
    this.grid.scroller.scrollTop = place.top;
    if (place.active >= 0) this.grid.activate(place.active, false);
  }

  // ── rows ──

  /** The page of a row's model: of this run where the model has several, and on this board. */
  href(data, row) {
    const model = data.text("model", row);
    const path = model.split("/").map(encodeURIComponent).join("/");
    const params = new URLSearchParams();
    if (data.repeated.has(row)) {
      const told = { precision: data.text("precision", row), revision: /@([0-9a-f]+)(?:#\d+)?$/.exec(data.id(row))?.[1] };
      for (const [name, value] of Object.entries(told)) if (value) params.set(name, value);
    }
    if (this.query.suite) params.set("suite", this.query.suite);
    const search = params.toString();
    return `model/${path}${search && "?" + search}`;
  }

  open(row, apart) {
    const url = new URL(this.href(this.view.data, row), document.baseURI).href;
    if (apart) window.open(url, "_blank", "noopener");
    else {
      this.leave(); // some browsers no longer take an address once they are on their way
      location.assign(url);
    }
  }

  actsBar() {
    const button = (name, text, onclick) => el("button", { type: "button", tabindex: -1, title: text, "aria-label": text, onclick }, icon(name));
    const link = (name, text) => el("a", { tabindex: -1, target: "_blank", rel: "noopener", title: text, "aria-label": text }, icon(name));
    this.pinButton = button("pin", "Pin (p)", () => this.pin(this.acting));
    this.hubLink = link("hub", "On the Hugging Face Hub");
    this.detailsLink = link("details", "Answers, as a dataset on the Hub");
    return el("div.lt-acts", {}, this.pinButton, button("compare", "Compare (c)", () => this.choose(this.acting)), button("copy", "Copy the name", () => this.copyName(this.acting)), this.hubLink, this.detailsLink);
  }

  /** Put the actions into a row; `toggle`: a touch opens and closes them. */
  showActs(slot, toggle) {
    const cell = slot?.cells?.find(({ column }) => column.kind === "model")?.node;
    if (!cell || slot.index < 0 || (toggle && this.acts.parentNode === cell)) return this.acts.remove();
    this.acting = slot.index;
    const { data } = this.view;
    const model = data.text("model", slot.index);
    const onHub = this.about.hub && data.flag("available", slot.index) !== false;
    this.hubLink.hidden = !onHub;
    this.hubLink.href = HUB + model.split("/").map(encodeURIComponent).join("/");
    this.detailsLink.hidden = !this.about.details || model.includes("__");
    this.detailsLink.href = `${this.about.details}${encodeURIComponent(model.replace("/", "__"))}-details`;
    const isPinned = slot.position < this.view.answer.pinned;
    this.pinButton.title = isPinned ? "Unpin (p)" : "Pin (p)";
    this.pinButton.setAttribute("aria-label", this.pinButton.title);
    this.pinButton.classList.toggle("on", isPinned);
    if (this.acts.parentNode !== cell) cell.append(this.acts); // to move it would take the focus from it
  }

  // ── sharing ──

  async copy(text, said) {
    try {
      await navigator.clipboard.writeText(text);
      this.controls.say(said);
    } catch {
      this.controls.say("The browser does not allow copying here");
    }
  }

  copyName(row) {
    this.copy(this.view.data.text("model", row), "Name copied");
  }

  copyLink() {
    this.address();
    this.copy(location.href, "Link copied");
  }

  copyMarkdown() {
    this.copy(markdown(this.view), "Markdown copied");
  }

  download(form) {
    const search = write({ ...this.query, suite: this.about.suite });
    const link = el("a", { href: `${this.root.dataset.download}.${form}?${search}`, download: "" });
    link.click();
  }

  // ── what to do when nothing matches ──

  showNothing({ problem }, { relaxed }) {
    if (!this.total) return this.showEmpty("This board has no results yet.", "The first ones appear here by themselves.", []);
    const ways = Object.entries(relaxed).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
    const buttons = ways.map(([group, n]) => el("button.lt-button", { type: "button", onclick: () => this.change({ [group]: CLEAR[group] }) }, `Drop ${NAMES[group]}: ${plural(n, "run")}`));
    buttons.push(el("button.lt-button", { type: "button", onclick: () => this.change(CLEAR) }, "Reset all filters"));
    this.showEmpty("No model matches.", problem ?? (ways.length ? "It would, without one of these:" : "No single filter is the cause; start again:"), buttons);
  }

  showEmpty(title, text, buttons) {
    this.empty.replaceChildren(el("strong", {}, title), el("p", {}, text), el("div.lt-ways", {}, buttons));
    this.empty.hidden = false;
  }

  // ── keys ──

  key(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !this.view) return;
    if (target === this.controls.search) return this.keyInSearch(event);
    if (target.closest?.("input, textarea, select, dialog, [popover], [contenteditable]")) return;
    const { grid } = this;
    const inGrid = target === grid.table;
    const move = { j: 1, k: -1, ...(inGrid && { ArrowDown: 1, ArrowUp: -1, PageDown: grid.inView - 2, PageUp: 2 - grid.inView, Home: -Infinity, End: Infinity }) }[key];
    const row = grid.activeIndex;
    const act = { "/": () => this.controls.search.focus(), "?": () => this.controls.showKeys() }[key];
    const pin = () => {
      this.pin(row);
      if (grid.active >= 0) grid.activate(grid.active, false); // its actions come along
    };
    const rowAct = row !== undefined && { p: pin, c: () => this.choose(row), ...((inGrid || target === document.body) && { Enter: () => this.open(row, event.shiftKey) }) }[key];
    if (move) {
      if (document.activeElement !== grid.table) grid.table.focus({ preventScroll: true });
      grid.activate(Math.max(-1, grid.active) + move);
    } else if (act) act();
    else if (rowAct) rowAct();
    else if (inGrid && (key === "ArrowRight" || key === "ArrowLeft")) grid.scroller.scrollBy({ left: key === "ArrowRight" ? 90 : -90 });
    else return;
    event.preventDefault();
  }

  keyInSearch(event) {
    if (event.key === "Escape") this.controls.search.blur();
    else if (event.key === "ArrowDown" || event.key === "Enter") {
      this.grid.table.focus({ preventScroll: true });
      this.grid.activate(this.view.answer.pinned < this.view.answer.rows.length ? this.view.answer.pinned : 0);
    } else return;
    event.preventDefault();
  }

  /** The table takes what the window has left below it, so that one thing scrolls. */
  fit() {
    const { top, bottom } = this.root.getBoundingClientRect();
    this.root.style.setProperty("--lt-top", `${Math.round(top + scrollY)}px`);
    const below = document.documentElement.scrollHeight - Math.round(bottom + scrollY);
    this.root.style.setProperty("--lt-bottom", `${this.grid.narrow ? 12 : Math.max(12, below)}px`);
  }
}

async function json(url) {
  const answer = await fetch(new URL(url, document.baseURI));
  if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
  return answer.json();
}

function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null; // no storage, or somebody else's words in it
  }
}

function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // a private window: this page only
  }
}
