import { expect } from "chai";

import { OrganizationHealth } from "../../../src/polling/organization-health.js";
import type { LookupCandidate } from "../../../src/presence/polled-roster.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { planForFreshness, type Planner } from "../../../src/polling/planner.js";
import { RequestsInFlight } from "../../../src/polling/requests-in-flight.js";
import { FakeClock, NO_JITTER, settle } from "../../support/clock-fake.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

const PAGE_MS = 3_000;
const LOOKUP_MS = 200;

/** A sweep of its twenty pages takes a minute. Each watched person is on a page of their own. */
function createSlowOrganization(watchedPages: readonly number[], requestsPerMinute = 300) {
  const harness = createPollingHarness(requestsPerMinute);
  const { clock, people, poller, roster } = harness;
  people.latencyOf = (name) => (/^(first|next)/.test(name) ? PAGE_MS : LOOKUP_MS);
  people.pages = Array.from({ length: 20 }, (_, page) => [person(`p${page}`)]);
  people.findPersons = (email) => [person(email.split("@")[0] ?? "")];
  const lookedUpAt = (address: string): number => {
    const name = `lookup ${address}`;
    return people.requests.findLast((request) => request.name === name)?.at ?? 0;
  };
  const candidateOn = (page: number): LookupCandidate => {
    const address = `p${page}@example.com`;
    const observedAt = lookedUpAt(address);
    return { address, weight: 1, observedAt, isNewlyWatched: false };
  };
  roster.demandFor = (pages) => ({
    ...NO_DEMAND,
    persons: watchedPages.length,
    effectivePersons: watchedPages.length,
    pageWeights: Float64Array.from({ length: pages }, (_, page) =>
      watchedPages.includes(page) ? 1 : 0,
    ),
    pageNewlyWatched: new Uint32Array(pages),
    lookupCandidates: watchedPages.map(candidateOn),
  });
  poller.apply({ ...SETTINGS, pollIntervalSeconds: 5, requestsPerMinute });
  const isPage = (name: string): boolean => /^(first|next)/.test(name);
  /** Advances until the predicate holds, in steps of 50 ms. */
  const until = async (predicate: () => boolean): Promise<void> => {
    const end = clock.monotonic() + 300_000;
    while (!predicate()) {
      if (clock.monotonic() > end) throw new Error("Did not happen.");
      await clock.advance(50);
    }
  };
  return { ...harness, isPage, until };
}

const everyPage = Array.from({ length: 20 }, (_, page) => page);

