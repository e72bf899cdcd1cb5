// Answers a view on many rows: which pass, in what order, at what rank. `src/board/table/query.py` gives the same
// answers.

import { parse } from "./search.js";
import { UNKNOWN, since } from "./words.js";
import { averages, counted as countedIn, isPublished, nameOf, pointsUp, ranks } from "./averages.js";

const GROUPS = [
  "q",
  "types",
  "family",
  "precision",
  "license",
  "size",
  "params",
  "uploaded",
  "submitted",
  "hide",
  "official",
];
const BIT = Object.fromEntries(GROUPS.map((group, at) => [group, 1 << at]));
export const CHOICES = { types: "type", family: "family", precision: "precision", license: "license" };
const DATES = { uploaded: "upload_date", submitted: "submission_date" };

/** Answers views on one board; what two views share is computed once. */
export class Answers {
  /** `about`: columns, types, sizes and hides as the server describes them. */
  constructor(data, about) {
    this.data = data;
    this.about = about;
    this.byKey = new Map(about.columns.map((column) => [column.key, column]));
    this.known = new Map(); // what was computed → under which question → answer
  }

  /** The rows of a view: { rows, pinned, matches, averages, ranks, problem, search, failed }. */
  answer(query) {
    const { data } = this;
    const search = this.once("search", query.q, () => parse(query.q));
    const failed = this.failed(query, search);
    const pins = this.once("pins", query.pinned.join(), () => this.find(query.pinned));
    const shown = this.shown(query.columns);
    const counted = countedIn(query, this.about, shown);
    const asked = [query.aggregate, query.weights.join(), counted.map((column) => column.key).join()].join("/");
    const average = this.once("average", asked, () => averages(data, this.about, query, counted));
    const published = isPublished(query, this.about, counted);
    const upward = pointsUp(query, this.about);
    const best = { key: "average", descending: upward };
    // nothing asked for: the best first, whichever way the average points
    const isPlain = query.sort.length === 1 && query.sort[0].key === "average" && query.sort[0].descending;
    const order = this.order(isPlain ? { ...query, sort: [best] } : query, average, asked);
    const isPinned = new Set(pins);
    const rows = new Uint32Array(data.n);
    rows.set(pins);
    let filled = pins.length;
    for (let at = 0; at < order.length; at++) {
      const row = order[at];
      if (failed[row] === 0 && !isPinned.has(row)) rows[filled++] = row;
    }
    const matches = filled - pins.filter((row) => failed[row] !== 0).length;
    const byAverage = this.order({ sort: [best], score: "normalised" }, average, asked);
    const among = query.rank === "shown" ? (row) => failed[row] === 0 || isPinned.has(row) : null;
    return {
      rows: rows.subarray(0, filled),
      pinned: pins.length,
      matches,
      averages: average,
      ranks: among
        ? ranks(average, byAverage, among)
        : this.once("ranks", average, () => ranks(average, byAverage, null)),
      problem: search.problem,
      search,
      failed,
      isPublished: published,
      isRanged: published && query.rank === "all",
      ranking: nameOf(query, this.about, counted),
      scale: published ? null : this.once("scale", average, () => endsOf(average, upward)),
    };
  }

