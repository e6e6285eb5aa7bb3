import { lstat, readdir, realpath } from "node:fs/promises";
import { dirname, join, posix } from "node:path";

import { describeSid } from "../platform/folder-rights.js";
import { othersWhoCanChange, ownSid, type RunWindowsTool } from "../platform/windows-tools.js";

/**
 * A file or folder, and who can change it besides the system's administrators and the account that
 * asks: `its owner (uid 1001)`, `Users (S-1-5-32-545)`.
 */
export interface WritablePath {
  readonly path: string;
  readonly writers: string;
}

/**
 * Finds what others can change of `paths`, which are relative to `folder`, with `/`, and of the
 * folders between; what does not exist is left out. Rejects if the rights cannot be read.
 */
export type FindWritablePaths = (
  folder: string,
  paths: readonly string[],
) => Promise<readonly WritablePath[]>;

const STICKY = 0o1000;

/**
 * For Linux and macOS: by owner and mode of the paths and of everything in them, of the folder, and
 * of the folders above, because whoever can rename in one of those can replace the folder. The same
 * of what links lead to. An access control list shows in the mode of the group.
 */
export const findPosixWritablePaths: FindWritablePaths = async (folder, paths) => {
  const found: WritablePath[] = [];
  const checked = new Set<string>();
  /** Whether the path is a folder, or where a link leads. */
  const check = async (path: string, isAbove = false): Promise<boolean | string> => {
    if (checked.has(path)) return false;
    checked.add(path);
    const stats = await unlessMissing(lstat(path));
    if (stats === null) return false;
    if (stats.isSymbolicLink()) return (await unlessMissing(realpath(path))) ?? false;
    const writers = describeWriters(stats, isAbove);
    if (writers !== null) found.push({ path, writers });
    return stats.isDirectory();
  };
  const checkAbove = async (path: string): Promise<void> => {
    for (let parent = dirname(path); ; parent = dirname(parent)) {
      await check(parent, true);
      if (parent === dirname(parent)) break;
    }
  };
  const checkTree = async (path: string): Promise<void> => {
    const result = await check(path);
    if (typeof result === "string") {
      await checkAbove(result);
      await checkTree(result);
    } else if (result) {
      for (const name of await readdir(path)) await checkTree(join(path, name));
    }
  };
  await checkAbove(folder);
  await check(folder);
  for (const path of foldersBetween(paths)) await check(join(folder, path));
  for (const path of paths) await checkTree(join(folder, path));
  return found;
};

/** Null also for a link that leads to itself. */
function unlessMissing<T>(promise: Promise<T>): Promise<T | null> {
  return promise.catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ELOOP") return null;
    throw error;
  });
}

function describeWriters(
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  isAbove: boolean,
): string | null {
  if (uid !== 0 && uid !== process.getuid?.()) return `its owner (uid ${uid})`;
  // In a folder with this bit, as /tmp is, everyone can rename only what they own.
  if (isAbove && (mode & STICKY) !== 0) return null;
  if ((mode & 0o002) !== 0) return "every account";
  return (mode & 0o020) !== 0 ? `its group (gid ${gid})` : null;
}

/**
 * For Windows: by the access control lists of the folder and of the paths, but not of what is in
 * them, which inherits theirs unless somebody changed that: each list takes a call of icacls.exe.
 */
export function windowsWritablePathsFinder(run: RunWindowsTool): FindWritablePaths {
  return async (folder, paths) => {
    const sid = await ownSid(run);
    const found: WritablePath[] = [];
    const all = [...foldersBetween(paths), ...paths].map((path) => join(folder, path));
    for (const path of [folder, ...all]) {
      if (!(await exists(path))) continue;
      const others = await othersWhoCanChange(path, sid, run);
      if (others.length > 0) found.push({ path, writers: others.map(describeSid).join(", ") });
    }
    return found;
  };
}

/** Whoever can rename in one of them can replace what is in it. */
function foldersBetween(paths: readonly string[]): string[] {
  const folders = new Set<string>();
  for (const path of paths)
    for (let parent = posix.dirname(path); parent !== "."; parent = posix.dirname(parent))
      if (!paths.includes(parent)) folders.add(parent);
  return [...folders];
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
