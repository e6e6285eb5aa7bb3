import { rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { StatusFile } from "../ports/process.js";
import { makeFolder } from "./make-folder.js";

/** Windows refuses to replace a file that somebody is reading just now. */
const LOCKED_CODES = new Set(["EPERM", "EACCES", "EBUSY"]);
const MAX_RENAME_ATTEMPTS = 5;
const RENAME_RETRY_MS = 20;

/**
 * A status file at `path`, replaced whole (written beside it, then renamed), so that a reader never sees half of one. Writes never
 * overlap, also where a disk does not answer, since each one that hangs would hold a thread: the latest text wins.
 */
export function nodeStatusFile(path: string): StatusFile {
  const temporaryPath = `${path}.${process.pid}.new`;
  let pendingText: string | null = null;
  let writing: Promise<void> | null = null;

  const writePending = async (): Promise<void> => {
    while (pendingText !== null) {
      const text = pendingText;
      pendingText = null;
      try {
        await makeFolder(dirname(path));
        await writeFile(temporaryPath, text);
        await replace(temporaryPath, path);
      } catch {
        // A full or read-only disk costs the file, never the service; the next change writes again.
        await rm(temporaryPath, { force: true }).catch(() => undefined);
      }
    }
  };

  return {
    write(text: string): Promise<void> {
      pendingText = text;
      writing ??= writePending().finally(() => {
        writing = null;
      });
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
      if (
        attempt === MAX_RENAME_ATTEMPTS ||
        !LOCKED_CODES.has((error as NodeJS.ErrnoException).code ?? "")
      )
        throw error;
      await new Promise((resolve) => setTimeout(resolve, RENAME_RETRY_MS).unref());
    }
  }
}