  /** How many rows each choice of each filter would leave, and what dropping a filter would bring back. */
  counts(failed) {
    const { data, about } = this;
    const groups = Object.entries(CHOICES).map(([group, key]) => {
      const { values, codes, every } = this.once("tally", key, () => tally(data.column(key)));
      return { group, bit: BIT[group], values, codes, every, found: new Float64Array(values.length) };
    });
    const sizes = new Float64Array(about.sizes.length);
    const hides = new Float64Array(about.hides.length);
    const relaxed = new Float64Array(GROUPS.length);
    const params = data.numbers("params_b");
    const inSize = about.sizes.map(({ key, low, high }) =>
      this.once("in size", key, () => this.rows((row) => within(params?.[row], low, high))),
    );
    const isHidden = about.hides.map(({ key, path, when }) =>
      this.once("is hidden", key, () => this.rows((row) => data.flag(path, row) === when)),
    );
    const official = data.column("official")?.flags;
    let officials = 0;
    for (let row = 0; row < data.n; row++) {
      const fails = failed[row];
      if (fails & (fails - 1)) continue; // fails two filters: no single choice brings it back
      if (fails) relaxed[31 - Math.clz32(fails)]++;
      for (const { bit, codes, found } of groups) if (!(fails & ~bit)) found[(codes ? codes[row] : -1) + 1]++;
      if (!(fails & ~BIT.size)) for (let at = 0; at < sizes.length; at++) sizes[at] += inSize[at][row];
      if (!(fails & ~BIT.hide)) for (let at = 0; at < hides.length; at++) hides[at] += isHidden[at][row];
      if (!(fails & ~BIT.official) && official?.charCodeAt(row) === 49) officials++;
    }
    return {
      ...Object.fromEntries(groups.map(({ group, values, every, found }) => [group, named(values, every, found)])),
      size: Object.fromEntries(about.sizes.map(({ key }, at) => [key, sizes[at]])),
      hide: Object.fromEntries(about.hides.map(({ key }, at) => [key, hides[at]])),
      official: { 1: officials },
      relaxed: Object.fromEntries(GROUPS.map((group, at) => [group, relaxed[at]])),
    };
  }

  /** The columns a reader sees, in the board's order. */
  shown(keys) {
    const always = ["rank", "model"];
    return this.about.columns.filter(
      (column) => always.includes(column.key) || (keys === null ? column.shown : keys.includes(column.key)),
    );
  }

  /** The same columns with an average of the reader's own called what it is. */
  named(keys, answer) {
    const help = `${answer.ranking}: chosen here, not the board’s own.`;
    return this.shown(keys).map((column) =>
      column.key === "average" && !answer.isPublished ? { ...column, title: answer.ranking, help } : column,
    );
  }

  /** The rows with these ids, in their order. @param {string[]} pins */
  find(pins) {
    const { data } = this;
    const found = new Map(pins.map((pin) => [pin, -1]));
    for (let row = 0; pins.length && row < data.n; row++) {
      const id = data.id(row);
      if (found.get(id) === -1) found.set(id, row);
    }
    return [...found.values()].filter((row) => row >= 0);
  }

  /** Every row in the view's order: missing values last, ties in the board's order; `asked`: which average. */
  order(query, average, asked) {
    const raw = query.score === "raw";
    let order = null;
    let chain = ""; // what the order is made of
    for (const { key, descending } of [...query.sort].reverse()) {
      if (!this.byKey.has(key)) continue;
      const before = order;
      const sortable = key === "average" ? average : this.sortable(key, raw);
      if (!sortable) continue; // its column is still on its way
      chain += `/${descending ? "-" : ""}${key} ${key === "average" ? asked : query.score}`;
      order = this.once("order", chain, () => sorted(sortable, descending, before));
    }
    return order ?? this.once("order", "", () => Uint32Array.from({ length: this.data.n }, (_, row) => row));
  }

  /** A column as numbers that sort as it does; undefined while it is not here. */
  sortable(key, raw) {
    const { data, about } = this;
    const column = this.byKey.get(key);
    const path = raw && this.byKey.has(`${key}.raw`) ? `${key}.raw` : key;
    if (!data.has(path)) return undefined;
    return this.once("sortable", path, () => {
      const { numbers, codes, values, flags, starts } = data.column(path);
      if (numbers) return numbers;
      if (flags !== undefined) return Float64Array.from(flags, (sign) => (sign === "-" ? NaN : Number(sign)));
      if (starts) {
        const { lower } = data.names;
        return places(data.n, (row) => lower.slice(starts[row], starts[row + 1] - 1));
      }
      const keys = about.types.map((type) => type.key);
      const place =
        column.kind === "type"
          ? values.map((value) => (keys.includes(value) ? keys.indexOf(value) : NaN))
          : places(values.length, (code) => values[code].toLowerCase());
      return Float64Array.from(codes, (code) => (code < 0 ? NaN : place[code]));
    });
  }

