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
  void import("./terminal/capabilities.js").then(async ({ helpLength }) => {
    const { wrap } = await import("./terminal/text.js");
    const usage = USAGE.replace("usage: ", "usage: ucx-webex-presence ");
    process.stdout.write(`${wrap(usage, helpLength(process.stdout), 2).join("\n")}\n`);
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
