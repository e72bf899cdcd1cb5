// The tabs of a model's page: links that the script opens in place, each fetched once.
/** @type {any} */
const place = document.querySelector("[data-sections]");
/** @type {any} */
const bar = place.querySelector("nav");
const tabs = [...bar.querySelectorAll("a")];
const panels = new Map();
/** @type {any} */
let current = null;

const list = document.createElement("div"); // a nav that is a tablist would no longer be a landmark of links
list.className = bar.className;
list.setAttribute("role", "tablist");
list.setAttribute("aria-label", bar.getAttribute("aria-label"));
list.append(...tabs);
bar.replaceWith(list);

/** @type {any} */

const first = place.querySelector("#lb-panel");
const opened = tabs.find((tab) => tab.hasAttribute("aria-current"));
for (const tab of tabs) {
  const panel = tab === (opened ?? tabs[0]) ? first : document.createElement("div");
  panel.id = tab.id.replace("tab", "panel");
  panel.className = "lb-panel";
  panel.hidden = true;
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", tab.id);
  panel.tabIndex = 0;
  panels.set(tab, panel);
  tab.removeAttribute("aria-current");
  tab.setAttribute("role", "tab");
  tab.setAttribute("aria-controls", panel.id);
  place.append(panel);
}

async function fill(tab, panel) {
  const waiting = document.createElement("p");
  waiting.className = "lb-quiet lb-waiting";
  waiting.textContent = tab.dataset.waiting;
  panel.replaceChildren(waiting);
  const from = new URL(tab.href);
  from.searchParams.set("part", "1");
  const answer = await fetch(from).catch(() => null);
  if (!answer) {
    waiting.textContent = "This could not be fetched. Check the connection and open the tab again.";
    panel.dataset.failed = "";
    return;
  }
  panel.innerHTML = await answer.text(); // escaped by the templates
}

// a phone shows only some of the tabs; scrollIntoView would move the page too
function reveal(tab) {
  const [outer, inner] = [list, tab].map((each) => each.getBoundingClientRect());
  list.scrollLeft += Math.max(0, inner.right - outer.right) + Math.min(0, inner.left - outer.left);
}

function open(tab, isAsked) {
  const panel = panels.get(tab);
  if (current) panels.get(current).hidden = true;
  current = tab;
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
  }
  panel.hidden = false;
  reveal(tab);
  if (!panel.childNodes.length || "failed" in panel.dataset) {
    delete panel.dataset.failed;
    fill(tab, panel);
  }
  if (!isAsked) return;
  const here = new URL(location.href);
  here.searchParams.set("tab", new URL(tab.href).searchParams.get("tab") ?? "");
  history.replaceState(history.state, "", here);
}

list.addEventListener("click", (/** @type {any} */ event) => {
  const tab = event.target.closest("a");
  if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  open(tab, true);
});
list.addEventListener("keydown", (/** @type {any} */ event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const to =
    { Home: 0, End: tabs.length - 1 }[event.key] ??
    (step && (tabs.indexOf(current) + step + tabs.length) % tabs.length);
  if (to === undefined) return;
  event.preventDefault();
  tabs[to].focus();
  open(tabs[to], true);
});
// a permanent link to an answer opens the tab that has it
const asked = new URLSearchParams(location.search).has("item") ? place.querySelector("#lb-tab-samples") : null;
open(opened ?? asked ?? tabs[0], false);
if (asked) place.scrollIntoView({ block: "start" });
