import { unlink } from "node:fs/promises";
import { expect } from "chai";

import type { LoggedRequest } from "../../simulator/request-log.js";
import { WorkerHarness } from "../support/worker-harness.js";

/** After the first sweep, the worker sends only what somebody asks for. */
const QUIET = { speed: 0, ini: ["WebexPresence.PollIntervalSeconds=3600"] } as const;
const MINUTE_MS = 60_000;

/** The largest number of requests in any sliding minute. */
function mostInAMinute(requests: readonly LoggedRequest[]): number {
  const counts = requests.map(
    ({ at }) => requests.filter((other) => other.at > at - MINUTE_MS && other.at <= at).length,
  );
  return Math.max(...counts);
}

describe("e2e: decisions while Webex is not to be asked", function () {
  this.timeout(60_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const uriOf = (index: number): string => harness.webex.people()[index]!.emails[0]!;
  const onDemand = async () => (await harness.status()).organizations[0]!.onDemand;
  const isLookupOf =
    (uri: string) =>
    ({ query }: LoggedRequest): boolean =>
      query.email === uri;
  /** Resolves with the response of 429, once the worker knows of it. */
  const startPause = async (retryAfter: string): Promise<LoggedRequest> => {
    const [path, headers] = ["/v1/people", { "retry-after": retryAfter }];
    harness.webex.fail({ kind: "status", status: 429, body: "webex", path, headers });
    const rejection = harness.webex.nextRequest({ path, status: 429 });
    await harness.host.request("worker/poll", {});
    await harness.waitFor(
      "the pause",
      async () => (await harness.status()).organizations[0]?.rateLimitedUntil ?? null,
    );
    return rejection;
  };

  it("answers as known during a pause that is longer than the caller waits, without a request", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const uri = uriOf(3);
    const known = await harness.get(uri);
    harness.webex.setStatus(uri, "presenting");
    const rejection = await startPause("5");
    const mark = harness.webex.mark();
    const { record, elapsedMs } = await harness.decide(uri, { maxWaitMs: 1_000 });
    expect(record).to.deep.equal(known);
    expect(elapsedMs).to.be.lessThan(1_300);

    const next = await harness.webex.nextRequest({}, 10_000);
    expect(next.at).to.be.at.least(rejection.completedAt! + 4_990);
    expect(harness.webex.requestsSince(mark)[0]).to.equal(next);
    const later = await harness.decide(uri);
    expect(later.record).to.include({ state: "presenting", reason: null });
    expect(await onDemand()).to.deep.equal({ lastMinute: 2, answeredInTime: 1, late: 1 });
  });

  it("asks after a pause that is shorter than the caller waits", async () => {
    harness = await WorkerHarness.startPolling({ ...QUIET, maxPageSize: 5 });
    const uri = uriOf(29);
    harness.webex.setStatus(uri, "presenting");
    const rejection = await startPause("1");
    const mark = harness.webex.mark();
    // The sweep that was rejected reaches this person too late.
    harness.webex.set({ latencyMs: 300 });
    const { record, calledAt } = await harness.decide(uri, { maxWaitMs: 2_000 });
    expect(record).to.include({ state: "presenting", reason: null });
    expect(Date.parse(record.observedAt!)).to.be.at.least(calledAt);
    const [first] = harness.webex.requestsSince(mark);
    expect(first?.at).to.be.at.least(rejection.completedAt! + 990);
    expect(await onDemand()).to.deep.equal({ lastMinute: 1, answeredInTime: 1, late: 0 });
  });

  it("answers with the reason, at once and without a request, while disabled", async () => {
    harness = await WorkerHarness.start(QUIET);
    await harness.authorize();
    await harness.waitForPhase("disabled");
    const mark = harness.webex.mark();
    const { record, elapsedMs } = await harness.decide(uriOf(3));
    expect(record).to.include({ state: "unknown", reason: "disabled" });
    expect(elapsedMs).to.be.lessThan(500);
    expect(harness.webex.requestsSince(mark)).to.deep.equal([]);
  });

  it("answers with the reason, at once and without a request, while Webex refuses access", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    harness.webex.set({ roleLost: true });
    await harness.host.request("worker/poll", {});
    await harness.waitForPhase("blocked");
    const mark = harness.webex.mark();
    const { record, elapsedMs } = await harness.decide(uriOf(3));
    expect(record).to.include({ state: "unknown", reason: "blocked" });
    expect(elapsedMs).to.be.lessThan(500);
    expect(harness.countedRequests(mark)).to.deep.equal([]);
  });

  it("answers with the reason, at once and without a request, to a host without a license", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    await harness.host.request("initialize", {
      protocolVersion: "1.1",
      host: { name: "UCX", version: "2021.Summer.3", licensed: false },
    });
    await harness.waitForPhase("blocked");
    const mark = harness.webex.mark();
    const { record, elapsedMs } = await harness.decide(uriOf(3));
    expect(record).to.include({ state: "unknown", reason: "blocked" });
    expect(elapsedMs).to.be.lessThan(500);
    expect(harness.webex.requestsSince(mark)).to.deep.equal([]);
  });

  it("answers within maxWaitMs before the settings are read", async () => {
    harness = await WorkerHarness.start(QUIET);
    await harness.authorize();
    await harness.host.shutdown();
    // For the first 2 s, the worker expects that the file comes back.
    await unlink(harness.settingsPath);
    await harness.host.start();
    const mark = harness.webex.mark();
    for (const maxWaitMs of [0, 300]) {
      const { record, elapsedMs } = await harness.decide(uriOf(3), { maxWaitMs });
      expect(record).to.include({ state: "unknown", reason: "notReady" });
      // Includes the start of the process.
      expect(elapsedMs).to.be.lessThan(maxWaitMs + 1_000);
    }
    expect((await harness.status()).phase).to.equal("starting");
    expect(harness.webex.requestsSince(mark)).to.deep.equal([]);
  });

  it("goes on after calls that were cancelled, and asks for none that was not sent yet", async () => {
    harness = await WorkerHarness.startPolling(QUIET);
    const [first, second, third] = [uriOf(3), uriOf(4), uriOf(5)];
    const response = harness.webex.holdNext();
    const inFlight = harness.decide(first);
    const { sequence } = await response.held;
    const cancelledAt = Date.now();
    inFlight.request.cancel();
    expect(await inFlight.catch((error: unknown) => error)).to.include({ code: -32800 });
    expect(Date.now() - cancelledAt).to.be.lessThan(300);
    response.release();
    expect((await harness.decide(first)).record).to.include({ reason: null });
    // The second call may be early enough to share the first one's request.
    expect(harness.countedRequests(sequence - 1)).to.have.length.within(1, 2);

    await startPause("1");
    const mark = harness.webex.mark();
    const unsent = harness.decide(second, { maxWaitMs: 5_000 });
    const sent = harness.decide(third, { maxWaitMs: 5_000 });
    unsent.request.cancel();
    expect(await unsent.catch((error: unknown) => error)).to.include({ code: -32800 });
    const { record, calledAt } = await sent;
    expect(Date.parse(record.observedAt!)).to.be.at.least(calledAt);
    const requests = harness.countedRequests(mark);
    expect(requests.filter(isLookupOf(second))).to.deep.equal([]);
    // The sweep that was rejected, and the lookup.
    expect(requests).to.have.length.within(1, 2);
  });
});

