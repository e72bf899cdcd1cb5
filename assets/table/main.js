// Takes over the table that the page's HTML brings along.

import { Table } from "./table.js";

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-leaderboard]"));
export const table = root && new Table(root);
