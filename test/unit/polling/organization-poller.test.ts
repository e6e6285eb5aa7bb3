import { expect } from "chai";

import { FakeClock, SeededRandom, settle } from "../../support/clock-fake.js";
import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { freshnessPlanner } from "../../../src/polling/planner.js";
import type { Planner } from "../../../src/polling/situation.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { listed } from "../../support/listed-persons.js";
import { fault, person, createPollingHarness } from "../../support/polling-harness.js";

const SETTINGS = { pollIntervalSeconds: 20, requestsPerMinute: 60, staleAfterSeconds: 180 };

describe("organization poller", () => {
  it("tells when the persons are counted for the first time, and when there are more or fewer", async () => {
    const { clock, people, poller } = createPollingHarness();
    const counts: number[] = [];
    poller.events.on("personsCounted", () => counts.push(poller.report().lastSweep?.persons ?? -1));
    poller.start();
    await clock.advance(70_000);
    expect(counts).to.deep.equal([2]);
    people.pages = [[person("a"), person("b"), person("c")]];
    await clock.advance(30_000);
    expect(counts).to.deep.equal([2, 3]);
    await poller.stop();
  });

  it("does nothing before start and asks for the first page at once", async () => {
    const { clock, people, poller, roster } = createPollingHarness();
    expect(people.requests).to.deep.equal([]);
    expect(clock.pendingTimers).to.equal(0);
    expect(poller.pollNow()).to.deep.equal({ accepted: false, nextPossibleAt: null });
    poller.start();
    poller.start();
    await settle();
    expect(people.requests).to.deep.equal([{ at: 0, name: "first 1000" }]);
    expect(roster.completed).to.deep.equal([1]);
    await poller.stop();
  });

  it("asks also when the clock moves between two looks at it, as a real one does", async () => {
    const { clock, people, poller } = createPollingHarness(60, new FakeClock(0.001));
    poller.start();
    await clock.advance(60_000);
    expect(people.requests.length).to.be.within(3, 4);
    await poller.stop();
  });

  it("sweeps each interval, start to start, jittered by at most a fifth, also when nobody watches", async () => {
    const { clock, people, poller } = createPollingHarness();
    people.latencyMs = 3_000;
    poller.start();
    await clock.advance(600_000);
    const starts = people.requests.map((a) => a.at);
    expect(starts.length).to.be.within(27, 34);
    const gaps = starts.slice(1).map((at, i) => at - starts[i]!);
    for (const gap of gaps) expect(gap).to.be.within(16_000, 24_000);
    expect(new Set(gaps).size).to.be.greaterThan(5);
    await poller.stop();
  });

  it("follows a sweep that took longer than the interval by the next at once, one request at a time", async () => {
    const { clock, people, poller, roster } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    people.latencyMs = 10_000;
    poller.start();
    await clock.advance(59_000);
    expect(people.requestNames).to.deep.equal([
      "first 1000",
      "next=1",
      "next=2",
      "first 1000",
      "next=1",
      "next=2",
    ]);
    expect(people.inFlight).to.equal(1);
    expect(roster.applied.map((a) => a.ids[0])).to.deep.equal(["a", "b", "c", "a", "b"]);
    expect(roster.completed).to.deep.equal([1]);
    await poller.stop();
  });

  it("reports the sweep under way, the last one and what comes next", async () => {
    const { clock, people, poller, roster } = createPollingHarness();
    people.pages = [
      [person("a"), person("b")],
      [person("b"), person("c")],
    ];
    people.latencyMs = 2_000;
    poller.start();
    await clock.advance(3_000);
    expect(poller.report().sweepProgress).to.deep.equal({ persons: 2, pages: 1 });
    expect(poller.report().lastSweep).to.equal(null);
    expect(poller.report().nextRequestAt).to.equal(null);
    await clock.advance(2_000);
    roster.ages = { watchedP50: 1, watchedP95: 2 };
    const report = poller.report();
    expect(report.sweepProgress).to.equal(null);
    expect(report.lastSweep).to.deep.equal({
      startedAt: "2026-01-01T00:00:00.000Z",
      seconds: 4,
      persons: 3,
      requests: 2,
    });
    expect(report.requests).to.deep.equal({
      perMinuteLimit: 60,
      lastMinute: 2,
      total: 2,
      rateLimited: 0,
      failed: 0,
    });
    expect(report).to.include({ persons: 3, watched: 0, mode: "sweep", rateLimitedUntil: null });
    expect(report.ageSeconds).to.deep.equal({ watchedP50: 1, watchedP95: 2 });
    expect(Date.parse(report.nextRequestAt!) - clock.now()).to.be.within(13_000, 17_000);
    await poller.stop();
  });

  it("applies a new interval at once to the wait under way", async () => {
    const { clock, people, poller } = createPollingHarness();
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    poller.start();
    await clock.advance(60_000);
    expect(people.requests.length).to.equal(1);
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 30 });
    await settle();
    expect(people.requests.length).to.equal(2);
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 3_600 });
    await clock.advance(60_000);
    expect(people.requests.length).to.equal(2);
    await poller.stop();
  });

  it("applies a new request limit at once, and keeps to it", async () => {
    const { clock, people, poller } = createPollingHarness(2);
    people.pages = [[person("a")], [person("b")], [person("c")], [person("d")]];
    poller.start();
    await clock.advance(1_000);
    expect(people.requests.length).to.equal(2);
    expect(poller.report().nextRequestAt).to.equal("2026-01-01T00:01:00.250Z");
    poller.apply({ ...SETTINGS, requestsPerMinute: 3 });
    await settle();
    expect(people.requests.length).to.equal(3);
    await clock.advance(50_000);
    expect(people.requests.length).to.equal(3);
    expect(poller.report().requests.perMinuteLimit).to.equal(3);
    await poller.stop();
  });

  it("polls now when asked to, inside the budget, and counts a sweep under way as that", async () => {
    const { clock, people, poller } = createPollingHarness(2);
    people.latencyMs = 500;
    poller.start();
    await settle();
    expect(poller.pollNow().accepted).to.equal(true);
    await clock.advance(5_000);
    expect(people.requests.length).to.equal(1);
    expect(poller.pollNow()).to.deep.equal({ accepted: true, nextPossibleAt: clock.now() });
    await clock.advance(1_000);
    expect(people.requests.map((a) => a.at)).to.deep.equal([0, 5_000]);
    expect(poller.pollNow()).to.deep.equal({
      accepted: true,
      nextPossibleAt: Date.UTC(2026, 0, 1) + 60_750,
    });
    await clock.advance(54_000);
    expect(people.requests.length).to.equal(2);
    await clock.advance(1_000);
    expect(people.requests.length).to.equal(3);
    await poller.stop();
  });

  it("looks up watched addresses between sweeps, once a sweep is through, within their share", async () => {
    const { clock, people, poller, roster } = createPollingHarness(20);
    roster.unanswered = ["x@example.com"];
    people.latencyMs = 10;
    people.pages = Array.from({ length: 15 }, (_, page) => [person(`p${page}`)]);
    roster.demandFor = () => ({ ...NO_DEMAND, persons: 15 });
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 600, requestsPerMinute: 20 });
    poller.start();
    await clock.advance(60_000);
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
    expect(people.requestNames.filter((what) => what.startsWith("first")).length).to.equal(1);
    await poller.stop();
  });

  it("takes an address that Webex refuses for nobody's, and lets others go before one whose lookup failed", async () => {
    const { clock, people, poller, roster, codes } = createPollingHarness();
    people.pages = [[person("a")], [person("b")], [person("c")]];
    poller.apply({ ...SETTINGS, pollIntervalSeconds: 300 });
    poller.start();
    await settle();
    people.failRequest = (what) =>
      what.includes("odd")
        ? fault("refused", 400)
        : what.includes("bad")
          ? fault("webexError", 500)
          : null;
    roster.watch("odd@example.com");
    roster.watch("bad@example.com");
    roster.watch("good@example.com");
    await clock.advance(5_000);
    expect(roster.lookups.map((l) => l.address)).to.deep.equal([
      "odd@example.com",
      "good@example.com",
    ]);
    expect(people.requestNames.filter((w) => w.includes("bad")).length).to.equal(1);
    expect(codes()).to.deep.equal([]);
    await poller.stop();
  });

  it("stops at every point of a sweep: results are dropped, nothing is left running, and a new start begins anew", async () => {
    for (let stopAt = 0; stopAt <= 6_000; stopAt += 250) {
      const { clock, people, poller, roster } = createPollingHarness(3);
      people.pages = [[person("a")], [person("b")]];
      people.latencyMs = 1_000;
      people.faults.push(null, fault("webexError", 500));
      roster.unanswered = ["x@example.com"];
      poller.start();
      await clock.advance(stopAt);
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
      poller.start();
      await settle();
      expect(people.requestNames.at(-1)).to.equal("first 1000");
      await poller.stop();
    }
  });

  it("drops what comes back although it was aborted, and lets a restart wait for the earlier request's end", async () => {
    const { people, poller, roster } = createPollingHarness();
    let release: () => void = () => undefined;
    let calls = 0;
    people.listPage = () => {
      calls += 1;
      return new Promise((resolve) => {
        release = () => resolve({ items: listed([person("late")]), next: null });
      });
    };
    poller.start();
    await settle();
    const stopped = poller.stop();
    poller.start();
    await settle();
    expect(calls).to.equal(1);
    release();
    await stopped;
    await settle();
    expect(roster.applied).to.deep.equal([]);
    expect(calls).to.equal(2);
    const again = poller.stop();
    release();
    await again;
    expect(roster.completed).to.deep.equal([]);
  });

  it("clears its problems when stopped", async () => {
    const { clock, people, poller, codes, changes } = createPollingHarness();
    people.failRequest = () => fault("refused", 400);
    poller.start();
    await clock.advance(10);
    expect(codes()).to.deep.equal(["adminRoleLost"]);
    await poller.stop();
    expect(codes()).to.deep.equal([]);
    expect(poller.isAccepted).to.equal(true);
    expect(changes).to.deep.equal([["adminRoleLost"], []]);
  });

  it("goes on when a listener fails", async () => {
    const { clock, people, poller, logger } = createPollingHarness();
    people.faults.push(fault("rateLimited", 429, 1_000));
    poller.events.on("stateChanged", () => {
      throw new Error("listener");
    });
    poller.start();
    await clock.advance(5_000);
    expect(people.requests.length).to.equal(2);
    expect(logger.records.some((r) => r.level === "error")).to.equal(true);
    await poller.stop();
  });

  it("tells the planner how long pages and lookups take, those that were answered", async () => {
    const { clock, people, roster, budget, logger } = createPollingHarness();
    let durations = { page: 0, lookup: 0 };
    const planner: Planner = {
      next: (situation) => {
        durations = {
          page: situation.requestDurationMs.page,
          lookup: situation.requestDurationMs.lookup,
        };
        return freshnessPlanner.next(situation);
      },
    };
    const random = new SeededRandom(7);
    const poller = new OrganizationPoller({
      ...{ orgId: "org", people, roster, budget, clock, random, logger, planner },
      grantedScopes: () => [],
    });
    people.latencyMs = 400;
    poller.start();
    await clock.advance(1_000);
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
    await poller.stop();
  });

  it("reads ten thousand persons in pages without the sweep itself costing time", async () => {
    const { clock, people, poller, roster } = createPollingHarness(600);
    people.pages = Array.from({ length: 10 }, (_, page) =>
      Array.from({ length: 1_000 }, (_, i) => person(`${page}-${i}`)),
    );
    const begun = performance.now();
    poller.start();
    await clock.advance(1_000);
    expect(roster.known.size).to.equal(10_000);
    expect(performance.now() - begun).to.be.lessThan(1_000);
    await poller.stop();
  });
});
