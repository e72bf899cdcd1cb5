// Patterns in the browser: the cases of tests/data/pattern_cases.json, and patterns made to hang a matcher.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { compile, fetchEngine } from "../../assets/table/pattern.js";
import { parse } from "../../assets/table/search.js";

const { names, cases } = JSON.parse(readFileSync(new URL("../data/pattern_cases.json", import.meta.url), "utf8"));

test("a search with a pattern waits for the engine", () => {
  assert.equal(parse("/a/").isWaiting, true);
  assert.equal(parse("a").isWaiting, false);
  assert.throws(() => compile("a"));
});

test("each pattern matches the names it matches on the server, or is refused there too", async () => {
  await fetchEngine(new URL("../../assets/vendor/re2js/re2js.js", import.meta.url).href);
  for (const { pattern, matches } of cases) {
    const { alternatives, problem, isWaiting } = parse(`/${pattern}/`);
    const [term] = alternatives.flat();
    const found = names.flatMap((name, at) => (term?.pattern?.test(name.toLowerCase()) ? [at] : []));
    assert.equal(isWaiting, false);
    if (pattern) assert.deepEqual(problem ? null : found, matches, pattern);
  }
});

test("it says where the match is", () => {
  assert.deepEqual(compile("7b|13b").find("llama-13b-chat"), [6, 9]);
  assert.deepEqual(compile("b+").find("aabbb"), [2, 5]);
  assert.equal(compile("c").find("aab"), null);
  assert.equal(compile("x*").find("aab"), null); // nothing of an empty match can be highlighted
});

test("patterns that hang a backtracking matcher are matched in linear time", () => {
  // RegExp needs 2^n steps for each of these: it would never return
  for (const source of ["(a*)*b", "(a|a)*b", "(a+)+$b", "a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)[^a]", "(a?){20}a{20}b"]) {
    assert.equal(compile(source).test("a".repeat(50_000)), false, source);
  }
});
