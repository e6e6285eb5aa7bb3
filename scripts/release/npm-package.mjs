// The package for npm, for those who have a Node.js of their own.
import { execFile } from "node:child_process";
import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Writes the tarball that `npm pack` makes into `out`. It has no code cache, because a cache is for
 * one version of Node.js on one system.
 *
 * @param {string} dist The content of dist/, without a code cache.
 * @param {string} staging A folder for temporary files that exists.
 */
export async function writeNpmPackage(out, dist, staging) {
  const { files } = JSON.parse(await readFile("package.json", "utf8"));
  const folder = join(staging, "npm");
  for (const path of ["package.json", "LICENSE", ...files.filter((each) => each !== "dist")]) {
    await cp(path, join(folder, path), { recursive: true });
  }
  await cp(dist, join(folder, "dist"), { recursive: true });
  // On Windows, npm is a command file, which only a shell starts.
  const options = { cwd: folder, shell: process.platform === "win32" };
  const { stdout } = await promisify(execFile)(
    "npm",
    ["pack", "--ignore-scripts", "--json"],
    options,
  );
  // npm reports an array, or from version 12 on an object by package name.
  const { filename } = Object.values(JSON.parse(stdout))[0];
  await cp(join(folder, filename), join(out, filename));
}
