import type { Context } from "mocha";

export const IS_WINDOWS = process.platform === "win32";

/** Skips a test, or in a `before` hook those of its suite, that only Windows can run. */
export function requireWindows(context: Context): void {
  if (IS_WINDOWS) return;
  process.stderr.write("SKIPPED: this test needs Windows (npm run test:windows).\n");
  context.skip();
}
