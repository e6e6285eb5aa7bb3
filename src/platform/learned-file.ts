import type { LearnedFile } from "../ports/process.js";
import { readBoundedFile, UnsuitableFile } from "./bounded-file.js";
import { nodeReplacedFile, type ReplacedFileOptions } from "./replaced-file.js";

/** Several times what 1,000 organizations take. */
const MAX_BYTES = 2 ** 20;

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
    return (await readBoundedFile(path, MAX_BYTES)).bytes.toString("utf8");
  } catch (error) {
    if (error instanceof UnsuitableFile) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw code === undefined ? error : new Error(`cannot be read (${code})`, { cause: error });
  }
}
