// The sections of pages, as their navigation and the search need them.

const FIRST_CELLS = /<tr>\s*<td[^>]*>(.*?)<\/td>/gs;
const CODE = /<code>(.*?)<\/code>/gs;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/**
 * The part of a page under each heading, up to the next one of any level.
 *
 * @param {string} html The body of a page.
 * @returns {{ id: string, level: number, title: string, text: string, names: string }[]} `names`:
 *   what the rows of tables are about, such as codes of problems and keys of settings.
 */
export function sectionsOf(html) {
  const parts = html.split(/<h([1-6]) id="([^"]*)">(.*?)<\/h\1>/s);
  const sections = [];
  for (let at = 1; at < parts.length; at += 4) {
    const [level, id, title, text] = parts.slice(at, at + 4);
    sections.push({
      ...{ id, level: Number(level), title: plainText(title), text: plainText(text) },
      names: namesIn(text),
    });
  }
  return sections;
}

/** What the search finds: a document for each section, with its page and group. */
export function searchDocuments(pages, groups) {
  const groupOf = (page) =>
    groups.find((group) => group.pages.includes(page))?.name ?? "Maintainers";
  return pages.flatMap((page) =>
    page.sections.map(({ id, level, title, text, names }, index) => ({
      url: level === 1 && index === 0 ? page.target : `${page.target}#${id}`,
      ...{ page: page.title, title, text, names, group: groupOf(page) },
      weight: weightOf(page, groupOf(page)),
    })),
  );
}

function namesIn(html) {
  const cells = [...html.matchAll(FIRST_CELLS)].map(([, cell]) => cell);
  return plainText(cells.flatMap((cell) => cell.match(CODE) ?? []).join(" "));
}

/** How to use it comes before how it is made, and that before why it is so and what was. */
function weightOf({ isDecision, path }, group) {
  if (isDecision || path === "CHANGELOG.md") return 0.4;
  return group === "Maintainers" ? 0.6 : 1;
}

/** @returns {string} On one line. */
function plainText(html) {
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name])
    .replace(/\s+/g, " ")
    .trim();
}
