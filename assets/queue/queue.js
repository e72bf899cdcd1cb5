// The Queue page: one's own view of the lanes, kept fresh; logs fetched when opened; votes, cancelling, retrying.
const page = document.querySelector("[data-queue]");
const lanes = page.querySelector("[data-lanes]");
const form = page.querySelector("form");
const say = page.querySelector(".lb-queue-say");
const EVERY = 15_000; // ms
let latest = 0;

async function refresh() {
  const asked = ++latest;
  const params = new URLSearchParams(new FormData(form));
  lanes.setAttribute("aria-busy", "true");
  const answer = await fetch(new URL(`queue/lanes?${params}`, document.baseURI)).catch(() => null);
  if (asked !== latest) return;
  lanes.removeAttribute("aria-busy");
  if (!answer?.ok) return; // the last picture stays
  const open = new Set([...lanes.querySelectorAll("details[open]")].map((fold) => fold.closest("[data-key]").dataset.key));
  const kept = new Map([...lanes.querySelectorAll("details[open] > div")].map((div) => [div.closest("[data-key]").dataset.key, div]));
  lanes.innerHTML = await answer.text(); // escaped where it was made: src/ui/queue.py
  for (const key of open) {
    const fold = lanes.querySelector(`[data-key="${key}"] details`);
    if (!fold) continue;
    fold.querySelector("div").replaceWith(kept.get(key));
    delete fold.dataset.log;
    fold.open = true;
  }
}

let waiting = null;
form.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const params = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", new URL(`queue${params.size ? `?${params}` : ""}`, document.baseURI));
    refresh();
  }, 150);
});
form.addEventListener("submit", (event) => event.preventDefault());

lanes.addEventListener("toggle", async ({ target }) => {
  if (!target.open || !target.dataset.log) return;
  const from = new URL(target.dataset.log, document.baseURI);
  delete target.dataset.log; // once is enough
  const answer = await fetch(from).catch(() => null);
  const place = target.querySelector("div");
  if (!answer) place.textContent = "The log could not be fetched. Close and open it again.";
  else place.innerHTML = await answer.text(); // escaped where it was made: src/ui/queue.py
}, true);

lanes.addEventListener("click", async ({ target }) => {
  const button = target.closest("button[data-do]");
  if (!button) return;
  button.disabled = true;
  const body = JSON.stringify({ key: button.closest("[data-key]").dataset.key });
  const answer = await fetch(new URL(`queue/${button.dataset.do}`, document.baseURI), {
    method: "POST", headers: { "Content-Type": "application/json" }, body,
  }).catch(() => null);
  say.textContent = answer ? (await answer.json()).said : "The board does not answer. Nothing was changed.";
  refresh();
});

refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), EVERY);
