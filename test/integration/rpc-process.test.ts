import { execFile, spawn, spawnSync } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect } from "chai";
import { createMessageConnection } from "vscode-jsonrpc/node";

import { type WireMessage, frame, parseFrames, request } from "../support/byte-host-fake.js";
import { waitUntil } from "../support/clock-fake.js";
import { requirePart } from "../support/required-tool-fixture.js";

const WORKER = fileURLToPath(new URL("../support/rpc-worker-fixture.js", import.meta.url));
const runProgram = promisify(execFile);

class WorkerProcess {
  readonly process: ChildProcessWithoutNullStreams = spawn(process.execPath, [WORKER]);
  readonly exited = once(this.process, "exit") as Promise<[number | null, string | null]>;
  readonly #out: Buffer[] = [];
  stderr = "";

  constructor() {
    this.process.stderr.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.process.stdin.on("error", () => undefined);
  }

  read(): this {
    this.process.stdout.on("data", (chunk: Buffer) => this.#out.push(chunk));
    return this;
  }

  /** The messages read so far. */
  get messages(): WireMessage[] {
    return parseFrames(Buffer.concat(this.#out));
  }

  async exitCode(): Promise<number | null> {
    return (await this.exited)[0];
  }
}

describe("the protocol over the pipes of a process", () => {
  const launched: WorkerProcess[] = [];
  function launch(): WorkerProcess {
    const worker = new WorkerProcess();
    launched.push(worker);
    return worker;
  }
  afterEach(() => {
    for (const worker of launched.splice(0)) worker.process.kill("SIGKILL");
  });

  it("reserves stdout for the protocol: everything printed goes to stderr", async () => {
    const worker = launch().read();
    worker.process.stdin.end(request(1, "presence/get", { uri: "a@x.example" }));
    expect(await worker.exitCode()).to.equal(0);
    expect(worker.messages.map((m) => m.id)).to.deep.equal([1]);
    expect(worker.stderr)
      .to.contain("stray output of console")
      .and.to.contain("stray output of process.stdout");
  });

  it("answers the requests before the end of stdin", async () => {
    const worker = launch().read();
    const requests = Array.from({ length: 500 }, (_, i) =>
      request(i, "presence/get", { uri: "a" }),
    );
    worker.process.stdin.end(Buffer.concat(requests));
    await worker.exitCode();
    expect(worker.messages).to.have.length(500);
  });

  it("responds to authorization/begin before it notifies about the flow", async () => {
    const worker = launch().read();
    worker.process.stdin.write(request(1, "authorization/begin", { method: "browser" }));
    await waitUntil(() => worker.messages.length >= 2);
    const order = worker.messages.map((message) => message.id ?? message.method);
    expect(order).to.deep.equal([1, "authorization/changed"]);
  });

  it("exits with 65 after a -32700 reply, with 1 on exit alone, and with 0 after shutdown", async () => {
    const invalidInput = launch().read();
    invalidInput.process.stdin.write("hello\n");
    expect(await invalidInput.exitCode()).to.equal(65);
    const replies = invalidInput.messages.map((m) => [m.id, m.error?.code]);
    expect(replies).to.deep.equal([[null, -32700]]);

    const exitOnly = launch().read();
    exitOnly.process.stdin.write(frame({ jsonrpc: "2.0", method: "exit" }));
    expect(await exitOnly.exitCode()).to.equal(1);

    const afterShutdown = launch().read();
    afterShutdown.process.stdin.write(
      Buffer.concat([request(1, "shutdown"), frame({ jsonrpc: "2.0", method: "exit" })]),
    );
    expect(await afterShutdown.exitCode()).to.equal(0);
    expect(afterShutdown.messages).to.deep.equal([{ jsonrpc: "2.0", id: 1, result: null }]);
  }).timeout(30_000);

  it("exits on an exit in any form, with an answer only to a request", async () => {
    const shutdown = request(1, "shutdown", [null]);
    const answered = [{ jsonrpc: "2.0", id: 1, result: null }];
    for (const [exit, answers] of [
      [frame({ jsonrpc: "2.0", method: "exit", params: [] }), answered],
      [frame({ jsonrpc: "2.0", id: null, method: "exit", params: null }), answered],
      [frame('\ufeff{"method":"exit"}'), answered],
      [request("x", "exit", [null]), [...answered, { jsonrpc: "2.0", id: "x", result: null }]],
    ] as const) {
      const worker = launch().read();
      worker.process.stdin.write(Buffer.concat([Buffer.from("\ufeff"), shutdown, exit]));
      expect(await worker.exitCode()).to.equal(0);
      expect(worker.messages).to.have.deep.members(answers);
    }
  }).timeout(30_000);

  it("exits cleanly if the host closes its output", async () => {
    const worker = launch();
    worker.process.stdout.destroy();
    for (let i = 0; i < 20; i += 1)
      worker.process.stdin.write(request(i, "presence/get", { uri: "a" }));
    expect(await worker.exitCode()).to.equal(0);
    expect(worker.stderr).not.to.match(/EPIPE|Error|at /);
  });

  it("uses no more memory while its host does not read, then sends the latest state, and detects the end", async () => {
    const worker = launch();
    worker.process.stdin.write(
      Buffer.concat([request(1, "presence/subscribe", { all: true }), request(2, "worker/poll")]),
    );
    const rss = (): number[] => [...worker.stderr.matchAll(/rss (\d+)/g)].map((m) => Number(m[1]));
    await waitUntil(
      () => rss().length >= 60,
      30_000,
      () => worker.stderr.slice(-500),
    );
    // Sixty rounds of ten thousand records are some 200 MB of notifications.
    expect(rss()[59]! - rss()[15]!).to.be.below(60);
    worker.read();
    await waitUntil(() => worker.messages.length >= 10, 10_000);
    const sequences = worker.messages
      .filter((m) => m.method === "presence/changed")
      .map((m) => (m.params as { sequence: number }).sequence);
    expect(sequences).to.deep.equal(sequences.map((_, i) => i + 1));
    worker.process.stdin.end();
    expect(await worker.exitCode()).to.equal(0);
  }).timeout(45_000);

  it("works with the client of vscode-jsonrpc", async () => {
    const worker = launch();
    const connection = createMessageConnection(worker.process.stdout, worker.process.stdin);
    const changed = new Promise((resolve) =>
      connection.onNotification("presence/changed", resolve),
    );
    connection.listen();
    const records = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        connection.sendRequest<{ uri: string }>("presence/get", { uri: `p${i}@x.example` }),
      ),
    );
    expect(records.map((r) => r.uri)).to.deep.equal(records.map((_, i) => `p${i}@x.example`));
    await connection.sendRequest("presence/subscribe", { all: true });
    await connection.sendRequest("worker/poll");
    expect(await changed).to.deep.include({ sequence: 1 });
    await connection.sendRequest("shutdown");
    await connection.sendNotification("exit");
    expect(await worker.exitCode()).to.equal(0);
    connection.dispose();
  });

  it("works with python-lsp-jsonrpc", async function () {
    // Debian's package belongs to Debian's Python, which need not be the first one on the PATH.
    const python = ["python3", "/usr/bin/python3"].find(
      (name) => spawnSync(name, ["-c", "import pylsp_jsonrpc"]).status === 0,
    );
    const isInstalled = python !== undefined;
    requirePart(this, isInstalled, "pylsp_jsonrpc of python3", "python3-pylsp-jsonrpc");
    this.timeout(40_000);
    const args = ["test/support/pylsp-client-fixture.py", process.execPath, WORKER];
    const results = JSON.parse((await runProgram(python, args)).stdout) as Record<
      string,
      { result?: Record<string, unknown>; code?: number; data?: unknown }
    >;
    expect(results.get!.result).to.deep.include({ uri: "ü@x.example", state: "available" });
    expect(results.many).to.equal(10_000);
    expect(results.invalid).to.deep.equal({
      code: -32602,
      data: { issues: [{ path: "uri", message: "Expected a string." }] },
    });
    expect(results.unknown!.code).to.equal(-32601);
    expect(results.initialize!.result).to.deep.include({ protocolVersion: "1.1" });
    expect(results.subscribe!.result).to.have.keys("subscriptionId", "records");
    expect(results.cancelled).to.deep.equal({ code: -32800 });
    expect(results.shutdown).to.deep.equal({ result: null });
    expect(results.afterShutdown!.code).to.equal(-32600);
    expect(results.firstNotification).to.deep.equal({ sequence: 1, changes: 500 });
    expect(results.exitCode).to.equal(0);
  });
});