describe("requests in flight", () => {
  it("look up watched persons while a page of the sweep is read", async () => {
    const { clock, people, roster, isPage, start } = createSlowOrganization(everyPage);
    await start(70_000);
    people.requests.length = 0;
    await clock.advance(60_000);
    expect(roster.completed.length).to.be.at.least(1);
    expect(people.countRequests(isPage)).to.be.within(15, 21);
    expect(people.countRequests((name) => !isPage(name))).to.be.at.least(200);
  });

  it("are one page of the sweep and four at most, and never two of one page or person", async () => {
    const { clock, people, isPage, start } = createSlowOrganization([3, 12, 17]);
    let maxSweepPages = 0;
    let duplicates = 0;
    await start();
    for (let at = 0; at < 200_000; at += 100) {
      await clock.advance(100);
      const names = people.namesInFlight;
      const isWatched = (name: string): boolean => /=(3|12|17)$/.test(name);
      const others = names.filter((name) => isPage(name) && !isWatched(name));
      maxSweepPages = Math.max(maxSweepPages, others.length);
      duplicates += names.length - new Set(names).size;
    }
    expect(maxSweepPages).to.equal(1);
    expect(people.maxInFlight).to.be.within(3, 4);
    expect(duplicates).to.equal(0);
  });

  it("are only as many as the rate needs", async () => {
    const { clock, people, start } = createSlowOrganization(everyPage, 30);
    await start(150_000);
    people.maxInFlight = 0;
    await clock.advance(120_000);
    // Half a request a second, and each takes 3 s.
    expect(people.maxInFlight).to.equal(2);
  });

  it("count for the plan, with all but one of those that callers wait for", () => {
    const inFlight = new RequestsInFlight();
    const lookup = (address: string) => ({ kind: "lookup", address, isUnmatched: false }) as const;
    const nothing = { isSweepPage: false, isMe: false, count: 0, refetches: 0, lookups: 0 };
    const first = inFlight.add(lookup("a@example.com"), 0, null, true);
    inFlight.add({ kind: "refetch", page: 3 }, 0, 3, true);
    const pages = new Set([3]);
    const keys = new Set(["a@example.com"]);
    expect(inFlight.plannerInput()).to.deep.equal({ ...nothing, count: 1, pages, keys });
    inFlight.delete(first);
    keys.clear();
    expect(inFlight.plannerInput()).to.deep.equal({ ...nothing, pages, keys });
    inFlight.add({ kind: "page", page: { kind: "first", max: 100 } }, 0, 0);
    inFlight.add({ kind: "refetch", page: 4 }, 0, 4);
    inFlight.add(lookup("b@example.com"), 0, null);
    inFlight.add({ kind: "confirm", address: "c@example.com" }, 0, null);
    inFlight.add({ kind: "person", id: "id-1" }, 0, null);
    inFlight.add({ kind: "me" }, 0, null);
    expect(inFlight.plannerInput()).to.deep.equal({
      ...{ isSweepPage: true, isMe: true, count: 6, refetches: 1, lookups: 3 },
      pages: new Set([3, 0, 4]),
      keys: new Set(["b@example.com", "c@example.com", "id-1"]),
    });
  });

  it("pass on when they were sent", async () => {
    const { clock, people, roster, start } = createSlowOrganization([3]);
    people.findPersons = () => [];
    await start(75_000);
    roster.watch("p9@example.com");
    await clock.advance(10_000);
    expect(roster.lookups).to.have.length(1);
    expect(roster.confirmed).to.have.length(1);
    expect(roster.refetched.length).to.be.at.least(1);
    const sentAt = people.requests.map(({ at }) => at);
    const inFlight = people.namesInFlight.length;
    expect([...roster.sentAt].sort((a, b) => a! - b!)).to.deep.equal(
      sentAt.slice(0, sentAt.length - inFlight),
    );
  });

  it("are one after Webex has limited the rate, and more again with answers", async () => {
    const { clock, people, until, start } = createSlowOrganization([3, 12, 17]);
    await start(90_000);
    await until(() => people.inFlight >= 3);
    people.faults.push(fault("rateLimited", 429, 10_000));
    await until(() => people.faults.length === 0);
    await clock.advance(10_000);
    people.maxInFlight = 0;
    const { length } = people.requests;
    await until(() => people.requests.length >= length + 2);
    expect(people.maxInFlight).to.equal(1);
    await until(() => people.maxInFlight >= 3);
    expect(people.requests.length).to.be.at.least(length + 4);
  });

  it("may be one more after each series of answers, not all at once after a rejection", async () => {
    const maxima: number[] = [];
    const planner: Planner = (input) => {
      if (maxima.at(-1) !== input.maxInFlight) maxima.push(input.maxInFlight);
      return planForFreshness(input);
    };
    const { people, start } = createPollingHarness(60, new FakeClock(), planner);
    people.faults.push(null, null, fault("rateLimited", 429, 5_000));
    await start(300_000);
    expect(maxima).to.deep.equal([4, 1, 2, 3, 4]);
  });

  it("that are rejected together begin one pause, and are reported once", async () => {
    for (const retryAfterMs of [undefined, 10_000]) {
      const { clock, people, poller, codes, changes, until, start } = createSlowOrganization([
        3, 12, 17,
      ]);
      await start(90_000);
      await until(() => people.inFlight >= 3);
      people.failRequest = () => fault("rateLimited", 429, retryAfterMs);
      await clock.advance(PAGE_MS + 100);
      expect(poller.report().requests.rateLimited).to.be.at.least(3);
      expect(codes()).to.include("rateLimited");
      expect(changes.filter((change) => change.includes("rateLimited"))).to.have.length(1);
      const pausedMs = Date.parse(poller.report().rateLimitedUntil!) - clock.now();
      expect(pausedMs).to.be.lessThan(retryAfterMs === undefined ? 5_500 : 11_000);
      await poller.stop();
    }
  });

  it("answered during a pause do not end it", async () => {
    const { clock, people, poller, codes, until, start } = createSlowOrganization([3, 12, 17]);
    await start(90_000);
    await until(() => people.inFlight >= 3);
    people.faults.push(fault("rateLimited", 429, 30_000));
    await until(() => people.faults.length === 0);
    expect(people.inFlight).to.be.at.least(1);
    await clock.advance(PAGE_MS);
    expect(people.inFlight).to.equal(0);
    expect(codes()).to.include("rateLimited");
    expect(poller.report().rateLimitedUntil).not.to.equal(null);
  });

  it("that fail together count as one failure", async () => {
    const { clock, people, poller, changes, until, start } = createSlowOrganization([3, 12, 17]);
    await start(90_000);
    await until(() => people.inFlight >= 3);
    const failing = new Set(people.namesInFlight);
    const { size } = failing;
    people.failRequest = (name) => (failing.delete(name) ? fault("webexUnreachable") : null);
    await until(() => failing.size === 0);
    const sent = people.requests.length;
    await clock.advance(1_100);
    expect(people.requests.length).to.be.at.least(sent);
    await clock.advance(10_000);
    expect(changes).to.deep.equal([]);
    expect(poller.report().requests.failed).to.equal(size);
  });

  it("go alone until one shows that Webex works again", async () => {
    const { clock, people, until, start } = createSlowOrganization([3, 12, 17]);
    await start(90_000);
    await until(() => people.inFlight >= 3);
    people.failRequest = () => fault("webexUnreachable");
    await clock.advance(2 * PAGE_MS);
    people.maxInFlight = 0;
    await clock.advance(60_000);
    expect(people.maxInFlight).to.equal(1);
    people.failRequest = () => null;
    await clock.advance(90_000);
    expect(people.maxInFlight).to.be.at.least(3);
  });

  it("answered late do not clear a refusal, and belong to no other sweep", async () => {
    const { clock, people, poller, codes, roster, isPage, until, start } =
      createSlowOrganization(everyPage);
    await start(70_000);
    await until(() => people.namesInFlight.some(isPage));
    people.failRequest = (name) => (isPage(name) ? null : fault("forbidden", 403));
    await until(() => !poller.isAccepted);
    const { length } = roster.applied;
    await clock.advance(PAGE_MS + 1_000);
    expect(people.inFlight).to.equal(0);
    expect(codes()).to.include("adminRoleLost");
    expect(roster.applied).to.have.length(length);
    people.requests.length = 0;
    await clock.advance(30_000);
    expect(people.requests).to.deep.equal([]);
    people.failRequest = () => null;
    await clock.advance(40_000);
    expect(poller.isAccepted).to.equal(true);
    expect(people.requestNames[0]).to.equal("first 1000");
    await clock.advance(70_000);
    const [sweep] = roster.applied.slice(length);
    const pages = roster.applied.filter((applied) => applied.sweep === sweep!.sweep);
    expect(pages.flatMap(({ ids }) => ids)).to.deep.equal(everyPage.map((page) => `p${page}`));
  });

  it("are all dropped by a new grant, a new route and a stop", async () => {
    for (const action of ["retryNow", "routeChanged", "stop"] as const) {
      const harness = createSlowOrganization([3, 12, 17]);
      const { clock, people, poller, roster, changes, until, start } = harness;
      await start(90_000);
      await until(() => people.inFlight >= 3);
      const { length } = roster.sentAt;
      const ended = poller[action]();
      await settle();
      await ended;
      if (action === "stop") {
        expect(people.inFlight).to.equal(0);
        expect(clock.pendingTimers).to.equal(0);
      } else expect(people.inFlight).to.be.within(1, 4);
      expect(roster.sentAt).to.have.length(length);
      expect(changes).to.deep.equal([]);
      await clock.advance(60_000);
      if (action === "stop") expect(roster.sentAt).to.have.length(length);
      else expect(roster.sentAt.length).to.be.greaterThan(length + 10);
    }
  });

  it("are awaited by stop and by the next start", async () => {
    const { clock, people, poller, roster, until, start } = createSlowOrganization([3, 12]);
    await start(90_000);
    const release: (() => void)[] = [];
    people.listPage = () =>
      new Promise((resolve) => {
        release.push(() => resolve({ items: listedPersons([person("late")]), next: null }));
      });
    await until(() => release.length >= 2);
    const { length } = roster.sentAt;
    let hasStopped = false;
    void poller.stop().then(() => (hasStopped = true));
    poller.start();
    release[0]!();
    await clock.advance(1_000);
    expect(hasStopped).to.equal(false);
    release[1]!();
    await clock.advance(10);
    expect(hasStopped).to.equal(true);
    expect(release).to.have.length(3);
    expect(roster.sentAt).to.have.length(length);
  });

  it("include no page of another size", async () => {
    const { clock, people, roster, until, start } = createSlowOrganization([3]);
    await start(90_000);
    await until(() => !people.namesInFlight.includes("next=3"));
    people.latencyOf = (name) => (name === "next=3" ? 90_000 : PAGE_MS);
    await until(() => people.namesInFlight.includes("next=3"));
    const { length } = roster.refetched;
    const isSmall = (name: string): boolean => name === "first 50";
    people.failRequest = (name) => (isSmall(name) ? null : fault("webexError", 504));
    // The first one is followed by the page that failed before, the second one by smaller pages.
    await until(() => people.countRequests(isSmall) === 3);
    people.failRequest = () => null;
    expect(people.namesInFlight).to.include("next=3");
    const refetchedBefore = roster.refetched.length;
    await until(() => !people.namesInFlight.includes("next=3"));
    await clock.advance(10);
    expect(roster.refetched.length).to.equal(refetchedBefore);
    expect(refetchedBefore).to.equal(length);
  });

  it("suspend no refetches when Webex refuses the organization before one ends", async () => {
    const { clock, people, poller, codes, logger, until, start } = createSlowOrganization([3, 12]);
    await start(90_000);
    const isLateInFlight = (): boolean => people.namesInFlight.includes("next=3");
    // The next sweep begins before the page that is late is rejected.
    await until(() => poller.report().sweepProgress?.pages === 5 && !isLateInFlight());
    people.latencyOf = (name) => (name === "next=3" ? 90_000 : PAGE_MS);
    await until(isLateInFlight);
    people.failRequest = (name) => (/^first|=3$/.test(name) ? fault("refused", 400) : null);
    await until(() => codes().includes("adminRoleLost"));
    expect(isLateInFlight(), "rejected after the refusal").to.equal(true);
    await until(() => !isLateInFlight());
    await clock.advance(10);
    const messages = logger.records.map(({ message }) => message);
    expect(messages.filter((message) => message.includes("old link"))).to.deep.equal([]);
  });

  it("do not make one silent server unreachable while others are answered", async () => {
    const { people, poller, codes, isPage, until, start } = createSlowOrganization(everyPage);
    await start(70_000);
    people.latencyOf = (name) => (isPage(name) ? 15_000 : LOOKUP_MS);
    await until(() => people.namesInFlight.some(isPage));
    poller.reportSilence(fault("webexUnreachable"));
    expect(codes()).to.deep.equal([]);
  });

  it("that fail once, after a long time, are no problem while others are answered", async () => {
    const harness = createSlowOrganization(everyPage);
    const { clock, people, poller, changes, isPage, until, start } = harness;
    await start(70_000);
    people.latencyOf = (name) => (isPage(name) ? 20_000 : LOOKUP_MS);
    people.failRequest = (name) => (isPage(name) ? fault("webexUnreachable") : null);
    await clock.advance(PAGE_MS);
    await until(() => people.namesInFlight.some(isPage));
    const { length } = people.requests;
    const { failed } = poller.report().requests;
    await until(() => poller.report().requests.failed > failed);
    expect(people.requests.length).to.be.at.least(length + 50);
    expect(changes).to.deep.equal([]);
  });

  it("that fail late do not delay others, since one sent later was answered", async () => {
    const clock = new FakeClock();
    const health = new OrganizationHealth(clock, NO_JITTER);
    await clock.advance(20_000);
    health.recordResponse(null, 19_000);
    health.recordFailure("webexUnreachable", fault("webexUnreachable"), 18_000, null, 20_000);
    expect(health.notBefore).to.equal(0);
    expect(Number.isFinite(health.failedAt)).to.equal(false);
    health.recordFailure("webexUnreachable", fault("webexUnreachable"), 19_500, null, 20_000);
    expect(health.notBefore).to.be.greaterThan(20_000);
    expect(health.failedAt).to.equal(20_000);
  });

  it("during which the machine was suspended are sent again, whatever comes of them", async () => {
    for (const outcome of [null, fault("webexUnreachable")]) {
      const harness = createSlowOrganization([3, 12, 17]);
      const { clock, people, onDemandPeople, roster, logger, changes, until, start } = harness;
      onDemandPeople.latencyMs = LOOKUP_MS;
      await start(90_000);
      await until(() => people.inFlight >= 3);
      const address = "x@example.com";
      const calledAt = clock.monotonic();
      const asked = { id: null, address, page: null, sentFrom: calledAt, calledAt, outstanding: 1 };
      roster.requestRefresh({ ...asked, waitsUntil: calledAt + 3_000 });
      await settle();
      const dropped = [...people.namesInFlight, ...onDemandPeople.namesInFlight];
      expect(dropped).to.include(`lookup ${address}`).and.to.have.length.at.least(4);
      people.failRequest = () => outcome;
      onDemandPeople.failRequest = () => outcome;
      const suspendedAt = clock.monotonic();
      const { length } = roster.sentAt;
      clock.suspend(3_600_000);
      await clock.advance(LOOKUP_MS);
      people.failRequest = () => null;
      onDemandPeople.failRequest = () => null;
      expect(onDemandPeople.requestNames).to.deep.equal([dropped.at(-1), dropped.at(-1)]);
      await clock.advance(2 * PAGE_MS);
      const applied = roster.sentAt.slice(length);
      expect(Math.min(...applied.map(Number))).to.be.at.least(suspendedAt);
      expect(roster.lookups.map((lookup) => lookup.address)).to.include(address);
      expect(changes).to.deep.equal([]);
      expect(logger.records.some(({ level }) => level === "warn")).to.equal(false);
    }
  });

  it("during which this process was stopped are sent again", async () => {
    const { clock, people, roster, changes, until, start } = createSlowOrganization([3, 12, 17]);
    await start(90_000);
    await until(() => people.inFlight >= 3);
    const { length } = roster.sentAt;
    clock.standStill(12_000);
    const resumedAt = clock.monotonic();
    await clock.advance(0);
    expect(roster.sentAt.slice(length)).to.deep.equal([]);
    await clock.advance(3 * PAGE_MS);
    const applied = roster.sentAt.slice(length);
    expect(applied).to.have.length.at.least(3);
    expect(Math.min(...applied.map(Number))).to.be.at.least(resumedAt);
    expect(changes).to.deep.equal([]);
  });

  it("that were rejected before a suspension still pause the next ones", async () => {
    const { clock, people, poller, until, start } = createSlowOrganization([3]);
    await start(90_000);
    await until(() => people.inFlight >= 1);
    people.failRequest = () => fault("rateLimited", 429, 30_000);
    clock.suspend(3_600_000);
    await clock.advance(PAGE_MS);
    expect(poller.report().rateLimitedUntil).not.to.equal(null);
  });

  it("for callers and others log one cause once", async () => {
    const { clock, people, onDemandPeople, roster, logger, start } = createSlowOrganization([3]);
    await start(70_000);
    for (const api of [people, onDemandPeople]) api.failRequest = () => fault("webexUnreachable");
    await clock.advance(2 * PAGE_MS);
    const calledAt = clock.monotonic();
    const asked = { id: null, page: null, sentFrom: calledAt, calledAt, outstanding: 1 };
    roster.requestRefresh({ ...asked, address: "x@example.com", waitsUntil: calledAt + 3_000 });
    await clock.advance(PAGE_MS);
    expect(onDemandPeople.requests).not.to.deep.equal([]);
    expect(logger.records.filter(({ level }) => level === "warn")).to.have.length(1);
  });

  it("do not delay a retry that somebody requests during the delay after a failure", async () => {
    const { clock, people, poller, isPage, until, start } = createSlowOrganization(everyPage);
    await start(70_000);
    people.latencyOf = (name) => (isPage(name) ? 30_000 : LOOKUP_MS);
    await clock.advance(PAGE_MS);
    await until(() => people.namesInFlight.some(isPage));
    people.failRequest = (name) => (isPage(name) ? null : fault("webexUnreachable"));
    await clock.advance(5_000);
    await until(() => Date.parse(poller.report().nextRequestAt ?? "") > clock.now() + 1_000);
    expect(people.namesInFlight.some(isPage)).to.equal(true);
    people.failRequest = () => null;
    const { length } = people.requests;
    expect(poller.pollNow().nextPossibleAt).to.equal(clock.now());
    await settle();
    expect(people.requests.length).to.be.at.least(length + 1);
  });
});
