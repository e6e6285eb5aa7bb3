import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

const FOLDER_MODE = 0o700;

/**
 * Creates a folder and its parents, one call each, and rejects where the system refuses. Resolves
 * to whether it created the folder. Only the account may use the folder, but the parents are made
 * as other programs make them. Node's own recursive `mkdir` loops forever if the answer is "no such
 * file" although the parent exists (/proc).
 */
export async function makePrivateFolder(path: string): Promise<boolean> {
  const folder = resolve(path);
  const missing: string[] = [];
  for (let parent = folder; !(await folderExists(parent)); parent = dirname(parent))
    missing.unshift(parent);
  let isNew = false;
  for (const parent of missing) {
    const isLast = parent === folder;
    try {
      await mkdir(parent, isLast ? { mode: FOLDER_MODE } : {});
      isNew = isLast;
    } catch (error) {
      // Another process may have created it in the meantime.
      if (codeOf(error) !== "EEXIST" || !(await folderExists(parent))) throw error;
    }
  }
  // A umask may have taken bits from the account itself.
  if (isNew && process.platform !== "win32") await chmod(folder, FOLDER_MODE);
  return isNew;
}

/** Rejects if something else is at the path, or if the system does not say what is. */
async function folderExists(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    return null;
  });
  if (stats?.isDirectory() === false)
    throw Object.assign(new Error(`${path} is not a folder`), { code: "ENOTDIR" });
  return stats !== null;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
