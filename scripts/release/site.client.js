// The script of the documentation: search, and the switch between light and dark. Without it, the
// pages and their navigation work all the same.
import MiniSearch from "minisearch";

const MAX_RESULTS = 30;
const EXCERPT_LENGTH = 180;
const THEME_KEY = "ucx-webex-presence-theme";

const root = document.documentElement.dataset.root;
const form = document.getElementById("site-search");
const query = document.getElementById("site-query");
const results = document.getElementById("site-results");
const status = results.querySelector("p");
const list = results.querySelector("ol");

let index = null;

/** The documents are as large as all pages, so that they are loaded with the first search. */
function loadIndex() {
  index ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}docs/site/search-documents.js`;
    script.onload = () => resolve(createIndex(globalThis.searchDocuments));
    script.onerror = () => {
      index = null;
      reject(new Error("The search index cannot be loaded."));
    };
    document.head.append(script);
  });
  return index;
}

function createIndex(documents) {
  const search = new MiniSearch({
    idField: "url",
    fields: ["title", "page", "text", "names"],
    // Names such as WebexPresence.Enable and presence/get are found whole and by their parts.
    tokenize: (text) => [
      ...(text.match(/[\p{L}\p{N}]+/gu) ?? []),
      ...(text.match(/[\p{L}\p{N}]+(?:[._/-][\p{L}\p{N}]+)+/gu) ?? []),
    ],
  });
  search.addAll(documents);
  return { search, documents: new Map(documents.map((each) => [each.url, each])) };
}

async function find() {
  const text = query.value.trim();
  if (text === "") {
    results.hidden = true;
    return;
  }
  let found;
  try {
    const { search, documents } = await loadIndex();
    if (query.value.trim() !== text) return;
    found = search
      .search(text, {
        prefix: true,
        fuzzy: (term) => (term.length > 4 ? 0.2 : false),
        combineWith: "AND",
        boost: { title: 4, page: 2, names: 3 },
        boostDocument: (url) => documents.get(url).weight,
      })
      .map(({ id, terms }) => ({ ...documents.get(id), terms }));
  } catch (error) {
    show(error.message, []);
    return;
  }
  const count = `${found.length} section${found.length === 1 ? "" : "s"}`;
  const shown = found.length > MAX_RESULTS ? `${count}, the first ${MAX_RESULTS} are shown` : count;
  show(
    found.length === 0 ? `Nothing found for “${text}”.` : `${shown}.`,
    found.slice(0, MAX_RESULTS),
  );
}

function show(text, found) {
  status.textContent = text;
  list.replaceChildren(...found.map(resultItem));
  results.hidden = false;
}

function resultItem({ url, page, title, group, text, terms }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = root + url;
  link.append(title === page ? title : `${page} › ${title}`);
  const label = document.createElement("span");
  label.className = "group";
  label.textContent = group;
  const excerpt = document.createElement("p");
  excerpt.append(...excerptNodes(text, terms));
  item.append(link, " ", label, excerpt);
  return item;
}

/** The text around the first of the terms, with all of them marked. */
function excerptNodes(text, terms) {
  const escaped = terms.map((term) => term.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  const pattern = new RegExp(`(${escaped.join("|") || "$^"})`, "iu");
  const at = Math.max(0, text.search(pattern) - 60);
  const start = at === 0 ? 0 : text.indexOf(" ", at) + 1;
  const part = text.slice(start, start + EXCERPT_LENGTH);
  const pieces = part.split(new RegExp(pattern.source, "giu"));
  return [
    start > 0 ? "… " : "",
    ...pieces.map((piece, number) => {
      if (number % 2 === 0) return piece;
      const mark = document.createElement("mark");
      mark.textContent = piece;
      return mark;
    }),
    start + EXCERPT_LENGTH < text.length ? " …" : "",
  ];
}

function close() {
  results.hidden = true;
  query.value = "";
}

/** Moves between the field and the links of the results. */
function move(step) {
  const stops = [query, ...list.querySelectorAll("a")];
  const at = stops.indexOf(document.activeElement);
  if (at === -1 || results.hidden) return false;
  stops[Math.min(stops.length - 1, Math.max(0, at + step))].focus();
  return true;
}

function onKey(event) {
  const { key, target } = event;
  const isWithModifier = event.ctrlKey || event.metaKey || event.altKey;
  const isTyping = target instanceof HTMLInputElement || target.isContentEditable;
  if (key === "/" && !isTyping && !isWithModifier) {
    event.preventDefault();
    query.focus();
    query.select();
  } else if (key === "Escape" && !results.hidden) {
    close();
    query.focus();
  } else if ((key === "ArrowDown" && move(1)) || (key === "ArrowUp" && move(-1))) {
    event.preventDefault();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  list.querySelector("a")?.click();
});
query.addEventListener("focus", () => void loadIndex().catch(() => undefined), { once: true });
query.addEventListener("input", () => void find());
document.addEventListener("keydown", onKey);
// A result on the same page.
list.addEventListener("click", (event) => {
  if (event.target.closest("a")) close();
});
form.hidden = false;

const button = document.getElementById("site-theme");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

/** Some browsers keep nothing for pages from the disk. */
function storedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null;
  }
}

function applyTheme(theme) {
  const isDark = (theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  if (theme === null) delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  button.textContent = isDark ? "Light" : "Dark";
  button.setAttribute("aria-label", isDark ? "Switch to light colors" : "Switch to dark colors");
  return isDark;
}

button.addEventListener("click", () => {
  const theme = document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
  const next = theme === "dark" ? "light" : "dark";
  applyTheme(next);
  try {
    localStorage.setItem(THEME_KEY, next);
  } catch {
    // It holds for this page.
  }
});
prefersDark.addEventListener("change", () => applyTheme(storedTheme()));
applyTheme(storedTheme());
button.hidden = false;