describe("e2e: more decisions than RequestsPerMinute allows", function () {
  // The limit applies to any 60 s, so the longest test takes that long.
  this.timeout(400_000);
  let harness: WorkerHarness;

  afterEach(() => harness.stop());

  const decideAll = async (uris: readonly string[], maxWaitMs: number) => {
    const decisions = uris.map((uri) => harness.decide(uri, { maxWaitMs }));
    const answers = await Promise.all(decisions);
    for (const { record, elapsedMs } of answers) {
      expect(elapsedMs, record.uri).to.be.lessThan(maxWaitMs + 500);
    }
    const { onDemand } = (await harness.status()).organizations[0]!;
    expect(onDemand.lastMinute).to.equal(uris.length);
    expect(onDemand.answeredInTime + onDemand.late).to.equal(uris.length);
    return { answers, onDemand };
  };

  it("uses half of the minute for 40 persons, and answers each in time", async () => {
    harness = await WorkerHarness.startPolling({
      organizations: [{ name: "Example Ltd", persons: 45, seed: 7 }],
      speed: 0,
      ini: ["WebexPresence.RequestsPerMinute=20", ...QUIET.ini],
    });
    const mark = harness.webex.mark();
    const uris = harness.webex.people().map(({ emails }) => emails[0]!);
    const { answers, onDemand } = await decideAll(uris.slice(0, 40), 2_000);
    expect(harness.countedRequests(mark)).to.have.length.within(1, 10);
    const fresh = answers.filter(
      ({ record, calledAt }) => Date.parse(record.observedAt!) >= calledAt,
    );
    expect(fresh).to.have.length(onDemand.answeredInTime);
    expect(onDemand.answeredInTime).to.be.at.least(5);
  });

  it("uses half of the minute for 40 addresses that only lookups answer, beside the sweeps", async () => {
    harness = await WorkerHarness.startPolling({
      speed: 0,
      ini: ["WebexPresence.RequestsPerMinute=20"],
    });
    const uris = Array.from({ length: 40 }, (_, index) => `nobody${index}@example.com`);
    // Afterwards, "not found" is known of them, and only decisions ask for them.
    const { records } = (await harness.host.request("presence/getMany", {
      uris,
      maxWaitMs: 30_000,
    })) as { records: { reason: string }[] };
    expect(new Set(records.map(({ reason }) => reason))).to.deep.equal(new Set(["notFound"]));

    const mark = harness.webex.mark();
    const { answers } = await decideAll(uris, 2_000);
    for (const { record } of answers) expect(record).to.include({ reason: "notFound" });
    await harness.waitFor(
      "the end of the minute",
      async () => (await harness.status()).organizations[0]!.onDemand.lastMinute === 0 || null,
      65_000,
    );
    const lookups = harness.countedRequests(mark).filter(({ query }) => "email" in query);
    expect(lookups).to.have.length.within(3, 10);
    expect(mostInAMinute(harness.countedRequests())).to.be.at.most(20);
    // The sweeps go on.
    expect(harness.countedRequests(mark).length).to.be.greaterThan(lookups.length + 3);
  });
});
