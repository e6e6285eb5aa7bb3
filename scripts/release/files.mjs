// Lists of files and their checksums.
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

/** The files below a folder: their paths in it, with slashes, in the order of their bytes. */
export async function listFiles(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Lines as `sha256sum` prints them and checks them with `--check`, for all files of a folder. */
export async function checksums(folder) {
  const lines = [];
  for (const path of await listFiles(folder)) {
    const content = await readFile(join(folder, path));
    lines.push(`${createHash("sha256").update(content).digest("hex")}  ${path}\n`);
  }
  return lines.join("");
}
