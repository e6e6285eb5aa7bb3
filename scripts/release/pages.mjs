// The documentation as HTML, for readers without a viewer of Markdown. It is read from the disk of
// a server, so that it has no scripts and loads nothing.
import { cp, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join, posix } from "node:path";

import { Marked } from "marked";
import { gfmHeadingId } from "marked-gfm-heading-id";

import { listFiles } from "./files.mjs";

const STYLE = "docs/style.css";
const PRODUCT = "Webex presence worker for UCX";

/**
 * Writes an HTML page beside each Markdown page of the folder, and docs/index.html, which lists
 * them. Links between HTML pages lead to HTML pages. In either form, a link to a file that does not
 * ship, such as CONTRIBUTING.md, becomes its text.
 */
export async function writePages(folder) {
  const paths = (await listFiles(folder)).filter((path) => path.endsWith(".md"));
  const pages = paths.filter((path) => !path.startsWith("node_modules/"));
  const titles = new Map();
  for (const path of pages) {
    const { title, markdown, html } = await render(folder, path);
    titles.set(path, title);
    await writeFile(join(folder, path), markdown);
    await writeFile(join(folder, htmlPath(path)), html);
  }
  await cp(join(import.meta.dirname, "pages.css"), join(folder, STYLE));
  await writeFile(join(folder, "docs/index.html"), indexPage(titles));
}

async function render(folder, path) {
  const original = await readFile(join(folder, path), "utf8");
  let markdown = original;
  const marked = new Marked(gfmHeadingId(), {
    walkTokens: (token) => {
      if (token.type !== "link") return;
      token.href = htmlLink(folder, path, token.href);
      if (token.href === null) markdown = markdown.replaceAll(token.raw, token.text);
    },
    renderer: {
      link(token) {
        return token.href === null ? this.parser.parseInline(token.tokens) : false;
      },
      // Wide tables scroll by themselves.
      table(token) {
        const html = this.constructor.prototype.table.call(this, token);
        return `<div class="table">${html}</div>`;
      },
    },
  });
  const title = /^# (.*)$/m.exec(original)?.[1].replaceAll("`", "") ?? path;
  const html = page(path, title, marked.parse(original));
  return { title, markdown, html };
}

/** The link of an HTML page, or null if it leads to a file that does not ship. */
function htmlLink(folder, path, href) {
  if (/^([a-z]+:|#)/i.test(href)) return href;
  const [, target, anchor] = /^([^#]*)(#.*)?$/.exec(href);
  if (!existsSync(join(folder, dirname(path), target))) return null;
  const isPage = target.endsWith(".md");
  return (isPage ? htmlPath(target) : target) + (anchor ?? "");
}

function htmlPath(path) {
  return path.replace(/\.md$/, ".html");
}

function page(path, title, body) {
  const link = (target) => posix.relative(posix.dirname(path), target);
  const name = title === PRODUCT ? title : `${title} – ${PRODUCT}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(name)}</title>
<link rel="stylesheet" href="${link(STYLE)}">
</head>
<body>
<nav><a href="${link("README.html")}">${PRODUCT}</a> · <a href="${link("docs/index.html")}">All pages</a></nav>
<main>
${body.trim()}
</main>
</body>
</html>
`;
}

function indexPage(titles) {
  const list = (paths) =>
    paths
      .map((path) => [posix.relative("docs", htmlPath(path)), escape(titles.get(path))])
      .map(([href, title]) => `<li><a href="${href}">${title}</a></li>`)
      .join("\n");
  const paths = [...titles.keys()].filter((path) => path !== "README.md");
  const isDecision = (path) => path.startsWith("docs/decisions/");
  const body = `<h1>All pages</h1>
<ul>
${list(["README.md", ...paths.filter((path) => !isDecision(path))])}
</ul>
<h2>Why it is as it is</h2>
<ul>
${list(paths.filter((path) => isDecision(path) && !path.endsWith("/README.md")))}
</ul>`;
  return page("docs/index.html", "All pages", body);
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
