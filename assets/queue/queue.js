// The Queue page: the lanes kept fresh while they are looked at, logs fetched when opened; votes, cancelling, retrying.
/** @type {any} */
const page = document.querySelector("[data-queue]");
/** @type {any} */
const place = page.querySelector("[data-lanes]");
/** @type {any} */
const form = page.querySelector("form");
/** @type {any} */
const say = page.querySelector(".lb-queue-say");
const EVERY = 15_000; // ms
const SOON = 2_500; // while the queue is being read for the first time
const logs = new Map(); // key → the log that was fetched
let latest = 0; // an answer that was overtaken is dropped
/** @type {any} */
let shown = null;

const asked = () => {
  const params = new URLSearchParams(location.search);
  for (const name of ["q", "mine"]) params.delete(name);
  for (const [name, value] of new FormData(form)) if (value) params.set(name, String(value));
  return params;
};

async function refresh() {
  const mine = ++latest;
  place.setAttribute("aria-busy", "true");
  const answer = await fetch(new URL(`${place.dataset.lanes}?${asked()}`, document.baseURI)).catch(() => null);
  const text = answer?.ok ? await answer.text() : null;
  if (mine !== latest) return;
  place.removeAttribute("aria-busy");
  if (text === null || text === shown) return; // the last picture stays
  shown = text;
  // a card may stand twice
  const folds = (key) => [...place.querySelectorAll(`[data-key="${CSS.escape(key)}"] details`)];
  const open = [...place.querySelectorAll("details[open]")].map((fold) => [
    keyOf(fold),
    folds(keyOf(fold)).indexOf(fold),
  ]);
  const held = document.activeElement?.closest?.("[data-lanes]") && [
    keyOf(document.activeElement),
    nameOf(document.activeElement),
  ];
  place.innerHTML = text; // escaped where it was made: src/ui/pages/queue/lanes.py
  for (const [key, at] of open) {
    const fold = folds(key)[at];
    if (fold) fold.open = true;
  }
  if (held) focusAgain(...held);
}

const keyOf = (node) => node.closest("[data-key]")?.dataset.key;
const nameOf = (node) => (node.dataset.do ? `[data-do="${node.dataset.do}"]` : node.tagName);
const card = (key) => key && place.querySelector(`[data-key="${CSS.escape(key)}"]`);

function focusAgain(key, selector) {
  const again = card(key)?.querySelector(selector) ?? card(key)?.querySelector("a");
  again?.focus({ preventScroll: true });
}

/** @type {any} */

let waiting = null;
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const params = asked();
    params.delete("page");
    history.replaceState(null, "", new URL(`queue${params.size ? `?${params}` : ""}`, document.baseURI));
    refresh();
  }, 150);
});
form.addEventListener("submit", (/** @type {any} */ event) => {
  event.preventDefault();
  refresh();
});

place.addEventListener(
  "toggle",
  async ({ target }) => {
    if (!target.open || !target.dataset.log) return;
    const key = keyOf(target);
    const into = target.querySelector("div");
    if (!logs.has(key)) {
      into.textContent = "Fetching the log …";
      const answer = await fetch(new URL(target.dataset.log, document.baseURI)).catch(() => null);
      if (!answer) {
        into.textContent = "The log could not be fetched. Close and open it again.";
        return;
      }
      logs.set(key, await answer.text());
    }
    into.innerHTML = logs.get(key); // escaped where it was made: src/ui/pages/queue/page.py
  },
  true,
);

place.addEventListener("click", async (/** @type {any} */ { target }) => {
  const button = target.closest("button[data-do]");
  if (!button) return;
  button.setAttribute("aria-disabled", "true");
  const answer = await fetch(new URL(`queue/${button.dataset.do}`, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key: keyOf(button) }),
  })
    .then((got) => got.json())
    .catch(() => null);
  button.removeAttribute("aria-disabled");
  say.dataset.ok = String(Boolean(answer?.ok));
  say.textContent = answer?.message ?? "The board does not answer. Reload the page to see whether it was done.";
  logs.delete(keyOf(button));
  refresh();
});

const later = () =>
  setTimeout(
    async () => {
      if (document.visibilityState === "visible") await refresh();
      later();
    },
    place.querySelector("[data-soon]") ? SOON : EVERY,
  );
later();
