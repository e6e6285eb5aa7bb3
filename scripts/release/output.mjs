// The folder for what a release has made. It may hold other files, too.
import { copyFile, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { ReleaseError } from "./errors.mjs";
import { FOLDER, TARGETS } from "./targets.mjs";

const SUFFIXES = [...TARGETS.map(({ name, format }) => `-${name}.${format}`), ".tgz", ".cdx.json"];

/**
 * Replaces what an earlier release has left in `out` by the files in `made`, and leaves everything
 * else alone.
 *
 * @param {string} made
 * @param {string} out Is made if it is missing.
 * @throws {ReleaseError} If a file cannot be written there.
 */
export async function replaceOutput(made, out) {
  try {
    await mkdir(out, { recursive: true });
    for (const entry of await readdir(out, { withFileTypes: true })) {
      if (entry.isFile() && isOutput(entry.name)) await rm(join(out, entry.name));
    }
    for (const name of await readdir(made)) {
      await copyFile(join(made, name), join(out, name));
    }
  } catch (error) {
    throw new ReleaseError(`The release cannot be written to ${out}: ${error.message}`);
  }
}

/** Whether a release of any version makes a file of this name. */
function isOutput(name) {
  if (name === "SHA256SUMS") return true;
  const suffix = SUFFIXES.find((each) => name.endsWith(each));
  if (suffix === undefined || !name.startsWith(`${FOLDER}-`)) return false;
  return /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(name.slice(FOLDER.length + 1, -suffix.length));
}
