import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import type { StatusFile } from "../ports/process.js";

/** A status file at `path`, replaced whole, so that a reader never sees half of one. Writes never overlap: the latest text wins. */
export function nodeStatusFile(path: string): StatusFile {
  let waiting: string | null = null;
  let writing: Promise<void> | null = null;

  const run = async (): Promise<void> => {
    const { default: writeFileAtomic } = await import("write-file-atomic");
    while (waiting !== null) {
      const text = waiting;
      waiting = null;
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFileAtomic(path, text, { fsync: false });
      } catch {
        // A full or read-only disk costs the file, never the service; the next change writes again.
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
