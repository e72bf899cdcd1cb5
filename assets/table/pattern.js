// A pattern matcher whose time is linear in the text, whatever the pattern: links come from strangers, and the browser's
// own RegExp can be made to run for ever. It reads the part of RE2's language that `src/board/search.py` admits,
// ignores case, and answers from a table of states that is built as texts are read.

const MOST_NODES = 4000;
const MOST_STATES = 2000;
const MOST_TIMES = 1000; // repeats within repeats, as RE2 counts them

const [CHAR, SPLIT, EMPTY, START, END, MATCH] = [0, 1, 2, 3, 4, 5];

/** A compiled pattern. Throws SyntaxError for one that cannot be read. */
export function compile(pattern) {
  return new Pattern(new Parser(pattern).program());
}

class Pattern {
  constructor(program) {
    this.program = program;
    this.forget();
  }

  /** Whether `text` (lower case) matches anywhere between `from` and `to`. */
  test(text, from = 0, to = text.length) {
    let state = this.initial;
    for (let at = from; at < to; at++) {
      if (state.matched) return true;
      const code = text.charCodeAt(at);
      state = (code < 128 ? state.next[code] : state.more.get(code)) ?? this.step(state, code);
    }
    return state.matched || state.matchedAtEnd;
  }

  /** Where `text` (lower case) matches first, as [start, end], the longest from there; null if nowhere. */
  find(text) {
    for (let start = 0; start <= text.length; start++) {
      let nodes = this.reach([0], start === 0, start === text.length);
      let end = nodes.includes(MATCH_NODE) ? start : -1;
      for (let at = start; at < text.length && nodes.length; at++) {
        nodes = this.reach(this.consume(nodes, text.charCodeAt(at)), false, at + 1 === text.length);
        if (nodes.includes(MATCH_NODE)) end = at + 1;
      }
      if (end > start) return [start, end];
    }
    return null;
  }

  forget() {
    this.states = new Map();
    this.initial = this.state(this.reach([0], true, false));
  }

  step(state, code) {
    if (this.states.size > MOST_STATES) this.forget();
    const seeds = this.consume(state.nodes, code);
    seeds.push(0); // a match may begin at any character
    const next = this.state(this.reach(seeds, false, false));
    if (code < 128) state.next[code] = next;
    else state.more.set(code, next);
    return next;
  }

  state(nodes) {
    const key = nodes.join();
    let state = this.states.get(key);
    if (!state) {
      const matched = nodes.includes(MATCH_NODE);
      const matchedAtEnd = matched || this.reach(nodes, false, true).includes(MATCH_NODE);
      state = { nodes, matched, matchedAtEnd, next: new Array(128).fill(null), more: new Map() };
      this.states.set(key, state);
    }
    return state;
  }

  consume(nodes, code) {
    const { kind, test, out } = this.program;
    const seeds = [];
    for (const node of nodes) if (kind[node] === CHAR && test[node](code)) seeds.push(out[node]);
    return seeds;
  }

  /** Every node reachable from `seeds` without reading a character, in ascending order. */
  reach(seeds, atStart, atEnd) {
    const { kind, out, other } = this.program;
    const seen = new Set();
    const waiting = [...seeds];
    while (waiting.length) {
      const node = waiting.pop();
      if (seen.has(node)) continue;
      seen.add(node);
      if (kind[node] === SPLIT) waiting.push(out[node], other[node]);
      else if (kind[node] === EMPTY || (kind[node] === START && atStart) || (kind[node] === END && atEnd)) waiting.push(out[node]);
    }
    return [...seen].sort((a, b) => a - b);
  }
}

