// npm run audit: asks npm's registry for the known vulnerabilities of exactly the packages that
// ship (scripts/bundled-packages.mjs), and whether each runtime of the release is the newest of
// its line. Exit code 1: the registry names a vulnerability. What the registry does not answer is
// named as left out, and is no failure, because nobody can mend that here.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { temporaryFolder } from "./at-end.mjs";
import { bundledPackages } from "./bundled-packages.mjs";
import { RUNTIMES } from "./release/runtimes.mjs";

const LIMIT_MS = 120_000;
/** Any of these in the environment or in a .npmrc would have npm find nothing, and say so. */
const AUDIT_ALL = ["--audit=true", "--offline=false", "--include=dev", "--include=optional"];

const { folder } = temporaryFolder("ucx-audit-");
await auditPackages([...(await bundledPackages()).keys()]);
for (const [target, runtime] of Object.entries(RUNTIMES)) await checkRuntime(target, runtime);

async function auditPackages(paths) {
  writeTree(paths.map((path) => path.replaceAll("\\", "/")));
  const { vulnerabilities, ...problem } = await npm("audit", ...AUDIT_ALL);
  if (vulnerabilities === undefined) {
    leaveOut(`the known vulnerabilities of the ${paths.length} packages that ship`, problem);
    return;
  }
  const found = Object.values(vulnerabilities);
  for (const { name, severity, via, nodes } of found) {
    const titles = via.map((each) =>
      typeof each === "string" ? each : `${each.title} ${each.url}`,
    );
    console.log(`VULNERABLE: ${name} (${severity}; ${nodes.join(", ")}): ${titles.join("; ")}`);
  }
  console.log(`${paths.length} packages ship: ${found.length} of them have known vulnerabilities.`);
  if (found.length > 0) process.exitCode = 1;
}

/** A project that consists of the packages that ship, at their places, and of no others. */
function writeTree(paths) {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const shipped = Object.fromEntries(
    paths.map((path) => {
      const { name, version, integrity } = packages[path];
      return [path, { name, version, integrity }];
    }),
  );
  const dependencies = Object.fromEntries(
    Object.entries(shipped)
      .filter(([path]) => path.lastIndexOf("node_modules/") === 0)
      .map(([path, { name, version }]) => [
        path.slice("node_modules/".length),
        name === undefined ? version : `npm:${name}@${version}`,
      ]),
  );
  const project = { name: "what-ships", version: "1.0.0", dependencies };
  const lock = { lockfileVersion: 3, packages: { "": project, ...shipped } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(project));
  writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
}

/** npm's registry knows no vulnerabilities of Node.js: a newer one of the line may mend some. */
async function checkRuntime(target, { package: name, version }) {
  const line = version.split(".")[0];
  const answer = await npm("view", `${name}@${line}`, "version");
  const versions = [answer].flat();
  if (!versions.every((each) => typeof each === "string")) {
    leaveOut(`whether ${name} ${version} is the newest ${line}`, answer);
    return;
  }
  const newest = versions.toSorted(byVersion).at(-1);
  const isNewest = newest === version;
  const verdict = isNewest ? `the newest that ${name} has` : `OUTDATED: ${name} has ${newest}`;
  console.log(`Node.js ${version} for ${target}: ${verdict}.`);
}

function byVersion(a, b) {
  const [left, right] = [a, b].map((each) => each.split(".").map(Number));
  const differs = left.findIndex((part, index) => part !== right[index]);
  return differs === -1 ? 0 : left[differs] - right[differs];
}

/** What npm prints as JSON, which on an error is an object that says what is wrong. */
async function npm(...args) {
  // On Windows, npm is a command file, which only a shell starts.
  const options = { cwd: folder, shell: process.platform === "win32", timeout: LIMIT_MS };
  const { stdout, message } = await promisify(execFile)("npm", [...args, "--json"], options).catch(
    (error) => error,
  );
  try {
    return JSON.parse(stdout);
  } catch {
    return { message: message ?? "npm printed no JSON." };
  }
}

function leaveOut(what, { message, error }) {
  const reason = message ?? error?.summary ?? "npm gave no reason";
  console.log(`LEFT OUT: ${what}, because the registry does not answer: ${reason.split("\n")[0]}`);
}
