// npm run dev: builds and runs the demo, and does both again when a source file changes. Arguments
// go to the demo, as in `npm run dev -- --users 2000`.
import { spawn } from "node:child_process";

import { watch } from "chokidar";

const FOLDERS = ["src", "simulator", "scripts", "plugin.manifest.json", "openrpc.json"];
/** Editors and version control write several files at once. */
const SETTLE_MS = 200;

let demo = null;
let timer = null;
let isRestarting = false;

const ended = (child) => new Promise((resolve) => child.once("close", resolve));

async function restart() {
  if (isRestarting) return schedule("");
  isRestarting = true;
  if (demo !== null) {
    demo.kill("SIGTERM");
    await ended(demo);
  }
  const build = spawn(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
  if ((await ended(build)) === 0) start();
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
    if (isRestarting) return;
    // 0: it was quit (q) or has finished (--once). 130: Ctrl+C, which reaches this process, too.
    if (code === 0 || code === 130) process.exit(code);
    console.error(`The demo ended with ${code}. Waiting for a change.`);
  });
}

function schedule(path) {
  if (path !== "") console.error(`Changed: ${path}`);
  clearTimeout(timer);
  timer = setTimeout(restart, SETTLE_MS);
}

// Ctrl+C reaches the demo as well, which restores the terminal before it ends.
process.on("SIGINT", () => {
  if (demo === null) process.exit(130);
});
watch(FOLDERS, { ignoreInitial: true }).on("all", (_event, path) => schedule(path));
await restart();
