// The Submit page: checked on the server whenever a field is left, handed in only after everything passed.
const page = document.querySelector("[data-submit]");
const form = page.querySelector("form");
const checks = page.querySelector("[data-checks]");
const receipt = page.querySelector("[data-receipt]");
const go = page.querySelector(".lb-go");
const base = page.querySelector("[data-field=base_model]");
const AWAY = "The board does not answer. Nothing was submitted, as far as this page knows; see the queue, then try again.";
const touched = new Set(); // a field nobody has been in is not told what it lacks
let latest = 0;
let asked = null; // the form as it was last checked

const said = () => Object.fromEntries(new FormData(form));
const post = (path, body) => fetch(new URL(path, document.baseURI), {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}).then((answer) => answer.json()).catch(() => null);

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
    const place = field.querySelector(".lb-said");
    if (place.textContent !== words) place.textContent = words;
  }
}

async function check() {
  base.hidden = form.weight_type.value === "Original";
  const now = JSON.stringify(said());
  const mine = ++latest;
  setReady(false);
  if (!form.model.value.trim() && !touched.has("model")) return;
  checks.setAttribute("aria-busy", "true");
  const answer = await post("submit/check", said());
  if (mine !== latest) return;
  checks.removeAttribute("aria-busy");
  asked = now;
  if (!answer) return problem(checks, AWAY);
  if (answer.said) return problem(checks, answer.said);
  tell(answer.fields, answer.revision);
  checks.innerHTML = answer.html; // escaped where it was made: src/ui/submit_answers.py
  setReady(answer.ok);
}

form.addEventListener("focusout", ({ target }) => {
  if (target.name !== "model" && target.name !== "base_model") return;
  if (!target.value.trim() && !touched.has(target.name)) { touched.add(target.name); check(); }
});
form.addEventListener("change", ({ target }) => { touched.add(target.name); check(); }); // left, or chosen
form.addEventListener("input", () => { if (JSON.stringify(said()) !== asked) setReady(false); });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!isReady()) {
    touched.add("model");
    touched.add("base_model");
    if (JSON.stringify(said()) !== asked || !checks.hasChildNodes()) await check();
    return form.querySelector("[aria-invalid=true]")?.focus(); // Enter checks; the next one hands in
  }
  setReady(false);
  receipt.replaceChildren();
  checks.setAttribute("aria-busy", "true");
  go.textContent = "Storing …";
  const answer = await post("submit/hand-in", said());
  go.textContent = "Submit";
  checks.removeAttribute("aria-busy");
  if (!answer) problem(receipt, AWAY);
  else if (!answer.ok) problem(receipt, answer.said);
  else {
    receipt.innerHTML = answer.html; // escaped where it was made: src/ui/submit_answers.py
    checks.replaceChildren();
    tell({}, null);
    touched.clear();
    asked = null;
  }
  receipt.focus();
});

if (form.model.value && !form.querySelector("fieldset").disabled) { touched.add("model"); check(); }
