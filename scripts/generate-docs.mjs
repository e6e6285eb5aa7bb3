// Fills the parts of README.md and docs/ between `<!-- generated: NAME -->` and `<!-- end of
// generated -->` from the compiled sources (run `npm run compile` first) and from the latest bench
// results. With --check, compares only and exits with 1 on a difference. --from <dir> names a
// different folder of compiled output.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import { bundledPackages } from "./bundled-packages.mjs";

const root = new URL("../", import.meta.url);
const from = process.argv.indexOf("--from");
const compiled =
  from < 0 ? new URL("build/", root) : new URL(`${pathToFileURL(process.argv[from + 1]).href}/`);
const load = (path) => import(new URL(`src/${path}`, compiled));

const { settingsTableMarkdown } = await load("settings/keys.js");
const { PROBLEM_SEVERITY, problemText } = await load("faults/problem-catalog.js");
const { possibleValues, REASON_WORDING, STATE_WORDING, stateTitle } = await load(
  "presence/presence-wording.js",
);
const { metricsTableMarkdown } = await load("dashboard/metrics.js");
const { openRpcDocument } = await load("rpc/openrpc.js");
const importRules = createRequire(import.meta.url)("../.dependency-cruiser.cjs").forbidden;

/** Example values for the details that the worker fills into a message. */
const ORGANIZATION = { organization: "Example Ltd" };
const ACCOUNT = { account: "EXAMPLE\\svc-ucx" };
const EXAMPLE_DETAIL = {
  keychainUnavailable: { ...ACCOUNT, platform: "windows" },
  keychainLocked: { ...ACCOUNT, platform: "windows" },
  clientNotConfigured: ACCOUNT,
  authorizationRequired: {
    ...{ ...ORGANIZATION, ...ACCOUNT },
    logFile: "C:\\ProgramData\\ucx-webex-presence\\worker.log",
  },
  authorizationExpired: { ...ORGANIZATION, status: 400 },
  scopeMissing: { ...ORGANIZATION, missingScopes: ["spark-admin:people_read"] },
  adminRoleLost: { ...ORGANIZATION, status: 400 },
  hostTooOld: { version: "2021.Summer.2", oldest: "2021.Summer.3" },
  organizationTooLarge: { ...ORGANIZATION, persons: 1200 },
  rateLimited: { ...ORGANIZATION, until: "2026-11-22T14:25:00.000Z" },
  webexUnreachable: {
    ...ORGANIZATION,
    cause:
      "There is no secure connection to webexapis.com: the issuer of its certificate is not trusted here (UNABLE_TO_GET_ISSUER_CERT_LOCALLY).",
    hint: "If a firewall or proxy inspects TLS here, put its root certificate (PEM) into a file and name it in WebexPresence.CaFile.",
  },
  webexError: {
    ...ORGANIZATION,
    cause:
      'Something other than Webex responded to a request to Webex (403, Server: squid/5.7, page "Access denied").',
    hint: "Let the worker's connections to Webex pass through the firewall or proxy that responded, or correct WebexPresence.ApiUrl and WebexPresence.Proxy.",
  },
  freshnessMissed: { ...ORGANIZATION, watchedP95: 240, staleAfterSeconds: 180 },
  consoleTooOld: { version: "2021.Summer.1", oldest: "2021.Summer.2" },
  redirectPortInUse: { port: 8467 },
  dashboardPortInUse: { port: 8468 },
  settingsMissing: { path: "Presence.ini" },
  settingsUnreadable: { path: "Presence.ini", reason: "permission denied (EACCES)" },
  settingsInvalid: {
    ...{ key: "WebexPresence.PollIntervalSeconds", value: "2", line: 3 },
    ...{ reason: "is not a whole number from 5 to 3600", current: "20" },
  },
  settingsUnknown: {
    ...{ key: "WebexPresence.PollIntervallSeconds", line: 3 },
    likely: "WebexPresence.PollIntervalSeconds",
  },
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
  return table(["Code", "Severity", "Message (example)", "What to do"], rows);
}

/** What an operator sees for each value that a record can have. */
function wording() {
  const rows = possibleValues().map(([state, reason]) => {
    const { symbol, color } = STATE_WORDING[state];
    const name = stateTitle(state);
    const known = REASON_WORDING[reason];
    const words =
      known === undefined ? [name, "–"] : [`${name} (${known.label})`, known.explanation];
    const code = reason === null ? "–" : `\`${reason}\``;
    return [`\`${state}\``, code, symbol, color === null ? "text" : `\`${color}\``, ...words];
  });
  return table(["`state`", "`reason`", "Symbol", "Color", "Words", "Explanation"], rows);
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
  return table(["Code", "Name", "When", "Methods"], rows);
}

