// What every page has: the theme, how fresh the board is, and the models chosen for comparison.
(() => {
  const root = document.documentElement;

  // --- theme: the reader's choice, else the system's
  const KEY = "lb-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  let asked = new URLSearchParams(location.search).get("__theme"); // as links of a Space spell it
  const chosen = () => {
    try {
      return asked || localStorage.getItem(KEY);
    } catch {
      return asked;
    }
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

  // --- freshness: "3 min ago" grows older by itself; a page left open learns of news and offers them
  const words = (seconds) =>
    seconds < 60
      ? "just now"
      : seconds < 7200
        ? `${Math.floor(seconds / 60)} min ago`
        : seconds < 172800
          ? `${Math.floor(seconds / 3600)} h ago`
          : `${Math.floor(seconds / 86400)} days ago`;
  /** @type {any} */
  let revision = null;
  const tick = () => {
    /** @type {any} */
    const time = document.querySelector("#lb-fresh time");
    if (time) time.textContent = `synced ${words((Date.now() - Date.parse(time.dateTime)) / 1000)}`;
  };
  const ask = async () => {
    const answer = await fetch(new URL("status.json", document.baseURI)).catch(() => null);
    if (!answer?.ok) return;
    const now = await answer.json();
    /** @type {any} */
    const fresh = document.getElementById("lb-fresh");
    /** @type {any} */
    const notice = document.getElementById("lb-notice");
    fresh.dataset.source = now.source;
    /** @type {any} */
    const time = fresh.querySelector("time");
    if (time && now.as_of) time.dateTime = now.as_of;
    tick();
    notice.innerHTML = now.notice; // escaped by src/ui/templates/macros.html
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
    document.getElementById("lb-notice")?.after(news);
  };
  // soon after opening, since the live board may be on its way; then seldom, and only while looked at
  const later = (wait) =>
    setTimeout(async () => {
      if (!document.hidden) await ask();
      later(Math.min(wait * 1.6, 120000));
    }, wait);

  // --- on a narrow screen rows of links run on past its edge: the one we are at is brought into view
  document.addEventListener("DOMContentLoaded", () => {
    for (const link of /** @type {any} */ (document.querySelectorAll("nav a[aria-current=page]"))) {
      const row = link.parentElement;
      row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
    }
  });

  // --- the view of the table travels along: to Explore and back, to a model's page and back
  const board = new URLSearchParams(location.search).get("suite");
  const VIEW = board ? `lb.view.${board}` : "lb.view";
  const carry = (/** @type {string} */ view) => {
    const links = '.lb-nav a[data-page=""], .lb-nav a[data-page="explore"], .lb-crumb a';
    for (const link of /** @type {any} */ (document.querySelectorAll(links))) link.search = view;
  };
  const keepView = (/** @type {string} */ view) => {
    try {
      sessionStorage.setItem(VIEW, view);
    } catch {
      /* private window: the links of this page know it */
    }
    carry(view);
  };
  addEventListener("lb:query", (/** @type {any} */ { detail }) => keepView(detail));
  document.addEventListener("DOMContentLoaded", () => {
    /** @type {any} */
    const here = document.querySelector(".lb-nav a[aria-current=page]");
    if (here && ["", "explore"].includes(here.dataset.page)) return keepView(new URL(here.href).search.slice(1));
    try {
      const view = sessionStorage.getItem(VIEW);
      if (view !== null) carry(view);
    } catch {
      /* no storage */
    }
  });

  // --- models chosen for comparison, on each board its own: the table and the model pages choose, the top bar counts
  const suite = new URLSearchParams(location.search).get("suite");
  const CHOSEN = suite ? `lb.compare.${suite}` : "lb.compare";
  const chosenModels = () => {
    try {
      return JSON.parse(localStorage.getItem(CHOSEN) ?? "[]");
    } catch {
      return [];
    }
  };
  const count = () => {
    const ids = chosenModels();
    /** @type {any} */
    const link = document.querySelector('.lb-nav a[data-page="compare"]');
    if (link) link.textContent = ids.length ? `Compare (${ids.length})` : "Compare";
    if (link && suite) link.search = `?${new URLSearchParams({ suite })}`;
    for (const button of /** @type {any} */ (document.querySelectorAll("[data-choose]"))) {
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
    document.getElementById("lb-theme")?.addEventListener("click", () => {
      asked = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEY, asked);
      } catch {
        /* private window: this page only */
      }
      paint();
    });
    if (window.top !== window) {
      // browsers keep the cookies of a sign-in from a frame
      for (const link of /** @type {any} */ (document.querySelectorAll("[data-sign-in]"))) link.target = "_blank";
    }
    document.querySelector(".lb-skip")?.addEventListener("click", (/** @type {any} */ event) => {
      event.preventDefault(); // its address lacks the query, and a visit would lose it
      document.getElementById("lb-content")?.focus();
    });
    document.addEventListener("click", (/** @type {any} */ event) => {
      const choose = event.target.closest?.("[data-choose]");
      if (choose) {
        const ids = new Set(chosenModels());
        if (!ids.delete(choose.dataset.choose)) ids.add(choose.dataset.choose);
        try {
          localStorage.setItem(CHOSEN, JSON.stringify([...ids]));
        } catch {
          /* private window */
        }
        count();
      }
      const copy = event.target.closest?.("[data-copy]");
      if (!copy) return;
      navigator.clipboard?.writeText(copy.dataset.copy);
      const label = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => {
        copy.textContent = label;
      }, 1200);
    });
  });
})();
