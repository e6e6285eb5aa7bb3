// npm run release: makes the archives for each system, the npm package, the software bill of
// materials and their checksums. CONTRIBUTING.md, "Make a release", says what is in them.
//   node scripts/release/main.mjs [--target win-x64 …] [--out release]
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { temporaryFolder } from "../at-end.mjs";
import { runThisNode, writeCodeCache } from "../code-cache.mjs";
import { writeDist } from "../dist.mjs";
import { hasWine } from "../wine.mjs";
import { pack } from "./archive.mjs";
import { ReleaseError, UsageError } from "./errors.mjs";
import { checksums } from "./files.mjs";
import { writeChecksums, writeFolder } from "./folder.mjs";
import { writeNpmPackage } from "./npm-package.mjs";
import { readOptions, readTime } from "./options.mjs";
import { replaceOutput } from "./output.mjs";
import { downloadRuntime, RUNTIMES } from "./runtimes.mjs";
import { sbomText } from "./sbom.mjs";
import { commitTime, hasChanges } from "./source.mjs";
import { FOLDER } from "./targets.mjs";
import { withWine } from "./wine.mjs";

/** An archive in the making takes some 400 MB of memory. */
const JOBS = 2;

// zip stores local times.
process.env.TZ = "UTC";

const startedAt = Date.now();
const warnings = [];

function log(text) {
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(0);
  console.error(`${seconds.padStart(4)} s  ${text}`);
}

/**
 * The time of all files: that of the last commit, so that a release can be made again. A constant
 * would not do: tools that copy by time and size would skip changed files of an upgrade.
 */
function releaseTime() {
  const time = readTime(process.env) ?? commitTime();
  if (hasChanges()) {
    warnings.push("The working tree has changes that are not committed, and the release has them.");
  }
  return time;
}

/** Calls `use` with what runs the target's runtime, or says why this machine cannot run it. */
async function withRuntime(target, executable, use) {
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

async function requireVersion(target, run) {
  const { version } = RUNTIMES[target.name];
  const isRight = `process.version === "v${version}" && process.release.lts !== undefined`;
  await run(["-e", `process.exit(${isRight} ? 0 : 1)`]).catch((error) => {
    throw new ReleaseError(
      `The runtime of ${target.name} is not Node.js ${version} with long-term support, or it does ` +
        `not run: ${error.message.split("\n")[0]}`,
    );
  });
}

/** Makes one system's archive in the folder `made`. */
async function makeArchive(target, { version, dist, staging, made, time }) {
  const parent = join(staging, target.name);
  const folder = join(parent, FOLDER);
  log(`${target.name}: putting the folder together`);
  await writeFolder(folder, target, dist);
  log(`${target.name}: making the code cache`);
  await withRuntime(target, join(folder, target.command), async (run) => {
    await requireVersion(target, run);
    await writeCodeCache(join(folder, "dist"), run);
  });
  await writeChecksums(folder);
  log(`${target.name}: packing`);
  const name = `${FOLDER}-${version}-${target.name}.${target.format}`;
  await writeFile(join(made, name), await pack(parent, target.format, time));
  await rm(parent, { recursive: true });
}

/** Makes everything in the folder `staging`, and returns the folder in it with what was made. */
async function makeRelease(targets, staging) {
  const time = releaseTime();
  const { version } = JSON.parse(await readFile("package.json", "utf8"));
  // One after the other: the first to come would be downloaded twice.
  for (const { name } of targets) await downloadRuntime(name, { log });
  log("Building");
  const dist = join(staging, "dist");
  await writeDist(dist);
  const made = join(staging, "made");
  await mkdir(made);
  await writeNpmPackage(made, dist, staging);
  await writeFile(
    join(made, `${FOLDER}-${version}.cdx.json`),
    await sbomText(targets.map(({ name }) => name)),
  );
  const waiting = [...targets];
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      await makeArchive(target, { version, dist, staging, made, time });
    }
  };
  await Promise.all(Array.from({ length: JOBS }, work));
  await writeFile(join(made, "SHA256SUMS"), await checksums(made));
  return made;
}

async function main() {
  const { targets, out } = readOptions(process.argv.slice(2));
  const { folder: staging, remove } = temporaryFolder("ucx-release-");
  try {
    const made = await makeRelease(targets, staging);
    await replaceOutput(made, out);
    log(`Done. In ${out}/:`);
    for (const name of (await readdir(made)).sort()) {
      const { size } = await stat(join(made, name));
      console.log(`${(size / 1e6).toFixed(2).padStart(8)} MB  ${name}`);
    }
  } finally {
    remove();
  }
  for (const warning of warnings) console.error(`\nWARNING: ${warning}`);
}

try {
  await main();
} catch (error) {
  // A stack helps with a defect of these scripts alone.
  const isDefect = error instanceof TypeError || error instanceof ReferenceError;
  console.error(isDefect ? error : `ERROR: ${error.message}`);
  process.exit(error instanceof UsageError ? 2 : 1);
}
