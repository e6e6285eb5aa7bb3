import { expect } from "chai";

import { FakeClock, settle } from "../../support/clock-fake.js";
import { planForFreshness, type Planner } from "../../../src/polling/planner.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

describe("organization poller", () => {
  it("emits personsCounted after the first sweep and when the number of persons changes", async () => {
    const { clock, people, poller, start } = createPollingHarness();
    const counts: number[] = [];
    poller.events.on("personsCounted", () => counts.push(poller.report().lastSweep?.persons ?? -1));
    await start(70_000);
    expect(counts).to.deep.equal([2]);
    people.pages = [[person("a"), person("b"), person("c")]];
    await clock.advance(30_000);
    expect(counts).to.deep.equal([2, 3]);
  });

  it("does nothing before start and then requests the first page immediately", async () => {
    const { clock, people, poller, roster, start } = createPollingHarness();
    expect(people.requests).to.deep.equal([]);
    expect(clock.pendingTimers).to.equal(0);
    expect(poller.pollNow()).to.deep.equal({ accepted: false, nextPossibleAt: null });
    poller.start();
    await start();
    expect(people.requests).to.deep.equal([{ at: 0, name: "first 1000" }]);
    expect(roster.completed).to.deep.equal([1]);
  });

  it("polls even if the clock advances between two reads, as a real one does", async () => {
    const { people, start } = createPollingHarness(60, new FakeClock(0.001));
    await start(60_000);
    expect(people.requests.length).to.be.within(3, 4);
  });

  it("sweeps every interval from start to start, with jitter, even without watched persons", async () => {
    const { people, start } = createPollingHarness();
    people.latencyMs = 3_000;
    await start(600_000);
    expect(people.requests.length).to.be.within(27, 34);
    for (const gap of people.gaps) expect(gap).to.be.within(16_000, 24_000);
    expect(new Set(people.gaps).size).to.be.greaterThan(5);
  });

  it("starts the next sweep immediately after one that took longer than the interval", async () => {
    const { people, roster, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    people.latencyMs = 10_000;
    await start(59_000);
    const sweep = ["first 1000", "next=1", "next=2"];
    expect(people.requestNames).to.deep.equal([...sweep, ...sweep]);
    expect(people.inFlight).to.equal(1);
    expect(roster.applied.map((a) => a.ids[0])).to.deep.equal(["a", "b", "c", "a", "b"]);
    expect(roster.completed).to.deep.equal([1]);
  });

  it("reports the current sweep, the last complete one and the next request", async () => {
    const { clock, people, poller, roster, start } = createPollingHarness();
    people.pages = [
      [person("a"), person("b")],
      [person("b"), person("c")],
    ];
    people.latencyMs = 2_000;
    await start(3_000);
    expect(poller.report().sweepProgress).to.deep.equal({ persons: 2, pages: 1 });
    expect(poller.report().lastSweep).to.equal(null);
    expect(poller.report().nextRequestAt).to.equal(null);
    await clock.advance(2_000);
    roster.ages = { watchedP50: 1, watchedP95: 2 };
    const report = poller.report();
    expect(report.sweepProgress).to.equal(null);
    const startedAt = "2026-01-01T00:00:00.000Z";
    expect(report.lastSweep).to.deep.equal({ startedAt, seconds: 4, persons: 3, requests: 2 });
    const requests = { perMinuteLimit: 60, lastMinute: 2, total: 2, rateLimited: 0, failed: 0 };
    expect(report.requests).to.deep.equal(requests);
    expect(report).to.include({ persons: 3, watched: 0, mode: "sweep", rateLimitedUntil: null });
    expect(report.ageSeconds).to.deep.equal({ watchedP50: 1, watchedP95: 2 });
    expect(Date.parse(report.nextRequestAt!) - clock.now()).to.be.within(13_000, 17_000);
  });

  it("applies a new interval immediately, even during a wait", async () => {
    const { clock, people, poller, start } = createPollingHarness();
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    await start(60_000);
    expect(people.requests.length).to.equal(1);
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 30 });
    await settle();
    expect(people.requests.length).to.equal(2);
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    await clock.advance(60_000);
    expect(people.requests.length).to.equal(2);
  });

  it("applies a new request limit immediately", async () => {
    const { clock, people, poller, start } = createPollingHarness(2);
    people.pages = [[person("a")], [person("b")], [person("c")], [person("d")]];
    await start(1_000);
    expect(people.requests.length).to.equal(2);
    expect(poller.report().nextRequestAt).to.equal("2026-01-01T00:01:00.250Z");
    poller.apply({ ...SETTINGS, requestsPerMinute: 3 });
    await settle();
    expect(people.requests.length).to.equal(3);
    await clock.advance(50_000);
    expect(people.requests.length).to.equal(3);
    expect(poller.report().requests.perMinuteLimit).to.equal(3);
  });

  it("sweeps on request within the budget, unless a sweep is running", async () => {
    const { clock, people, poller, start } = createPollingHarness(2);
    people.latencyMs = 500;
    await start();
    expect(poller.pollNow().accepted).to.equal(true);
    await clock.advance(5_000);
    expect(people.requests.length).to.equal(1);
    expect(poller.pollNow()).to.deep.equal({ accepted: true, nextPossibleAt: clock.now() });
    await clock.advance(1_000);
    expect(people.requests.map((a) => a.at)).to.deep.equal([0, 5_000]);
    const nextPossibleAt = Date.UTC(2026, 0, 1) + 60_750;
    expect(poller.pollNow()).to.deep.equal({ accepted: true, nextPossibleAt });
    await clock.advance(54_000);
    expect(people.requests.length).to.equal(2);
    await clock.advance(1_000);
    expect(people.requests.length).to.equal(3);
  });

  it("looks up watched addresses after the first sweep, within their share of the budget", async () => {
    const { clock, people, poller, roster, start } = createPollingHarness(20);
    people.latencyMs = 10;
    people.pages = Array.from({ length: 15 }, (_, page) => [person(`p${page}`)]);
    roster.demandFor = () => ({ ...NO_DEMAND, persons: 15 });
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 600, requestsPerMinute: 20 });
    await start(56_000);
    roster.watch("x@example.com");
    await clock.advance(4_000);
    expect(people.requestNames.length).to.equal(16);
    expect(people.requestNames.at(-1)).to.equal("lookup x@example.com");
    expect(roster.lookups).to.deep.equal([{ address: "x@example.com", found: 0 }]);
    expect(poller.report().mode).to.equal("mixed");
    for (let i = 0; i < 12; i += 1) roster.watch(`y${i}@example.com`);
    await clock.advance(15_000);
    expect(roster.lookups.length).to.equal(5);
    await clock.advance(60_000);
    expect(roster.lookups.length).to.equal(10);
    expect(poller.report().mode).to.equal("lookup");
    await clock.advance(130_000);
    expect(roster.lookups.length).to.equal(13);
    expect(poller.report().mode).to.equal("sweep");
    expect(people.countRequests((name) => name.startsWith("first"))).to.equal(1);
  });

  it("treats an address that Webex rejects as not found, and skips one whose lookup failed", async () => {
    const { clock, people, poller, roster, codes, start } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    await start();
    people.failRequest = (name) => {
      if (name.includes("rejected")) return fault("refused", 400);
      return name.includes("failing") ? fault("webexError", 500) : null;
    };
    roster.watch("rejected@example.com");
    roster.watch("failing@example.com");
    roster.watch("good@example.com");
    await clock.advance(5_000);
    const addresses = roster.lookups.map(({ address }) => address);
    expect(addresses).to.deep.equal(["rejected@example.com", "good@example.com"]);
    expect(people.countRequests((name) => name.includes("failing"))).to.equal(1);
    expect(codes()).to.deep.equal([]);
  });

  it("stops at any point of a sweep without leaving anything running, and starts again", async () => {
    for (let stopAt = 0; stopAt <= 6_000; stopAt += 250) {
      const { clock, people, poller, roster, start } = createPollingHarness(3);
      people.pages = [[person("a")], [person("b")]];
      people.latencyMs = 1_000;
      people.faults.push(null, fault("webexError", 500));
      roster.unanswered = ["x@example.com"];
      await start(stopAt);
      const requestCount = people.requests.length;
      const applied = roster.applied.length;
      const stopping = poller.stop();
      expect(poller.stop()).to.equal(stopping);
      await settle();
      await stopping;
      expect(clock.pendingTimers, `timers left when stopped at ${stopAt}`).to.equal(0);
      expect(people.inFlight).to.equal(0);
      await clock.advance(600_000);
      expect(people.requests.length).to.equal(requestCount);
      expect(roster.applied.length).to.equal(applied);
      await start(1_000);
      expect(people.requestNames.slice(requestCount)).to.include("first 1000");
    }
  });

  it("drops the response to an aborted request, and waits for it before a restart", async () => {
    const { people, poller, roster, start } = createPollingHarness();
    let release: () => void = () => undefined;
    let calls = 0;
    people.listPage = () => {
      calls += 1;
      return new Promise((resolve) => {
        release = () => resolve({ items: listedPersons([person("late")]), next: null });
      });
    };
    await start();
    const stopped = poller.stop();
    await start();
    expect(calls).to.equal(1);
    release();
    await stopped;
    await settle();
    expect(roster.applied).to.deep.equal([]);
    expect(calls).to.equal(2);
    const stoppedAgain = poller.stop();
    release();
    await stoppedAgain;
    expect(roster.completed).to.deep.equal([]);
  });

  it("clears its problems when stopped", async () => {
    const { people, poller, codes, changes, start } = createPollingHarness();
    people.failRequest = () => fault("refused", 400);
    await start(10);
    expect(codes()).to.deep.equal(["adminRoleLost"]);
    await poller.stop();
    expect(codes()).to.deep.equal([]);
    expect(poller.isAccepted).to.equal(true);
    expect(changes).to.deep.equal([["adminRoleLost"], []]);
  });

  it("continues when a listener throws", async () => {
    const { people, poller, logger, start } = createPollingHarness();
    people.faults.push(fault("rateLimited", 429, 1_000));
    poller.events.on("stateChanged", () => {
      throw new Error("listener");
    });
    await start(5_000);
    expect(people.requests.length).to.equal(2);
    expect(logger.records.some((r) => r.level === "error")).to.equal(true);
  });

  it("passes the average duration of answered pages and lookups to the planner", async () => {
    let durations = { page: 0, lookup: 0 };
    const planner: Planner = (input) => {
      durations = { ...input.requestDurationMs };
      return planForFreshness(input);
    };
    const harness = createPollingHarness(60, new FakeClock(), planner);
    const { clock, people, poller, roster, start } = harness;
    people.latencyMs = 400;
    await start(1_000);
    expect(durations).to.deep.equal({ page: 400, lookup: 0 });
    people.latencyMs = 100;
    roster.watch("x@example.com");
    await clock.advance(1_000);
    expect(durations).to.deep.equal({ page: 400, lookup: 100 });
    people.latencyMs = 4_000;
    people.faults.push(fault("webexError", 500));
    poller.pollNow();
    await clock.advance(4_500);
    expect(durations.page).to.equal(400);
    people.latencyMs = 800;
    await clock.advance(60_000);
    expect(durations.page).to.be.within(500, 800);
  });

  it("sweeps ten thousand persons in well under a second", async () => {
    const { people, roster, start } = createPollingHarness(600);
    people.pages = Array.from({ length: 10 }, (_, page) =>
      Array.from({ length: 1_000 }, (_, i) => person(`${page}-${i}`)),
    );
    const startedAt = performance.now();
    await start(1_000);
    expect(roster.known.size).to.equal(10_000);
    expect(performance.now() - startedAt).to.be.lessThan(1_000);
  });
});
