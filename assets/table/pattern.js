// Patterns of the search box. re2js, fetched when the first pattern is typed, matches as the server's RE2 does: the
// same rows, in time linear in the text. A link from a stranger could make the platform's own RegExp run for ever.

const LARGEST_PATTERN = 10_000; // characters times counted repeats
const LARGE_OR_REFUSED = /\\(?<escaped>.)|(?<group>\(\?P?<)|\{(?<least>[0-9]+)(?:,(?<most>[0-9]*))?\}/gs;

/** @type {typeof import("re2js").RE2JS | null} */
let engine = null;

export const isReady = () => engine !== null;

/**
 * Fetch the engine.
 * @param {string} address of assets/vendor/re2js/re2js.js
 */
export async function fetchEngine(address) {
  engine ??= (await import(address)).RE2JS;
}

/**
 * Compile a pattern that ignores case, for texts in lower case. Throws for one with a syntax error.
 * @param {string} pattern
 * @returns {import("./types.js").Pattern}
 */
export function compile(pattern) {
  if (!engine) throw new Error("The engine is not here yet");
  const compiled = engine.compile(pattern, engine.CASE_INSENSITIVE);
  return {
    /** @param {string} text */
    test: (text) => compiled.test(text),

    /** Where `text` matches first, as [start, end]; null if nowhere, or if the match is empty. @param {string} text */
    find(text) {
      const matcher = compiled.matcher(text);
      while (matcher.find()) if (matcher.end() > matcher.start()) return [matcher.start(), matcher.end()];
      return null;
    },
  };
}

/**
 * Whether RE2 on the server and its port here agree on a pattern; `src/board/table/search.py` says on what they differ.
 * @param {string} pattern
 */
export function isSupported(pattern) {
  let size = [...pattern].length;
  for (const { groups = {} } of pattern.matchAll(LARGE_OR_REFUSED)) {
    const { escaped, group, least, most } = groups;
    if (group || ["B", "C", "p", "P"].includes(escaped)) return false;
    if (least) size *= Math.max(1, Number(least), Number(most || 0));
  }
  return size <= LARGEST_PATTERN;
}
