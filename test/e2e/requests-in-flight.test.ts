import { expect } from "chai";

import type { LoggedRequest } from "../../simulator/request-log.js";
import { WorkerHarness, type Decision } from "../support/worker-harness.js";

/** How many of these requests were in flight when another one arrived, including that one. */
function inFlightAt(requests: readonly LoggedRequest[], arrived: LoggedRequest): number {
  return requests.filter(
    ({ at, completedAt, sequence }) =>
      sequence <= arrived.sequence && at <= arrived.at && (completedAt ?? Infinity) > arrived.at,
  ).length;
}

function mostInFlight(requests: readonly LoggedRequest[]): number {
  return Math.max(0, ...requests.map((request) => inFlightAt(requests, request)));
}

describe("e2e: how many requests are in flight", function () {
  // Pages take 1.5 s each.
  this.timeout(300_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const start = async (): Promise<string[]> => {
    harness = await WorkerHarness.start({
      organizations: [{ name: "Example Ltd", persons: 192, bots: 0, seed: 7 }],
      maxPageSize: 12,
      speed: 0,
      enable: 1,
      ini: ["WebexPresence.RequestsPerMinute=600"],
    });
    await harness.authorize();
    await harness.waitForSweep(0, 30_000);
    harness.webex.set({ latencyMs: 100, latencyPerPersonMs: 120 });
    return harness.webex.people().map(({ emails }) => emails[0]!);
  };
  const peopleRequests = (mark: number): LoggedRequest[] =>
    harness.webex.requestsSince(mark, { path: "/v1/people*" });
  /** Waits until that many requests were answered; the log is that of the simulator. */
  const waitForAnswered = (mark: number, count: number): Promise<unknown> =>
    harness.waitFor(
      `${count} answered requests`,
      () => peopleRequests(mark).filter(({ status }) => status === 200).length >= count || null,
      30_000,
    );

  it("has one page of the sweep in flight, if nobody is watched", async () => {
    await start();
    const mark = harness.webex.mark();
    await waitForAnswered(mark, 4);
    expect(mostInFlight(peopleRequests(0))).to.equal(1);
  });

  it("has as many as limit and latency ask for, and one more for a caller who waits", async () => {
    const uris = await start();
    // Everybody on 12 of 16 pages, which need 18 s of responses every 5 s.
    await harness.host.request("presence/subscribe", { uris: uris.slice(0, 144) });
    let mark = harness.webex.mark();
    await harness.waitFor(
      "three in flight",
      () => mostInFlight(peopleRequests(mark)) >= 3 || null,
      30_000,
    );
    await waitForAnswered(mark, 20);
    expect(mostInFlight(peopleRequests(mark))).to.be.within(3, 4);

    mark = harness.webex.mark();
    const decisions: Awaited<Decision>[] = [];
    for (const uri of uris.filter((_, index) => index % 32 === 1)) {
      decisions.push(await harness.decide(uri));
    }
    for (const { record, calledAt, elapsedMs } of decisions) {
      expect(Date.parse(record.observedAt!), record.uri).to.be.at.least(calledAt - 100);
      expect(elapsedMs, record.uri).to.be.lessThan(1_500);
    }
    expect(mostInFlight(peopleRequests(mark))).to.be.at.most(5);

    const [path, headers] = ["/v1/people", { "retry-after": "1" }];
    harness.webex.fail({ kind: "status", status: 429, body: "webex", path, headers });
    const rejected = await harness.webex.nextRequest({ path, status: 429 });
    const afterPause = (): LoggedRequest[] =>
      peopleRequests(0).filter(({ at }) => at > rejected.completedAt! + 950);
    await harness.waitFor("two requests", () => afterPause()[1] ?? null, 10_000);
    const [first, second] = afterPause();
    expect(first!.at).to.be.at.least(rejected.completedAt! + 990);
    expect(inFlightAt(peopleRequests(0), first!)).to.equal(1);
    expect(second!.at).to.be.at.least(first!.completedAt!);
    await harness.waitFor(
      "several in flight again",
      () => mostInFlight(afterPause()) >= 2 || null,
      30_000,
    );
  });
});
