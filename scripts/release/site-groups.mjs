// Whom a page is for, as the README's table "Documentation" says.

/** In the order of the navigation. */
const GROUPS = [
  ["Everybody", /^everybody/],
  ["Administrators", /^administrators/],
  ["Operators", /^operators/],
  ["Integrators", /^integrators/],
  ["Maintainers", /(?:)/],
];

/**
 * Groups of pages, without the single decisions, whose list is a page of its own. A page that the
 * table does not name is for maintainers.
 *
 * @returns {{ name: string, pages: { path: string }[] }[]}
 */
export function groupPages(pages, readme) {
  const groups = GROUPS.map(([name]) => ({ name, pages: [] }));
  const audiences = readAudiences(readme);
  audiences.set("README.md", "everybody").set("CHANGELOG.md", "everybody");
  // In the order of the table; README.md first, CHANGELOG.md last.
  const order = ["README.md", ...[...audiences.keys()].filter((path) => path.startsWith("docs/"))];
  const rank = (path) => (order.includes(path) ? order.indexOf(path) : order.length);
  const listed = pages.filter(({ isDecision }) => !isDecision);
  for (const page of listed.sort((a, b) => rank(a.path) - rank(b.path))) {
    const audience = audiences.get(page.path) ?? "maintainers";
    groups[GROUPS.findIndex(([, pattern]) => pattern.test(audience))].pages.push(page);
  }
  return groups.filter((group) => group.pages.length > 0);
}

/** Rows such as `| [docs/a.md](docs/a.md), … | operators: …`. */
function readAudiences(readme) {
  const audiences = new Map();
  for (const [, pages, audience] of readme.matchAll(/^\| (\[docs\/.*?) \| (.*?) \|$/gm)) {
    for (const [, path] of pages.matchAll(/\]\((docs\/[^)#]+\.md)\)/g))
      audiences.set(path, audience.toLowerCase());
  }
  return audiences;
}
