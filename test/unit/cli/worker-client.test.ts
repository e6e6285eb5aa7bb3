import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import { WorkerClient } from "../../../src/cli/worker-client.js";

/** Answers every request with its method, sends one notification, and exits at the first `exit`. */
const ECHO_WORKER = `
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  process.stdout.write("Content-Length: " + Buffer.byteLength(body) + "\\r\\n\\r\\n" + body);
};
process.stdin.on("data", (chunk) => {
  for (const [body] of String(chunk).matchAll(/\\{.*?\\}(?=Content-Length|$)/g)) {
    const { id, method } = JSON.parse(body);
    if (method === "exit") process.exit(0);
    if (method === "crash") {
      console.error("out of memory");
      process.exit(70);
    }
    if (method === "garbage") process.stdout.write("no header\\r\\n\\r\\n");
    else if (method === "unknown") send({ id, error: { code: -32601, message: "no such method" } });
    else send({ id, result: { method } });
  }
});
send({ method: "worker/statusChanged", params: { phase: "polling" } });
`;

describe("cli/worker-client", () => {
  let folder: string;
  let program: string;
  let client: WorkerClient;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-worker-client-"));
    program = join(folder, "worker.cjs");
    await writeFile(program, ECHO_WORKER);
    client = launch(program);
  });

  afterEach(async () => {
    await client.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function launch(path: string): WorkerClient {
    return new WorkerClient(
      { settingsPath: "Presence.ini", secretStore: "memory", logDirectory: folder },
      path,
    );
  }

  const failureOf = (request: Promise<unknown>) =>
    request.then(
      () => "",
      (error: unknown) => (error as Error).message,
    );

  it("resolves with the result and rejects with the worker's error", async () => {
    expect(await client.request("worker/status")).to.deep.equal({ method: "worker/status" });
    expect(await failureOf(client.request("unknown"))).to.equal("unknown: no such method");
  });

  it("passes notifications on", async () => {
    const notification = await new Promise((resolve) => {
      client.onNotification = (...notified) => resolve(notified);
    });
    expect(notification).to.deep.equal(["worker/statusChanged", { phase: "polling" }]);
  });

  it("rejects requests in flight when the worker crashes", async () => {
    expect(await failureOf(client.request("crash"))).to.match(/crash: .*code 70.*out of memory/);
    expect(await client.ended).to.match(/code 70.*out of memory/);
  });

  it("rejects requests made after the worker crashed", async () => {
    await failureOf(client.request("crash"));
    await client.ended;
    expect(await failureOf(client.request("worker/status"))).to.match(/worker\/status: .*code 70/);
  });

  it("stops a worker that writes something else than the protocol", async () => {
    expect(await failureOf(client.request("garbage"))).to.match(/not the protocol/);
  });

  it("reports no failure for a worker that it has stopped itself", async () => {
    await client.request("worker/status");
    await client.stop();
    expect(await client.ended).to.equal(null);
  });
});
