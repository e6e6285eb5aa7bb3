// npm run release: makes the archives for each system, the npm package, the software bill of
// materials and their checksums. CONTRIBUTING.md, "Make a release", says what is in them.
//   node scripts/release/main.mjs [--target win-x64 …] [--out release]
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { runThisNode, writeCodeCache } from "../code-cache.mjs";
import { writeDist } from "../dist.mjs";
import { hasWine } from "../wine.mjs";
import { pack } from "./archive.mjs";
import { checksums } from "./files.mjs";
import { writeChecksums, writeFolder } from "./folder.mjs";
import { writeNpmPackage } from "./npm-package.mjs";
import { fetchRuntime } from "./runtimes.mjs";
import { sbomText } from "./sbom.mjs";
import { FOLDER, TARGETS } from "./targets.mjs";
import { withWine } from "./wine.mjs";

/** An archive in the making takes some 400 MB of memory. */
const JOBS = 2;

// zip stores local times.
process.env.TZ = "UTC";

const { values } = parseArgs({
  options: {
    target: { type: "string", multiple: true, default: TARGETS.map(({ name }) => name) },
    out: { type: "string", default: "release" },
  },
});
const { out } = values;
const targets = values.target.map(findTarget);
const { version } = JSON.parse(await readFile("package.json", "utf8"));
const startedAt = Date.now();
const warnings = [];

function findTarget(name) {
  const target = TARGETS.find((each) => each.name === name);
  if (target !== undefined) return target;
  console.error(`No target ${name}. There is: ${TARGETS.map((each) => each.name).join(", ")}.`);
  process.exit(2);
}

function log(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  console.error(`${seconds.padStart(4)} s  ${text}`);
}

/**
 * The time of all files: that of the last commit, so that a release can be made again. A constant
 * would not do: tools that copy by time and size would skip changed files of an upgrade.
 */
function releaseTime() {
  const { SOURCE_DATE_EPOCH } = process.env;
  if (SOURCE_DATE_EPOCH !== undefined) return new Date(Number(SOURCE_DATE_EPOCH) * 1000);
  const git = (...args) => execFileSync("git", args, { encoding: "utf8" }).trim();
  if (git("status", "--porcelain") !== "") {
    warnings.push("The working tree has changes that are not committed, and the release has them.");
  }
  return new Date(Number(git("log", "-1", "--format=%ct")) * 1000);
}

/** Removes what an earlier release has left, and nothing else. */
async function clearOut() {
  await mkdir(out, { recursive: true });
  for (const name of await readdir(out)) {
    if (name === "SHA256SUMS" || name.startsWith(`${FOLDER}-`)) await rm(join(out, name));
  }
}

/** Calls `use` with what runs the target's runtime, or says why this machine cannot run it. */
async function withRuntime(target, use) {
  const { executable } = await fetchRuntime(target.name);
  if (target.platform === process.platform && target.arch === process.arch) {
    return use((args) => runThisNode(args, executable));
  }
  if (target.platform === "win32" && process.platform === "linux" && hasWine()) {
    return withWine(executable, use);
  }
  const reason = target.platform === "win32" ? "Wine is not installed" : "it does not run here";
  warnings.push(
    `${target.name} has no code cache, because only its own runtime can make one, and ${reason}. ` +
      "Its worker starts more slowly (about 15 ms).",
  );
}

async function requireLts(target, run) {
  await run(["-e", "process.exit(process.release.lts === undefined ? 1 : 0)"]).catch(() => {
    throw new Error(`The runtime of ${target.name} is not a release with long-term support.`);
  });
}

async function makeArchive(target, dist, staging, time) {
  const parent = join(staging, target.name);
  const folder = join(parent, FOLDER);
  log(`${target.name}: putting the folder together`);
  await writeFolder(folder, target, dist);
  log(`${target.name}: making the code cache`);
  await withRuntime(target, async (run) => {
    await requireLts(target, run);
    await writeCodeCache(join(folder, "dist"), run);
  });
  await writeChecksums(folder);
  log(`${target.name}: packing`);
  const name = `${FOLDER}-${version}-${target.name}.${target.format}`;
  await writeFile(join(out, name), await pack(parent, target.format, time));
  await rm(parent, { recursive: true });
}

async function makeRelease(staging) {
  const time = releaseTime();
  await clearOut();
  // One after the other: the first to come would be downloaded twice.
  for (const { name } of targets) await fetchRuntime(name, { log });
  log("Building");
  const dist = join(staging, "dist");
  await writeDist(dist);
  await writeNpmPackage(out, dist, staging);
  await writeFile(
    join(out, `${FOLDER}-${version}.cdx.json`),
    await sbomText(targets.map(({ name }) => name)),
  );
  const waiting = [...targets];
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      await makeArchive(target, dist, staging, time);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  await writeFile(join(out, "SHA256SUMS"), await checksums(out));
}

const staging = await mkdtemp(join(tmpdir(), "ucx-release-"));
try {
  await makeRelease(staging);
} finally {
  await rm(staging, { recursive: true, force: true });
}
log(`Done. In ${out}/:`);
for (const name of (await readdir(out)).sort()) {
  const { size } = await stat(join(out, name));
  console.log(`${(size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);
}
for (const warning of warnings) console.error(`\nWARNING: ${warning}`);
