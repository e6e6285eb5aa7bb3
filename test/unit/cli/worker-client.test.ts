import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";

import type { MethodName } from "../../../src/client/client.js";
import { WorkerClient } from "../../../src/cli/worker-client.js";
import { writeManifest } from "../../support/manifest-fixture.js";

/** Sends one notification, and responds to each request with its method or as the method says. */
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
    if (method === "noJson") process.stdout.write("Content-Length: 1\\r\\n\\r\\n{");
    else if (method === "garbage") process.stdout.write("no header\\r\\n\\r\\n");
    else if (method === "unknown") send({ id, error: { code: -32601, message: "no such method" } });
    else send({ id, result: { method } });
  }
});
send({ method: "worker/statusChanged", params: { phase: "polling" } });
`;

describe("cli/worker-client", () => {
  let folder: string;
  let client: WorkerClient;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ucx-worker-client-"));
    await writeFile(join(folder, "worker.cjs"), ECHO_WORKER);
    const manifestPath = await writeManifest(folder, ["worker.cjs"]);
    client = new WorkerClient("Presence.ini", "memory", folder, manifestPath);
  });

  afterEach(async () => {
    await client.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Calls a method that only the worker of this test knows. */
  const request = (method: string) => client.request(method as MethodName & "worker/status");
  const failureOf = (call: Promise<unknown>) =>
    call.then(
      () => "",
      (error: unknown) => (error as Error).message,
    );

  it("resolves with the result and rejects with the worker's error", async () => {
    expect(await client.request("worker/status")).to.deep.equal({ method: "worker/status" });
    expect(await failureOf(request("unknown"))).to.equal("unknown: no such method");
  });

  it("emits notifications", async () => {
    const status = await new Promise((resolve) => client.events.on("statusChanged", resolve));
    expect(status).to.deep.equal({ phase: "polling" });
  });

  it("rejects requests in flight when the worker crashes", async () => {
    expect(await failureOf(request("crash"))).to.match(/exit code 70.*out of memory/);
    expect(await failureOf(client.failed)).to.match(/exit code 70.*out of memory/);
  });

  it("rejects requests made after the worker crashed", async () => {
    await failureOf(request("crash"));
    expect(await failureOf(client.request("worker/status"))).to.match(/exit code 70/);
  });

  it("kills a worker whose output is not JSON-RPC", async () => {
    expect(await failureOf(request("garbage"))).to.match(/not valid JSON-RPC/);
  });

  it("kills a worker whose output is not JSON", async () => {
    expect(await failureOf(request("noJson"))).to.match(/not valid JSON-RPC: a body is not/);
  });

  it("reports no failure for a worker that it stops", async () => {
    await client.request("worker/status");
    await client.stop();
    const pending = Symbol("pending");
    expect(await Promise.race([client.failed, Promise.resolve(pending)])).to.equal(pending);
  });
});
