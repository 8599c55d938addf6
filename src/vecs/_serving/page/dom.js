// Elements. Texts of the collection become text, never HTML.

export const $ = (id) => document.getElementById(id);

export function element(tag, { text, title, ...properties } = {}, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (title !== undefined) made.title = title;
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria")) made.setAttribute(name.replace("aria", "aria-").toLowerCase(), value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

// Pieces are pairs: a text, and whether it is a word that was searched for.
export function highlighted(pieces) {
  return pieces.map(([text, marked]) => (marked ? element("mark", { text }) : document.createTextNode(text)));
}

export const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

let shownUntil = 0;

export function say(message) {
  const toast = $("toast");
  toast.textContent = message;
  toast.hidden = false;
  clearTimeout(shownUntil);
  shownUntil = setTimeout(() => (toast.hidden = true), 6000);
}

export function download(name, blob) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
