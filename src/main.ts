import { toPrintable } from "./faults/foreign-text.js";
import { disableConcurrentSparkplug } from "./platform/concurrent-sparkplug.js";
import { refuseDebugger } from "./platform/debugger.js";
import { sanitizeEnvironment } from "./platform/environment.js";
import { nodePorts } from "./platform/node-ports.js";
import {
  homeDirectory,
  nodeProcess,
  readLaunchArguments,
  resolvePath,
} from "./platform/node-process.js";
import { claimStdio } from "./platform/stdio.js";
import { checkLaunchOptions, USAGE } from "./worker/launch-options.js";
import { Worker } from "./worker/worker.js";

/** How long the process waits for a host that does not read the error of its launch. */
const LAST_WRITE_MS = 500;

let onDebuggerSignal = (): void => undefined;
refuseDebugger(() => onDebuggerSignal());
disableConcurrentSparkplug();
const notices = sanitizeEnvironment();
const stdio = claimStdio();
const args = readLaunchArguments(process.argv.slice(2));
const env = {
  platform: nodeProcess.platform,
  environment: process.env,
  homeDirectory: homeDirectory(),
  resolve: resolvePath,
};
const options = "error" in args ? args : checkLaunchOptions(args, env);

if ("error" in options) {
  process.exitCode = 2;
  process.stderr.write(`${toPrintable(options.error)}\n${USAGE}\n`);
  // The process ends when that is written, and also if nobody reads it.
  setTimeout(() => process.exit(), LAST_WRITE_MS).unref();
} else {
  const ports = nodePorts(options, stdio);
  const worker = new Worker(ports, options);
  for (const { level, message } of [...notices, ...stdio.notices]) ports.log[level](message);
  // Node.js prints warnings synchronously, which would block the worker if nobody reads stderr.
  process.removeAllListeners("warning").on("warning", (warning) => {
    ports.log.info("Node.js reports a warning. It is for the developers of the worker.", {
      warning,
    });
  });
  if (options.logDirectory === null) {
    ports.log.warn(
      "The worker's account has no home directory, so the log goes to stderr only and there is no status file. Presence is not affected. Name a folder with --log-dir.",
    );
  }
  onDebuggerSignal = () =>
    ports.log.info("The worker ignores the signal SIGUSR1, which would open a debugger's port.");
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
