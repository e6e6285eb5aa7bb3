// The documentation as one static site. It is opened from the disk of a server by a double click,
// so that it loads nothing by fetch, and no modules: browsers refuse both there.
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

import { build } from "esbuild";
import { Marked } from "marked";
import { gfmHeadingId } from "marked-gfm-heading-id";

import { listFiles } from "./files.mjs";
import { siteBundle } from "./site-bundle.mjs";
import { groupPages } from "./site-groups.mjs";
import { indexPage, pageHtml, PRODUCT } from "./site-page.mjs";
import { searchDocuments, sectionsOf } from "./site-sections.mjs";

const SITE = "docs/site";

/**
 * Writes an HTML page beside each Markdown page of the folder, docs/index.html, which lists them,
 * and docs/site/ with style, script and search index. Links between HTML pages lead to HTML pages.
 * In either form, a link to a file that does not ship, such as CONTRIBUTING.md, becomes its text.
 * The same pages give the same bytes.
 *
 * @param {string} folder With README.md, whose table "Documentation" says whom a page is for.
 */
export async function writeSite(folder) {
  const paths = (await listFiles(folder)).filter((path) => path.endsWith(".md"));
  const pages = [];
  for (const path of paths.filter((each) => !each.startsWith("node_modules/")))
    pages.push(await render(folder, path));
  const groups = groupPages(pages, await readFile(join(folder, "README.md"), "utf8"));
  for (const page of pages) {
    await writeFile(join(folder, page.path), page.markdown);
    await writeFile(join(folder, page.target), pageHtml(page, groups));
  }
  await writeFile(join(folder, "docs/index.html"), indexPage(groups, pages));
  await mkdir(join(folder, SITE), { recursive: true });
  await cp(join(import.meta.dirname, "site.css"), join(folder, SITE, "site.css"));
  const script = await build({ ...siteBundle, write: false });
  await writeFile(join(folder, SITE, "site.js"), script.outputFiles[0].contents);
  const documents = JSON.stringify(searchDocuments(pages, groups));
  await writeFile(
    join(folder, SITE, "search-documents.js"),
    `globalThis.searchDocuments=${documents};\n`,
  );
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
      // Wide tables scroll by themselves, also with the keyboard.
      table(token) {
        const html = this.constructor.prototype.table.call(this, token);
        return `<div class="table" tabindex="0" role="region" aria-label="Table">${html}</div>`;
      },
      code(token) {
        const html = this.constructor.prototype.code.call(this, token);
        return html.replace(/^<pre>/, '<pre tabindex="0">');
      },
      image(token) {
        const html = this.constructor.prototype.image.call(this, token);
        return html.replace(/^<img /, '<img loading="lazy" ');
      },
    },
  });
  const body = marked.parse(original).trim();
  const title = /^# (.*)$/m.exec(original)?.[1].replaceAll("`", "") ?? path;
  const name = path === "README.md" ? "Overview" : title;
  return {
    ...{ path, target: htmlPath(path), title, name, markdown, body },
    isDecision: /^docs\/decisions\/\d/.test(path),
    sections: sectionsOf(body),
    windowTitle: title === PRODUCT ? title : `${title} – ${PRODUCT}`,
  };
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
