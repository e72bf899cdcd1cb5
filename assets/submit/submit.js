// The Submit page: checked on the server whenever a field is left, handed in only after everything passed.
/** @type {any} */
const page = document.querySelector("[data-submit]");
/** @type {any} */
const form = page.querySelector("form");
/** @type {any} */
const checks = page.querySelector("[data-checks]");
/** @type {any} */
const receipt = page.querySelector("[data-receipt]");
/** @type {any} */
const go = page.querySelector(".lb-go");
/** @type {any} */
const base = page.querySelector("[data-field=base_model]");
/** @type {any} */
const meant = page.querySelector("[data-field=is_base_meant]");
const AWAY =
  "The board does not answer. Nothing was submitted, as far as this page knows; see the queue, then try again.";
const touched = new Set(); // what a field lacks is shown once somebody has been in it
let latest = 0;
/** @type {any} */
let asked = null; // the form as it was last checked

const values = () => Object.fromEntries(new FormData(form));
const post = (path, body) =>
  fetch(new URL(path, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  })
    .then((answer) => answer.json())
    .catch(() => null);

const isReady = () => go.getAttribute("aria-disabled") === "false";
const setReady = (ready) => go.setAttribute("aria-disabled", String(!ready));

function problem(place, words) {
  const lines = words.split("\n").map((line) => Object.assign(document.createElement("p"), { textContent: line }));
  const box = Object.assign(document.createElement("div"), { className: "lb-problem" });
  box.setAttribute("role", "alert");
  box.append(...lines);
  place.replaceChildren(box);
}

function tell(fields, revision) {
  for (const field of form.querySelectorAll("[data-field]")) {
    const input = field.querySelector("input");
    if (!input) continue;
    const wrong = touched.has(input.name) ? fields[input.name] : undefined;
    input.toggleAttribute("aria-invalid", Boolean(wrong));
    if (wrong) input.setAttribute("aria-invalid", "true");
    const words = wrong ?? (input.name === "revision" ? revision : null) ?? "";
    const place = field.querySelector(".lb-answer");
    if (place.textContent !== words) place.textContent = words;
  }
}

async function check() {
  base.hidden = form.weight_type.value === "Original";
  meant.hidden = form.weight_type.value !== "Adapter";
  const now = JSON.stringify(values());
  const mine = ++latest;
  setReady(false);
  if (!form.model.value.trim() && !touched.has("model")) return;
  checks.setAttribute("aria-busy", "true");
  const answer = await post("submit/check", values());
  if (mine !== latest) return;
  checks.removeAttribute("aria-busy");
  asked = now;
  if (!answer) return problem(checks, AWAY);
  if (answer.message) return problem(checks, answer.message);
  tell(answer.fields, answer.revision);
  checks.innerHTML = answer.html; // escaped by the templates
  setReady(answer.ok);
}

form.addEventListener("focusout", (/** @type {any} */ { target }) => {
  if (target.name !== "model" && target.name !== "base_model") return;
  if (!target.value.trim() && !touched.has(target.name)) {
    touched.add(target.name);
    check();
  }
});
form.addEventListener("change", (/** @type {any} */ { target }) => {
  touched.add(target.name);
  check();
}); // left, or chosen
form.addEventListener("input", () => {
  if (JSON.stringify(values()) !== asked) setReady(false);
});

form.addEventListener("submit", async (/** @type {any} */ event) => {
  event.preventDefault();
  if (!isReady()) {
    touched.add("model");
    touched.add("base_model");
    if (JSON.stringify(values()) !== asked || !checks.hasChildNodes()) await check();
    return form.querySelector("[aria-invalid=true]")?.focus(); // Enter checks; the next one hands in
  }
  setReady(false);
  receipt.replaceChildren();
  checks.setAttribute("aria-busy", "true");
  go.textContent = "Storing …";
  const answer = await post("submit/hand-in", values());
  go.textContent = "Submit";
  checks.removeAttribute("aria-busy");
  if (!answer) problem(receipt, AWAY);
  else if (!answer.ok) problem(receipt, answer.message);
  else {
    receipt.innerHTML = answer.html; // escaped by the templates
    checks.replaceChildren();
    tell({}, null);
    touched.clear();
    asked = null;
  }
  receipt.focus();
});

if (form.model.value && !form.querySelector("fieldset").disabled) {
  touched.add("model");
  check();
}
