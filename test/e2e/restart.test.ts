import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";

import { WorkerHarness } from "../support/worker-harness.js";

const LEARNED_FILE = "learned.json";

describe("e2e: what a restarted worker knows", function () {
  // A rejection in the first minute says nothing about the limit, so learning takes longer.
  this.timeout(600_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const rateLimited = async (): Promise<number> =>
    (await harness.status()).organizations[0]?.requests.rateLimited ?? 0;

  it("keeps to the request limit that it learned before", async () => {
    harness = await WorkerHarness.start({
      organizations: [{ name: "Example Ltd", persons: 200, seed: 7 }],
      // A sweep of 100 pages uses whatever it may.
      maxPageSize: 2,
      requestsPerMinute: 30,
      speed: 0,
      enable: 1,
      ini: ["WebexPresence.RequestsPerMinute=600"],
    });
    await harness.authorize();
    const startedAt = Date.now();
    const rejection = async (from: number): Promise<void> => {
      const before = await rateLimited();
      await harness.waitFor(
        "a rejection",
        async () => (Date.now() >= from && (await rateLimited()) > before ? true : null),
        100_000,
      );
    };
    await rejection(startedAt);
    await rejection(startedAt + 60_000);
    await harness.host.shutdown();

    const path = join(harness.logDirectory, LEARNED_FILE);
    const learned = await readFile(path, "utf8");
    expect(() => JSON.parse(learned) as unknown).not.to.throw();
    expect(learned).not.to.match(/@/);
    for (const { id, displayName } of harness.webex.people().slice(0, 5)) {
      expect(learned).not.to.include(id);
      expect(learned).not.to.include(displayName);
    }
    if (process.platform !== "win32") expect((await stat(path)).mode & 0o777).to.equal(0o600);
    // Nothing half-written stays behind.
    const names = await readdir(harness.logDirectory);
    expect(names.filter((name) => name.includes("learned"))).to.deep.equal([LEARNED_FILE]);

    // Nobody has used up the minute: only what was learned keeps the worker slow.
    harness.webex.resetRateLimit();
    const mark = harness.webex.mark();
    await harness.host.start();
    await harness.authorize();
    const requests = await harness.waitFor(
      "15 requests",
      () => {
        const counted = harness.countedRequests(mark);
        return counted.length >= 15 ? counted : null;
      },
      60_000,
    );
    // A worker that has not learned sends them within 3 s, and is rejected 6 s later.
    expect(requests.at(-1)!.at - requests[0]!.at).to.be.greaterThan(10_000);
    expect(await rateLimited()).to.equal(0);
  });

  it("starts as usual with a learned file that is damaged", async () => {
    harness = await WorkerHarness.startPolling({ speed: 0 });
    await harness.host.shutdown();
    for (const text of ["", "{", "[1]", '{"organizations":{"x":{"requestsPerMinute":"many"}}}']) {
      await writeFile(join(harness.logDirectory, LEARNED_FILE), text);
      await harness.host.start();
      await harness.authorize();
      const { problems } = await harness.waitForSweep();
      expect(
        problems.map(({ code }) => code),
        text,
      ).to.deep.equal(["memorySecretStore"]);
      await harness.host.shutdown();
    }
    await harness.host.start();
  });
});
