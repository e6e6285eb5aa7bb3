import { constants, type Stats } from "node:fs";
import { open, stat } from "node:fs/promises";

/**
 * Without O_NONBLOCK, opening a named pipe would wait for somebody who writes to it. On Windows, it
 * is undefined and counts as 0.
 */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** The file is none that is read. `message` continues "The file ". */
export class UnsuitableFile extends Error {
  override readonly name = "UnsuitableFile";
  readonly reason: "notRegular" | "tooLarge";

  constructor(reason: "notRegular" | "tooLarge", message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * Reads nothing but a regular file, and at most as much as it has when it is opened: a file of
 * another program may grow without end. Rejects with an `UnsuitableFile` or the system's error.
 */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
): Promise<{ readonly bytes: Buffer; readonly stats: Stats }> {
  const file = await open(path, READ_FLAGS).catch(async (error: unknown) => {
    // Windows does not open a folder.
    if ((await stat(path).catch(() => null))?.isFile() === false) throw notRegular();
    throw error;
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw notRegular();
    if (stats.size > maxBytes)
      throw new UnsuitableFile("tooLarge", `is larger than ${Math.round(maxBytes / 2 ** 20)} MB`);
    const bytes = Buffer.alloc(stats.size);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { bytes: bytes.subarray(0, length), stats };
  } finally {
    await file.close();
  }
}

function notRegular(): UnsuitableFile {
  return new UnsuitableFile("notRegular", "is not a regular file");
}
