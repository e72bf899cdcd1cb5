// Runs before the first paint: the theme the embedder asked for, else the reader's own.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");
const paint = () =>
  root.classList.toggle("dark", (root.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark");
paint();
system.addEventListener("change", paint);
