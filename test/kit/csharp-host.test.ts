import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect } from "chai";
import type { Context } from "mocha";

import { describeExampleHost } from "../support/example-host-contract.js";
import {
  compileCSharp,
  compileCSharpHost,
  ExampleHost,
  MONO_POSIX,
  NEWTONSOFT_JSON,
} from "../support/example-host-fixture.js";
import { requirePart, requireTool } from "../support/required-tool-fixture.js";
import { MANIFEST } from "../support/worker-harness.js";

/** Launches the worker and keeps the first bytes that its host sends in a file. */
const RECORDER = `
const { spawn } = require("node:child_process");
const { writeFileSync } = require("node:fs");
const [file, worker, ...args] = process.argv.slice(2);
const child = spawn(process.execPath, [worker, ...args], { stdio: ["pipe", "inherit", "inherit"] });
process.stdin.once("data", (bytes) => writeFileSync(file, bytes));
process.stdin.pipe(child.stdin);
child.once("exit", (code) => process.exit(code));
`;

function requireMono(context: Context): void {
  requireTool(context, "mcs", "mono-mcs");
  requireTool(context, "mono", "mono-runtime");
  const hasJson = existsSync(NEWTONSOFT_JSON);
  requirePart(context, hasJson, "Newtonsoft.Json", "libnewtonsoft-json-cil-dev");
  requirePart(context, existsSync(MONO_POSIX), "Mono.Posix", "libmono-posix4.0-cil");
}

describeExampleHost("kit: the host in C#", async (context) => {
  requireMono(context);
  return ["mono", await compileCSharpHost()];
});

describe("kit: a .NET host whose console is UTF-8 with a byte order mark", function () {
  this.timeout(60_000);

  it("sends the mark before everything else, and the worker passes over it", async function () {
    requireMono(this);
    const folder = await mkdtemp(join(tmpdir(), "ucx-bom-"));
    const path = (name: string): string => join(folder, name);
    const programs = [
      await compileCSharp("bom-console.exe", ["test/support/bom-console-fixture.cs"]),
      await compileCSharpHost(),
    ];
    await writeFile(path("Presence.ini"), "WebexPresence.Enable=0\n");
    await writeFile(path("recorder.cjs"), RECORDER);
    const manifest = JSON.parse(await readFile(MANIFEST, "utf8")) as { worker: { args: string[] } };
    manifest.worker.args = ["recorder.cjs", path("input"), resolve("dist/worker.cjs")];
    await writeFile(path("plugin.manifest.json"), JSON.stringify(manifest));
    const workerArguments = ["--secret-store", "memory", "--log-dir", path("log")];
    const host = new ExampleHost([
      ...["mono", ...programs, "--manifest", path("plugin.manifest.json")],
      ...["--settings", path("Presence.ini")],
      ...workerArguments.flatMap((argument) => ["--worker-argument", argument]),
      "ada@northwind.example",
    ]);
    try {
      await host.shows("ada@northwind.example\tunknown\tdisabled");
      const [first, second, third] = await readFile(path("input"));
      expect([first, second, third]).to.deep.equal([0xef, 0xbb, 0xbf]);
      host.endInput();
      expect(await host.exited(), host.stderr).to.equal(0);
    } finally {
      host.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});