const MATCH_NODE = 1; // node 0 is the entry, node 1 the end of every program

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.kind = [EMPTY, MATCH];
    this.out = [1, -1];
    this.other = [-1, -1];
    this.test = [null, null];
  }

  program() {
    const whole = this.either();
    if (this.at < this.text.length) this.fail("an unmatched )");
    if (times(whole) > MOST_TIMES) this.fail("too many repeats within repeats");
    const [first, last] = this.build(whole);
    this.out[0] = first;
    this.out[last] = MATCH_NODE;
    return { kind: this.kind, out: this.out, other: this.other, test: this.test };
  }

  // ── text → tree ──

  either() {
    const branches = [this.sequence()];
    while (this.take("|")) branches.push(this.sequence());
    return branches.length === 1 ? branches[0] : { either: branches };
  }

  sequence() {
    const parts = [];
    while (this.at < this.text.length && !"|)".includes(this.text[this.at])) parts.push(this.repeated());
    return { sequence: parts };
  }

  repeated() {
    const part = this.one();
    const found = /^(?:([*+?])|\{(\d{1,2})(?:(,)(\d{0,2}))?\})\??/.exec(this.text.slice(this.at));
    if (!found) return part;
    this.at += found[0].length;
    if (/^(?:[*+?]|\{\d)/.test(this.text.slice(this.at))) this.fail("two repeats in a row");
    const [, sign, low, comma, high] = found;
    const least = sign ? Number(sign === "+") : Number(low);
    const most = sign ? (sign === "?" ? 1 : Infinity) : comma ? (high ? Number(high) : Infinity) : least;
    if (most < least) this.fail("a repeat that ends before it begins");
    return { part, least, most };
  }

  one() {
    const sign = this.text[this.at++];
    if (sign === "(") {
      if (this.text.startsWith("?:", this.at)) this.at += 2;
      else if (this.text[this.at] === "?") this.fail("a group of another kind");
      const inner = this.either();
      if (!this.take(")")) this.fail("a missing )");
      return inner;
    }
    if (sign === "^") return { edge: START };
    if (sign === "$") return { edge: END };
    if (sign === ".") return { test: (code) => code !== 10 };
    if (sign === "[") return { test: this.set() };
    if (sign === "\\") return { test: this.escaped() ?? this.literal() };
    if ("*+?{}]".includes(sign)) this.fail(`an unexpected ${sign}`);
    this.at--;
    return { test: this.literal() };
  }

  literal() {
    const sign = this.text[this.at++].toLowerCase();
    const code = sign.charCodeAt(0);
    return (other) => other === code;
  }

  /** The test behind \d \w \s and their opposites; null where another sign is escaped. */
  escaped() {
    const sign = this.text[this.at] ?? this.fail("a \\ at the end");
    const known = CLASSES[sign.toLowerCase()];
    if (known && /[dws]/i.test(sign)) {
      this.at++;
      return sign === sign.toLowerCase() ? known : (code) => !known(code);
    }
    if (/[\p{L}\p{N}_\s]/u.test(sign)) this.fail(`\\${sign}`);
    return null;
  }

  set() {
    const negated = this.take("^");
    const tests = [];
    while (!this.take("]")) {
      const low = this.member();
      if (typeof low === "function") {
        tests.push(low);
        continue;
      }
      let high = low;
      if (this.text[this.at] === "-" && this.text[this.at + 1] !== "]" && this.at + 1 < this.text.length) {
        this.at++;
        high = this.member();
        if (typeof high === "function") this.fail("a range that ends in a class");
        if (high < low) this.fail("a range that ends before it begins");
      }
      tests.push((code) => (code >= low && code <= high) || inRange(upper(code), low, high));
    }
    if (!tests.length) this.fail("an empty [ ]");
    const any = (code) => tests.some((test) => test(code));
    return negated ? (code) => !any(code) : any;
  }

  /** The code of one sign within [ ], or the test behind a class. */
  member() {
    if (this.at >= this.text.length) this.fail("a missing ]");
    if (this.take("\\")) {
      const known = this.escaped();
      if (known) return known;
    } else if (this.text[this.at] === "[") this.fail("[ within [ ]");
    return this.text.charCodeAt(this.at++);
  }

  take(sign) {
    if (this.text[this.at] !== sign) return false;
    this.at++;
    return true;
  }

  fail(what) {
    throw new SyntaxError(what);
  }

  // ── tree → nodes: each build returns [entry, exit], the exit's `out` still open ──

  build(tree) {
    if (tree.test) return this.single(CHAR, tree.test);
    if (tree.edge) return this.single(tree.edge);
    if (tree.sequence) return this.chain(tree.sequence.map((part) => () => this.build(part)));
    if (tree.either) return this.fork(tree.either.map((branch) => this.build(branch)));
    return this.repeat(tree);
  }

  repeat({ part, least, most }) {
    const copies = Array.from({ length: least }, () => () => this.build(part));
    if (most === Infinity) copies.push(() => this.loop(part));
    else for (let more = least; more < most; more++) copies.push(() => this.fork([this.build(part), this.single(EMPTY)]));
    return this.chain(copies);
  }

  loop(part) {
    const [turn] = this.single(SPLIT);
    const [exit] = this.single(EMPTY);
    const [first, last] = this.build(part);
    this.out[turn] = first;
    this.other[turn] = exit;
    this.out[last] = turn;
    return [turn, exit];
  }

  chain(builders) {
    const [entry] = this.single(EMPTY);
    let exit = entry;
    for (const build of builders) {
      const [first, last] = build();
      this.out[exit] = first;
      exit = last;
    }
    return [entry, exit];
  }

  fork(branches) {
    const [exit] = this.single(EMPTY);
    for (const [, last] of branches) this.out[last] = exit;
    let entry = branches[branches.length - 1][0];
    for (let at = branches.length - 2; at >= 0; at--) {
      const [split] = this.single(SPLIT);
      this.out[split] = branches[at][0];
      this.other[split] = entry;
      entry = split;
    }
    return [entry, exit];
  }

  single(kind, test = null) {
    if (this.kind.length > MOST_NODES) this.fail("too many repeats");
    this.kind.push(kind);
    this.out.push(-1);
    this.other.push(-1);
    this.test.push(test);
    return [this.kind.length - 1, this.kind.length - 1];
  }
}

const CLASSES = {
  d: (code) => code >= 48 && code <= 57,
  w: (code) => (code >= 48 && code <= 57) || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95,
  s: (code) => code === 32 || (code >= 9 && code <= 13 && code !== 11),
};

/** How often a tree's most repeated part may stand in a row; an open end counts by its beginning. */
function times({ sequence, either, part, least, most }) {
  if (part) return Math.max(1, most === Infinity ? least : most) * times(part);
  return Math.max(1, ...(sequence ?? either ?? []).map(times));
}

const upper = (code) => (code >= 97 && code <= 122 ? code - 32 : code);
const inRange = (code, low, high) => code >= low && code <= high;
