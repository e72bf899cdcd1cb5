// The tint behind a score and the line of its interval, as a few classes: cells that share a class share the work of
// styling it, which a style of their own would cost each of them anew.

const SHADES = 16;
const PLACES = 40; // where a line may begin, and how long it may be

let known = false;

/** Teach the page the classes, once. */
export function shades() {
  if (known) return;
  known = true;
  const rules = [];
  for (let at = 1; at <= SHADES; at++) rules.push(`.lt-h${at} { --h: ${at / SHADES} }`);
  for (let at = 0; at <= PLACES; at++) rules.push(`.lt-w${at} { --w0: ${at / PLACES} }`, `.lt-x${at} { --wx: ${Math.max(at, 0.4) / PLACES} }`);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** The shade of a share of the scale, 0..1; the better half is told apart more finely. */
export const shade = (share) => Math.round(share ** 1.5 * SHADES);

/** The classes of a line between two shares of the scale. */
export function whisker(from, to) {
  const start = Math.round(from * PLACES);
  return `lt-w${start} lt-x${Math.round(to * PLACES) - start}`;
}
