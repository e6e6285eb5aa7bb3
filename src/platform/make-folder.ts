import { mkdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it, one by one: each step is one call, and where the system refuses a folder whose parent is there,
 * that is the end. Node's own recursive way tries without end where the answer is "no such file" although the parent exists (/proc).
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !(await folderExists(folder)); folder = dirname(folder))
    missing.unshift(folder);
  for (const folder of missing) await makeIfMissing(folder);
}

/** Rejects where something else is there, or where nothing can be known of it. */
async function folderExists(path: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return true;
  } catch (error) {
    if (codeOf(error) !== "ENOENT" || dirname(path) === path) throw error;
    return false;
  }
  throw Object.assign(new Error(`${path} is no folder`), { code: "ENOTDIR" });
}

/** Another process may be making it at the same time. */
async function makeIfMissing(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || !(await folderExists(folder))) throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
