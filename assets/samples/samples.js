// The samples browser: fetches a screen of answers when it is seen, and one answer when it is opened.
const KEPT = ["task", "outcome", "find", "page", "item"]; // what of a view stands in the page's address

// the browser's place appears when its tab is opened
new MutationObserver(() => {
  for (const box of document.querySelectorAll("[data-samples]")) start(box);
}).observe(document.body, { childList: true, subtree: true });

// a permanent link opens its tab
if (new URLSearchParams(location.search).get("item")) {
  const knock = setInterval(() => {
    const tab = [...document.querySelectorAll("#lb-sections [role=tab]")].find((each) => each.textContent.trim() === "Samples");
    if (!tab) return;
    clearInterval(knock);
    tab.click();
    tab.scrollIntoView({ block: "start" });
  }, 100);
}

function start(box) {
  const first = new URL(box.dataset.samples, document.baseURI);
  delete box.dataset.samples; // once is enough
  for (const name of KEPT) {
    const value = new URLSearchParams(location.search).get(name);
    if (value) first.searchParams.set(name, value);
  }
  show(box, first, false);
  box.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-list]");
    if (!link) return;
    event.preventDefault();
    show(box, new URL(link.href));
  });
  const ask = (form) => {
    const to = new URL(form.getAttribute("action"), document.baseURI);
    to.search = new URLSearchParams(new FormData(form));
    show(box, to);
  };
  box.addEventListener("submit", (event) => { event.preventDefault(); ask(event.target); });
  box.addEventListener("change", ({ target }) => target.form && ask(target.form));
  box.addEventListener("toggle", ({ target }) => target.open && open(target), true);
}

async function show(box, from, remember = true) {
  box.setAttribute("aria-busy", "true");
  const answer = await fetch(from).catch(() => null);
  box.removeAttribute("aria-busy");
  if (!answer) {
    box.querySelector("[role=status]").textContent = "The answers could not be fetched; check the connection and try again.";
    return;
  }
  const typing = document.activeElement?.name === "find" && box.contains(document.activeElement);
  box.innerHTML = await answer.text(); // escaped where it was made: src/ui/samples.py
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
  else place.innerHTML = await answer.text(); // escaped where it was made
}
