// The Compare page: names offered while typing, and questions fetched when their fold is opened.
/** @type {any} */
const page = document.querySelector("[data-compare]");
/** @type {any} */
const input = page.querySelector("input[name=add]");
/** @type {any} */
const names = page.querySelector("datalist");
/** @type {any} */
let waiting = null;

input?.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(offer, 120);
});

async function offer() {
  const typed = input.value.trim();
  if (!typed) return;
  const params = new URLSearchParams(location.search);
  params.set("q", typed);
  const answer = await fetch(new URL(`${page.dataset.find}?${params}`, document.baseURI)).catch(() => null);
  if (!answer?.ok || typed !== input.value.trim()) return;
  names.replaceChildren(
    ...(await answer.json()).map(({ id, name }) =>
      Object.assign(document.createElement("option"), { value: id, label: name }),
    ),
  );
}

for (const fold of page.querySelectorAll("details[data-questions]")) {
  fold.addEventListener("toggle", async () => {
    if (!fold.open || !fold.dataset.questions) return;
    const from = new URL(fold.dataset.questions, document.baseURI);
    delete fold.dataset.questions; // once is enough
    const answer = await fetch(from).catch(() => null);
    const place = fold.querySelector("div");
    if (!answer) place.textContent = "The answers could not be fetched. Close and reload the page to try again.";
    else place.innerHTML = await answer.text(); // escaped where it was made: src/ui/pages/compare/page.py
  });
}

// chosen on the table, and no address yet: start with those
const params = new URLSearchParams(location.search);
if (!params.has("models")) {
  const suite = params.get("suite");
  let chosen = [];
  try {
    chosen = JSON.parse(localStorage.getItem(suite ? `lb.compare.${suite}` : "lb.compare") ?? "[]");
  } catch {
    /* nothing was chosen */
  }
  params.set("models", chosen.join(","));
  if (chosen.length > 1) location.replace(new URL(`compare?${params}`, document.baseURI));
}
