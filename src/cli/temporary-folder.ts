import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { UsageError } from "./terminal/input.js";

/** Makes a new folder and returns its path. `UsageError` if the system's folder cannot be used. */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), prefix));
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UsageError(
      `The folder for temporary files, ${tmpdir()}, cannot be used (${code}).`,
      "Set the environment variable TMPDIR (on Windows, TEMP) to a folder that this account may write to.",
    );
  }
}

/** Never rejects: a folder that is left is no reason to fail. */
export async function removeTemporaryFolder(path: string): Promise<void> {
  // On Windows, files stay open for a moment after their process has exited.
  await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }).catch(
    () => undefined,
  );
}
