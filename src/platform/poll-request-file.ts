import { constants } from "node:fs";
import { open, unlink } from "node:fs/promises";
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

const { O_CREAT, O_WRONLY } = constants;
/** Windows has neither, and Node's types do not say so. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/**
 * Asks the worker with this log folder to poll. Rejects if the file cannot be created. Root may
 * call it in a folder of another account: what is there is not changed, and no link is followed.
 */
export async function requestPoll(logDirectory: string): Promise<void> {
  const flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  const file = await open(join(logDirectory, FILE_NAME), flags, 0o600);
  try {
    // Windows opens folders, too.
    if (!(await file.stat()).isFile())
      throw Object.assign(new Error(`${FILE_NAME} is not a file`), { code: "EISDIR" });
  } finally {
    await file.close();
  }
}
