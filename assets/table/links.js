// The URL of a view: our parameters, and those of the original board, as `src/board/links.py` reads them.

import { WAYS } from "./aggregate.js";
import { LONGEST_QUERY, widen } from "./search.js";
import { UNKNOWN } from "./words.js";

const MOST_PINS = 50;
const MOST_SORTS = 5;
export const HEAVIEST = 5; // times a benchmark's own weight
const SIZES = ["edge", "consumer", "mid", "gpu_rich"];
const HIDES = ["merged", "moe", "flagged", "gone"];

/** Each type: the icon and the words by which contents tables have named it, as in `src/core/model_types.py`. */
const TYPES = {
  pretrained: ["🟢", "pretrained"],
  continued: ["🟩", "continuously pretrained", "continuously-pretrained"],
  finetuned: ["🔶", "fine-tuned", "finetuned"],
  chat: ["💬", "chat", "instruction-tuned", "rl-tuned", "⭕", "🟦"],
  merge: ["🤝", "merge", "moerge"],
  multimodal: ["🌸", "multimodal"],
  other: ["❓", "other"],
};
const ORIGINAL_FLAGS = { is_merged: "merged", is_moe: "moe", is_flagged: "flagged", is_not_available_on_hub: "gone" };
const ORIGINAL_OFFICIAL = ["is_highlighted_by_maintainer", "is_official_provider"];
const ORIGINAL_COLUMNS = {
  average_score: "average",
  type_icon: "type",
  co2_cost: "co2_kg",
  hub_hearts: "likes",
  params_billions: "params_b",
  hub_license: "license",
  has_chat_template: "chat_template",
  is_not_available_on_hub: "available",
  is_highlighted_by_maintainer: "official",
  is_official_provider: "official",
  is_moe: "moe",
  is_flagged: "flagged",
  is_merged: "merged",
};

/** The view that a reader sees who has asked for nothing. */
export const DEFAULT = Object.freeze({
  q: "",
  types: [],
  family: [],
  precision: [],
  license: [],
  size: [],
  params: [null, null],
  uploaded: [null, null],
  submitted: [null, null],
  hide: [],
  official: false,
  columns: null,
  sort: [{ key: "average", descending: true }],
  pinned: [],
  score: "normalised",
  rank: "all",
  average: "all",
  aggregate: null,
  weights: [],
  suite: null,
});

/** The view in a URL's parameters (a string or URLSearchParams); what makes no sense is left out. */
export function read(search) {
  const params = new URLSearchParams(search);
  const get = (name) => params.get(name) ?? "";
  const list = (name) =>
    get(name).split(",").filter(Boolean).map((word) => word.replaceAll("%2C", ",").replaceAll("%25", "%"));
  const hidden = [...list("hide"), ...list("filters").map((flag) => ORIGINAL_FLAGS[flag])];
  const sort = list("sort").slice(0, MOST_SORTS).map(readSort);
  return {
    q: (params.has("q") ? get("q") : widen(get("search") || get("query"))).slice(0, LONGEST_QUERY),
    types: unique(list("types").map(readType)),
    family: unique(list("family")),
    precision: unique(list("precision")),
    license: unique(list("license")),
    size: SIZES.filter((key) => list("size").includes(key)),
    params: readParams(get("params")),
    uploaded: readDays(get("uploaded")),
    submitted: readDays(get("submitted")),
    hide: HIDES.filter((key) => hidden.includes(key)),
    official: ["1", "true"].includes(get("official")) || list("filters").some((flag) => ORIGINAL_OFFICIAL.includes(flag)),
    columns: params.has("columns") ? unique(list("columns").map(readColumn)) : null,
    sort: sort.length ? sort : DEFAULT.sort,
    pinned: unique(list("pinned")).slice(0, MOST_PINS),
    score: [get("score"), get("scoreDisplay")].includes("raw") ? "raw" : "normalised",
    rank: get("rank") === "shown" || get("rankingMode") === "dynamic" ? "shown" : "all",
    average: get("average") === "shown" || get("averageMode") === "visible" ? "shown" : "all",
    aggregate: Object.hasOwn(WAYS, get("aggregate")) ? get("aggregate") : null,
    weights: readWeights(list("weights")),
    suite: get("suite") || null,
  };
}

