// What can be done with a row: pin, compare, copy its name, look it up on the Hub.

import { el, icon } from "./dom.js";

const HUB = "https://huggingface.co/";

/** @param {string} name @param {string} text @param {() => void} onclick */
const button = (name, text, onclick) =>
  el("button", { type: "button", tabindex: -1, title: text, "aria-label": text, onclick }, icon(name));

/** @param {string} name @param {string} text */
const link = (name, text) => {
  const attributes = { tabindex: -1, target: "_blank", rel: "noopener", title: text, "aria-label": text };
  return /** @type {HTMLAnchorElement} */ (el("a", attributes, icon(name)));
};

export class RowActions {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    this.row = -1;
    this.pin = button("pin", "Pin (p)", () => table.pin(this.row));
    this.hub = link("hub", "On the Hugging Face Hub");
    this.details = link("details", "Answers, as a dataset on the Hub");
    this.bar = el(
      "div.lt-acts",
      {},
      this.pin,
      button("compare", "Compare (c)", () => table.choose(this.row)),
      button("copy", "Copy the name", () => table.share.copyName(this.row)),
      this.hub,
      this.details,
    );
  }

  /**
   * Put the actions into a row; `toggle`: a touch opens and closes them.
   * @param {import("./grid.js").Slot | null} slot
   * @param {boolean} toggle
   */
  show(slot, toggle) {
    const { view, about } = this.table;
    const node = slot?.cells.find(({ column }) => column.kind === "model")?.node;
    if (!slot || !node || (toggle && this.bar.parentNode === node)) return this.bar.remove();
    this.row = slot.index;
    const { data, answer } = view;
    const model = data.text("model", this.row);
    this.hub.hidden = !about.hub || data.flag("available", this.row) === false;
    this.hub.href = HUB + model.split("/").map(encodeURIComponent).join("/");
    this.details.hidden = !about.details || model.includes("__");
    this.details.href = `${about.details}${encodeURIComponent(model.replace("/", "__"))}-details`;
    const isPinned = slot.position < answer.pinned;
    this.pin.title = isPinned ? "Unpin (p)" : "Pin (p)";
    this.pin.setAttribute("aria-label", this.pin.title);
    this.pin.classList.toggle("on", isPinned);
    if (this.bar.parentNode !== node) node.append(this.bar); // to move it would take the focus from it
  }

  /** Keep to the row that the actions belong to when its element is filled again. */
  follow(slot, moved) {
    if (slot.row.contains(this.bar)) this.show(moved ? null : slot, false);
  }
}
