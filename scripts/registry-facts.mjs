// Prints what npm's registry says of each package that the product names in package.json and ships:
// how well it is kept. With --record, the table goes to docs/dependencies.md.
//   node scripts/registry-facts.mjs [--record]
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";

import { bundledPackages } from "./bundled-packages.mjs";

const PAGE = new URL("../docs/dependencies.md", import.meta.url);
const MARKED = /(<!-- generated: registry -->\n)[^]*?(<!-- end of generated -->)/;
const COLUMNS = [
  "Package",
  "Ships",
  "Newest",
  "Needs Node.js",
  "In the registry since",
  "Releases",
];
const FIELDS = ["dist-tags.latest", "time", "versions", "engines.node", "deprecated"];

const { dependencies, devDependencies } = readJson("package.json");
const named = { ...dependencies, ...devDependencies };
const rows = [];
for (const folder of [...(await bundledPackages()).keys()].toSorted()) {
  if (!(folder.slice("node_modules/".length) in named)) continue;
  const { name, version, repository } = readJson(`${folder}/package.json`);
  rows.push(await factsOf(name, version, repository));
}
const day = new Date().toISOString().slice(0, 10);
const line = (cells) => `| ${cells.join(" | ")} |\n`;
const table = `As of ${day}:\n\n${[COLUMNS, COLUMNS.map(() => "---"), ...rows].map(line).join("")}`;
console.log(table);
if (process.argv.includes("--record")) {
  const page = readFileSync(PAGE, "utf8");
  writeFileSync(
    PAGE,
    page.replace(MARKED, (_all, begin, end) => `${begin}\n${table}\n${end}`),
  );
}

async function factsOf(name, version, repository) {
  // On Windows, npm is a command file, which only a shell starts.
  const options = { shell: process.platform === "win32", maxBuffer: 50_000_000 };
  const { stdout } = await promisify(execFile)("npm", ["view", name, ...FIELDS, "--json"], options);
  const answer = JSON.parse(stdout);
  const newest = answer["dist-tags.latest"];
  const releases = [answer.versions].flat().filter((each) => /^\d+\.\d+\.\d+$/.test(each));
  const since = answer.time?.[version]?.slice(0, 10) ?? "unknown";
  const warning = answer.deprecated === undefined ? "" : " (deprecated)";
  return [
    `[\`${name}\`](${addressOf(repository)})`,
    version,
    `${newest === version ? "the same" : newest}${warning}`,
    answer["engines.node"] ?? "any",
    since,
    String(releases.length),
  ].map((cell) => cell.replaceAll("|", "\\|"));
}

function addressOf(repository) {
  const url = (repository?.url ?? repository).replace(/\.git$/, "");
  return `https://github.com/${/([^/:]+\/[^/]+)$/.exec(url)[1]}`;
}

function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}
