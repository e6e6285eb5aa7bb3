// The frame of a page of the documentation: header with search, navigation, content.
import { posix } from "node:path";

export const PRODUCT = "Webex presence worker for UCX";
const INDEX = "docs/index.html";

/** @returns {string} A whole HTML document. */
export function pageHtml({ target, windowTitle, body, path, sections }, groups) {
  return frame({ target, windowTitle, body, groups, current: path, sections });
}

/** The page that lists all others. */
export function indexPage(groups, pages) {
  const link = (page) =>
    `<li><a href="${relativeUrl(INDEX, page.target)}">${escapeHtml(page.title)}</a></li>`;
  const lists = groups.map(
    ({ name, pages: own }) =>
      `<section><h2 id="${name.toLowerCase()}">${name}</h2>\n<ul>\n${own.map(link).join("\n")}\n</ul></section>`,
  );
  const decisions = pages.filter(({ isDecision }) => isDecision);
  const body = `<h1>All pages</h1>
<div class="groups">
${lists.join("\n")}
</div>
<h2 id="decisions">Why it is as it is</h2>
<ol class="decisions">
${decisions.map((page) => link(page).replace(/>\d+\. /, ">")).join("\n")}
</ol>`;
  const windowTitle = `All pages – ${PRODUCT}`;
  return frame({ target: INDEX, windowTitle, body, groups, current: null, sections: [] });
}

function frame({ target, windowTitle, body, groups, current, sections }) {
  const url = (to) => relativeUrl(target, to);
  const root = url("README.html").replace(/README\.html$/, "");
  return `<!doctype html>
<html lang="en" data-root="${root}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(windowTitle)}</title>
<link rel="stylesheet" href="${url("docs/site/site.css")}">
<script src="${url("docs/site/site.js")}" defer></script>
</head>
<body>
<a class="skip" href="#site-content">Skip to the content</a>
<header>
<a class="home" href="${url("README.html")}">${PRODUCT}</a>
<a class="all" href="${url(INDEX)}">All pages</a>
<form role="search" id="site-search" hidden>
<label class="visually-hidden" for="site-query">Search the documentation</label>
<input id="site-query" type="search" placeholder="Search" autocomplete="off" spellcheck="false" aria-keyshortcuts="/" aria-controls="site-results">
<kbd aria-hidden="true">/</kbd>
</form>
<button id="site-theme" type="button" hidden>Dark</button>
</header>
<section id="site-results" aria-label="Search results" hidden><p role="status"></p><ol></ol></section>
<div class="columns">
<main id="site-content" tabindex="-1">
${body}
</main>
<nav aria-label="Pages">
${groups.map((group) => navigationGroup(group, { url, current, sections })).join("\n")}
</nav>
</div>
</body>
</html>
`;
}

function navigationGroup({ name, pages }, { url, current, sections }) {
  const items = pages.map((page) => {
    const isCurrent = page.path === current;
    const mark = isCurrent ? ' aria-current="page"' : "";
    const own = isCurrent ? sectionList(sections) : "";
    return `<li><a href="${url(page.target)}"${mark}>${escapeHtml(page.name)}</a>${own}</li>`;
  });
  return `<h2>${name}</h2>\n<ul>\n${items.join("\n")}\n</ul>`;
}

function sectionList(sections) {
  const items = sections
    .filter(({ level }) => level === 2)
    .map(({ id, title }) => `<li><a href="#${id}">${escapeHtml(title)}</a></li>`);
  return items.length === 0 ? "" : `\n<ul>\n${items.join("\n")}\n</ul>\n`;
}

function relativeUrl(from, to) {
  return posix.relative(posix.dirname(from), to);
}

function escapeHtml(text) {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
