import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Context } from "mocha";

import { IS_WINDOWS, reportOnce } from "./windows-fixture.js";

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

/** Skips a test if a program is not installed, and reports that; see `leaveOut`. */
export function requireTool(context: Context, name: string, debianPackage: string): void {
  if (!hasTool(name)) leaveOut(context, name, debianPackage);
}

/**
 * Skips a test and reports what it lacks. With CI=true, fails it instead, but not on Windows, where
 * Debian's packages cannot be installed.
 */
export function leaveOut(context: Context, name: string, debianPackage: string): never {
  const message = `SKIPPED: ${name} is not installed (Debian package: ${debianPackage}).`;
  if (process.env.CI === "true" && !IS_WINDOWS) throw new Error(message);
  reportOnce(message);
  return context.skip();
}