/** The shortest parameters that `read` gives back: only what differs from the default. */
export function write(query) {
  const params = new URLSearchParams();
  for (const name of Object.keys(DEFAULT)) {
    const text = form(name, query[name]);
    if (text !== form(name, DEFAULT[name])) params.set(name, text ?? "");
  }
  // commas and slashes are allowed in a query and read better
  return params.toString().replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%7E", "~").replaceAll("%40", "@").replaceAll("%3A", ":");
}

/** Model and precision in a pin of the original board, `org/name_bfloat16_<sha>_True`; null if it is none. */
export function readPin(pin) {
  return /^(.+)_([^_]+)_[0-9a-f]{7,40}_(?:True|False)$/.exec(pin)?.slice(1) ?? null;
}

function form(name, value) {
  if (name === "sort") return value.map(({ key, descending }) => (descending ? "-" : "") + key).join();
  if (["params", "uploaded", "submitted"].includes(name)) {
    return value.every((end) => end === null) ? null : value.map((end) => (typeof end === "number" ? +end.toPrecision(6) : (end ?? ""))).join();
  }
  if (name === "weights") return value.map(([key, weight]) => `${key}:${+weight.toPrecision(6)}`).join();
  if (Array.isArray(value)) return value.map((word) => word.replaceAll("%", "%25").replaceAll(",", "%2C")).join();
  return value === true ? "1" : value === false || value === null ? null : String(value);
}

const unique = (words) => [...new Set(words.filter(Boolean))];

function readType(word) {
  const plain = word.trim().toLowerCase();
  if (plain === UNKNOWN || Object.hasOwn(TYPES, plain)) return plain;
  const named = Object.entries(TYPES).flatMap(([key, [, ...words]]) => words.map((known) => [known, key]));
  named.sort(([a], [b]) => b.length - a.length); // "continuously pretrained" holds "pretrained"
  return Object.keys(TYPES).find((key) => word.includes(TYPES[key][0])) ?? named.find(([known]) => plain.includes(known))?.[1];
}

function readParams(text) {
  const ends = text.split(",").map((end) => (/^-?\d+(\.\d+)?$/.test(end.trim()) ? Number(end) : null));
  if (ends.length !== 2 || (ends[0] === -1 && ends[1] === 140)) return [null, null];
  return ends.map((end) => (end === null || end < 0 ? null : end));
}

function readDays(text) {
  const ends = text.split(",").map((end) => (/^\d{4}-\d\d-\d\d$/.test(end) ? end : null));
  return ends.length === 2 ? ends : [null, null];
}

/** `ifeval:2` and the like; 1 changes nothing and is left out. */
function readWeights(words) {
  const weights = new Map();
  for (const word of words) {
    const [, key, text] = /^([a-z0-9_]{1,40}):(\d+(?:\.\d+)?)$/.exec(word) ?? [];
    if (key && Number(text) <= HEAVIEST) weights.set(key, Number(text));
  }
  return [...weights].filter(([, weight]) => weight !== 1);
}

function readColumn(word) {
  if (["id", "isPinned", "rank", "model"].includes(word)) return null; // always there
  const parts = word.split(".").filter((part) => !["model", "evaluations", "metadata", "features"].includes(part));
  if (parts.length === 2 && ["normalized_score", "raw"].includes(parts[1])) return parts[0] + (parts[1] === "raw" ? ".raw" : "");
  return ORIGINAL_COLUMNS[parts[0]] ?? (word === "model_type" ? "type" : parts[0]);
}

function readSort(word) {
  const key = word.replace(/^-+/, "");
  const descending = word.startsWith("-");
  return key === "rank" ? { key: "average", descending: !descending } : { key, descending }; // place 1 is the highest average
}
