// The table: the view that the reader asks for, the rows that answer it, and the address that names it.

import { RowActions } from "./row_actions.js";
import { Controls } from "./controls.js";
import { Data } from "./data.js";
import { el, oncePainted } from "./dom.js";
import { Grid } from "./grid.js";
import { handleKey, takeEarly } from "./keys.js";
import { fetchEngine } from "./pattern.js";
import { Answers } from "./query.js";
import { parse } from "./search.js";
import { Share } from "./share.js";
import { suggest } from "./suggest.js";
import { HIDDEN } from "./choices.js";
import { read, write } from "./url.js";
import { plural } from "./words.js";

/** @import { About, Change, Query, View } from "./types.js" */

const WRITE_AFTER = 250; // ms without a keystroke before the address follows
const MOST_COMPARED = 6;
/** The filters, what each is called, and what it is when it is off. @type {Record<string, [string, any]>} */
const FILTERS = {
  q: ["the search", ""],
  types: ["type", []],
  family: ["family", []],
  precision: ["precision", []],
  license: ["licence", []],
  size: ["size preset", []],
  params: ["size range", [null, null]],
  uploaded: ["upload date", [null, null]],
  submitted: ["submission date", [null, null]],
  hide: ["hidden rows", HIDDEN],
  official: ["official only", false],
};
const CLEAR = Object.fromEntries(Object.entries(FILTERS).map(([name, [, off]]) => [name, off]));

export class Table {
  /**
   * Take over the table that the page's HTML brings along, with the rows of its first screen.
   * @param {HTMLElement} root
   */
  constructor(root) {
    this.root = root;
    /** @type {About} */
    this.about = JSON.parse(root.querySelector("script[type='application/json']")?.textContent ?? "");
    this.types = Object.fromEntries(this.about.types.map((type) => [type.key, type]));
    /** @type {Query} */
    this.query = this.withMemory(this.about.query);
    const { suite } = this.query;
    this.choice = suite ? `lb.compare.${suite}` : "lb.compare"; // rows of two boards cannot be compared
    this.chosen = new Set(remembered(this.choice) ?? []);
    this.fetching = new Set();
    /** @type {any} */
    this.answers = null; // Answers, once the rows have come
    /** @type {any} */
    this.counts = null;
    /** @type {any} */
    this.view = null; // a View, once the rows have come
    this.share = new Share(this);
    this.controls = new Controls(root, {
      change: (patch, how) => this.change(patch, how),
      reset: () => this.change(CLEAR),
      share: this.share,
    });
    this.grid = new Grid(/** @type {HTMLElement} */ (root.querySelector(".lt-frame")), {
      open: (row, apart) => this.open(row, apart),
      sort: (column, more) => this.sort(column, more),
      acts: (slot, toggle) => this.rowActions.show(slot, toggle),
      filled: (slot, moved) => this.rowActions.follow(slot, moved),
    });
    this.rowActions = new RowActions(this);
    this.empty = /** @type {HTMLElement} */ (root.querySelector(".lt-empty"));
    const { keys, menu } = takeEarly();
    this.early = keys; // keys for rows that have not come yet
    document.addEventListener("keydown", (event) => handleKey(this, event));
    this.controls.greet(this.query, this.chosen);
    menu?.click();
    addEventListener("popstate", () => this.restore());
    addEventListener("pagehide", () => this.leave());
    this.load();
  }

  // ── loading ──

  /** Fetch the rows; those of the first screen stay until they have come. */
  async load() {
    try {
      const [rows] = await Promise.all([json(this.about.core), this.patternsReady(this.query.q)]);
      this.answers = new Answers(new Data(rows), this.about);
      this.root.removeAttribute("aria-busy");
      this.refresh({ keepPlace: true });
      this.returnToPlace();
      for (const event of this.early.splice(0)) handleKey(this, event);
      if (written(this.query) !== location.search.slice(1)) this.address();
      this.root.dispatchEvent(new CustomEvent("lb:ready", { bubbles: true }));
      if (this.about.certainty) (window.requestIdleCallback ?? setTimeout)(() => this.fetchMore("certainty"));
    } catch (error) {
      this.failed(error);
    }
  }

  /** Fetch the pattern engine if a search needs it. @param {string} q */
  async patternsReady(q) {
    if (parse(q).isWaiting) await fetchEngine(new URL(this.root.dataset.patterns ?? "", document.baseURI).href);
  }

  /** Fetch more columns of the same rows: `extra` when one is wanted, `certainty` when all else is on screen. */
  async fetchMore(what) {
    if (this.fetching.has(what)) return;
    this.fetching.add(what);
    const { answers } = this;
    try {
      const { columns } = await json(this.about[what]);
      answers?.data.add(columns);
      this.refresh();
    } catch (error) {
      this.controls.notify(`Some columns could not be fetched: ${message(error)}`);
    } finally {
      this.fetching.delete(what);
    }
  }

