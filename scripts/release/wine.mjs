// Runs the Windows runtime on Linux, by Wine.
import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";

import { createPrefix, windowsPath, WINE } from "../wine.mjs";

const PROGRAM_LIMIT_MS = 120_000;

/**
 * Calls `use` with a function that runs a Windows program in a Wine prefix of its own. The function
 * takes the arguments, in which absolute paths are this system's, and rejects with what the program
 * printed if its exit code is not 0.
 */
export async function withWine(executable, use) {
  const prefix = await createPrefix();
  try {
    return await use((args) => runProgram([executable, ...args], prefix));
  } finally {
    prefix.close();
  }
}

/** A pipe of Linux cannot be a Windows Node's output, but a file can. */
async function runProgram(args, { folder, env }) {
  const path = join(folder, "output.txt");
  const output = await open(path, "w");
  const windowsArgs = args.map((each) => (each.startsWith("/") ? windowsPath(each) : each));
  const stdio = ["ignore", output.fd, output.fd];
  const child = spawn(WINE, windowsArgs, { env, stdio, timeout: PROGRAM_LIMIT_MS });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  await output.close();
  if (code !== 0) throw new Error((await readFile(path, "utf8")).trim() || `exit code ${code}`);
}