/** The folders that a rule's pattern names, such as `^src/(faults|ports)/`. */
function foldersIn(pattern) {
  return /\((.*)\)/.exec(pattern)[1].split("|");
}

function imports() {
  const rows = importRules
    .filter(({ name, to }) => name.endsWith("-imports") && to.pathNot !== undefined)
    .map(({ name, to }) => {
      const folder = name.slice(0, -"-imports".length);
      const types = importRules.find((rule) => rule.name === `${folder}-imports-types`);
      const typesOnly = types === undefined ? [] : foldersIn(types.to.path);
      const whole = foldersIn(to.pathNot).filter(
        (target) => target !== folder && !typesOnly.includes(target),
      );
      const shown = (folders) =>
        folders.length === 0 ? "–" : folders.map((each) => `\`${each}\``).join(", ");
      return [`\`${folder}\``, shown(whole), shown(typesOnly)];
    });
  return table(["Folder", "May import", "Types only"], rows);
}

/** The cells of each row of the table in bench/results/<name>.md. */
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

/** The latest result of every measure that has a bound. */
function measured() {
  const names = [
    ...["decision", "freshness", "nodes", "snapshot", "rpc", "start", "flip", "memory"],
    "dashboard",
  ];
  const rows = names.flatMap((name) =>
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

/** What ships: the packages that package.json names, each with those that come with it. */
async function shipped() {
  const { dependencies, devDependencies } = readJson("package.json");
  const all = [...(await bundledPackages())].map(([folder, files]) => ({
    ...readJson(`${folder}/package.json`),
    // keytar has another name in npm's registry than in package.json and in the code.
    key: folder.slice("node_modules/".length),
    files,
  }));
  const isDirect = ({ key }) => key in { ...dependencies, ...devDependencies };
  const rows = all.filter(isDirect).map(({ key, name, version, license, files }) => {
    const brought = all
      .filter((each) => !isDirect(each) && each.files.has(`dist/lib/${key}.cjs`))
      .map((each) => `\`${each.name} ${each.version}\` (${each.license})`);
    const where = key === "keytar" ? "`node_modules/keytar/`" : placesOf(files);
    return [`\`${name} ${version}\``, license, where, brought.sort().join(", ") || "–"];
  });
  return table(
    ["Package", "License", "Where it is", "What it brings along"],
    rows.sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The demo and the simulator are no part of the product's own programs. */
function placesOf(files) {
  return [...files]
    .filter((file) => !file.endsWith(".mjs"))
    .map((file) => `\`${file}\``)
    .sort()
    .join(", ");
}

function readJson(path) {
  return JSON.parse(readFileSync(new URL(path, root), "utf8"));
}

const parts = {
  settings: settingsTableMarkdown,
  problems,
  "wire-errors": wireErrors,
  imports,
  wording,
  measured,
  freshness,
  shipped,
  metrics: metricsTableMarkdown,
};
const pages = [
  "README.md",
  "docs/architecture.md",
  "docs/settings.md",
  "docs/dashboard.md",
  "docs/errors.md",
  "docs/integration.md",
  "docs/freshness.md",
  "docs/benchmarks.md",
  "docs/dependencies.md",
];
const GENERATED = /(<!-- generated: ([a-z-]+) -->\n)[\s\S]*?(<!-- end of generated -->)/g;

for (const page of pages) {
  const file = new URL(page, root);
  const text = readFileSync(file, "utf8");
  const names = [...text.matchAll(GENERATED)].map(([, , name]) => name);
  const tables = new Map(
    await Promise.all(
      names.filter((name) => name in parts).map(async (name) => [name, await parts[name]()]),
    ),
  );
  const filled = text.replace(GENERATED, (whole, begin, name, end) =>
    tables.has(name) ? `${begin}\n${tables.get(name)}\n${end}` : whole,
  );
  if (filled === text) continue;
  if (process.argv.includes("--check")) {
    console.error(`${page} is out of date: run npm run generate.`);
    process.exitCode = 1;
  } else {
    writeFileSync(file, filled);
  }
}
