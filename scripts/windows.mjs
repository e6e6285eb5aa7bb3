// The Windows suite's machine: Windows' own Node.js, run directly on Windows, and under Wine on
// Linux. Wine is not Windows; docs/operations.md says what has been run where.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { fetchRuntime, WINDOWS_TEST_VERSIONS } from "./release/runtimes.mjs";

/** Debian's wine64 does not put its programs on the PATH. */
export const WINE = "/usr/lib/wine/wine64";
export const WINE_SERVER = "/usr/lib/wine/wineserver64";

/**
 * What runs on Windows, a process of mocha each. Files that use Credential Manager, of which an
 * account has one, do not run beside each other.
 */
export const WINDOWS_RUNS = [
  {
    title: "Windows: unit and contract tests",
    specs: ["build/test/{unit,contract}/**/*.test.js"],
    options: [],
  },
  {
    title: "Windows: integration, end-to-end and surface tests",
    specs: ["build/test/{integration,surface,e2e}/**/*.test.js"],
    options: ["--parallel", "--jobs", "2"],
  },
  { title: "Windows: its own tests", specs: ["build/test/windows/**/*.test.js"], options: [] },
];

const PRELOAD = "./scripts/wine-preload.cjs";
const OUTPUT_INTERVAL_MS = 200;
const PREPARATION_LIMIT_MS = 120_000;
/** A run that takes longer hangs. */
const RUN_LIMIT_MS = 600_000;

/** Whether this machine can run the suite at all. */
export function hasWindows() {
  return process.platform === "win32" || (existsSync(WINE) && existsSync(WINE_SERVER));
}

/**
 * Makes a new Windows environment: on Windows this machine itself, elsewhere a Wine prefix in a
 * temporary folder.
 *
 * @returns {Promise<{ run: (args: string[], env: Record<string, string>) => Promise<number>,
 *   spawnRetries: () => number, close: () => void }>} `run` resolves to the exit status of a
 *   Windows Node.js with these arguments and environment variables, and to -1 if it had to be
 *   ended because it hung. `close` ends every process in the prefix and removes it.
 * @throws If a runtime cannot be downloaded, or if Wine cannot make the prefix.
 */
export async function openWindows() {
  return process.platform === "win32" ? openRealWindows() : openWine();
}

function openRealWindows() {
  const run = (args, env) => {
    const options = { stdio: "inherit", env: { ...process.env, ...env }, timeout: RUN_LIMIT_MS };
    const child = spawn(process.execPath, args, options);
    return new Promise((resolve) => child.once("close", (status) => resolve(status ?? -1)));
  };
  return { run, spawnRetries: () => 0, close: () => undefined };
}

async function openWine() {
  const executables = [];
  for (const runtime of WINDOWS_TEST_VERSIONS) {
    executables.push((await fetchRuntime(runtime, { log: console.error })).executable);
  }
  const folder = mkdtempSync(join(tmpdir(), "ucx-wine-"));
  const retries = join(folder, "spawn-retries.txt");
  const env = {
    PATH: process.env.PATH,
    // Wine links folders of the user's profile to the home folder, where tests must not write.
    HOME: folder,
    // Wine stores file names in the locale's encoding.
    LC_ALL: "C.UTF-8",
    ...(process.env.CI === undefined ? {} : { CI: process.env.CI }),
    WINEPREFIX: join(folder, "prefix"),
    WINEDEBUG: "-all",
    // No menu entries, .NET or HTML engine, which Wine would offer to install.
    WINEDLLOVERRIDES: "winemenubuilder.exe=d;mscoree=d;mshtml=d",
    WINEPATH: windowsPath(dirname(executables[0])),
    WINDOWS_NODES: executables.map(windowsPath).join(";"),
    SPAWN_RETRIES: retries,
  };
  const close = () => {
    spawnSync(WINE_SERVER, ["-k"], { env, stdio: "ignore" });
    // The server ends after the last process that it has killed.
    spawnSync(WINE_SERVER, ["-w"], { env, stdio: "ignore", timeout: PREPARATION_LIMIT_MS });
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    mkdirSync(env.WINEPREFIX);
    // Otherwise the server ends and starts anew between two processes.
    await prepare(env, WINE_SERVER, "-p");
    await prepare(env, WINE, "wineboot", "--init");
    await prepare(env, WINE, "winecfg", "-v", "win10");
  } catch (error) {
    close();
    throw error;
  }

  return {
    run: (args, more) =>
      runInWine(["--require", PRELOAD, ...args], {
        executable: executables[0],
        env: { ...env, ...more },
        output: join(folder, "output.txt"),
      }),
    spawnRetries: () =>
      existsSync(retries) ? readFileSync(retries, "utf8").split("\n").length - 1 : 0,
    close,
  };
}

async function prepare(env, command, ...args) {
  const child = spawn(command, args, { env, stdio: "ignore", timeout: PREPARATION_LIMIT_MS });
  const [status, signal] = await once(child, "exit");
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${status ?? signal}`);
}

/**
 * The outermost Windows process cannot use a pipe of Linux as its output ("open EBADF"), so that
 * the output goes through a file. Its child processes get Windows' own pipes.
 */
async function runInWine(args, { executable, env, output }) {
  rmSync(output, { force: true });
  const descriptor = openSync(output, "a+");
  const child = spawn(WINE, [windowsPath(executable), ...args], {
    env,
    stdio: ["ignore", descriptor, descriptor],
  });
  const copyOutput = outputCopier(descriptor);
  const timer = setInterval(copyOutput, OUTPUT_INTERVAL_MS);
  let isLate = false;
  const watchdog = setTimeout(() => {
    isLate = true;
    console.error(`The Windows tests did not end within ${RUN_LIMIT_MS / 1000} s: ended.`);
    spawnSync(WINE_SERVER, ["-k"], { env, stdio: "ignore" });
  }, RUN_LIMIT_MS);
  const status = await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(watchdog);
  clearInterval(timer);
  copyOutput();
  closeSync(descriptor);
  return isLate ? -1 : (status ?? -1);
}

/** Returns a function that prints what has been added to a file since its last call. */
function outputCopier(descriptor) {
  const buffer = Buffer.alloc(65_536);
  let position = 0;
  return () => {
    for (;;) {
      const size = readSync(descriptor, buffer, 0, buffer.length, position);
      if (size === 0) return;
      position += size;
      process.stdout.write(Buffer.from(buffer.subarray(0, size)));
    }
  };
}

/** Wine shows the root folder as drive Z:. */
function windowsPath(path) {
  return `Z:${path.replaceAll("/", "\\")}`;
}
