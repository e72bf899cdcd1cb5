// The pattern matcher against the browser's own, and where the browser's own would never come back.

import assert from "node:assert/strict";
import test from "node:test";

import { compile } from "../../assets/table/pattern.js";

/** A small repeatable source of chance. */
function chance(seed) {
  let state = seed;
  const next = () => ((state = (state * 1664525 + 1013904223) >>> 0) / 2 ** 32);
  return { pick: (items) => items[Math.floor(next() * items.length)], next };
}

function pattern({ pick, next }, depth = 0) {
  const atom = () =>
    depth < 2 && next() < 0.25
      ? `(${pick(["", "?:"])}${pattern({ pick, next }, depth + 1)})`
      : pick(["a", "b", "B", "1", "-", ".", "\\d", "\\w", "\\W", "[ab]", "[^a]", "[a-c1]", "[^\\d-]", "[A-B]", "\\.", "^", "$"]);
  const part = () => {
    const one = atom();
    return one === "^" || one === "$" ? one : one + pick(["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "*?"]);
  };
  const sequence = () => Array.from({ length: 1 + Math.floor(next() * 3) }, part).join("");
  return next() < 0.3 ? `${sequence()}|${sequence()}` : sequence();
}

test("it finds what RegExp finds, on 3,000 patterns made by chance", () => {
  const dice = chance(7);
  for (let n = 0; n < 3000; n++) {
    const text = Array.from({ length: Math.floor(dice.next() * 9) }, () => dice.pick([..."aabb11cA-._/"])).join("");
    const source = pattern(dice);
    assert.equal(compile(source).test(text.toLowerCase()), new RegExp(source, "i").test(text), `/${source}/ in "${text}"`);
  }
});

test("it says where the match is", () => {
  assert.deepEqual(compile("7b|13b").find("llama-13b-chat"), [6, 9]);
  assert.deepEqual(compile("b+").find("aabbb"), [2, 5]);
  assert.equal(compile("c").find("aab"), null);
  assert.equal(compile("x*").find("aab"), null); // a match of nothing is nothing to mark
});

test("it reads a stretch of a longer text as if it stood alone", () => {
  const text = "one\nqwen-7b\ntwo";
  assert.equal(compile("^qwen.*b$").test(text, 4, 11), true);
  assert.equal(compile("two").test(text, 4, 11), false);
});

test("patterns that hang a backtracking matcher take no time", () => {
  const text = "a".repeat(50_000);
  for (const source of ["(a*)*b", "(a|a)*b", "(a+)+$b", "a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)[^a]", "(a?){40}a{40}b"]) {
    const began = performance.now();
    assert.equal(compile(source).test(text), false);
    assert.ok(performance.now() - began < 1000, source);
  }
});

test("what it cannot read it refuses", () => {
  for (const source of ["(", ")", "[", "[]", "a**", "*", "{2}", "a{2}{3}", "(?=a)", "(?<n>a)", "\\1", "\\b", "[z-a]", "a\\", "[[:alpha:]]", "(a{99}){99}"]) {
    assert.throws(() => compile(source), SyntaxError, source);
  }
});
