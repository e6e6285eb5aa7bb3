import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WorkerHarness, type Status } from "../support/worker-harness.js";

describe("e2e: what Webex and others respond", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;
  let uri: string;

  const problem = (code: string, timeoutMs = 12_000): Promise<Status["problems"][number]> =>
    harness.waitFor(
      `the problem ${code}`,
      async () => (await harness.status()).problems.find((p) => p.code === code) ?? null,
      timeoutMs,
    );
  const poll = () => harness.host.request("worker/poll", {}) as Promise<{ accepted: boolean }>;

  beforeEach(async () => {
    harness = await WorkerHarness.start({ enable: 1 });
    await harness.authorize();
    await harness.waitFor(
      "a complete sweep",
      async () => ((await harness.status()).organizations[0]?.lastSweep ?? null) !== null || null,
    );
    const { records } = (await harness.host.request("presence/list", { limit: 1 })) as {
      records: { uri: string }[];
    };
    uri = records[0]!.uri;
  });

  afterEach(async () => {
    await harness.stop();
  });

  it("a firewall's page blocks nobody, and the problem names the firewall", async () => {
    const headers = { server: "squid/5.7", via: "1.1 fw.corp.example" };
    harness.webex.fail({ kind: "status", status: 403, headers, path: "/v1/", times: null });
    const { message, hint } = await problem("webexError");
    expect(message).to.contain(
      'Something other than Webex responded to a request to Webex (403, Server: squid/5.7, Via: 1.1 fw.corp.example, page "Bad gateway").',
    );
    expect(hint).to.contain("firewall or proxy");
    const status = await harness.status();
    expect([status.phase, status.problems.map((p) => p.code)]).to.deep.equal([
      "polling",
      ["webexError", "memorySecretStore"],
    ]);
    expect((await harness.get(uri)).reason).to.equal(null);
    const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
    expect(log).to.contain("Something other than Webex responded");
    harness.webex.clearFaults();
    await poll();
    await harness.waitFor(
      "the end of the problem",
      async () => (await harness.status()).problems.every((p) => p.code !== "webexError") || null,
    );
    await harness.waitFor("the records of the problem", async () => {
      const text = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
      const records = text.split("\n").filter((line) => line.includes('"code":"webexError"'));
      const begin = records.filter((line) => line.includes(`"message":${JSON.stringify(message)}`));
      const end = records.filter((line) => line.includes('"message":"The problem has ended."'));
      return (begin.length === 1 && end.length === 1) || null;
    });
  });

  it("a proxy that refuses the connection is named in the status and in the log", async () => {
    await harness.writeSettings(1, ["WebexPresence.Proxy=http://127.0.0.1:1"]);
    const { message, hint } = await problem("webexUnreachable");
    expect(message).to.contain("The proxy 127.0.0.1:1 refused the connection.");
    expect(hint).to.contain("WebexPresence.Proxy");
    const log = await readFile(join(harness.logDirectory, "worker.log"), "utf8");
    expect(log).to.contain("The proxy 127.0.0.1:1 refused the connection.");
  });
});
