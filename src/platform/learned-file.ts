import { constants } from "node:fs";
import { open } from "node:fs/promises";

import type { LearnedFile } from "../ports/process.js";
import { nodeReplacedFile, type ReplacedFileOptions } from "./replaced-file.js";

/** Several times what 1,000 organizations take. */
const MAX_BYTES = 2 ** 20;
/**
 * Without O_NONBLOCK, opening a named pipe would wait for somebody who writes to it. On Windows, it
 * is undefined and counts as 0.
 */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** Writes as `nodeReplacedFile`. Reads at most 1 MiB, and nothing but a regular file. */
export function nodeLearnedFile(
  path: string,
  onFailure: (error: unknown) => void,
  options: ReplacedFileOptions = {},
): LearnedFile {
  const file = nodeReplacedFile(path, onFailure, options);
  return {
    write: (text, maxWaitMs) => file.write(text, maxWaitMs),
    read: () => readText(path),
  };
}

async function readText(path: string): Promise<string | null> {
  try {
    const file = await open(path, READ_FLAGS);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error("is not a regular file");
      if (stats.size > MAX_BYTES) throw new Error("is larger than 1 MB");
      const bytes = Buffer.alloc(stats.size);
      const { bytesRead } = await file.read(bytes, 0, stats.size, 0);
      return bytes.toString("utf8", 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw code === undefined ? error : new Error(`cannot be read (${code})`, { cause: error });
  }
}
