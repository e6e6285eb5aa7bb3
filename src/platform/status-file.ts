import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";

import type { StatusFile } from "../ports/process.js";

/** Windows refuses to replace a file that another program is reading. */
const LOCKED_CODES = new Set(["EPERM", "EACCES", "EBUSY"]);
const MAX_RENAME_ATTEMPTS = 5;
const RENAME_RETRY_MS = 20;

/**
 * A status file at `path`, replaced atomically: written beside it, then renamed. Writes never
 * overlap, even if the disk does not respond, because each hanging write would occupy a thread; the
 * latest text wins. `onFailure` is called when a write fails, once until another succeeds.
 */
export function nodeStatusFile(path: string, onFailure: (error: unknown) => void): StatusFile {
  const temporaryPath = `${path}.${process.pid}.new`;
  let pendingText: string | null = null;
  let writing: Promise<void> | null = null;
  let hasFailed = false;

  const writePending = async (): Promise<void> => {
    while (pendingText !== null) {
      const text = pendingText;
      pendingText = null;
      try {
        await makeFolder(dirname(path));
        await writeFile(temporaryPath, text);
        await replace(temporaryPath, path);
        hasFailed = false;
      } catch (error) {
        // A full or read-only disk costs only the file; the next change writes again.
        await rm(temporaryPath, { force: true }).catch(() => undefined);
        if (!hasFailed) onFailure(error);
        hasFailed = true;
      }
    }
  };

  return {
    write(text: string): Promise<void> {
      pendingText = text;
      writing ??= writePending().finally(() => (writing = null));
      return writing;
    },
  };
}

async function replace(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      if (attempt === MAX_RENAME_ATTEMPTS || !LOCKED_CODES.has(codeOf(error) ?? "")) throw error;
      await new Promise((resolve) => setTimeout(resolve, RENAME_RETRY_MS).unref());
    }
  }
}

/**
 * Creates a folder and its parents, one call each, and rejects where the system refuses. Node's own
 * recursive `mkdir` loops forever if the answer is "no such file" although the parent exists
 * (/proc).
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await folderExists(folder)); folder = dirname(folder))
    missing.unshift(folder);
  for (const folder of missing) {
    try {
      await mkdir(folder);
    } catch (error) {
      // Another process may have created it in the meantime.
      if (codeOf(error) !== "EEXIST" || !(await folderExists(folder))) throw error;
    }
  }
}

/** Rejects if something else is at the path, or if the system does not say what is. */
async function folderExists(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    return null;
  });
  if (stats?.isDirectory() === false)
    throw Object.assign(new Error(`${path} is not a folder`), { code: "ENOTDIR" });
  return stats !== null;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
