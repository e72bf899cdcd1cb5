// The search language, as `src/board/search.py` reads it: words narrow, `;` unites, `@license:mit`, `/regex/`.

import { compile } from "./pattern.js";

export const LONGEST_QUERY = 512;
const LONGEST_PATTERN = 256;
const MOST_TERMS = 20;
export const FIELDS = ["license", "architecture", "precision", "type", "org", "family"];

const TOKEN =
  /(;)|@([A-Za-z_]+):(?:"([^"]*)"?|([^\s;]*))|(\/(?:((?:\\.|[^/\\])*)\/|([^;]*)))|("([^"]*)"?)|([^\s;]+)/g;
const LOOKS_LIKE_PATTERN = /[\\^$*+?()[\]{}|]/;

/** The meaning of a search box's text: { alternatives: [[term…]…], problem }. Never throws. */
export function parse(text) {
  const alternatives = [[]];
  let problem = null;
  const add = (term) => alternatives[alternatives.length - 1].push(term);
  for (const found of text.slice(0, LONGEST_QUERY).matchAll(TOKEN)) {
    const [, or, name, quotedValue, value, slashed, closed, open, quote, quoted, word] = found;
    if (or) alternatives.push([]);
    else if (name !== undefined) {
      const field = name.toLowerCase();
      const wanted = (quotedValue || value || "").toLowerCase();
      if (!FIELDS.includes(field)) problem ??= noField(field);
      else if (wanted) add({ kind: "field", text: wanted, field });
    } else if (slashed !== undefined) {
      const pattern = closed ?? open.trimEnd();
      const [compiled, fault] = read(pattern);
      problem ??= fault;
      if (pattern && compiled) add({ kind: "pattern", text: pattern, pattern: compiled });
    } else {
      const plain = quote !== undefined ? quoted : word;
      // "@lic" is a field being typed: it narrows nothing yet
      if (plain && !(word !== undefined && /^@[A-Za-z_]*$/.test(word))) add({ kind: "word", text: plain.toLowerCase() });
    }
  }
  const whole = alternatives.filter((terms) => terms.length);
  if (whole.reduce((sum, terms) => sum + terms.length, 0) > MOST_TERMS) {
    problem ??= `A search can have at most ${MOST_TERMS} words.`;
  }
  return { alternatives: whole, problem };
}

/** A search of the original board in our language: it took patterns without slashes. */
export function widen(text) {
  const wide = (part) => LOOKS_LIKE_PATTERN.test(part) && !part.includes("@") && !part.includes("/");
  return text
    .split(";")
    .map((part) => (wide(part) ? `/${part.trim()}/` : part))
    .join(";");
}

const compiled = new Map(); // a keystroke elsewhere must not rebuild the pattern's table of states

function read(pattern) {
  if (pattern.length > LONGEST_PATTERN) return [null, `A pattern can be at most ${LONGEST_PATTERN} characters long.`];
  if (!compiled.has(pattern)) {
    if (compiled.size > 50) compiled.clear();
    try {
      compiled.set(pattern, [compile(pattern), null]);
    } catch {
      compiled.set(pattern, [null, unreadable(pattern)]);
    }
  }
  return compiled.get(pattern);
}

const unreadable = (pattern) =>
  `The pattern /${pattern}/ cannot be read. Check its brackets and repeats; write \\( to find a bracket.`;
const noField = (name) =>
  `There is no field @${name}. The fields are ${FIELDS.map((field) => "@" + field).join(", ")}.`;
