// The Windows suite: which tests run in Windows' own Node.js, and how: directly on Windows, under
// Wine on Linux. docs/operations.md says what has been run where.
import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

import { downloadRuntime, WINDOWS_TEST_VERSIONS, writeRuntime } from "./release/runtimes.mjs";
import { createPrefix, hasWine, WINE, windowsPath } from "./wine.mjs";

const inFolder = (folder, ...names) => names.map((name) => `build/test/${folder}/${name}.test.js`);

/** With more jobs, Wine fails to start processes. */
const PARALLEL = ["--parallel", "--jobs", "2"];

/**
 * A process of mocha each. Besides all unit, contract and surface tests, the suite has those of
 * files, pipes, processes, certificates and the command line. Tests of authorization and polling
 * take minutes, and have shown the same as on Linux.
 */
export const WINDOWS_RUNS = [
  {
    title: "Windows: unit and contract tests",
    specs: ["build/test/{unit,contract}/**/*.test.js"],
    options: PARALLEL,
  },
  {
    title: "Windows: tests of files, pipes and processes",
    specs: [
      ...inFolder("integration", "browser-flow", "certificates", "client", "http-tls"),
      ...inFolder("integration", "learned-file", "library-loading", "log", "log-file"),
      ...inFolder("integration", "rpc-process", "settings-saving", "simulator-host"),
      ...inFolder("e2e", "cli", "cli-stdin", "client", "dashboard", "decisions", "defect-log"),
      ...inFolder("e2e", "host-environment", "launch", "settings-file", "vscode-client"),
      "build/test/surface/**/*.test.js",
    ],
    options: PARALLEL,
  },
  {
    title: "Windows: tests that use Credential Manager, and Windows' own",
    // Not in parallel, since an account has one Credential Manager.
    specs: [
      ...inFolder("e2e", "cli-authorization", "cli-doctor", "cli-watch"),
      "build/test/windows/**/*.test.js",
    ],
    options: [],
  },
];

const MOCHA = "node_modules/mocha/bin/mocha.js";
const PRELOAD = "./scripts/wine-preload.cjs";
const OUTPUT_INTERVAL_MS = 200;
/** A run that takes longer hangs. */
const RUN_LIMIT_MS = 600_000;

/** Whether this machine can run the suite at all. */
export function hasWindows() {
  return process.platform === "win32" || hasWine();
}

/**
 * Prepares the suite: on Linux it downloads the runtimes and makes a Wine prefix.
 *
 * @returns {Promise<{ runMocha: (args: string[], env: Record<string, string>) =>
 *   Promise<number>, spawnRetries: () => number, close: () => void }>} `runMocha` resolves to the
 *   exit status of mocha with these arguments and environment variables, and to -1 if it had to be
 *   ended because it hung. `close` ends every process that is left.
 * @throws If a runtime cannot be downloaded, or if Wine cannot make the prefix.
 */
export async function openWindows() {
  return process.platform === "win32" ? openRealWindows() : openWine();
}

function openRealWindows() {
  const runMocha = (args, env) => {
    const options = { stdio: "inherit", env: { ...process.env, ...env }, timeout: RUN_LIMIT_MS };
    const child = spawn(process.execPath, [MOCHA, ...args], options);
    return new Promise((resolve) => child.once("close", (status) => resolve(status ?? -1)));
  };
  return { runMocha, spawnRetries: () => 0, close: () => undefined };
}

async function openWine() {
  for (const runtime of WINDOWS_TEST_VERSIONS) await downloadRuntime(runtime);
  const prefix = await createPrefix();
  const executables = [];
  for (const runtime of WINDOWS_TEST_VERSIONS) {
    const path = join(prefix.folder, `node-${runtime.version}`, "node.exe");
    await writeRuntime(runtime, path);
    executables.push(path);
  }
  const retries = join(prefix.folder, "spawn-retries.txt");
  const env = {
    ...prefix.env,
    ...inherited("CI", "npm_execpath"),
    // Wine's addition to the PATH of Windows.
    WINEPATH: windowsPath(dirname(executables[0])),
    WINDOWS_NODES: executables.map(windowsPath).join(";"),
    SPAWN_RETRIES: retries,
  };
  return {
    runMocha: (args, more) => {
      // For mocha's first process, and for those that it starts to run the tests.
      const preload = ["--require", PRELOAD];
      const command = [windowsPath(executables[0]), ...preload, MOCHA, ...preload, ...args];
      return runInWine(command, {
        env: { ...env, ...more },
        output: join(prefix.folder, "output.txt"),
        killAll: prefix.killAll,
      });
    },
    spawnRetries: () =>
      existsSync(retries) ? readFileSync(retries, "utf8").split("\n").length - 1 : 0,
    close: prefix.close,
  };
}

/** The variables of these names that this process has. Tests run npm by `npm_execpath`. */
function inherited(...names) {
  return Object.fromEntries(
    names.filter((name) => name in process.env).map((name) => [name, process.env[name]]),
  );
}

/**
 * The outermost Windows process cannot use a pipe of Linux as its output ("open EBADF"), so that
 * the output goes through a file. Its child processes get Windows' own pipes.
 */
async function runInWine(args, { env, output, killAll }) {
  rmSync(output, { force: true });
  const descriptor = openSync(output, "a+");
  const child = spawn(WINE, args, { env, stdio: ["ignore", descriptor, descriptor] });
  const copyOutput = outputCopier(descriptor);
  const timer = setInterval(copyOutput, OUTPUT_INTERVAL_MS);
  let isLate = false;
  const watchdog = setTimeout(() => {
    isLate = true;
    console.error(`\nThe Windows tests were ended, since they took ${RUN_LIMIT_MS / 1000} s.`);
    killAll();
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