  failed(error) {
    this.root.removeAttribute("aria-busy");
    const again = () => {
      this.empty.hidden = true;
      this.root.setAttribute("aria-busy", "true");
      this.load();
    };
    const button = el("button.lt-button", { type: "button", onclick: again }, "Try again");
    this.showEmpty("The rows could not be fetched.", `${message(error)}. Whatever was on screen is kept.`, [button]);
  }

  // ── one view to the next ──

  /** @type {Change} */
  change(patch, { step = true } = {}) {
    if (this.left) this.address(); // the step before this one
    const { query: before, place } = this;
    this.query = { ...this.query, ...patch };
    if (patch.columns !== undefined) remember(`lb.columns.${this.about.suite}`, patch.columns);
    if (!this.answers) return;
    const narrows = Object.keys(patch).some((name) => name in FILTERS || name === "sort");
    this.refresh({ keepPlace: !narrows });
    clearTimeout(this.writing);
    if (step && written(before) !== written(this.query)) {
      this.left = place;
      oncePainted(() => this.address());
    } else this.writing = setTimeout(() => this.address(), WRITE_AFTER);
  }

  refresh(how = {}) {
    const { answers, query } = this;
    if (!answers) return;
    if (parse(query.q).isWaiting) return this.awaitPatterns(how);
    const answer = answers.answer(query);
    // while a pattern is being typed, the last one that could be read stays on screen
    if (!answer.problem) this.good = query.q;
    else if (this.good !== undefined) {
      Object.assign(answer, answers.answer({ ...query, q: this.good }), { problem: answer.problem });
    }
    const columns = answers.named(query.columns, answer);
    // the counts beside the choices follow the rows; when none is left, they say what to relax
    const follow = this.counts && answer.matches;
    if (!follow) this.counts = answers.counts(answer.failed);
    this.paint({ data: answers.data, answer, columns }, how);
    if (follow) oncePainted(() => answer === this.view?.answer && this.recount());
    const raw = (key) => (query.score === "raw" && answers.byKey.has(`${key}.raw`) ? `${key}.raw` : key);
    const wanted = [...columns.map(({ key }) => raw(key)), ...query.sort.map(({ key }) => key)];
    if (wanted.some((key) => answers.byKey.has(key) && key !== "rank" && !answers.data.has(key))) {
      this.fetchMore("extra");
    }
  }

  async awaitPatterns(how) {
    const { q } = this.query;
    try {
      await this.patternsReady(q);
    } catch (error) {
      return this.controls.notify(`Patterns cannot be matched: ${message(error)}`);
    }
    if (q === this.query.q) this.refresh(how);
  }

  /** @param {Pick<View, "data" | "answer" | "columns">} parts */
  paint({ data, answer, columns }, how) {
    const { query, about, chosen, types, counts } = this;
    const change = (patch, options) => this.change(patch, options);
    this.view = { data, answer, columns, query, about, types, chosen, href: (row) => this.href(data, row) };
    this.grid.show(this.view, how);
    this.controls.update({ query, answer, counts, about, columns, data, chosen, total: about.total, change });
    if (answer.matches || !counts) this.empty.hidden = true;
    else this.showNothing(answer, counts);
    this.root.dispatchEvent(new CustomEvent("lb:query", { bubbles: true, detail: written(query) }));
  }

  recount() {
    this.counts = this.answers.counts(this.view.answer.failed);
    this.controls.recount(this.counts);
  }

  /** The columns of an earlier visit, if the address names no more than a board: a link shows everybody the same. */
  withMemory(query) {
    const asks = [...new URLSearchParams(location.search).keys()].some((name) => !["suite", "__theme"].includes(name));
    const columns = asks ? null : remembered(`lb.columns.${this.about.suite}`);
    return Array.isArray(columns) ? { ...query, columns: columns.filter((key) => typeof key === "string") } : query;
  }

  sort(column, more) {
    const key = column.kind === "rank" ? "average" : column.key;
    const hasMost = ["score", "number", "date", "flag"].includes(column.kind) && column.better === "higher";
    const { sort } = this.query;
    const old = sort.find((each) => each.key === key);
    const next = { key, descending: old ? !old.descending : column.kind === "rank" || hasMost };
    if (!more) this.change({ sort: [next] });
    else this.change({ sort: old ? sort.map((each) => (each === old ? next : each)) : [...sort, next].slice(0, 5) });
  }

  pin(row) {
    const { data, answer } = this.view;
    const id = data.id(row);
    const { pinned } = this.query;
    const isPinned = answer.rows.indexOf(row) < answer.pinned;
    this.change({ pinned: isPinned ? pinned.filter((each) => each !== id) : [...pinned, id] });
    this.controls.notify(isPinned ? "Unpinned" : "Pinned");
  }

