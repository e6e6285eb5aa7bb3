import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect } from "chai";
import { createMessageConnection } from "vscode-jsonrpc/node";

import { frame, parseFrames, request } from "../support/byte-host-fake.js";

const WORKER = fileURLToPath(new URL("../support/rpc-worker-fixture.js", import.meta.url));
const runProgram = promisify(spawnChild);

class WorkerProcess {
  readonly process: ChildProcessWithoutNullStreams = spawn(process.execPath, [WORKER]);
  readonly exited = once(this.process, "exit") as Promise<[number | null, string | null]>;
  #out: Buffer[] = [];
  #err = "";

  constructor() {
    this.process.stderr.on("data", (chunk: Buffer) => (this.#err += chunk.toString()));
    this.process.stdin.on("error", () => undefined);
  }

  read(): this {
    this.process.stdout.on("data", (chunk: Buffer) => this.#out.push(chunk));
    return this;
  }

  get stdout(): Buffer {
    return Buffer.concat(this.#out);
  }

  get stderr(): string {
    return this.#err;
  }

  async exitCode(): Promise<number | null> {
    const [code] = await this.exited;
    return code;
  }

  async untilStderr(found: (text: string) => boolean, deadlineMs: number): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    while (!found(this.#err)) {
      if (Date.now() > deadline)
        throw new Error(`Not on stderr within ${deadlineMs} ms: ${this.#err.slice(-500)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
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
    expect(parseFrames(worker.stdout).map((m) => m.id)).to.deep.equal([1]);
    expect(worker.stderr)
      .to.contain("stray output of console")
      .and.to.contain("stray output of process.stdout");
  });

  it("answers the requests before the end of stdin", async () => {
    const worker = launch().read();
    worker.process.stdin.end(
      Buffer.concat(
        Array.from({ length: 500 }, (_, i) => request(i, "presence/get", { uri: "a" })),
      ),
    );
    await worker.exitCode();
    expect(parseFrames(worker.stdout)).to.have.length(500);
  });

  it("responds to authorization/begin before it notifies about the flow", async () => {
    const worker = launch().read();
    worker.process.stdin.write(request(1, "authorization/begin", { method: "browser" }));
    const deadline = Date.now() + 5_000;
    while (parseFrames(worker.stdout).length < 2 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 10));
    const order = parseFrames(worker.stdout).map((message) => message.id ?? message.method);
    expect(order).to.deep.equal([1, "authorization/changed"]);
  });

  it("exits with 65 after a -32700 reply, with 1 on exit alone, and with 0 after shutdown", async () => {
    const invalidInput = launch().read();
    invalidInput.process.stdin.write("hello\n");
    expect(await invalidInput.exitCode()).to.equal(65);
    expect(parseFrames(invalidInput.stdout).map((m) => [m.id, m.error?.code])).to.deep.equal([
      [null, -32700],
    ]);

    const exitOnly = launch().read();
    exitOnly.process.stdin.write(frame({ jsonrpc: "2.0", method: "exit" }));
    expect(await exitOnly.exitCode()).to.equal(1);

    const afterShutdown = launch().read();
    afterShutdown.process.stdin.write(
      Buffer.concat([request(1, "shutdown"), frame({ jsonrpc: "2.0", method: "exit" })]),
    );
    expect(await afterShutdown.exitCode()).to.equal(0);
    expect(parseFrames(afterShutdown.stdout)).to.deep.equal([
      { jsonrpc: "2.0", id: 1, result: null },
    ]);
  });

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
    await worker.untilStderr(() => rss().length >= 60, 30_000);
    // Sixty rounds of ten thousand records are some 200 MB of notifications.
    expect(rss()[59]! - rss()[15]!).to.be.below(60);
    worker.read();
    const deadline = Date.now() + 10_000;
    while (parseFrames(worker.stdout).length < 10 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const sequences = parseFrames(worker.stdout)
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
    if (python === undefined) {
      const sentence =
        "LEFT OUT: python3 has no pylsp_jsonrpc on this machine (Debian package: python3-pylsp-jsonrpc).";
      if (process.env.CI === "true") throw new Error(sentence);
      process.stderr.write(`${sentence}\n`);
      return this.skip();
    }
    this.timeout(40_000);
    const results = JSON.parse(
      await runProgram(python, ["test/support/pylsp-client-fixture.py", process.execPath, WORKER]),
    ) as Record<string, { result?: Record<string, unknown>; code?: number; data?: unknown }>;
    expect(results.get!.result).to.deep.include({ uri: "ü@x.example", state: "available" });
    expect(results.many).to.equal(10_000);
    expect(results.invalid).to.deep.equal({
      code: -32602,
      data: { issues: [{ path: "uri", message: "Expected a string." }] },
    });
    expect(results.unknown!.code).to.equal(-32601);
    expect(results.initialize!.result).to.deep.include({ protocolVersion: "1.0" });
    expect(results.subscribe!.result).to.have.keys("subscriptionId", "records");
    expect(results.cancelled).to.deep.equal({ code: -32800 });
    expect(results.shutdown).to.deep.equal({ result: null });
    expect(results.afterShutdown!.code).to.equal(-32600);
    expect(results.firstNotification).to.deep.equal({ sequence: 1, changes: 500 });
    expect(results.exitCode).to.equal(0);
  });
});

function spawnChild(
  command: string,
  args: string[],
  done: (error: Error | null, stdout: string) => void,
): void {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.on("close", (code) =>
    done(code === 0 ? null : new Error(`${command} ended with ${String(code)}.`), stdout),
  );
}
