import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { mapStack } from "../../src/platform/source-positions.js";

describe("e2e: a defect in the log", function () {
  this.timeout(20_000);
  let folder: string;

  before(() => (folder = mkdtempSync(join(tmpdir(), "ucx-defect-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  // With --inspect the launcher does without the code cache and names the bundle by its path.
  for (const options of [[], ["--inspect=0"]]) {
    it(`names the source file and line of the bundled worker (${["node", ...options].join(" ")})`, async () => {
      const preload = join(folder, "preload.cjs");
      writeFileSync(
        preload,
        `const { parse } = JSON;
        JSON.parse = (text, reviver) => {
          if (String(text).includes('"openrpc"')) throw new TypeError("provoked");
          return parse(text, reviver);
        };`,
      );
      const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "rpc.discover" });
      const settings = [
        "--settings",
        join(folder, "Presence.ini"),
        "--secret-store",
        "memory",
        "--log-dir",
        folder,
      ];
      const worker = spawn(process.execPath, [
        ...options,
        "--require",
        preload,
        "dist/worker.cjs",
        ...settings,
      ]);
      let stdout = "";
      let stderr = "";
      worker.stdout.on("data", (chunk: Buffer) => {
        stdout += chunk.toString();
        if (stdout.includes('"id":1')) worker.stdin.end();
      });
      worker.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      worker.stdin.write(`Content-Length: ${request.length}\r\n\r\n${request}`);
      await once(worker, "close");
      expect(stdout).to.include('"code":-32603').and.to.not.include("provoked");
      const frame =
        /TypeError: provoked\\n {4}at JSON\.parse .*?\\n {4}at \S+ \((src\/[\w/-]+\.ts):(\d+):\d+\)/.exec(
          stderr,
        );
      expect(frame, stderr).to.not.equal(null);
      const [, file = "", line = ""] = frame!;
      expect(readFileSync(file, "utf8").split("\n")[Number(line) - 1]).to.include("JSON.parse(");
      expect(stderr).to.not.match(/worker\.cjs:\d+:\d+/);
    });
  }

  it("maps positions in the command line's bundle, and leaves others alone", () => {
    const bundle = join(process.cwd(), "dist", "cli.cjs");
    const [head = ""] = readFileSync(bundle, "utf8").split("process.argv.slice(2)");
    const line = head.split("\n").length;
    const column = head.length - head.lastIndexOf("\n");
    expect(mapStack(`at ${bundle}:${line}:${column}`)).to.match(
      /^at (src|node_modules)\/.*\.[jt]s:\d+:\d+$/,
    );
    for (const frame of [
      `at x (${join(process.cwd(), "dist", "worker.cjs")}:11:28)`,
      "at x (worker.cjs)",
    ]) {
      expect(mapStack(frame)).to.equal(frame);
    }
  });
});
