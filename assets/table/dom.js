// Elements from data. Whatever comes from outside enters as text.

/** `el("button.lt-chip", { type: "button", onclick }, "text", child)`; a null or false attribute is left out. */
export function el(form, attributes = {}, ...children) {
  const [tag, ...classes] = form.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in PROPERTIES) node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const PROPERTIES = { checked: 1, value: 1, disabled: 1, hidden: 1, indeterminate: 1 };

/** One of our icons, drawn by the style sheet in the colour of the text. */
export const icon = (name) => el(`i.lt-icon-${name}`, { "aria-hidden": "true" });

/** What the reader need not wait for: done when the frame with what they asked for is on its way to the screen. */
export function oncePainted(act) {
  requestAnimationFrame(() => setTimeout(act));
}
