// The tint behind a score and the line of its interval, as a few classes of table.css: cells that share a class share
// the work of styling it, which a style attribute would cost each of them.

const SHADES = 16;
const PLACES = 40; // where a line may begin, and how long it may be

/** The shade of a share of the scale, 0..1; the better half has finer steps. @param {number} share */
export const shade = (share) => Math.round(share ** 1.5 * SHADES);

/**
 * The classes of a line between two shares of the scale.
 * @param {number} from
 * @param {number} to
 */
export function whisker(from, to) {
  const start = Math.round(from * PLACES);
  return `lt-w${start} lt-x${Math.round(to * PLACES) - start}`;
}
