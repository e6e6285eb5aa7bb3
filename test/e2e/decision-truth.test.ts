import { expect } from "chai";

import type { LoggedRequest } from "../../simulator/request-log.js";
import { WorkerHarness } from "../support/worker-harness.js";

const isPage = ({ path, query }: LoggedRequest): boolean =>
  path === "/v1/people" && query.email === undefined;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("e2e: what passes for fresh", function () {
  this.timeout(90_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  /** A person who became busy while a page was in flight that does not show it yet. */
  async function personOnOldPage() {
    harness = await WorkerHarness.startPolling({ speed: 0 });
    const { emails } = harness.webex.people(0)[3]!;
    const uri = emails[0]!;
    harness.webex.setStatus(uri, "active");
    await harness.waitForSweep(Date.now(), 10_000);
    const page = harness.webex.holdNext(isPage, 10_000);
    await page.held;
    harness.webex.setStatus(uri, "call");
    await sleep(2_000);
    return { uri, page };
  }

  it("is not a page that was asked for 2 s before the call and arrives while the call waits", async () => {
    const { uri, page } = await personOnOldPage();
    harness.webex.fail({ kind: "hang", path: "/v1/people" });
    const decision = harness.host.refresh(uri, { maxWaitMs: 800 });
    await sleep(200);
    page.release();
    const { record, isFresh } = await decision;
    expect([isFresh, record.state]).to.deep.equal([false, "available"]);
  });

  it("is not a page that was asked for longer than maxAgeSeconds ago, however late it arrived", async () => {
    const { uri, page } = await personOnOldPage();
    page.release();
    await sleep(200);
    const { record } = await harness.decide(uri, { maxAgeSeconds: 1 });
    expect(record.state).to.equal("onCall");
  });

  it("is not an answer that waited in the worker's socket while the machine was suspended", async () => {
    const { uri, page } = await personOnOldPage();
    const { pid } = await harness.status();
    process.kill(pid, "SIGSTOP");
    page.release();
    await sleep(3_000);
    process.kill(pid, "SIGCONT");
    await sleep(200);
    const { record } = await harness.decide(uri, { maxAgeSeconds: 1 });
    expect(record.state).to.equal("onCall");
  });

  it("is had for one person beside a call for 100 addresses", async () => {
    harness = await WorkerHarness.startPolling({
      speed: 0,
      ini: ["WebexPresence.RequestsPerMinute=300", "WebexPresence.PollIntervalSeconds=3600"],
    });
    harness.webex.set({ latencyMs: 200 });
    const uris = Array.from({ length: 100 }, (_, index) => `nobody${index}@example.org`);
    const bulk = harness.host.request("presence/getMany", {
      uris,
      maxAgeSeconds: 0,
      maxWaitMs: 10_000,
    });
    await sleep(100);
    const uri = harness.webex.people(0)[3]!.emails[0]!;
    const { record, calledAt, elapsedMs } = await harness.decide(uri);
    expect(Date.parse(record.observedAt ?? "")).to.be.at.least(calledAt - 100);
    expect(elapsedMs).to.be.below(1_000);
    await bulk;
  });

  it("does not stop the sweeps for a minute after a call for many addresses at the start", async () => {
    harness = await WorkerHarness.startPolling({
      speed: 0,
      ini: ["WebexPresence.RequestsPerMinute=300"],
    });
    const uris = Array.from({ length: 150 }, (_, index) => `nobody${index}@example.org`);
    await harness.host.request("presence/getMany", { uris, maxAgeSeconds: 0 });
    await harness.waitForSweep(Date.now(), 20_000);
  });
});
