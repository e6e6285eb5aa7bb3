import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

import type { ReferenceHost } from "../../simulator/reference-host.js";
import { IS_WINDOWS } from "../support/windows-fixture.js";
import { WorkerHarness } from "../support/worker-harness.js";

const LIMIT = 20;

interface Status {
  readonly organizations: readonly {
    readonly persons: number;
    readonly lastSweep: object | null;
    readonly requests: { readonly total: number; readonly rateLimited: number };
  }[];
}

interface LearnedFile {
  readonly organizations: readonly Record<string, unknown>[];
}

describe("e2e: what a restart need not learn again", function () {
  // A limit can only be learned after the first minute: the test itself takes two.
  this.timeout(900_000);
  let harness: WorkerHarness;

  beforeEach(async () => {
    harness = await WorkerHarness.start({
      enable: 1,
      // A sweep takes more requests than the limit allows in a minute.
      ...{ requestsPerMinute: LIMIT, maxPageSize: 1, speed: 0 },
      organizations: [{ name: "Example Ltd", persons: 40, seed: 7 }],
    });
  });
  afterEach(() => harness.stop());

  const requestsOf = async (host: ReferenceHost) =>
    ((await harness.status(host)) as unknown as Status).organizations[0]?.requests;
  const path = (): string => join(harness.logDirectory, "learned.json");
  const text = (): string => readFileSync(path(), "utf8");
  const learned = (): LearnedFile => JSON.parse(text()) as LearnedFile;

  it("is the limit: neither a stop nor a crash makes the worker exceed it again", async () => {
    const orgId = await harness.authorize();
    const startedAt = Date.now();
    await harness.waitFor(
      "a response 429 after the first minute",
      async () => {
        const requests = await requestsOf(harness.host);
        const isLate = Date.now() - startedAt > 62_000;
        return isLate && requests!.total > LIMIT + 5 && requests!.rateLimited > 1 ? true : null;
      },
      180_000,
    );
    await harness.host.shutdown();
    expect(learned().organizations).to.have.length(1);
    expect(learned().organizations[0]).to.include({
      orgId,
      apiOrigin: new URL(harness.webex.apiUrl).origin,
    });
    expect(learned().organizations[0]?.requestsPerMinute).to.be.within(LIMIT - 2, LIMIT + 2);
    if (!IS_WINDOWS) expect(statSync(path()).mode & 0o777).to.equal(0o600);
    expect(text()).not.to.match(/@|Example|token|secret/i);
    for (const { id, displayName } of harness.webex.people().slice(0, 5)) {
      expect(text()).not.to.include(id);
      expect(text()).not.to.include(displayName);
    }
    const names = readdirSync(harness.logDirectory).filter((name) => name.includes("learned"));
    expect(names, "nothing half-written stays").to.deep.equal(["learned.json"]);

    // What counts is the rate, not what is left of the minute before.
    harness.webex.resetRateLimit();
    const second = await launch();
    await harness.waitFor("requests", async () =>
      ((await requestsOf(second))?.total ?? 0) >= 2 ? true : null,
    );
    second.kill("SIGKILL");
    await second.exited();

    const third = await launch();
    const launchedAt = Date.now();
    const requests = await harness.waitFor(
      "ten requests",
      async () => {
        const sent = await requestsOf(third);
        return sent && sent.total >= 10 ? sent : null;
      },
      120_000,
    );
    expect(requests).to.include({ rateLimited: 0 });
    // Without the file, the worker would have sent them within 9 s; the limit takes 27 s.
    expect(Date.now() - launchedAt).to.be.at.least(18_000);
    await third.request("authorization/revoke", { orgId });
    await third.shutdown();
    expect(learned().organizations).to.deep.equal([]);
  });

  /** Starts a worker with the same files, and authorizes it again. */
  async function launch(): Promise<ReferenceHost> {
    const host = harness.newHost();
    await host.start();
    await harness.authorize(0, host);
    return host;
  }
});
