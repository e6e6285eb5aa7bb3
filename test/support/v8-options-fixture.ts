import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** V8 has no function that returns its options, but its usage tells their values. */
const PRINT_OPTIONS_AT_EXIT = `
process.once("exit", () => process.getBuiltinModule("node:v8").setFlagsFromString("--help"));
`;

/**
 * The value of a switch of V8, such as `concurrent-sparkplug`, when a program exits.
 *
 * @param node The Node.js that runs the program.
 * @param args The program and its arguments. It gets an empty stdin, and must exit with 0.
 */
export function v8OptionAtExit(node: string, option: string, args: readonly string[]): boolean {
  const preload = `data:text/javascript,${encodeURIComponent(PRINT_OPTIONS_AT_EXIT)}`;
  const folder = mkdtempSync(join(tmpdir(), "ucx-v8-options-"));
  // V8 gives up if a pipe is full, and the worker lets no pipe block it.
  const output = openSync(join(folder, "stdout"), "w+");
  try {
    const { status, stderr } = spawnSync(node, ["--import", preload, ...args], {
      encoding: "utf8",
      stdio: ["ignore", output, "pipe"],
    });
    const stdout = readFileSync(join(folder, "stdout"), "utf8");
    const pattern = new RegExp(`^ *--${option} \\(.*\\n.*: --(no-)?${option}$`, "m");
    const usage = pattern.exec(stdout);
    if (status !== 0 || usage === null) throw new Error(stderr);
    return usage[1] === undefined;
  } finally {
    closeSync(output);
    rmSync(folder, { recursive: true, force: true });
  }
}
