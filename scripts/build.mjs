// Bundles the product into dist/ (scripts/bundles.mjs says what) and adds the worker's launcher and
// code cache.
import { execFile } from "node:child_process";
import { cp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { build } from "esbuild";

import { bundles, WRAPPER_PARAMETERS } from "./bundles.mjs";

/**
 * Parsing the program is a good part of the time to the first answer. A launcher therefore hands V8
 * what it compiled when the program was built. A different Node.js finds no cache under its name,
 * or V8 rejects it: then V8 compiles. The cache also holds the script's name, which therefore names
 * no folder of the machine that built it. A debugger needs the path to find the source map, so an
 * inspected worker does without the cache.
 */
const cacheName = (node) => `worker.${node.version}-${node.platform}-${node.arch}.cache`;
const launcher = `"use strict";
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { Script } = require("node:vm");
const path = join(__dirname, "lib", "worker.cjs");
const isInspected = [...process.execArgv, process.env.NODE_OPTIONS].some((options) => /--inspect/.test(options));
const filename = isInspected ? path : "worker.cjs";
let cachedData;
try {
  if (!isInspected) cachedData = readFileSync(join(__dirname, "lib", (${String(cacheName)})(process)));
} catch {}
const program = new Script(readFileSync(path, "utf8"), { filename, cachedData });
program.runInThisContext()(${WRAPPER_PARAMETERS});
`;

/** Launches the worker once, sends it a request, and keeps what V8 has compiled by then. */
async function writeCodeCache() {
  const params = { uri: "someone@example.com" };
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "presence/get", params });
  const folder = join(tmpdir(), `ucx-build-${process.pid}`);
  const trial = `
    const { readFileSync, writeFileSync } = require("node:fs");
    const { dirname, join } = require("node:path");
    const filename = process.argv[1];
    const program = new (require("node:vm").Script)(readFileSync(filename, "utf8"), { filename: "worker.cjs" });
    const write = process.stdout.write;
    process.stdout.write = (...written) => {
      setImmediate(() => {
        writeFileSync(join(dirname(filename), (${String(cacheName)})(process)), program.createCachedData());
        process.exit(0);
      });
      return write.apply(process.stdout, written);
    };
    const folder = dirname(dirname(filename));
    const load = require("node:module").createRequire(join(folder, "worker.cjs"));
    program.runInThisContext()({}, load, {}, filename, folder);`;
  const options = [
    "--settings",
    join(folder, "Presence.ini"),
    "--secret-store",
    "memory",
    "--log-dir",
    folder,
  ];
  const running = promisify(execFile)(
    process.execPath,
    ["-e", trial, join(process.cwd(), "dist", "lib", "worker.cjs"), ...options],
    { timeout: 30_000 },
  );
  running.child.stdin.write(`Content-Length: ${request.length}\r\n\r\n${request}`);
  await running;
  await rm(folder, { recursive: true, force: true });
}

await rm("dist", { recursive: true, force: true });
try {
  await Promise.all(bundles.map((bundle) => build(bundle)));
} catch (error) {
  // esbuild has printed the errors that are in the sources.
  if (error.errors === undefined) throw error;
  process.exit(1);
}
// The worker reads these files when it serves the authorization page.
for (const path of await readdir("src", { recursive: true })) {
  if (/\.(html|css|client\.js)$/.test(path)) {
    await cp(join("src", path), join("dist", "assets", path));
  }
}
await writeFile("dist/worker.cjs", launcher);
await writeCodeCache().catch((error) =>
  console.error(
    `Built without V8's code cache, so the worker starts more slowly: ${error.message}`,
  ),
);
