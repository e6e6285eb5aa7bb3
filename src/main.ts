import { homedir } from "node:os";
import { resolve } from "node:path";

import { nodePorts } from "./platform/node-ports.js";
import { claimStdio, nodeProcess, readLaunchArguments } from "./platform/node-process.js";
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
    // Listening for a signal that the platform does not have throws.
    if (process.platform === "win32" || signal !== "SIGBREAK")
      process.on(signal, () => void worker.stop(0, signal));
  }
  const fail = (error: unknown): void => {
    ports.log.error("The worker ends because of a defect in it; its host restarts it.", { error });
    void worker.stop(70, "a defect");
  };
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
  // Timers and handles of the worker and its libraries must not decide how long the process lives.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  void worker.run().then((code) => {
    clearInterval(keepAlive);
    process.exit(code);
  });
}
