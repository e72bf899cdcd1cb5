// The keyboard: `/` searches, j and k walk, p pins, c compares, Enter opens, ? lists the keys.

/**
 * @param {import("./table.js").Table} table
 * @param {any} event
 */
export function handleKey(table, event) {
  const { key, target } = event;
  const { grid, controls, view } = table;
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (target === controls.search) return view && handleKeyInSearch(table, event);
  if (target.closest?.("input, textarea, select, dialog, [popover], [contenteditable]")) return;
  if (!view && key !== "/")
    return void table.early.push({ key, target, shiftKey: event.shiftKey, preventDefault() {} });
  const isInGrid = target === grid.table;
  const row = grid.activeIndex;
  const act = { "/": () => controls.focusSearch(), "?": () => controls.showKeys(), ...rowActs(table, event, row) }[key];
  const move = moves(grid, isInGrid)[key];
  if (move) {
    if (document.activeElement !== grid.table) grid.table.focus({ preventScroll: true });
    grid.activate(Math.max(-1, grid.active) + move);
  } else if (act) act();
  else if (isInGrid && (key === "ArrowRight" || key === "ArrowLeft")) {
    grid.scroller.scrollBy({ left: key === "ArrowRight" ? 90 : -90 });
  } else return;
  event.preventDefault();
}

/** @returns {Record<string, number>} */
function moves(grid, isInGrid) {
  const page = grid.inView - 2;
  const inGrid = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  return { j: 1, k: -1, ...(isInGrid && inGrid) };
}

/** @returns {Record<string, () => void>} */
function rowActs(table, event, row) {
  if (row === undefined) return {};
  const { grid } = table;
  const pin = () => {
    table.pin(row);
    if (grid.active >= 0) grid.activate(grid.active, false); // its actions come along
  };
  const opens = event.target === grid.table || event.target === document.body;
  return { p: pin, c: () => table.choose(row), ...(opens && { Enter: () => table.open(row, event.shiftKey) }) };
}

function handleKeyInSearch({ grid, controls, view }, event) {
  if (event.key === "Escape") controls.search.blur();
  else if (event.key === "ArrowDown" || event.key === "Enter") {
    grid.table.focus({ preventScroll: true });
    grid.activate(view.answer.pinned < view.answer.rows.length ? view.answer.pinned : 0);
  } else return;
  event.preventDefault();
}

/**
 * Take over the keys, and the click on a menu, that assets/boot.js kept while this script was on its way.
 * @returns {{ keys: any[], menu: HTMLElement | null }}
 */
export function takeEarly() {
  const { lbEarlyKeys: keys, lbEarlyMenu: menu } = window;
  window.lbEarlyKeys = null;
  return { keys: keys ?? [], menu: menu ?? null };
}
