// The package for npm, for those who have a Node.js of their own.
import { execFile } from "node:child_process";
import { chmod, cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import { gunzipSync, gzipSync } from "fflate";

import { listFiles } from "./files.mjs";
import { writeSite } from "./site.mjs";
import { trackedFiles } from "./source.mjs";
import { isProgram } from "./targets.mjs";

/** npm packs README.md anyway, but no page beside it. */
async function addFiles(folder, paths) {
  const path = join(folder, "package.json");
  const content = JSON.parse(await readFile(path, "utf8"));
  content.files.push(...paths);
  await writeFile(path, `${JSON.stringify(content, null, 2)}\n`);
}

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
  const parts = files.filter((each) => each !== "dist");
  for (const path of trackedFiles(["package.json", "LICENSE", ...parts])) {
    await cp(path, join(folder, path));
  }
  await cp(dist, join(folder, "dist"), { recursive: true });
  await writeSite(folder);
  await addFiles(folder, ["README.html", "CHANGELOG.html"]);
  for (const path of await listFiles(folder)) {
    await chmod(join(folder, path), isProgram(path) ? 0o755 : 0o644);
  }
  // On Windows, npm is a command file, which only a shell starts.
  const options = { cwd: folder, shell: process.platform === "win32" };
  const { stdout } = await promisify(execFile)(
    "npm",
    ["pack", "--ignore-scripts", "--json"],
    options,
  );
  // npm reports an array, or from version 12 on an object by package name.
  const { filename } = Object.values(JSON.parse(stdout))[0];
  // npm compresses with zlib, whose output differs between versions of Node.js.
  const tar = gunzipSync(await readFile(join(folder, filename)));
  await writeFile(join(out, filename), gzipSync(tar, { mtime: 0 }));
}
