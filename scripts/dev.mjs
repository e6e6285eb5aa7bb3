// npm run dev: builds and runs the demo, and does both again when a source file changes. Arguments
// go to the demo, as in `npm run dev -- --users 2000`.
import { spawn, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { setInterval } from "node:timers";

import { watch } from "chokidar";

const FOLDERS = ["src", "simulator", "scripts", "plugin.manifest.json", "openrpc.json"];
/** Editors and version control write several files at once. */
const SETTLE_MS = 200;
const PARENT_CHECK_MS = 2000;
/** A terminal sends its signals to the demo as well, which would take a second one as "at once". */
const TERMINAL_GRACE_MS = 1000;
/** The demo gives its worker five seconds. */
const KILL_AFTER_MS = 8000;

let demo = null;
let build = null;
let timer = null;
let isRestarting = false;
let isStopping = false;

const ended = (child) =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once("close", resolve));

async function restart() {
  if (isRestarting) return schedule("");
  isRestarting = true;
  if (demo !== null) {
    demo.kill("SIGTERM");
    await ended(demo);
  }
  if (isStopping) return;
  build = spawn(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
  const code = await ended(build);
  build = null;
  if (isStopping) return;
  if (code === 0) start();
  else console.error("The build failed. Waiting for a change.");
  isRestarting = false;
}

function start() {
  const child = spawn(process.execPath, ["dist/demo.mjs", ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  demo = child;
  child.once("close", (code) => {
    demo = null;
    if (isRestarting || isStopping) return;
    // 0: it was quit (q) or has finished (--once). 130: Ctrl+C, which reaches this process, too.
    if (code === 0 || code === 130) process.exit(code);
    console.error(`The demo ended with ${code}. Waiting for a change.`);
  });
}

function schedule(path) {
  if (isStopping) return;
  if (path !== "") console.error(`Changed: ${path}`);
  clearTimeout(timer);
  timer = setTimeout(restart, SETTLE_MS);
}

/** Ends the demo, which ends its worker, and then this process. */
async function stop(signal) {
  if (isStopping) return;
  isStopping = true;
  clearTimeout(timer);
  const children = [demo, build].filter((child) => child !== null);
  const kill = (name) => () => children.forEach((child) => child.kill(name));
  if (signal === "SIGTERM") kill("SIGTERM")();
  else setTimeout(kill("SIGTERM"), TERMINAL_GRACE_MS);
  setTimeout(kill("SIGKILL"), KILL_AFTER_MS);
  await Promise.all(children.map(ended));
  process.exit(128 + constants.signals[signal]);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(signal));
// npm may end without passing the signal on, and runs a shell between itself and this process.
// (Windows does not show that a parent has ended.)
const parent = process.ppid;
const isRunByNpm = process.platform !== "win32" && process.env.npm_lifecycle_event !== undefined;
function parentOf(pid) {
  if (!isRunByNpm) return "";
  // Without ps, nothing is known.
  const { stdout } = spawnSync("ps", ["-o", "ppid=", "-p", String(pid)], { encoding: "utf8" });
  return (stdout ?? "").trim();
}
const grandparent = parentOf(parent);
setInterval(() => {
  if (process.ppid !== parent || parentOf(parent) !== grandparent) void stop("SIGTERM");
}, PARENT_CHECK_MS).unref();

watch(FOLDERS, { ignoreInitial: true }).on("all", (_event, path) => schedule(path));
await restart();
