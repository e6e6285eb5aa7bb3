// Fills the parts of README.md and docs/ that stand between `<!-- generated: NAME -->` and `<!-- end of generated -->` from the
// compiled sources (npm run compile first) and from the last results of the benches. --check only compares: exit 1 when a page differs. --from <dir> names another folder of
// compiled output.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const root = new URL("../", import.meta.url);
const from = process.argv.indexOf("--from");
const compiled =
  from < 0 ? new URL("build/", root) : new URL(`${pathToFileURL(process.argv[from + 1]).href}/`);
const load = (path) => import(new URL(`src/${path}`, compiled));

const { settingsTableMarkdown } = await load("settings/keys.js");
const { PROBLEM_SEVERITY, problemText } = await load("faults/problem-catalog.js");
const { openRpcDocument } = await load("rpc/openrpc.js");
const importRules = createRequire(import.meta.url)("../.dependency-cruiser.cjs").forbidden;

/** Of what a message tells beyond its code: an example each, since the worker fills in its own. */
const ORGANIZATION = { organization: "Example Ltd" };
const ACCOUNT = { account: "EXAMPLE\\svc-ucx" };
const EXAMPLE_DETAIL = {
  keychainUnavailable: ACCOUNT,
  keychainLocked: ACCOUNT,
  clientNotConfigured: ACCOUNT,
  authorizationRequired: { ...ORGANIZATION, ...ACCOUNT },
  authorizationExpired: { ...ORGANIZATION, status: 400 },
  scopeMissing: { ...ORGANIZATION, missingScopes: ["spark-admin:people_read"] },
  adminRoleLost: { ...ORGANIZATION, status: 400 },
  hostTooOld: { version: "2021.Summer.2", oldest: "2021.Summer.3" },
  organizationTooLarge: { ...ORGANIZATION, persons: 1200 },
  rateLimited: { ...ORGANIZATION, until: "2026-11-22T14:25:00.000Z" },
  webexError: { ...ORGANIZATION, status: 502, trackingId: "ROUTER_65F1…" },
  freshnessMissed: { ...ORGANIZATION, watchedP95: 240, staleAfterSeconds: 180 },
  consoleTooOld: { version: "2021.Summer.1", oldest: "2021.Summer.2" },
  redirectPortInUse: { port: 8467 },
};

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("");
}

function problems() {
  const rows = Object.entries(PROBLEM_SEVERITY).map(([code, severity]) => {
    const { message, hint } = problemText(code, EXAMPLE_DETAIL[code] ?? ORGANIZATION);
    return [`\`${code}\``, severity, message, hint];
  });
  return table(["Code", "Severity", "What it says (example)", "What to do"], rows);
}

function wireErrors() {
  const document = openRpcDocument("");
  const rows = document["x-errors"].map(({ code, name, message }) => {
    const methods = document.methods.filter(({ errors }) =>
      errors.some((error) => error.code === code),
    );
    const everywhere = methods.length === 0 || methods.length === document.methods.length;
    const callers = everywhere
      ? "any message"
      : methods.map((method) => `\`${method.name}\``).join(", ");
    return [`${code}`, `\`${name}\``, message, callers];
  });
  return table(["Code", "Name", "When", "Answer to"], rows);
}

/** The rule's targets, out of a pattern such as `^src/(faults|ports)/`. */
function roomsIn(pattern) {
  return /\((.*)\)/.exec(pattern)[1].split("|");
}

function imports() {
  const rows = importRules
    .filter(({ name, to }) => name.endsWith("-imports") && to.pathNot !== undefined)
    .map(({ name, to }) => {
      const room = name.slice(0, -"-imports".length);
      const types = importRules.find((rule) => rule.name === `${room}-imports-types`);
      const typesOnly = types === undefined ? [] : roomsIn(types.to.path);
      const whole = roomsIn(to.pathNot).filter(
        (target) => target !== room && !typesOnly.includes(target),
      );
      const shown = (rooms) =>
        rooms.length === 0 ? "–" : rooms.map((each) => `\`${each}\``).join(", ");
      return [`\`${room}\``, shown(whole), shown(typesOnly)];
    });
  return table(["Room", "May import", "Types only"], rows);
}

/** The table of bench/results/<name>.md, a row each, as cells. */
function benchRows(name) {
  const text = readFileSync(new URL(`bench/results/${name}.md`, root), "utf8");
  const [, , ...rows] = /(^\|.*\|\n)+/m.exec(text)[0].trim().split("\n");
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What the product sets itself a bound for, as it was measured last. */
function measured() {
  const rows = ["freshness", "snapshot", "rpc", "start", "flip", "memory"].flatMap((name) =>
    benchRows(name)
      .filter(([, , , , wanted]) => wanted !== "")
      .map(([measure, , , figure, wanted, verdict]) => [
        `[${name}](../bench/results/${name}.md)`,
        measure,
        figure,
        wanted,
        verdict,
      ]),
  );
  return table(["Bench", "Measure", "Figure", "Wanted", ""], rows);
}

function freshness() {
  return table(
    ["measure", "worker", "against", "figure", "wanted", "verdict"],
    benchRows("freshness"),
  );
}

const parts = {
  settings: settingsTableMarkdown,
  problems,
  "wire-errors": wireErrors,
  imports,
  measured,
  freshness,
};
const pages = [
  "README.md",
  "docs/architecture.md",
  "docs/settings.md",
  "docs/errors.md",
  "docs/freshness.md",
  "docs/benchmarks.md",
];

for (const page of pages) {
  const file = new URL(page, root);
  const text = readFileSync(file, "utf8");
  const filled = text.replace(
    /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- end of generated -->)/g,
    (_whole, begin, name, end) => `${begin}\n${parts[name]()}\n${end}`,
  );
  if (filled === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`${page} differs from what the code says: run npm run generate.`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, filled);
  }
}
