// Columns as they come from the server (`src/board/table/payload.py` says how), ready to be read by row.

const NOTHING = null;

/** Many rows: numbers in typed arrays, words as codes, names in one long string. */
export class Data {
  /** @type {string | undefined} */
  lowered;

  /** @param {any} payload as src/board/table/payload.py writes it */
  constructor({ n, ids = {}, repeated = [], columns }) {
    this.n = n;
    this.unusualIds = ids;
    // rows whose model has another row: its name alone does not say which run is meant
    this.repeated = new Set(repeated);
    this.columns = new Map();
    this.add(columns);
  }

  /** Take more columns of the same rows. */
  add(columns) {
    for (const [key, column] of Object.entries(columns)) this.columns.set(key, decode(column));
  }

  has(key) {
    return this.columns.has(key);
  }

  column(key) {
    return this.columns.get(key);
  }

  /** Numbers (scores, sizes, days since 1970) as a Float64Array, NaN if unknown. */
  numbers(key) {
    return this.columns.get(key)?.numbers;
  }

  number(key, row) {
    const numbers = this.columns.get(key)?.numbers;
    return numbers ? numbers[row] : NaN;
  }

  /** A word or name; null if unknown. @returns {any} */
  text(key, row) {
    const column = this.columns.get(key);
    if (!column) return NOTHING;
    if (column.starts) return column.lines.slice(column.starts[row], column.starts[row + 1] - 1);
    const code = column.codes?.[row] ?? -1;
    return code < 0 ? NOTHING : column.values[code];
  }

  /** true, false, or null if unknown. */
  flag(key, row) {
    const sign = this.columns.get(key)?.flags?.charCodeAt(row);
    return sign === 49 ? true : sign === 48 ? false : NOTHING;
  }

  id(row) {
    return this.unusualIds[row] ?? `${this.text("model", row)}~${this.text("precision", row) ?? ""}`;
  }

  /** Every name in lower case, one a line, and where each starts. */
  get names() {
    const { lines, starts } = this.columns.get("model");
    return { lower: (this.lowered ??= lower(lines)), starts };
  }
}

function decode(column) {
  if (column.lines !== undefined) return { lines: column.lines, starts: lineStarts(column.lines) };
  if (column.codes) return { values: column.values, codes: Int32Array.from(column.codes) };
  if (column.flags !== undefined) return column;
  const numbers = column.numbers ?? column.days;
  return { numbers: Float64Array.from(numbers, (value) => value ?? NaN), days: Boolean(column.days) };
}

function lineStarts(lines) {
  const starts = [0];
  for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) starts.push(at + 1);
  starts.push(lines.length + 1);
  return Uint32Array.from(starts);
}

/** Lower case without moving a character: "İ" would become two. */
export function lower(text) {
  const lowered = text.toLowerCase();
  if (lowered.length === text.length) return lowered;
  return Array.from(text, (sign) => (sign.toLowerCase().length === sign.length ? sign.toLowerCase() : sign)).join("");
}
