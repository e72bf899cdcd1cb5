// The cases of tests/data/query_cases.json in the browser's code.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Data } from "../../assets/table/data.js";
import { fetchEngine } from "../../assets/table/pattern.js";
import { Answers } from "../../assets/table/query.js";
import { read, write } from "../../assets/table/url.js";

await fetchEngine(new URL("../../assets/vendor/re2js/re2js.js", import.meta.url).href);

const { rows, cases } = JSON.parse(readFileSync(new URL("../data/query_cases.json", import.meta.url), "utf8"));
const BENCHMARKS = ["ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro"];
const score = (key, shown, weight) => ({
  key,
  title: key,
  kind: "score",
  path: `${key}.score`,
  shown,
  weight,
  better: "higher",
  digits: 1,
});
const column = (key, kind, path = key, shown = false) => ({ key, title: key, kind, path, shown, weight: 0 });

const about = {
  aggregation: "mean",
  columns: [
    column("rank", "rank", "average", true),
    column("model", "model", "model", true),
    column("type", "type", "model_type", true),
    { ...score("average", true, 0), path: "average" },
    ...BENCHMARKS.map((key) => score(key, true, 1)),
    ...BENCHMARKS.map((key) => ({ ...score(`${key}.raw`, false, 0), path: `${key}.raw` })),
    ...["precision", "architecture", "family", "license"].map((key) => column(key, "text")),
    column("params_b", "number"),
    column("co2_kg", "number"),
    ...["merged", "moe", "flagged", "available", "official"].map((key) => column(key, "flag")),
    ...["upload_date", "submission_date"].map((key) => column(key, "date")),
  ],
  precisions: { bfloat16: "bf16", float16: "fp16", float32: "fp32" },
  types: ["pretrained", "continued", "finetuned", "chat", "merge", "multimodal", "other"].map((key) => ({
    key,
    title: { finetuned: "fine-tuned" }[key] ?? key,
  })),
  sizes: [
    ["0-3", null, 3],
    ["3-6", 3, 6],
    ["6-10", 6, 10],
    ["10-20", 10, 20],
    ["20-40", 20, 40],
    ["40+", 40, null],
    ["edge", null, 3],
    ["consumer", 3, 7],
    ["mid", 7, 65],
    ["gpu_rich", 65, null],
  ].map(([key, low, high]) => ({ key, low, high })),
  hides: [
    ["merged", "merged", true],
    ["moe", "moe", true],
    ["flagged", "flagged", true],
    ["gone", "available", false],
  ].map(([key, path, when]) => ({ key, path, when })),
};

function encode({ kind, path, key }) {
  const values = rows.map((row) => row[path] ?? null);
  if (kind === "model") return { lines: values.join("\n") };
  if (kind === "flag") return { flags: values.map((value) => (value === null ? "-" : value ? "1" : "0")).join("") };
  if (kind === "date") return { days: values.map((value) => (value === null ? null : Date.parse(value) / 86400000)) };
  if (kind === "text" || kind === "type") {
    const words = [...new Set(values.filter((value) => value !== null))];
    return { values: words, codes: values.map((value) => words.indexOf(value)) };
  }
  const scale = key.endsWith(".raw") ? 100 : 1;
  return { numbers: values.map((value) => (value === null ? null : Math.round(value * scale * 1e4) / 1e4)) };
}

const data = () =>
  new Data({
    n: rows.length,
    columns: Object.fromEntries(
      about.columns.filter(({ kind }) => kind !== "rank").map((each) => [each.key, encode(each)]),
    ),
  });

// one for all cases: what an earlier view left behind must not change a later one
const answers = new Answers(data(), about);
const escaped = (text) => text.replaceAll("+", "%2B");
// the server hands over the view that it read: only what it writes is read here
const address = (each) => escaped(each.browser ?? each.canonical ?? each.params);
const plain = (value) => (Number.isNaN(value) ? null : value);

for (const each of cases) {
  test(each.asks, () => {
    const query = read(address(each));
    const answer = answers.answer(query);
    const found = [...answer.rows];
    assert.equal(found.map((row) => rows[row].as).join(" "), each.rows);
    assert.equal(answer.problem, each.problem ?? null);
    for (const name of ["pinned", "matches"]) if (name in each) assert.equal(answer[name], each[name]);
    for (const name of ["ranks", "averages"])
      if (name in each)
        assert.deepEqual(
          found.map((row) => plain(answer[name][row])),
          each[name],
        );
    const counts = answers.counts(answer.failed);
    for (const [group, wanted] of Object.entries(each.counts ?? {})) assert.deepEqual(counts[group], wanted);
    assert.deepEqual(read(write(query)), query);
    assert.deepEqual(params(write(query)), params(address(each)));
  });
}

function params(text) {
  return Object.fromEntries(new URLSearchParams(text));
}

test("a filter that is dropped brings back the rows that failed it alone", () => {
  const { relaxed } = answers.counts(answers.answer(read("types=chat&params=,2")).failed);
  assert.equal(relaxed.types, 1); // the 1B model
  assert.equal(relaxed.params, 3);
});

test("however many orders a reader tries, only the last few are kept", () => {
  const tried = new Answers(data(), about);
  for (const { key } of about.columns) for (const sign of ["", "-"]) tried.answer(read(`sort=${sign}${key},license`));
  const kept = [...tried.known].filter(([what]) => what.startsWith("order")).flatMap(([, made]) => [...made.keys()]);
  assert.ok(kept.length <= 8, `${kept.length} orders are kept`);
});

test("an order by average is of the average asked for, however the one before was made", () => {
  const tried = new Answers(data(), about);
  const first = (search) => rows[tried.answer(read(search)).rows[0]].as;
  assert.deepEqual(
    ["", "weights=bbh:0,math:0,gpqa:0,musr:0,mmlu_pro:0", ""].map((weights) => first(`sort=-average,model&${weights}`)),
    ["q72", "part", "q72"],
  );
});

test("where lower is better, the lowest average is first, whatever its column of speed says", () => {
  const lower = { ...score("wer", true, 1), better: "lower", path: "wer.score" };
  const board = {
    ...about,
    columns: [about.columns[0], about.columns[1], { ...score("average", true, 0), path: "average" }, lower],
  };
  const speech = new Data({
    n: 3,
    columns: { model: { lines: "a/a\nb/b\nc/c" }, average: { numbers: [9, null, 5] }, wer: { numbers: [9, null, 5] } },
  });
  const answer = new Answers(speech, board).answer(read(""));
  assert.deepEqual([...answer.rows], [2, 0, 1]);
  assert.deepEqual([...answer.ranks].map(plain), [2, null, 1]);
});
