// A view in an address, as this script writes it. The server reads every other form, those of the original board
// included, and hands over the view that it read: src/board/table/url.py.

export const HEAVIEST = 5; // times a benchmark's own weight

/**
 * The view without any parameter.
 * @type {import("./types.js").Query}
 */
export const DEFAULT = Object.freeze(
  /** @type {any} */ ({
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
  }),
);

/**
 * Read the parameters that `write` wrote.
 * @param {string} search
 * @returns {import("./types.js").Query}
 */
export function read(search) {
  const params = new URLSearchParams(search);
  /** @param {string} name */
  const list = (name) =>
    (params.get(name) ?? "")
      .split(",")
      .filter(Boolean)
      .map((word) => word.replaceAll("%2C", ",").replaceAll("%25", "%"));
  /** @param {string} name @returns {[string | null, string | null]} */
  const ends = (name) => {
    const [low, high] = (params.get(name) ?? "").split(",");
    return [low || null, high || null];
  };
  const [low, high] = ends("params");
  const sort = list("sort").map((word) => ({ key: word.replace(/^-/, ""), descending: word.startsWith("-") }));
  return {
    q: params.get("q") ?? "",
    types: list("types"),
    family: list("family"),
    precision: list("precision"),
    license: list("license"),
    size: list("size"),
    params: [low === null ? null : Number(low), high === null ? null : Number(high)],
    uploaded: ends("uploaded"),
    submitted: ends("submitted"),
    hide: list("hide"),
    official: params.get("official") === "1",
    columns: params.has("columns") ? list("columns") : null,
    sort: sort.length ? sort : DEFAULT.sort,
    pinned: list("pinned"),
    score: params.get("score") === "raw" ? "raw" : "normalised",
    rank: params.get("rank") === "shown" ? "shown" : "all",
    average: params.get("average") === "shown" ? "shown" : "all",
    aggregate: params.get("aggregate"),
    weights: list("weights").map((word) => {
      const [key, weight] = word.split(":");
      return [key, Number(weight)];
    }),
    suite: params.get("suite"),
  };
}

/**
 * Write the shortest parameters that `read` gives back: only what differs from the default.
 * @param {import("./types.js").Query} query
 */
export function write(query) {
  const params = new URLSearchParams();
  for (const name of /** @type {(keyof typeof DEFAULT)[]} */ (Object.keys(DEFAULT))) {
    const text = form(name, query[name]);
    if (text !== form(name, DEFAULT[name])) params.set(name, text ?? "");
  }
  // these signs are allowed in a query and read better
  return params.toString().replace(/%(2C|2F|7E|40|3A)/g, decodeURIComponent);
}

/**
 * @param {string} name
 * @param {any} value
 * @returns {string | null}
 */
function form(name, value) {
  if (name === "sort") return value.map(({ key, descending }) => (descending ? "-" : "") + key).join();
  if (name === "weights") return value.map(([key, weight]) => `${key}:${+weight.toPrecision(6)}`).join();
  if (["params", "uploaded", "submitted"].includes(name)) {
    if (value.every((end) => end === null)) return null;
    return value.map((end) => (typeof end === "number" ? +end.toPrecision(6) : (end ?? ""))).join();
  }
  if (Array.isArray(value)) {
    return value.map((word) => word.replaceAll("%", "%25").replaceAll(",", "%2C")).join();
  }
  return value === true ? "1" : value === false || value === null ? null : String(value);
}
