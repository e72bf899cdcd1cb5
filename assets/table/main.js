// Finds where the table belongs and mounts it there, once.

import { Table } from "./table.js";

/** Mount every table below `within` that is not mounted yet. */
export function mountAll(within = document) {
  for (const root of within.querySelectorAll("[data-leaderboard]")) {
    if (root.dataset.leaderboard === "mounted") continue;
    root.dataset.leaderboard = "mounted";
    root.table = new Table(root);
  }
}

mountAll();
