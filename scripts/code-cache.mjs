// The worker's launcher, dist/worker.cjs, and the code cache that it hands to V8.
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";

import { WRAPPER_PARAMETERS } from "./bundles.mjs";
import maker from "./code-cache-maker.cjs";

const STEP_LIMIT_MS = 60_000;
const UNPACK =
  "Unpack the release again in place of the folder. If an antivirus program removes or changes files, make an exception for the folder.";

/**
 * Parsing the program is a good part of the time to the first answer. A launcher therefore hands V8
 * what it compiled when the program was built. A different Node.js finds no cache under its name,
 * or V8 rejects it: then V8 compiles. The cache also holds the script's name, which therefore names
 * no folder of the machine that built it. A debugger needs the path to find the source map, so an
 * inspected worker does without the cache. Until somebody listens for SIGUSR1, it opens a port for
 * a debugger, so the launcher listens first (src/platform/debugger.ts). A missing or damaged
 * program is the exit code of a defect, because Node.js's own, 1, would mean that the host sent
 * `exit` without `shutdown`.
 */
export const launcher = `"use strict";
if (process.platform !== "win32") process.on("SIGUSR1", () => {});
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
const path = join(__dirname, "lib", "worker.cjs");
const isInspected = [...process.execArgv, process.env.NODE_OPTIONS].some((options) => /--inspect/.test(options));
const filename = isInspected ? path : "worker.cjs";
let cachedData;
try {
  if (!isInspected) cachedData = readFileSync(join(__dirname, "lib", (${String(maker.cacheName)})(process)));
} catch {}
let program;
try {
  program = new Script(readFileSync(path, "utf8"), { filename, cachedData });
} catch (error) {
  console.error("%s cannot be used (%s), so the installation is damaged, and there is no presence. ${UNPACK}", path, error.code ?? error.name);
  process.exitCode = 70;
}
program?.runInThisContext()(${WRAPPER_PARAMETERS});
`;

/**
 * Caches that are made with these options are the same each time: V8 draws the seed of its hashes
 * from the second. V8 accepts them without the options.
 */
const REPEATABLE = ["--predictable", "--random-seed=1"];
const MAKER = resolve(import.meta.dirname, "code-cache-maker.cjs");

/**
 * Writes the code cache beside the worker's bundle, and checks that V8 accepts it when the worker
 * is launched.
 *
 * @param {string} dist The folder with the bundles and the launcher.
 * @param {(args: string[]) => Promise<unknown>} [run] Runs the Node.js that the cache is for with
 *   these arguments and an empty stdin, and rejects if its exit code is not 0. This Node.js by
 *   default.
 */
export async function writeCodeCache(dist, run = runThisNode) {
  await run([...REPEATABLE, MAKER, "make", resolve(dist)]);
  await run([MAKER, "check", resolve(dist)]);
}

/** Also runs another Node.js of this system. */
export async function runThisNode(args, executable = process.execPath) {
  // Options in the environment would change which caches V8 accepts.
  const env = { ...process.env };
  delete env.NODE_OPTIONS;
  const running = promisify(execFile)(executable, args, { env, timeout: STEP_LIMIT_MS });
  running.child.stdin.end();
  await running;
}
