import type { Context } from "mocha";

export const IS_WINDOWS = process.platform === "win32";
/** Wine's processes have the environment of the process that started Wine. */
export const IS_WINE = IS_WINDOWS && process.env.WINEPREFIX !== undefined;

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

export function skip(context: Context, reason: string): never {
  process.stderr.write(`SKIPPED: ${reason}.\n`);
  return context.skip();
}
