// What the system under the tests lacks, and how a test says that it is skipped for it.
import { lstatSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "mocha";

export const isWindows = process.platform === "win32";

/** Wine runs Windows programs on Linux, and passes the variable on that names its own folder. */
export const isWine = isWindows && process.env.WINEPREFIX !== undefined;

/** Why a test of a signal is skipped on Windows. */
export const NO_SIGNALS =
  "Windows has no signals: Node.js ends the other process at once, which gets no notice of it.";

/** `reason`: one sentence that says why the test cannot run. It is printed once a process. */
export function skip(context: Context, reason: string): never {
  reportOnce(`SKIPPED: ${reason}`);
  return context.skip();
}

export function skipOnWindows(context: Context, reason: string): void {
  if (isWindows) skip(context, reason);
}

/** Skips a test of something that Windows does and Wine does not. */
export function skipUnderWine(context: Context, reason: string): void {
  if (isWine) skip(context, reason);
}

/**
 * Skips a test if this process cannot make symbolic links: on Windows they need a right that few
 * accounts have, and Wine reports success without making one.
 */
export function requireSymlinks(context: Context): void {
  canMakeSymlinks ??= probeSymlinks();
  if (!canMakeSymlinks) skip(context, "symbolic links cannot be made in this account.");
}

let canMakeSymlinks: boolean | undefined;

function probeSymlinks(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "ucx-link-"));
  try {
    symlinkSync(join(folder, "target"), join(folder, "link"));
    return lstatSync(join(folder, "link")).isSymbolicLink();
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const reported = new Set<string>();

export function reportOnce(message: string): void {
  if (reported.has(message)) return;
  reported.add(message);
  process.stderr.write(`${message}\n`);
}
