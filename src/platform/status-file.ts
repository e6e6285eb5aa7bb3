import { rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { StatusFile } from "../ports/process.js";
import { makePrivateFolder } from "./log-folder.js";

/** Windows refuses to replace a file that another program is reading. */
const LOCKED_CODES = new Set(["EPERM", "EACCES", "EBUSY"]);
const MAX_RENAME_ATTEMPTS = 5;
const RENAME_RETRY_MS = 20;

/**
 * A status file at `path` that only the account may read, replaced atomically: written beside it,
 * then renamed. Writes never overlap, even if the disk does not respond, because each hanging write
 * would occupy a thread; the latest text wins. `onFailure` is called when a write fails, once until
 * another succeeds. `makeFolder` creates the folder if it is missing.
 */
export function nodeStatusFile(
  path: string,
  onFailure: (error: unknown) => void,
  makeFolder: (path: string) => Promise<unknown> = makePrivateFolder,
): StatusFile {
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
        await writeFile(temporaryPath, text, { mode: 0o600 });
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

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
