import { expect } from "chai";

import { planForFreshness, type Planner } from "../../../src/polling/planner.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { FakeClock } from "../../support/clock-fake.js";
import { createPollingHarness, fault, person, SETTINGS } from "../../support/polling-harness.js";

/** A sweep of its twenty pages takes 20 s. */
function createLargeOrganization(watchedPages: readonly number[]) {
  const harness = createPollingHarness();
  harness.people.pages = Array.from({ length: 20 }, (_, page) => [person(`p${page}`)]);
  harness.roster.demandFor = (pages) => ({
    ...NO_DEMAND,
    persons: watchedPages.length,
    effectivePersons: watchedPages.length,
    pageWeights: Float64Array.from({ length: pages }, (_, page) =>
      watchedPages.includes(page) ? 1 : 0,
    ),
    pageNewlyWatched: new Uint32Array(pages),
    lookupCandidates: watchedPages.map((page) => ({
      address: `p${page}@example.com`,
      weight: 1,
      observedAt: 0,
      isNewlyWatched: false,
    })),
  });
  harness.poller.apply({ ...SETTINGS, pollIntervalSeconds: 5 });
  return harness;
}

describe("pages with watched persons", () => {
  it("are refetched by the links that a sweep found, while sweeps continue", async () => {
    const { clock, people, poller, roster, start } = createLargeOrganization([3, 12]);
    await start(30_000);
    expect(roster.completed.length).to.be.at.least(1);
    const requestCount = people.requests.length;
    await clock.advance(60_000);
    const counts = (page: number): number =>
      people.countRequests((name, index) => index >= requestCount && name === `next=${page}`);
    expect(counts(3)).to.be.at.least(9);
    expect(counts(12)).to.be.at.least(9);
    expect(counts(7)).to.be.within(1, 3);
    expect(new Set(roster.refetched.map(({ page }) => page))).to.deep.equal(new Set([3, 12]));
    for (const { ids, page } of roster.refetched) expect(ids).to.deep.equal([`p${page}`]);
    expect(poller.report().mode).to.equal("mixed");
    const sweeps = people.countRequests((name) => name.startsWith("first"));
    expect(roster.completed.length).to.be.within(sweeps - 1, sweeps);
  });

  it("are replaced by lookups without a problem if Webex does not honor old links", async () => {
    const { people, roster, codes, start } = createLargeOrganization([3, 12]);
    people.findPersons = (email) => [person(email)];
    const usedLinks = new Set<string>();
    let latestLink = "";
    people.failRequest = (name) => {
      if (name.startsWith("lookup")) return null;
      if (name.startsWith("first")) usedLinks.clear();
      const isOldLink = usedLinks.has(name) && latestLink !== name;
      usedLinks.add(name);
      latestLink = name;
      return isOldLink ? fault("refused", 400) : null;
    };
    await start(120_000);
    const lookupCount = people.countRequests((name) => name === "lookup p3@example.com");
    expect(lookupCount).to.be.at.least(5);
    expect(roster.refetched.length).to.equal(0);
    expect(roster.completed.length).to.be.at.least(2);
    expect(codes()).to.deep.equal([]);
  });

  it("are still refetched after an outage in the middle of a sweep", async () => {
    const { clock, people, poller, codes, start } = createLargeOrganization([3, 12]);
    await start(60_000);
    const isSwept = (name: string): boolean => name === "next=7";
    const swept = people.countRequests(isSwept);
    while (people.countRequests(isSwept) === swept) await clock.advance(100);
    people.failRequest = () => fault("webexError", 503);
    const attempts = people.countRequests((name) => name === "next=8");
    await clock.advance(900_000);
    expect(people.countRequests((name) => name === "next=8") - attempts).to.be.at.least(4);
    people.failRequest = () => null;
    const { length } = people.requests;
    await clock.advance(30_000);
    const refetched = people.requestNames.slice(length).filter((name) => name === "next=3");
    expect(refetched.length).to.be.at.least(3);
    expect(poller.learned().honorsOldLinks).to.equal(true);
    expect(codes()).to.deep.equal([]);
  });

  it("are refetched soon after a time in which links formed a loop", async () => {
    const { clock, people, roster, codes, start } = createLargeOrganization([3, 4, 12]);
    await start(60_000);
    // Every page is as it should be, but has the same link, which leads to the first one.
    const { respondWithPage } = people;
    people.respondWithPage = (page) => ({ ...respondWithPage(page), next: "next=0" });
    await clock.advance(30_000);
    expect(codes()).to.deep.equal(["webexError"]);
    people.respondWithPage = respondWithPage;
    await clock.advance(60_000);
    const before = roster.refetched.length;
    await clock.advance(60_000);
    expect(roster.refetched.length - before).to.be.at.least(18);
    for (const { ids, page } of roster.refetched) expect(ids).to.deep.equal([`p${page}`]);
    expect(codes()).to.deep.equal([]);
  });

  it("are still refetched after a role was lost for a moment", async () => {
    // 1 s is over before a first page can be refused.
    for (const lostMs of [1_000, 4_000, 30_000]) {
      const { clock, people, roster, poller, codes, start } = createLargeOrganization([3, 12]);
      await start(60_000);
      const { length } = people.requests;
      people.failRequest = () => fault("refused", 400);
      await clock.advance(lostMs);
      people.failRequest = () => null;
      const isLink = (name: string, index: number): boolean =>
        index >= length && name.startsWith("next=");
      expect(people.countRequests(isLink), "links that were rejected").to.be.at.least(1);
      poller.pollNow();
      await clock.advance(45_000);
      const before = roster.refetched.length;
      await clock.advance(60_000);
      expect(roster.refetched.length - before, `lost for ${lostMs} ms`).to.be.at.least(18);
      expect(poller.learned().honorsOldLinks).to.equal(true);
      expect(codes()).to.deep.equal([]);
    }
  });

  it("are reported if refetches fail although lookups between them are answered", async () => {
    let plan: Planner = planForFreshness;
    const harness = createPollingHarness(60, new FakeClock(), (input) => plan(input));
    const { clock, people, codes, start } = harness;
    people.pages = [[person("a")], [person("b")]];
    await start(10_000);
    let isRefetchNext = true;
    plan = ({ now, notBefore, nextPossibleAt, inFlight }) => {
      const untilMs = inFlight.count > 0 ? Infinity : Math.max(notBefore, nextPossibleAt);
      if (untilMs > now) return { kind: "wait", untilMs };
      isRefetchNext = !isRefetchNext;
      if (!isRefetchNext) return { kind: "refetch", page: 1 };
      return { kind: "lookup", address: "a@example.com", isUnmatched: false };
    };
    people.failRequest = (name) => (name === "next=1" ? fault("webexError", 500) : null);
    harness.poller.apply(SETTINGS);
    await clock.advance(10_000);
    expect(codes()).to.deep.equal(["webexError"]);
    people.failRequest = () => null;
    await clock.advance(5_000);
    expect(codes()).to.deep.equal([]);
  });

  it("leave a failed page of the sweep its turn, so that its problem ends in time", async () => {
    const { clock, people, codes, start } = createLargeOrganization([3, 4, 5, 12]);
    await start(60_000);
    const isElsewhere = (name: string): boolean => !/^first|=(3|4|5|12)$/.test(name);
    let failing: string | null = null;
    people.failRequest = (name) => {
      if (isElsewhere(name)) failing ??= name;
      return name === failing ? fault("webexError", 500) : null;
    };
    await clock.advance(60_000);
    expect(codes()).to.deep.equal(["webexError"]);
    people.failRequest = () => null;
    await clock.advance(5_500);
    expect(codes()).to.deep.equal([]);
  });

  it("do not disturb the current sweep when they fail", async () => {
    const { clock, people, roster, codes, start } = createLargeOrganization([3]);
    await start(22_000);
    let refetches = 0;
    let previous = "";
    people.failRequest = (name) => {
      const isRefetch = name === "next=3" && previous !== "next=2";
      previous = name;
      return isRefetch && (refetches += 1) < 5 ? fault("webexError", 504) : null;
    };
    await clock.advance(120_000);
    expect(refetches).to.be.at.least(5);
    const firstPages = people.requestNames.filter((name) => name.startsWith("first"));
    expect(new Set(firstPages)).to.deep.equal(new Set(["first 1000"]));
    expect(roster.completed.length).to.be.at.least(3);
    expect(codes()).to.deep.equal([]);
  });

  it("with newly watched persons are each refetched once, immediately", async () => {
    const { clock, people, roster, start } = createLargeOrganization([]);
    await start(60_000);
    while (people.requestNames.at(-1) !== "next=15") await clock.advance(100);
    roster.demandFor = (pages) => {
      const counts = Array.from({ length: pages }, (_, page) => ([4, 5].includes(page) ? 150 : 0));
      return {
        ...NO_DEMAND,
        persons: 300,
        newlyWatched: 300,
        effectivePersons: 300,
        pageWeights: Float64Array.from(counts),
        pageNewlyWatched: Uint32Array.from(counts),
      };
    };
    people.requests.length = 0;
    const since = clock.monotonic();
    roster.watch("someone@example.com");
    await clock.advance(4_000);
    const refetches = people.requests.filter(({ name }) => ["next=4", "next=5"].includes(name));
    expect(refetches.map(({ name }) => name).sort()).to.deep.equal(["next=4", "next=5"]);
    for (const { at } of refetches) expect(at - since).to.be.at.most(3_500);
  });

  it("raise a problem with advice when they are too old", async () => {
    const { clock, poller, roster, start } = createLargeOrganization([3, 12]);
    const hint = (): string | undefined =>
      poller.problems.find(({ code }) => code === "freshnessMissed")?.detail.hint;
    await start(60_000);
    roster.ages = { watchedP50: 100, watchedP95: 400 };
    await clock.advance(10_000);
    expect(hint()).to.match(/^No setting has to change: .* up to \d+ s old\.$/);
    poller.apply({ pollIntervalSeconds: 600, requestsPerMinute: 60, staleAfterSeconds: 180 });
    await clock.advance(10_000);
    expect(hint()).to.match(/^Set WebexPresence\.PollIntervalSeconds to \d+ \(now 600\)/);
  });

  it("raise a problem whose advice counts on higher ages only if they last", async () => {
    const { clock, poller, roster, start } = createLargeOrganization([3, 12]);
    const suggested = (): number => {
      const problem = poller.problems.find(({ code }) => code === "freshnessMissed");
      return Number(/PollIntervalSeconds to (\d+)/.exec(problem?.detail.hint ?? "")?.[1]);
    };
    await start(60_000);
    poller.apply({ pollIntervalSeconds: 600, requestsPerMinute: 60, staleAfterSeconds: 180 });
    roster.ages = { watchedP50: 100, watchedP95: 800 };
    await clock.advance(30_000);
    const afterStart = suggested();
    await clock.advance(1_500_000);
    expect(suggested()).to.be.lessThan(afterStart);
  });
});