  /** For each row, the filters it fails, one bit each. */
  failed(query, search) {
    const failed = new Uint16Array(this.data.n);
    const apply = (group, active, question, passes) => {
      if (!active) return;
      const passed = this.once(`passed ${group}`, question, passes);
      const bit = BIT[group];
      for (let row = 0; row < failed.length; row++) if (passed[row] === 0) failed[row] |= bit;
    };
    apply("q", search.problem || search.alternatives.length, query.q, () => this.searched(search));
    for (const [group, key] of Object.entries(CHOICES)) {
      apply(group, query[group].length, query[group].join("\n"), () =>
        this.coded(key, (value) => query[group].includes(value ?? UNKNOWN)),
      );
    }
    const size = this.data.numbers("params_b");
    const sizes = this.about.sizes.filter(({ key }) => query.size.includes(key));
    apply("size", query.size.length, query.size.join(), () =>
      this.rows((row) => sizes.some(({ low, high }) => within(size?.[row], low, high))),
    );
    apply("params", isSet(query.params), query.params.join(), () =>
      this.rows((row) => within(size?.[row], ...query.params)),
    );
    for (const [group, key] of Object.entries(DATES)) {
      const days = this.data.numbers(key);
      const [first, last] = query[group].map((end) => (end === null ? null : since(end)));
      apply(group, isSet(query[group]), query[group].join(), () =>
        this.rows((row) => days?.[row] >= (first ?? -Infinity) && days[row] <= (last ?? Infinity)),
      );
    }
    const hides = this.about.hides.filter(({ key }) => query.hide.includes(key));
    apply("hide", query.hide.length, query.hide.join(), () =>
      this.rows((row) => !hides.some(({ path, when }) => this.data.flag(path, row) === when)),
    );
    apply("official", query.official, "", () => this.rows((row) => this.data.flag("official", row) === true));
    return failed;
  }

  searched({ alternatives, problem }) {
    const passed = new Uint8Array(this.data.n);
    if (problem) return passed;
    for (const terms of alternatives) {
      const found = terms.map((term) => this.termed(term));
      for (let row = 0; row < passed.length; row++) if (found.every((each) => each[row])) passed[row] = 1;
    }
    return passed;
  }

  termed(term) {
    return this.once("term", `${term.kind}\n${term.field}\n${term.text}`, () => {
      const { names } = this.data;
      const { pattern } = term;
      if (term.kind === "word") return containing(names, term.text);
      if (term.kind === "size") return containing(names, term.text, isWholeSize);
      if (term.field === "org") return containing(names, term.text, isInOrganisation);
      if (pattern)
        return this.rows((row) => pattern.test(names.lower.slice(names.starts[row], names.starts[row + 1] - 1)));
      const titles = Object.fromEntries(this.about.types.map(({ key, title }) => [key, title]));
      if (term.field === "type")
        return this.coded(
          "type",
          (value) => value !== null && (value.includes(term.text) || titles[value]?.includes(term.text)),
        );
      const short = term.field === "precision" ? this.about.precisions : {}; // bf16 stands for bfloat16
      return this.coded(term.field, (value) =>
        value === null
          ? term.text === UNKNOWN
          : value.toLowerCase().includes(term.text) || Boolean(short[value]?.includes(term.text)),
      );
    });
  }

  /** Which rows' word in a column passes a test; the test sees each word once. */
  coded(key, test) {
    const column = this.data.column(key);
    if (!column) return new Uint8Array(this.data.n).fill(test(null) ? 1 : 0);
    const passes = [null, ...column.values].map((value) => (test(value) ? 1 : 0));
    return Uint8Array.from(column.codes, (code) => passes[code + 1]);
  }

  rows(test) {
    const passed = new Uint8Array(this.data.n);
    for (let row = 0; row < passed.length; row++) passed[row] = test(row) ? 1 : 0;
    return passed;
  }

