import { createHash } from "node:crypto";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** The name of the file that lists the files of a release folder, in the format of sha256sum. */
export const CHECKSUM_FILE = "SHA256SUMS";

const CHUNK_BYTES = 1024 * 1024;

/** SHA-256 in lower-case hexadecimal digits, by path relative to the folder, with slashes. */
export type ChecksumList = ReadonlyMap<string, string>;

/** Paths relative to the folder, with slashes. */
export interface FolderDifferences {
  readonly missing: readonly string[];
  readonly changed: readonly string[];
  /** Files and folders, with the code of the error. */
  readonly unreadable: readonly { readonly path: string; readonly code: string }[];
  /** In the folder, but not in the list. */
  readonly additional: readonly string[];
}

/**
 * Parses `<64 hexadecimal digits>  <path>` in each line, as `sha256sum` prints it. Otherwise
 * `error` completes "SHA256SUMS …".
 */
export function parseChecksums(text: string): ChecksumList | { readonly error: string } {
  const checksums = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line === "") continue;
    const [, digest = "", path = ""] = /^([\da-f]{64}) [ *](.+)$/i.exec(line) ?? [];
    if (!isRelativePath(path) || checksums.has(path))
      return { error: `is damaged: its line ${index + 1} is not a checksum and a path` };
    checksums.set(path, digest.toLowerCase());
  }
  return checksums.size === 0 ? { error: "is damaged: it lists no file" } : checksums;
}

/** Whether a path stays in the folder, on every system. */
function isRelativePath(path: string): boolean {
  if (path === "" || /[\\:]/.test(path)) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

/**
 * Compares a folder with its list. Links count as what they lead to, but linked folders are not
 * searched. Rejects if the signal fires.
 */
export async function compareFolder(
  folder: string,
  checksums: ChecksumList,
  signal: AbortSignal,
): Promise<FolderDifferences> {
  const missing: string[] = [];
  const changed: string[] = [];
  const unreadable: { path: string; code: string }[] = [];
  for (const [path, expected] of checksums) {
    try {
      if ((await hashFile(join(folder, path), signal)) !== expected) changed.push(path);
    } catch (error) {
      signal.throwIfAborted();
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") missing.push(path);
      else unreadable.push({ path, code });
    }
  }
  // Windows and macOS find a file by its name in any case.
  const listed = new Set([...checksums.keys()].map((path) => path.toLowerCase()));
  const files: string[] = [];
  await listFiles(folder, "", files, unreadable);
  const additional = files
    .sort()
    .filter((path) => path !== CHECKSUM_FILE && !listed.has(path.toLowerCase()));
  return { missing, changed, unreadable, additional };
}

/** Null if the path is no file. */
async function hashFile(path: string, signal: AbortSignal): Promise<string | null> {
  if (!(await stat(path)).isFile()) return null;
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const file = await open(path);
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Collects everything in a folder that is not a folder itself. */
async function listFiles(
  folder: string,
  prefix: string,
  files: string[],
  unreadable: { path: string; code: string }[],
): Promise<void> {
  try {
    for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
      const path = `${prefix}${entry.name}`;
      if (entry.isDirectory()) await listFiles(folder, `${path}/`, files, unreadable);
      else files.push(path);
    }
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    unreadable.push({ path: prefix, code });
  }
}
