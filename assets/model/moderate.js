// The form for decisions on a model's page: shows the fields of the chosen decision, sends it, and shows the history.
/** @type {any} */
const form = document.querySelector("[data-moderate]");
const say = form.querySelector("[data-say]");

function choose() {
  const action = form.elements.action.value;
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== action;
}
form.elements.action.addEventListener("change", choose);
choose();

form.addEventListener("submit", async (/** @type {any} */ event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const fields = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
  button.setAttribute("aria-disabled", "true");
  say.textContent = "Storing …";
  const answer = await fetch(new URL("moderate", document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(fields),
  })
    .then((got) => got.json())
    .catch(() => null);
  button.removeAttribute("aria-disabled");
  say.textContent = answer?.message ?? "The board does not answer. Reload the page to see whether it was stored.";
  if (answer?.ok) location.reload();
});
