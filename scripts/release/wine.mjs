// Runs the Windows runtime on Linux, by Wine.
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Debian's wine64 does not put its programs on the PATH. */
const WINE = "/usr/lib/wine/wine64";
const WINE_SERVER = "/usr/lib/wine/wineserver64";
const STEP_LIMIT_MS = 120_000;

/** Whether this machine has Wine. */
export function hasWine() {
  return existsSync(WINE) && existsSync(WINE_SERVER);
}

/**
 * Calls `use` with a function that runs a Windows program in a Wine prefix of its own. The function
 * takes the arguments, in which absolute paths are this system's, and rejects with what the program
 * printed if its exit code is not 0.
 */
export async function withWine(executable, use) {
  const folder = await mkdtemp(join(tmpdir(), "ucx-wine-"));
  const env = {
    PATH: process.env.PATH,
    // Wine links folders of the user's profile to the home folder.
    HOME: folder,
    WINEPREFIX: join(folder, "prefix"),
    WINEDEBUG: "-all",
    // No menu entries, .NET or HTML engine, which Wine would offer to install.
    WINEDLLOVERRIDES: "winemenubuilder.exe=d;mscoree=d;mshtml=d",
  };
  const prepare = (command, ...args) =>
    promisify(execFile)(command, args, { env, timeout: STEP_LIMIT_MS });
  try {
    await prepare(WINE, "wineboot", "--init");
    await prepare(WINE, "winecfg", "-v", "win10");
    return await use((args) => runProgram([executable, ...args].map(windowsPath), folder, env));
  } finally {
    await prepare(WINE_SERVER, "-k").catch(() => undefined);
    // The server ends after the last process that it has killed.
    await prepare(WINE_SERVER, "-w").catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

/** A pipe of Linux cannot be a Windows Node's output, but a file can. */
async function runProgram(args, folder, env) {
  const path = join(folder, "output.txt");
  const output = await open(path, "w");
  const stdio = ["ignore", output.fd, output.fd];
  const child = spawn(WINE, args, { env, stdio, timeout: STEP_LIMIT_MS });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  await output.close();
  if (code !== 0) throw new Error((await readFile(path, "utf8")).trim() || `exit code ${code}`);
}

/** Wine shows the root folder as drive Z:. */
function windowsPath(argument) {
  return argument.startsWith("/") ? `Z:${argument.replaceAll("/", "\\")}` : argument;
}
