// The Submit page: checked on the server whenever a field is left, handed in only after everything passed.
const page = document.querySelector("[data-submit]");
const form = page.querySelector("form");
const checks = page.querySelector("[data-checks]");
const receipt = page.querySelector("[data-receipt]");
const go = page.querySelector(".lb-go");
const base = page.querySelector("[data-field=base_model]");
let latest = 0;

const said = () => Object.fromEntries(new FormData(form));
const post = (path, body) => fetch(new URL(path, document.baseURI), {
  method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
}).then((answer) => answer.json()).catch(() => null);

function away(place) {
  place.textContent = "The board does not answer. Nothing was submitted; try again.";
}

async function check() {
  base.hidden = form.weight_type.value === "Original";
  const asked = ++latest;
  go.disabled = true;
  if (!form.model.value.trim()) return checks.replaceChildren();
  checks.setAttribute("aria-busy", "true");
  const answer = await post("submit/check", said());
  if (asked !== latest) return;
  checks.removeAttribute("aria-busy");
  if (!answer) return away(checks);
  checks.innerHTML = answer.html; // escaped where it was made: src/ui/submit.py
  go.disabled = !answer.ok;
}

form.addEventListener("change", check); // a field was left, or a choice made
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (go.disabled) return check();
  go.disabled = true;
  checks.setAttribute("aria-busy", "true");
  const answer = await post("submit/hand-in", said());
  checks.removeAttribute("aria-busy");
  if (!answer) return away(receipt);
  receipt.innerHTML = answer.html; // escaped where it was made: src/ui/submit.py
  if (answer.ok) checks.replaceChildren();
});

fetch(new URL("submit/person", document.baseURI)).then((answer) => answer.json()).then(({ html }) => {
  page.querySelector("[data-person]").innerHTML = html; // escaped where it was made: src/ui/people.py
}).catch(() => {});
if (form.model.value) check();
