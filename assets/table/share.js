// Ways to take along what is shown: the server writes the texts, from the same query.

import { el } from "./dom.js";
import { write } from "./url.js";

const MOST_ROWS = 50; // of a table for a paper or a page

export class Share {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
  }

  link() {
    this.table.address();
    this.copy(location.href, "Link copied");
  }

  copyName(row) {
    this.copy(this.table.view.data.text("model", row), "Name copied");
  }

  /** The query of what is shown, everything that the page takes for granted included. */
  get search() {
    const { query, about } = this.table;
    const at = about.at ? `&at=${about.at}` : "";
    return `${write({ ...query, suite: about.suite })}${at}`;
  }

  /** Where the API has what is shown. @param {string} form "", or a suffix such as ".tex" */
  api(form) {
    const { columns, query } = this.table.view ? { ...this.table.view, query: this.table.query } : this.table;
    const shown = query.columns === null ? `&columns=${columns.map(({ key }) => key).join()}` : "";
    const limit = [".tex", ".md"].includes(form) ? `&limit=${MOST_ROWS}` : "";
    return new URL(`api/v1/models${form}?${this.search}${form ? shown : ""}${limit}`, document.baseURI).href;
  }

  /** Fetch a text that the API writes, and copy it. */
  async text(form, notice) {
    try {
      const answer = await fetch(this.api(form));
      if (!answer.ok) throw new Error(String(answer.status));
      this.copy(await answer.text(), notice);
    } catch {
      this.table.controls.notify("The text could not be fetched; try again");
    }
  }

  embed() {
    const { title } = document;
    const address = new URL(`./?${this.search}&embed=1`, document.baseURI).href;
    const frame = el("iframe", { src: address, title, width: "100%", height: 480, loading: "lazy" });
    this.copy(frame.outerHTML, "Embed code copied");
  }

  client() {
    const board = new URL("./", document.baseURI).href;
    const call = `client.predict(${JSON.stringify(this.search)}, api_name="/view")`;
    this.copy(
      `from gradio_client import Client\n\nclient = Client(${JSON.stringify(board)})\nrows = ${call}\n`,
      "Python copied",
    );
  }

  /** @param {"csv" | "parquet"} format */
  download(format) {
    const { root, about } = this.table;
    const href = about.at ? this.api(`.${format}`) : `${root.dataset.download}.${format}?${this.search}`;
    el("a", { href, download: "" }).click();
  }

  async copy(text, notice) {
    try {
      await navigator.clipboard.writeText(text);
      this.table.controls.notify(notice);
    } catch {
      this.table.controls.notify("The browser does not allow copying here");
    }
  }
}
