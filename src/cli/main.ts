#!/usr/bin/env node
import { createRequire } from "node:module";
import { join } from "node:path";

import { disableConcurrentSparkplug } from "../platform/concurrent-sparkplug.js";
import { refuseDebugger } from "../platform/debugger.js";
import { sanitizeEnvironment } from "../platform/environment.js";
import { productDirectory } from "../platform/node-process.js";
import { USAGE } from "../worker/launch-options.js";

refuseDebugger();
disableConcurrentSparkplug();
const [command, ...rest] = process.argv.slice(2);

if (command === "worker" && rest.some((word) => word === "--help" || word === "-h")) {
  void import("./terminal/console.js").then(({ CommandConsole }) => {
    const console = new CommandConsole(process.stdout, process.stderr, false);
    console.text(USAGE.replace("usage: ", "usage: ucx-webex-presence "), 2);
  });
} else if (command === "worker") {
  // The worker parses its arguments itself, and needs none of the code of other commands.
  process.argv.splice(2, 1);
  const worker = join(productDirectory, "dist", "worker.cjs");
  createRequire(worker)(worker);
} else {
  sanitizeEnvironment();
  void import("./program.js").then(({ runProgram }) => runProgram(process.argv.slice(2)));
}
