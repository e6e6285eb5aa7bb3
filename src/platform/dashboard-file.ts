import { unlink } from "node:fs/promises";

import type { TemporaryFile } from "../ports/process.js";
import { nodeReplacedFile, type ReplacedFileOptions } from "./replaced-file.js";

/** Writes as `nodeReplacedFile`. */
export function nodeTemporaryFile(
  path: string,
  onFailure: (error: unknown) => void,
  options: ReplacedFileOptions = {},
): TemporaryFile {
  const file = nodeReplacedFile(path, onFailure, options);
  let writing: Promise<boolean> = Promise.resolve(true);
  return {
    write: (text, maxWaitMs) => (writing = file.write(text, maxWaitMs)),
    remove: async () => {
      await writing;
      await unlink(path).catch(() => undefined);
    },
  };
}
