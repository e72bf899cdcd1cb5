// The samples browser: fetches a screen of answers when it is seen, and one answer when it is opened.
const KEPT = ["task", "outcome", "find", "page", "item"]; // what of a view stands in the page's address

// the browser's place appears when its tab is opened, or stands in the page already
const look = () => {
  for (const box of document.querySelectorAll("[data-samples]")) start(box);
};
new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
addEventListener("DOMContentLoaded", look);

function start(box) {
  const first = new URL(box.dataset.samples, document.baseURI);
  delete box.dataset.samples; // once is enough
  for (const name of KEPT) {
    const value = new URLSearchParams(location.search).get(name);
    if (value) first.searchParams.set(name, value);
  }
  show(box, first, false);
  box.addEventListener("click", (/** @type {any} */ event) => {
    const link = event.target.closest("a[data-list]");
    if (!link) return;
    event.preventDefault();
    show(box, new URL(link.href));
  });
  const ask = (form) => {
    const to = new URL(form.getAttribute("action"), document.baseURI);
    to.search = new URLSearchParams(/** @type {any} */ (new FormData(form))).toString();
    show(box, to);
  };
  box.addEventListener("submit", (/** @type {any} */ event) => {
    event.preventDefault();
    ask(event.target);
  });
  box.addEventListener("change", (/** @type {any} */ { target }) => target.form && ask(target.form));
  box.addEventListener("toggle", (/** @type {any} */ { target }) => target.open && open(target), true);
}

async function show(box, from, remember = true) {
  box.setAttribute("aria-busy", "true");
  const answer = await fetch(from).catch(() => null);
  box.removeAttribute("aria-busy");
  if (!answer) {
    box.querySelector("[role=status]").textContent =
      "The answers could not be fetched; check the connection and try again.";
    return;
  }
  const typing = document.activeElement?.matches("[name=find]") && box.contains(document.activeElement);
  box.innerHTML = await answer.text(); // escaped by the templates
  if (typing) box.querySelector("[name=find]")?.focus();
  if (from.searchParams.get("item")) box.querySelector("details")?.setAttribute("open", "");
  if (remember) {
    const here = new URL(location.href);
    for (const name of KEPT) {
      const value = from.searchParams.get(name);
      if (value && value !== "all") here.searchParams.set(name, value);
      else here.searchParams.delete(name);
    }
    history.replaceState(history.state, "", here);
  }
}

async function open(fold) {
  if (!fold.dataset.item) return;
  const from = new URL(fold.dataset.item, document.baseURI);
  delete fold.dataset.item; // once is enough
  const answer = await fetch(from).catch(() => null);
  const place = fold.querySelector("div");
  if (!answer) place.textContent = "This answer could not be fetched; reload the page to try again.";
  else place.innerHTML = await answer.text(); // escaped by the templates
}
