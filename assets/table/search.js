// The search language, as `src/board/table/search.py` reads it: words narrow, `;` unites, `@license:mit`, `/regex/`.

import { compile, isReady, isSupported } from "./pattern.js";

const LONGEST_QUERY = 512;
const LONGEST_PATTERN = 256;
const MOST_TERMS = 20;
const FIELDS = ["license", "architecture", "precision", "type", "org", "family"];
/** @type {Record<string, string>} */
const SPELLINGS = { licence: "license" };

const TOKEN = new RegExp(
  [
    /(?<or>;)/,
    /@(?<name>[A-Za-z_]+):(?:"(?<quotedValue>[^"]*)"?|(?<value>[^\s;]*))/,
    /(?<pattern>\/(?:(?<closed>(?:\\.|[^\\])*?)\/(?=[\s;]|$)|(?<open>[^;]*)))/,
    /(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/(?<path>[^\s;/?#]+(?:\/[^\s;/?#]+)?)[^\s;]*/,
    /(?<quote>"(?<quoted>[^"]*)"?)/,
    /(?<word>[^\s;]+)/,
  ]
    .map(({ source }) => source)
    .join("|"),
  "gi",
);

/**
 * Parse a search box's text. Never throws: what cannot be read becomes `problem`.
 * @param {string} text
 * @returns {import("./types.js").Search}
 */
export function parse(text) {
  /** @type {import("./types.js").Term[][]} */
  const alternatives = [[]];
  /** @type {string | null} */
  let problem = null;
  let isWaiting = false;
  /** @param {import("./types.js").Term} term */
  const add = (term) => alternatives[alternatives.length - 1].push(term);
  for (const { groups = {} } of text.slice(0, LONGEST_QUERY).matchAll(TOKEN)) {
    const { or, name, quotedValue, value, pattern, closed, open, path, quote, quoted, word } = groups;
    if (or) alternatives.push([]);
    else if (name !== undefined) {
      const field = SPELLINGS[name.toLowerCase()] ?? name.toLowerCase();
      const wanted = (quotedValue || value || "").toLowerCase();
      if (!FIELDS.includes(field)) problem ??= unknownField(field);
      else if (wanted) add({ kind: "field", text: wanted, field });
    } else if (pattern !== undefined) {
      const source = closed ?? open.trimEnd();
      if (source && !isReady()) isWaiting = true;
      else if (source) {
        const [compiled, fault] = read(source);
        problem ??= fault;
        if (compiled) add({ kind: "pattern", text: source, pattern: compiled });
      }
    } else if (path !== undefined) {
      const inside = path.toLowerCase();
      add(inside.includes("/") ? { kind: "word", text: inside } : { kind: "field", text: inside, field: "org" });
    } else {
      const plain = (quote === undefined ? word : quoted).toLowerCase();
      // "@lic" is a field being typed: it does not narrow yet
      if (!plain || (quote === undefined && /^@[a-z_]*$/.test(plain))) continue;
      add({ kind: /^[0-9]+(\.[0-9]+)?b$/.test(plain) ? "size" : "word", text: plain });
    }
  }
  const whole = alternatives.filter((terms) => terms.length);
  if (whole.reduce((sum, terms) => sum + terms.length, 0) > MOST_TERMS) {
    problem ??= `A search can have at most ${MOST_TERMS} words.`;
  }
  return { alternatives: whole, problem, isWaiting };
}

/** @type {Map<string, [import("./types.js").Pattern | null, string | null]>} */
const compiled = new Map(); // a keystroke elsewhere must not rebuild the pattern's table of states

/** @param {string} pattern */
function read(pattern) {
  const known = compiled.get(pattern);
  if (known) return known;
  if (compiled.size > 50) compiled.clear();
  const made = make(pattern);
  compiled.set(pattern, made);
  return made;
}

/**
 * @param {string} pattern
 * @returns {[import("./types.js").Pattern | null, string | null]}
 */
function make(pattern) {
  if ([...pattern].length > LONGEST_PATTERN) return [null, TOO_LONG];
  if (!isSupported(pattern)) return [null, unsupported(pattern)];
  try {
    return [compile(pattern), null];
  } catch {
    return [null, unreadable(pattern)];
  }
}

const TOO_LONG = `A pattern can be at most ${LONGEST_PATTERN} characters long.`;
/** @param {string} pattern */
const unreadable = (pattern) =>
  `The pattern /${pattern}/ cannot be read. Check its brackets and repeats; write \\( to find a bracket.`;
/** @param {string} pattern */
const unsupported = (pattern) =>
  `The pattern /${pattern}/ uses \\B, \\C, \\p or a named group, or repeats too much. Write it without.`;
/** @param {string} name */
const unknownField = (name) =>
  `There is no field @${name}. The fields are ${FIELDS.map((field) => `@${field}`).join(", ")}.`;
