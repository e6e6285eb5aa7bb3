import { homedir } from "node:os";
import { resolve } from "node:path";

import { readLaunchArguments } from "./platform/launch-arguments.js";
import { nodePorts } from "./platform/node-ports.js";
import { nodeProcess } from "./platform/node-process.js";
import { claimStdio } from "./platform/stdio.js";
import { checkLaunchOptions, USAGE } from "./worker/launch-options.js";
import { Worker } from "./worker/worker.js";

const stdio = claimStdio();
const args = readLaunchArguments(process.argv.slice(2));
const env = {
  platform: nodeProcess.platform,
  environment: process.env,
  homeDirectory: homedir(),
  resolve,
};
const options = "error" in args ? args : checkLaunchOptions(args, env);

if ("error" in options) {
  process.stderr.write(`${options.error}\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  const ports = nodePorts(options, stdio);
  const worker = new Worker(ports, options);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGBREAK"] as const) {
    // Windows and POSIX know different ones; listening to an unknown one throws.
    if (process.platform === "win32" || signal !== "SIGBREAK")
      process.on(signal, () => void worker.stop(0, signal));
  }
  const fail = (error: unknown): void => {
    ports.log.error("A defect in the worker: it ends, and its host starts it again.", { error });
    void worker.stop(70, "a defect");
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  // The worker's own timers keep no process alive, and what others hold must not keep one that has ended.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  void worker.run().then((code) => {
    clearInterval(keepAlive);
    process.exit(code);
  });
}
