// What the system under the tests is and lacks, and how a test says that it is skipped for it.
import { lstatSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "mocha";

export const IS_WINDOWS = process.platform === "win32";
/** Wine's processes have the environment of the process that started Wine. */
export const IS_WINE = IS_WINDOWS && process.env.WINEPREFIX !== undefined;

/** Why a test of a signal is skipped on Windows. */
export const NO_SIGNALS =
  "Windows has no signals: Node.js ends the other process at once, which gets no notice of it";

/** Why a test of the rights of files is skipped on Windows, which has other tests of them. */
export const NO_MODES = "Windows has no modes of files";

/** Why a test of a locked keychain is skipped on Windows. */
export const ALWAYS_UNLOCKED =
  "Windows' Credential Manager is unlocked while the account is in use";

/** Skips a test, or in a `before` hook those of its suite, that only Windows can run. */
export function requireWindows(context: Context): void {
  if (!IS_WINDOWS) skip(context, "this test needs Windows (npm run test:windows)");
}

/**
 * Skips a test that writes where a developer's own machine keeps its own: to Program Files, or to
 * the account's Credential Manager. A Wine prefix and a build machine are made for the tests.
 */
export function requireDisposableWindows(context: Context): void {
  requireWindows(context);
  if (!IS_WINE && process.env.CI !== "true") {
    skip(context, "this test writes to this account's own data; CI=true allows it");
  }
}

/** Skips a test, or in a `before` hook those of its suite, that Windows cannot run. */
export function skipOnWindows(context: Context, reason: string): void {
  if (IS_WINDOWS) skip(context, reason);
}

/** Skips a test of what Windows does and Wine does not. */
export function skipUnderWine(context: Context, reason: string): void {
  if (IS_WINE) skip(context, reason);
}

/**
 * Skips a test if this process cannot make symbolic links: on Windows they need a right that few
 * accounts have, and Wine reports success without making one.
 */
export function requireSymlinks(context: Context): void {
  canMakeSymlinks ??= probeSymlinks();
  if (!canMakeSymlinks) skip(context, "symbolic links cannot be made in this account");
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

/** `reason`: why the test cannot run, without a full stop. It is printed once a process. */
export function skip(context: Context, reason: string): never {
  reportOnce(`SKIPPED: ${reason}.`);
  return context.skip();
}

const reported = new Set<string>();

export function reportOnce(message: string): void {
  if (reported.has(message)) return;
  reported.add(message);
  process.stderr.write(`${message}\n`);
}
