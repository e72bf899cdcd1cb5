// Runs before the first paint: the theme, Gradio's idea of the address, and how fresh the board is.
(() => {
  const root = document.documentElement;

  // --- theme: the reader's choice, else the system's; Gradio sets its own class on the body, so ours is put back
  const KEY = "lb-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  let asked = new URLSearchParams(location.search).get("__theme"); // as Gradio spells it in a link
  const chosen = () => {
    try { return asked || localStorage.getItem(KEY); } catch { return asked; }
  };
  const isDark = () => (chosen() || (system.matches ? "dark" : "light")) === "dark";
  const paint = () => {
    const dark = isDark();
    for (const node of [root, document.body]) {
      if (node && node.classList.contains("dark") !== dark) node.classList.toggle("dark", dark);
    }
    document.getElementById("lb-theme")?.setAttribute("aria-pressed", String(dark));
  };
  paint();
  system.addEventListener("change", paint);

  // --- Gradio looks its page up by the whole address; ours hold more than the page's name
  const config = window.gradio_config;
  if (config?.page) {
    const trim = (path) => path.replace(/^\/+|\/+$/g, "");
    const base = trim(new URL(config.root || "/", location.href).pathname);
    const here = trim(trim(location.pathname).slice(base.length));
    config.page[here] ??= config.page[config.current_page];
  }

  // --- freshness: "3 min ago" grows older by itself; a page left open learns of news and offers them
  const words = (seconds) =>
    seconds < 60 ? "just now"
    : seconds < 7200 ? `${Math.floor(seconds / 60)} min ago`
    : seconds < 172800 ? `${Math.floor(seconds / 3600)} h ago`
    : `${Math.floor(seconds / 86400)} days ago`;
  let revision = null;
  const tick = () => {
    const time = document.querySelector("#lb-fresh time");
    if (time) time.textContent = `synced ${words((Date.now() - Date.parse(time.dateTime)) / 1000)}`;
  };
  const ask = async () => {
    const answer = await fetch(new URL("status.json", document.baseURI)).catch(() => null);
    if (!answer?.ok) return;
    const now = await answer.json();
    const fresh = document.getElementById("lb-fresh");
    fresh.dataset.source = now.source;
    const time = fresh.querySelector("time");
    if (time && now.as_of) time.dateTime = now.as_of;
    tick();
    document.getElementById("lb-notice").innerHTML = now.notice; // escaped where it was made: src/ui/shell.py
    if (revision !== null && now.revision !== revision) {
      dispatchEvent(new CustomEvent("lb:news", { detail: now }));
      offer();
    }
    revision ??= now.revision;
  };
  const offer = () => {
    if (document.getElementById("lb-news")) return;
    const news = document.createElement("p");
    news.id = "lb-news";
    news.className = "lb-notice";
    const show = document.createElement("button");
    show.type = "button";
    show.textContent = "Show it";
    show.addEventListener("click", () => location.reload());
    news.append("The board has changed since this page was opened. ", show);
    document.getElementById("lb-notice").after(news);
  };
  // soon after opening, since the live board may be on its way; then seldom, and only while looked at
  const later = (wait) => setTimeout(async () => {
    if (!document.hidden) await ask();
    later(Math.min(wait * 1.6, 120000));
  }, wait);

  // --- on a narrow screen rows of links run on past its edge: the one we are at is brought into view
  document.addEventListener("DOMContentLoaded", () => {
    for (const link of document.querySelectorAll("nav a[aria-current=page]")) {
      const row = link.parentElement;
      row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
  });

  // --- models chosen for comparison, on each board its own: the table and the model pages choose, the top bar counts
  const suite = new URLSearchParams(location.search).get("suite");
  const CHOSEN = suite ? `lb.compare.${suite}` : "lb.compare";
  const chosenModels = () => {
    try { return JSON.parse(localStorage.getItem(CHOSEN) ?? "[]"); } catch { return []; }
  };
  const count = () => {
    const ids = chosenModels();
    const link = document.querySelector('.lb-nav a[data-page="compare"]');
    if (link) link.textContent = ids.length ? `Compare (${ids.length})` : "Compare";
    if (link && suite) link.search = `?${new URLSearchParams({ suite })}`;
    for (const button of document.querySelectorAll("[data-choose]")) {
      const pressed = ids.includes(button.dataset.choose);
      button.setAttribute("aria-pressed", String(pressed));
      button.textContent = pressed ? "Chosen to compare" : "Add to compare";
    }
  };
  addEventListener("storage", count);
  addEventListener("lb:compare", count);
  addEventListener("pageshow", count); // also when the browser brings the page back as it was

  addEventListener("DOMContentLoaded", () => {
    revision = document.getElementById("lb-fresh")?.dataset.revision ?? null;
    paint();
    tick();
    setInterval(tick, 30000);
    later(3000);
    new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    document.getElementById("lb-theme")?.addEventListener("click", () => {
      asked = isDark() ? "light" : "dark";
      try { localStorage.setItem(KEY, asked); } catch { /* private window: this page only */ }
      paint();
    });
    if (window.top !== window) { // browsers keep the cookies of a sign-in from a frame
      for (const link of document.querySelectorAll("[data-sign-in]")) link.target = "_blank";
    }
    document.querySelector(".lb-skip")?.addEventListener("click", (event) => {
      event.preventDefault(); // its address lacks the query, and a visit would lose it
      document.getElementById("lb-content").focus();
    });
    document.addEventListener("click", (event) => {
      const choose = event.target.closest?.("[data-choose]");
      if (choose) {
        const ids = new Set(chosenModels());
        if (!ids.delete(choose.dataset.choose)) ids.add(choose.dataset.choose);
        try { localStorage.setItem(CHOSEN, JSON.stringify([...ids])); } catch { /* private window */ }
        count();
      }
      const copy = event.target.closest?.("[data-copy]");
      if (!copy) return;
      navigator.clipboard?.writeText(copy.dataset.copy);
      const said = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = said; }, 1200);
    });
  });
})();
