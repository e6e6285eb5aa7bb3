import { rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

import type { StatusFile } from "../ports/process.js";
import { makeFolder } from "./make-folder.js";

/** Windows refuses to replace a file that somebody is reading just now. */
const HELD_CODES = new Set(["EPERM", "EACCES", "EBUSY"]);
const HELD_TRIES = 5;
const HELD_PAUSE_MS = 20;

/**
 * A status file at `path`, replaced whole (written beside it, then renamed), so that a reader never sees half of one. Writes never
 * overlap, also where a disk does not answer, since each one that hangs would hold a thread: the latest text wins.
 */
export function nodeStatusFile(path: string): StatusFile {
  const beside = `${path}.${process.pid}.new`;
  let waiting: string | null = null;
  let writing: Promise<void> | null = null;

  const run = async (): Promise<void> => {
    while (waiting !== null) {
      const text = waiting;
      waiting = null;
      try {
        await makeFolder(dirname(path));
        await writeFile(beside, text);
        await replace(beside, path);
      } catch {
        // A full or read-only disk costs the file, never the service; the next change writes again.
        await rm(beside, { force: true }).catch(() => undefined);
      }
    }
  };

  return {
    write(text: string): Promise<void> {
      waiting = text;
      writing ??= run().finally(() => {
        writing = null;
      });
      return writing;
    },
  };
}

async function replace(from: string, to: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      if (tries === HELD_TRIES || !HELD_CODES.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
      await new Promise((resolve) => setTimeout(resolve, HELD_PAUSE_MS).unref());
    }
  }
}
