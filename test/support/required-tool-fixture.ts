import { execFileSync } from "node:child_process";
import type { Context } from "mocha";

/** Whether a program is on the PATH. */
export function hasTool(name: string): boolean {
  try {
    execFileSync("which", [name], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Skips a test if a program is not installed, and reports that; with CI=true, fails it instead. */
export function requireTool(context: Context, name: string, debianPackage: string): void {
  if (!hasTool(name)) leaveOut(context, name, debianPackage);
}

/** Skips a test and reports what it lacks; with CI=true, fails it instead. */
export function leaveOut(context: Context, name: string, debianPackage: string): never {
  const message = `SKIPPED: ${name} is not installed (Debian package: ${debianPackage}).`;
  if (process.env.CI === "true") throw new Error(message);
  process.stderr.write(`${message}\n`);
  return context.skip();
}
