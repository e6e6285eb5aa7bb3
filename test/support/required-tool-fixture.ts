import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Context } from "mocha";

import { IS_WINDOWS, reportOnce, skip } from "./windows-fixture.js";

/** Whether a program is on the PATH. */
export function hasTool(name: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const extensions = IS_WINDOWS ? (process.env.PATHEXT ?? ".EXE").split(";") : [""];
  return folders.some((folder) =>
    extensions.some((extension) => isProgram(join(folder, name + extension))),
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Whether this run leaves out what needs a Debian package, as `npm run test:nodes` does. */
const LEAVES_OUT_PACKAGES = process.env.TEST_WITHOUT_PACKAGES === "true";

/** Skips a test if a program is not installed, and reports that; see `leaveOut`. */
export function requireTool(context: Context, name: string, debianPackage: string): void {
  requirePart(context, hasTool(name), name, debianPackage);
}

/** Skips a test if something of a Debian package is not installed; see `leaveOut`. */
export function requirePart(
  context: Context,
  isInstalled: boolean,
  name: string,
  debianPackage: string,
): asserts isInstalled {
  if (LEAVES_OUT_PACKAGES || !isInstalled) leaveOut(context, name, debianPackage);
}

/**
 * Skips a test and reports what it lacks. With CI=true, fails it instead, but not on Windows, where
 * Debian's packages cannot be installed.
 */
function leaveOut(context: Context, name: string, debianPackage: string): never {
  if (LEAVES_OUT_PACKAGES)
    skip(context, `a test of ${name} (Debian package: ${debianPackage}) is left out of this run`);
  const message = `SKIPPED: ${name} is not installed (Debian package: ${debianPackage}).`;
  if (process.env.CI === "true" && !IS_WINDOWS) throw new Error(message);
  reportOnce(message);
  return context.skip();
}