  once(what, question, make) {
    let answers = this.known.get(what);
    if (!answers) this.known.set(what, (answers = new Map()));
    if (!answers.has(question)) {
      if (answers.size >= 8) answers.delete(answers.keys().next().value);
      answers.set(question, make());
    }
    return answers.get(question);
  }
}

/**
 * The worst and the best of an average that was made here: between them its bar is drawn.
 * @returns {[number, number] | null}
 */
function endsOf(average, upward) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of average) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return most > least ? (upward ? [least, most] : [most, least]) : null;
}

const isSet = (range) => range.some((end) => end !== null);
const within = (value, low, high) => value >= (low ?? -Infinity) && value < (high ?? Infinity);

/**
 * Which names hold `text`, at a place that `isRight` accepts: one search through all of them, since a search a name is
 * several times slower.
 * @param {{ lower: string, starts: Uint32Array }} names
 * @param {string} text
 * @param {(lower: string, at: number, length: number, start: number, end: number) => boolean} [isRight]
 */
function containing({ lower, starts }, text, isRight) {
  const passed = new Uint8Array(starts.length - 1);
  let row = 0;
  for (let at = lower.indexOf(text); at >= 0;) {
    while (starts[row + 1] <= at) row++;
    const end = starts[row + 1] - 1;
    if (at + text.length <= end && (!isRight || isRight(lower, at, text.length, starts[row], end))) passed[row] = 1;
    at = lower.indexOf(text, passed[row] ? end + 1 : at + 1);
  }
  return passed;
}

/** Whether a match lies within the organisation. */
function isInOrganisation(lower, at, length, start, end) {
  const slash = lower.indexOf("/", start);
  return at + length <= (slash < 0 || slash > end ? end : slash);
}

/** Whether a match of 7b is neither the end of 47b or 2.7b nor the beginning of 7bit. */
function isWholeSize(lower, at, length, start, end) {
  const before = lower.slice(Math.max(start, at - 2), at);
  const after = lower.slice(at + length, Math.min(end, at + length + 2));
  return !/[0-9]\.?$/.test(before) && after !== "it";
}

/** Rows by value, missing last. Whole numbers that carry their row sort natively, ten times as fast as a comparison. */
function sorted(values, descending, before) {
  const n = values.length;
  const limit = Math.floor(Number.MAX_SAFE_INTEGER / (n + 1)) - 1;
  const keys = new Float64Array(n);
  for (let at = 0; at < n; at++) {
    const value = values[before ? before[at] : at];
    const whole = Math.max(-limit + 1, Math.min(limit - 1, Math.round(value * 1e4)));
    keys[at] = (Number.isNaN(value) ? limit : descending ? -whole : whole) * n + at;
  }
  keys.sort();
  const order = new Uint32Array(n);
  for (let at = 0; at < n; at++) {
    const position = ((keys[at] % n) + n) % n;
    order[at] = before ? before[position] : position;
  }
  return order;
}

/** Each item's place among the texts in order; equal texts share one. */
function places(n, text) {
  const texts = Array.from({ length: n }, (_, at) => text(at));
  const order = texts.map((_, at) => at).sort((a, b) => (texts[a] < texts[b] ? -1 : texts[a] > texts[b] ? 1 : 0));
  const place = new Float64Array(n);
  order.forEach(
    (at, rank) => (place[at] = rank && texts[at] === texts[order[rank - 1]] ? place[order[rank - 1]] : rank),
  );
  return place;
}

function tally(column) {
  const values = [UNKNOWN, ...(column?.values ?? [])];
  const every = new Float64Array(values.length);
  if (column) for (const code of column.codes) every[code + 1]++;
  return { values, codes: column?.codes, every };
}

/** Counts by value; a licence that says "unknown" is counted with those that say nothing. */
function named(values, every, found) {
  /** @type {Record<string, number>} */
  const tallied = {};
  values.forEach((value, at) => every[at] && (tallied[value] = (tallied[value] ?? 0) + found[at]));
  return tallied;
}
