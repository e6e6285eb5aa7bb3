import { constants, type Stats } from "node:fs";
import { lstat, open, rename, stat, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { LogFiles, OpenLogFile } from "./log-file.js";
import { isForeign, OTHERS_WRITE_BITS, quoteForShell } from "./log-folder-check.js";

const FILE_NAME = "worker.log";
const MAX_FILES = 10;
/** Bits of a file's mode that let other accounts do anything with it. */
const OTHERS_BITS = 0o077;
const FILE_MODE = 0o600;
const IS_WINDOWS = process.platform === "win32";

const { O_APPEND, O_CREAT, O_RDONLY, O_RDWR } = constants;
/** Windows has neither, and Node's types do not say so. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;
/** Reads, too, because of what a crash may have cut off. Opening a pipe waits for nobody. */
const OPEN_FLAGS = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK;

/**
 * Another account may have put something else in the place of a log file, so that this one writes
 * where that one cannot, or that one reads what is written. Continues "The log
 * file cannot be written, because it ".
 */
export class RefusedLogFileError extends Error {
  override readonly name = "RefusedLogFileError";
  /** Removes what is in the way, and nothing behind a link. */
  readonly command: string;

  constructor(reason: string, path: string, options?: ErrorOptions) {
    super(reason, options);
    this.command = IS_WINDOWS ? `del "${path}"` : `rm ${quoteForShell(path)}`;
  }
}

/**
 * `<directory>/worker.log` and its nine predecessors, which only the account may read. `makeFolder`
 * is called before the file is opened. Neither winston's File nor a package does this: they lose
 * records, or delete old files, when a rename fails.
 */
export function diskLogFiles(directory: string, makeFolder: () => Promise<unknown>): LogFiles {
  const pathOf = (index: number): string =>
    join(directory, index === 0 ? FILE_NAME : `worker.${index}.log`);
  return {
    open: async () => {
      await makeFolder();
      const file = await openLogFile(pathOf(0));
      const predecessors = Array.from({ length: MAX_FILES - 1 }, (_, index) => pathOf(index + 1));
      await Promise.all(predecessors.map(closeToOthers));
      return file;
    },
    rotate: async () => {
      // Beginning at the first gap, an attempt that failed halfway is continued, and deletes no
      // further file. On Windows, a rename fails while another program has one of the files open.
      let last = 1;
      while (last < MAX_FILES - 1 && (await exists(pathOf(last)))) last += 1;
      for (let index = last; index > 0; index -= 1) await rename(pathOf(index - 1), pathOf(index));
    },
  };
}

/** An older version made files that everybody can read. Windows has no modes. */
function isOpenToOthers({ mode }: Stats): boolean {
  return !IS_WINDOWS && (mode & OTHERS_BITS) !== 0;
}

/** Never rejects. Leaves what a link names alone, and what has another name. */
async function closeToOthers(path: string): Promise<void> {
  if (IS_WINDOWS) return;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
  if (handle === null) return;
  try {
    const stats = await handle.stat();
    if (stats.isFile() && stats.nlink === 1 && isOpenToOthers(stats)) await handle.chmod(FILE_MODE);
  } catch {
    // Another account owns it.
  } finally {
    await handle.close();
  }
}

async function openLogFile(path: string): Promise<OpenLogFile> {
  const folder = IS_WINDOWS ? null : await stat(dirname(path));
  const handle = await openUnlessLink(path, folder);
  try {
    const stats = await handle.stat();
    checkFile(path, stats, folder);
    if (isOpenToOthers(stats)) await handle.chmod(FILE_MODE).catch(() => undefined);
    const isCutOff = await endsWithinLine(handle, stats.size);
    // Not from the handle: on Windows, some versions of Node name the volume of an open file and
    // that of a path differently.
    const opened = await identify(path);
    const stream = handle.createWriteStream();
    if (isCutOff) stream.write("\n");
    return {
      stream,
      size: stats.size,
      isInPlace: async () => {
        const current = await identify(path);
        return opened === null || current === null || (current !== "" && current === opened);
      },
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether others than root and this account can create something in the folder. */
function isShared({ uid, mode }: Stats): boolean {
  return isForeign(uid) || (mode & OTHERS_WRITE_BITS) !== 0;
}

/**
 * In a folder that others can change, a link is not followed: anybody may have made it. `folder` is
 * null on Windows, which has no such flag, and whose rights take other programs to read.
 */
async function openUnlessLink(path: string, folder: Stats | null): Promise<FileHandle> {
  const refuseLink = async (cause?: unknown): Promise<void> => {
    const stats = await lstat(path).catch(() => null);
    if (stats?.isSymbolicLink() === true)
      throw new RefusedLogFileError("is a link to another place", path, { cause });
  };
  if (folder === null) await refuseLink();
  let handle: FileHandle;
  try {
    const isFollowed = folder === null || !isShared(folder);
    handle = await open(path, isFollowed ? OPEN_FLAGS : OPEN_FLAGS | O_NOFOLLOW, FILE_MODE);
  } catch (error) {
    if (folder !== null && isShared(folder)) await refuseLink(error);
    throw error;
  }
  if (folder !== null) return handle;
  try {
    await refuseLink();
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Throws if somebody else may have put the file there. */
function checkFile(path: string, stats: Stats, folder: Stats | null): void {
  if (!stats.isFile()) throw new RefusedLogFileError("is not a file", path);
  if (folder !== null && !isShared(folder)) return;
  if (stats.nlink > 1)
    throw new RefusedLogFileError("is another name of a file that may be elsewhere", path);
  // On a network share, all files and folders may seem to belong to one account.
  if (folder !== null && isForeign(stats.uid) && stats.uid !== folder.uid)
    throw new RefusedLogFileError(`belongs to uid ${stats.uid}`, path);
}

/** Whether a full disk, or a machine that crashed, has cut the last line off. */
async function endsWithinLine(file: FileHandle, size: number): Promise<boolean> {
  if (size === 0) return false;
  const result = await file.read(Buffer.alloc(1), 0, 1, size - 1).catch(() => null);
  return result?.bytesRead === 1 && result.buffer.toString() !== "\n";
}

/**
 * Identifies the file at a path; "" if there is none, null if the system does not say. EPERM is a
 * deleted file that Windows before 10 (1709) keeps until it is closed.
 */
async function identify(path: string): Promise<string | null> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EACCES" || code === "EBUSY" ? null : "";
  }
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