  choose(row) {
    const id = this.view.data.id(row);
    if (!this.chosen.delete(id)) {
      if (this.chosen.size >= MOST_COMPARED) {
        return this.controls.notify(`At most ${MOST_COMPARED} models can be compared at once`);
      }
      this.chosen.add(id);
    }
    remember(this.choice, [...this.chosen]);
    this.root.dispatchEvent(new CustomEvent("lb:compare", { bubbles: true, detail: [...this.chosen] }));
    this.grid.show(this.view); // the same rows, with their new marks
    this.controls.showChosen(this.chosen, this.query);
    this.controls.notify(`${plural(this.chosen.size, "model")} chosen for comparison`);
  }

  // ── the address ──

  /** Let the address name what is shown; if the reader left another view for it, as a step of its own. */
  address() {
    clearTimeout(this.writing);
    const { left, view, place } = this;
    this.left = null;
    if (!view) return;
    const search = written(this.query);
    const url = `${location.pathname}${search && `?${search}`}${location.hash}`;
    if (url === location.pathname + location.search + location.hash) return;
    this.keepPlace(left ?? place);
    history[left ? "pushState" : "replaceState"](left ? null : history.state, "", url);
  }

  restore() {
    const query = readPage(location.search);
    if (query.suite !== this.query.suite) return location.reload();
    this.query = query;
    this.refresh({ keepPlace: false });
    this.returnToPlace();
  }

  /** Leave the address and the place as they are seen, for a reader who comes back. */
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
    if (!place || !this.view) return;
    this.grid.scroller.scrollTop = place.top;
    if (place.active >= 0) this.grid.activate(place.active, false);
  }

  // ── rows ──

  /**
   * The page of a row's model: of this run if the model has several, and on this board.
   * @param {Data} data
   * @param {number} row
   */
  href(data, row) {
    const path = data.text("model", row).split("/").map(encodeURIComponent).join("/");
    const params = new URLSearchParams();
    if (data.repeated.has(row)) {
      const precision = data.text("precision", row);
      const revision = /@([0-9a-f]+)(?:#\d+)?$/.exec(data.id(row))?.[1];
      for (const [name, value] of Object.entries({ precision, revision })) if (value) params.set(name, value);
    }
    if (this.query.suite) params.set("suite", this.query.suite);
    const search = params.toString();
    return `model/${path}${search && `?${search}`}`;
  }

  open(row, apart) {
    const url = new URL(this.href(this.view.data, row), document.baseURI).href;
    if (apart) window.open(url, "_blank", "noopener");
    else {
      this.leave(); // some browsers no longer take an address once they are on their way
      location.assign(url);
    }
  }

  // ── what to do if nothing matches ──

  showNothing({ problem }, { relaxed }) {
    if (!this.about.total) {
      return this.showEmpty("This board has no results yet.", "The first ones appear here by themselves.", []);
    }
    const ways = Object.entries(relaxed)
      .filter(([, n]) => n > 0)
      .sort((a, b) => b[1] - a[1]);
    const button = (patch, text) => el("button.lt-button", { type: "button", onclick: () => this.change(patch) }, text);
    const meant = el("div.lt-meant", { role: "status" });
    const buttons = ways.map(([group, n]) =>
      button({ [group]: group === "hide" ? [] : CLEAR[group] }, `Drop ${FILTERS[group][0]}: ${plural(n, "run")}`),
    );
    buttons.push(button(CLEAR, "Reset all filters"));
    const advice = ways.length ? "Some would, without one of these:" : "No single filter is the cause; start again:";
    this.showEmpty("No model matches.", problem ?? advice, buttons, meant);
    if (!problem && this.query.q.trim()) suggest(this, written(this.query), meant);
  }

  showEmpty(title, text, buttons, first = "") {
    this.empty.replaceChildren(el("strong", {}, title), first, el("p", {}, text), el("div.lt-ways", {}, buttons));
    this.empty.hidden = false;
  }
}

/** The view in a page's address: what it does not say to hide is hidden as src/board/table/query.py does. */
function readPage(search) {
  const query = read(search);
  return new URLSearchParams(search).has("hide") ? query : { ...query, hide: [...HIDDEN] };
}

/** A view as a page's address. @param {Query} query */
function written(query) {
  const isUsual = query.hide.join() === HIDDEN.join();
  const at = new URLSearchParams(location.search).get("at"); // a day of the past stays
  const search = [write({ ...query, hide: isUsual ? [] : query.hide }), at && `at=${encodeURIComponent(at)}`];
  if (!query.hide.length) search.push("hide=");
  return search.filter(Boolean).join("&");
}

async function json(url) {
  const answer = await fetch(new URL(url, document.baseURI));
  if (!answer.ok) throw new Error(`The server answered ${answer.status}`);
  return answer.json();
}

/** @param {unknown} error */
const message = (error) => (error instanceof Error ? error.message : String(error));

function remembered(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null; // no storage, or another program's words in it
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
