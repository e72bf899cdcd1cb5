// Stands in every page's head: what must be done before the first paint, and what cannot wait for the other scripts.
(() => {
  // the theme: that of the link (as links of a Space spell it), else the reader's choice, else the system's
  let theme = new URLSearchParams(location.search).get("__theme");
  try {
    theme ??= localStorage.getItem("lb-theme");
  } catch {
    // no storage
  }
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.classList.toggle("dark", (theme ?? system) === "dark");

  // keys pressed before the table's script has come: it takes them over
  window.lbEarlyKeys = [];
  addEventListener("keydown", (/** @type {any} */ event) => {
    const { key, target, shiftKey } = event;
    if (!window.lbEarlyKeys || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.closest?.("input, textarea, select, button, a")) return;
    if (key === "/") {
      /** @type {HTMLInputElement | null} */
      const search = document.querySelector("input[name=q]");
      search?.focus();
      search?.setSelectionRange(search.value.length, search.value.length);
      event.preventDefault();
    } else window.lbEarlyKeys.push({ key, target, shiftKey, preventDefault() {} });
  });

  // and clicks on menus that it opens
  addEventListener("click", (/** @type {any} */ { target }) => {
    if (window.lbEarlyKeys) window.lbEarlyMenu = target.closest?.("[data-part]");
  });
})();
