import { existsSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "mocha";

import { skip } from "./windows-fixture.js";

/**
 * Skips a test if a file that is deleted while it is open can still be found: Wine keeps it until
 * it is closed, as if nobody had deleted it. Windows before 10 (1709) keeps its name, but answers
 * that access is denied.
 */
export async function requireDeletion(context: Context, folder: string): Promise<void> {
  const path = join(folder, "deleted");
  const handle = await open(path, "w");
  await rm(path);
  const isFound = existsSync(path);
  await handle.close();
  if (isFound) skip(context, "deleted files that are open disappear only on a real Windows");
}

/** Skips a test if this account may write files that are read-only: root may, in Wine too. */
export async function requireReadOnly(context: Context, readOnlyPath: string): Promise<void> {
  const handle = await open(readOnlyPath, "a").catch(() => null);
  await handle?.close();
  if (handle !== null) skip(context, "this account may write read-only files");
}
