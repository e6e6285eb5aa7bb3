import { unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";

import type { PollRequestFile } from "../ports/process.js";

/** In the log folder, which those who may ask for a poll can write. */
const FILE_NAME = "poll.request";

export function nodePollRequestFile(logDirectory: string): PollRequestFile {
  const path = join(logDirectory, FILE_NAME);
  return {
    // Deleting it is the check: it works on network shares, and only one worker succeeds. Where
    // Windows marks an open file as deleted (FAT, many shares), several can do that at the same
    // moment; then each of them polls once, which is harmless.
    take: () =>
      unlink(path).then(
        () => true,
        () => false,
      ),
  };
}

/** Asks the worker with this log folder to poll. Rejects if the file cannot be written. */
export function requestPoll(logDirectory: string): Promise<void> {
  return writeFile(join(logDirectory, FILE_NAME), "", { mode: 0o600 });
}
