import { readFile, stat } from "node:fs/promises";

import { Fault } from "../faults/fault.js";
import type { ReadTextFile } from "../ports/process.js";

const LARGEST_BYTES = 1024 * 1024;

export const readTextFile: ReadTextFile = async (path) => {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_BYTES) throw new Fault("refused", `The file is larger than ${LARGEST_BYTES} bytes.`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault("refused", `The file cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"}).`, {
      cause: error,
    });
  }
};
