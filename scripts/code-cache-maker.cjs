// Makes V8's code cache of the worker in dist/, or checks it:
//   node --predictable --random-seed=1 scripts/code-cache-maker.cjs make <absolute path of dist>
//   node scripts/code-cache-maker.cjs check <absolute path of dist>
// Runs in the Node.js that the cache is for, which may be another one than runs the build (the
// release's), on another system (Windows under Wine, which passes no pipes on). So this file uses
// nothing but that Node.js, and its stdin is empty.
"use strict";
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const vm = require("node:vm");

const [, , step, dist] = process.argv;

/** As many as the answer needs, and some more. */
const TURNS = 10;

/** Where the worker's launcher looks for a cache, by version and system. */
const cacheName = (node) => `worker.${node.version}-${node.platform}-${node.arch}.cache`;

const steps = {
  /**
   * Launches the worker, has it answer a query, and saves what V8 has compiled by then. All of that
   * happens before the first event, because a cache that is made after some events depends on their
   * order, and would differ from one build to the next.
   */
  make() {
    const path = join(dist, "lib", "worker.cjs");
    // The cache holds this file name, which therefore names no folder.
    const script = new vm.Script(readFileSync(path, "utf8"), { filename: "worker.cjs" });
    const cache = join(dist, "lib", cacheName(process));
    setWorkerArguments(path);
    const immediates = [];
    globalThis.setImmediate = (callback) => immediates.push(callback);
    script.runInThisContext()({}, createRequire(join(dist, "worker.cjs")), {}, path, dist);
    const params = { uri: "someone@example.com" };
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "presence/get", params });
    const frame = `Content-Length: ${request.length}\r\n\r\n${request}`;
    process.stdin.emit("data", Buffer.from(frame));
    for (let turn = 0; turn < TURNS; turn += 1) {
      // What Node does between two events: callbacks of process.nextTick, and those of promises.
      process._tickCallback();
      for (const callback of immediates.splice(0)) callback();
    }
    writeFileSync(cache, script.createCachedData());
    process.exit(0);
  },

  /** Runs the worker's launcher: fails if it finds no cache, or if V8 rejects what it finds. */
  check() {
    const { Script } = vm;
    vm.Script = class extends Script {
      constructor(source, options) {
        super(source, options);
        if (this.cachedDataRejected !== false) throw new Error("V8 does not accept the cache.");
      }
    };
    const path = join(dist, "worker.cjs");
    setWorkerArguments(path);
    // The worker ends by itself, because its stdin does.
    require(path);
  },
};

function setWorkerArguments(path) {
  const folder = mkdtempSync(join(tmpdir(), "ucx-code-cache-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  const options = ["--settings", join(folder, "Presence.ini"), "--secret-store", "memory"];
  process.argv = [process.argv[0], path, ...options, "--log-dir", folder];
}

module.exports = { cacheName };
if (require.main === module) steps[step]();
