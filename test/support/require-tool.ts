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

/** Leaves the test out where the machine lacks a real part, loudly; under CI=true leaving out is failing. */
export function requireTool(context: Context, name: string, debianPackage: string): void {
  if (hasTool(name)) return;
  const message = `LEFT OUT: ${name} is not on this machine (Debian package: ${debianPackage}).`;
  if (process.env.CI === "true") throw new Error(message);
  process.stderr.write(`${message}\n`);
  context.skip();
}
