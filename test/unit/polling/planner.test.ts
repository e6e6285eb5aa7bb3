import { expect } from "chai";

import {
  type InFlight,
  type KnownPages,
  planForFreshness,
  type PlannedAction,
  type PlannerInput,
} from "../../../src/polling/planner.js";
import type { LookupCandidate, RefreshDemand } from "../../../src/presence/polled-roster.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { NOTHING_IN_FLIGHT } from "../../support/polling-harness.js";

const NOW = 1_000_000;
const FIRST_PAGE = { kind: "page", page: { kind: "first", max: 1_000 } } as const;
const NEXT_PAGE = { kind: "page", page: { kind: "next", url: "n" } } as const;
const SWEEP = { page: NEXT_PAGE.page, pages: 1 };

/** Between two sweeps of a single page, at one request per second. */
const IDLE: PlannerInput = {
  now: NOW,
  notBefore: 0,
  nextPossibleAt: 0,
  requestsPerMinute: 60,
  requestDurationMs: { page: 0, lookup: 0 },
  pollIntervalMs: 20_000,
  isMeDue: false,
  pageSize: 1_000,
  expectedPages: null,
  sweep: null,
  previousSweep: { startedAt: NOW - 5_000, jitter: 1.1 },
  isSweepRequested: false,
  unmatchedAddresses: [],
  hasUnfoundAddresses: false,
  unmatchedLookupsLastMinute: 0,
  isUnmatchedLookupTurn: true,
  confirmation: null,
  confirmationsLastMinute: 0,
  isConfirmationTurn: true,
  pages: { count: 1, isComplete: true, isRefetchable: true, fetchedAt: [NOW - 5_000] },
  demand: NO_DEMAND,
  requestsSinceSweepPage: 0,
  inFlight: NOTHING_IN_FLIGHT,
  maxInFlight: 4,
};

const PAGES: KnownPages = {
  count: 100,
  isComplete: true,
  isRefetchable: true,
  fetchedAt: new Array<number>(100).fill(NOW - 60_000),
};
/** In the middle of a sweep over a hundred pages. */
const SWEEPING: PlannerInput = {
  ...IDLE,
  sweep: { page: NEXT_PAGE.page, pages: 50 },
  previousSweep: { startedAt: NOW - 50_000, jitter: 1 },
  pages: PAGES,
};
/** Old links are not honored, and there are twice as many watched persons as pages. */
const MANY_LOOKUPS = withoutOldLinks(200, [candidate("b@y", 50_000)]);

const EVERYWHERE = new Array<number>(100).fill(9);

type Row = [string, Partial<PlannerInput>, PlannedAction];

function demandOnPages(
  pageWeights: readonly number[],
  newlyWatchedOn: (page: number) => number = () => 0,
): RefreshDemand {
  const persons = pageWeights.reduce((sum, weight) => sum + weight, 0);
  return {
    ...NO_DEMAND,
    persons,
    effectivePersons: persons,
    pageWeights: Float64Array.from(pageWeights),
    pageNewlyWatched: Uint32Array.from(pageWeights, (_, page) => newlyWatchedOn(page)),
  };
}

/** `weights`: by page, of the hundred pages. */
function demandOn(weights: Readonly<Record<number, number>>): RefreshDemand {
  return demandOnPages(Array.from({ length: 100 }, (_, page) => weights[page] ?? 0));
}

function withoutOldLinks(
  persons: number,
  lookupCandidates: readonly LookupCandidate[],
): Partial<PlannerInput> {
  const demand = { ...NO_DEMAND, persons, effectivePersons: persons, lookupCandidates };
  return { pages: { ...PAGES, isRefetchable: false }, demand };
}

/** Between two sweeps. */
function afterSweep(startedMsAgo: number): Partial<PlannerInput> {
  return { sweep: null, previousSweep: { startedAt: NOW - startedMsAgo, jitter: 1 } };
}

function candidate(address: string, ageMs: number): LookupCandidate {
  return { address, weight: 1, observedAt: NOW - ageMs, isNewlyWatched: false };
}

function lookup(address: string, isUnmatched: boolean): PlannedAction {
  return { kind: "lookup", address, isUnmatched };
}

function refetch(page: number): PlannedAction {
  return { kind: "refetch", page };
}

function waitUntil(untilMs: number): PlannedAction {
  return { kind: "wait", untilMs };
}

function itPlans(input: PlannerInput, rows: readonly Row[]): void {
  for (const [name, change, action] of rows) {
    it(name, () => expect(planForFreshness({ ...input, ...change })).to.deep.equal(action));
  }
}

describe("planner without watched persons", () => {
  const unmatchedAddresses = ["x@y"];
  itPlans(IDLE, [
    ["starts the first sweep immediately", { previousSweep: null }, FIRST_PAGE],
    ["waits for the interval between the starts of sweeps", {}, waitUntil(NOW + 17_000)],
    ["applies a new interval to the wait", { pollIntervalMs: 10_000 }, waitUntil(NOW + 6_000)],
    [
      "starts a sweep when the interval is over",
      { previousSweep: { startedAt: NOW - 30_000, jitter: 1.1 } },
      FIRST_PAGE,
    ],
    ["starts a requested sweep", { isSweepRequested: true }, FIRST_PAGE],
    ["fetches the next page immediately", { sweep: SWEEP }, NEXT_PAGE],
    [
      "fetches no page before the budget allows it",
      { sweep: SWEEP, nextPossibleAt: NOW + 3_000 },
      waitUntil(NOW + 3_000),
    ],
    [
      "fetches no page before the backoff is over",
      { isSweepRequested: true, notBefore: NOW + 4_000 },
      waitUntil(NOW + 4_000),
    ],
    [
      "extends a wait to the time that the budget allows",
      { nextPossibleAt: NOW + 30_000 },
      waitUntil(NOW + 30_000),
    ],
    ["prefers the administrator's own record", { isMeDue: true, sweep: SWEEP }, { kind: "me" }],
    ["looks up between sweeps", { unmatchedAddresses }, lookup("x@y", true)],
    ["prefers a due sweep to a lookup", { unmatchedAddresses, isSweepRequested: true }, FIRST_PAGE],
    ["looks up between two pages", { unmatchedAddresses, sweep: SWEEP }, lookup("x@y", true)],
    [
      "looks up only once between two pages",
      { unmatchedAddresses, sweep: SWEEP, isUnmatchedLookupTurn: false },
      NEXT_PAGE,
    ],
    [
      "limits lookups to a quarter of the requests",
      { unmatchedAddresses, unmatchedLookupsLastMinute: 15 },
      waitUntil(NOW + 17_000),
    ],
    [
      "does not look up with a tiny budget",
      { unmatchedAddresses, requestsPerMinute: 3 },
      waitUntil(NOW + 17_000),
    ],
    [
      "delays a lookup until the budget allows it",
      { unmatchedAddresses, nextPossibleAt: NOW + 1_000 },
      waitUntil(NOW + 1_000),
    ],
  ]);
});

describe("planner with a page that failed", () => {
  const demand: RefreshDemand = {
    ...NO_DEMAND,
    persons: 1,
    effectivePersons: 1,
    pageWeights: Float64Array.from({ length: 100 }, (_, page) => Number(page === 7)),
    pageNewlyWatched: new Uint32Array(100),
  };
  const retryAt = (time: number) => ({ demand, sweep: { ...SWEEP, pages: 50, retryAt: time } });
  const refetch = { kind: "refetch", page: 7 } as const;
  itPlans(SWEEPING, [
    ["refetches others until its retry is due", retryAt(NOW + 1), refetch],
    ["retries it before others", retryAt(NOW), NEXT_PAGE],
  ]);
});

describe("planner with missing persons", () => {
  const confirmation = { kind: "confirm", address: "a@y" } as const;
  const unmatchedAddresses = ["x@y"];
  itPlans(IDLE, [
    ["asks for them between sweeps", { confirmation }, confirmation],
    [
      "asks for one after the other between sweeps",
      { confirmation, isConfirmationTurn: false },
      confirmation,
    ],
    ["asks for them between two pages", { confirmation, sweep: SWEEP }, confirmation],
    [
      "asks for only one between two pages",
      { confirmation, sweep: SWEEP, isConfirmationTurn: false },
      NEXT_PAGE,
    ],
    ["prefers them to unmatched addresses", { confirmation, unmatchedAddresses }, confirmation],
    [
      "takes turns with unmatched addresses during a sweep",
      { confirmation, unmatchedAddresses, sweep: SWEEP, isConfirmationTurn: false },
      lookup("x@y", true),
    ],
    [
      "uses an eighth of the requests for them",
      { confirmation, confirmationsLastMinute: 8 },
      waitUntil(NOW + 17_000),
    ],
    [
      "leaves the rest of the requests to others",
      { confirmation, confirmationsLastMinute: 8, unmatchedAddresses },
      lookup("x@y", true),
    ],
    [
      "asks for one a minute with a tiny budget",
      { confirmation, requestsPerMinute: 1 },
      confirmation,
    ],
    ["prefers a due sweep", { confirmation, isSweepRequested: true }, FIRST_PAGE],
    ["starts with a sweep after a refusal", { confirmation, previousSweep: null }, FIRST_PAGE],
    [
      "waits for the end of a backoff",
      { confirmation, notBefore: NOW + 4_000 },
      waitUntil(NOW + 4_000),
    ],
  ]);
  itPlans(SWEEPING, [
    ["prefers them to refetches", { confirmation, demand: demandOn({ 7: 1 }) }, confirmation],
    [
      "takes turns with refetches",
      { confirmation, demand: demandOn({ 7: 1 }), isConfirmationTurn: false },
      refetch(7),
    ],
  ]);
});

describe("planner with watched persons", () => {
  itPlans(SWEEPING, [
    ["refetches a page with watched persons", { demand: demandOn({ 7: 1 }) }, refetch(7)],
    ["prefers the page with more of them", { demand: demandOn({ 7: 1, 8: 3 }) }, refetch(8)],
    [
      "gives the sweep its turn",
      { demand: demandOn({ 7: 1 }), requestsSinceSweepPage: 19 },
      NEXT_PAGE,
    ],
    [
      "gives every second turn to a requested sweep",
      { demand: demandOn({ 7: 1 }), requestsSinceSweepPage: 1, isSweepRequested: true },
      NEXT_PAGE,
    ],
    [
      "does not refetch a page before the interval is over",
      { demand: demandOn({ 7: 1 }), pollIntervalMs: 61_000 },
      NEXT_PAGE,
    ],
    [
      "only sweeps if there are watched persons on all pages",
      { demand: demandOnPages(EVERYWHERE) },
      NEXT_PAGE,
    ],
    [
      "only sweeps if a sweep fits into the interval",
      { ...afterSweep(5_000), demand: demandOn({ 7: 1 }), requestsPerMinute: 600 },
      waitUntil(NOW + 15_000),
    ],
    [
      "refetches pages with newly watched persons even if sweeps are enough for the others",
      { demand: demandOnPages(EVERYWHERE, (page) => (page === 3 ? 2 : 0)) },
      refetch(3),
    ],
    [
      "refetches no page for newly watched persons if a sweep is cheaper",
      { demand: demandOnPages(EVERYWHERE, () => 3) },
      NEXT_PAGE,
    ],
    [
      "looks up persons if old links are not honored",
      withoutOldLinks(2, [candidate("b@y", 50_000), candidate("a@y", 40_000)]),
      lookup("b@y", false),
    ],
    ["does not look up more persons than there are pages", MANY_LOOKUPS, NEXT_PAGE],
    [
      "looks up persons that no sweep has found yet",
      { demand: { ...NO_DEMAND, persons: 1, notOnAnyPage: [candidate("b@y", 50_000)] } },
      lookup("b@y", false),
    ],
    [
      "sweeps early for more unmatched addresses than there are pages",
      { ...afterSweep(6_000), unmatchedAddresses: Array.from({ length: 101 }, (_, i) => `${i}@y`) },
      FIRST_PAGE,
    ],
    [
      "waits for the page that is due first",
      {
        ...afterSweep(0),
        requestsPerMinute: 300,
        pollIntervalMs: 18_000,
        pages: { ...PAGES, fetchedAt: new Array<number>(100).fill(NOW - 10_000) },
        demand: demandOn({ 7: 1 }),
      },
      waitUntil(NOW + 7_900),
    ],
    [
      "counts the interval from request to request",
      {
        ...afterSweep(0),
        requestsPerMinute: 300,
        requestDurationMs: { page: 2_000, lookup: 200 },
        pollIntervalMs: 18_000,
        pages: { ...PAGES, fetchedAt: new Array<number>(100).fill(NOW - 10_000) },
        demand: demandOn({ 7: 1 }),
      },
      waitUntil(NOW + 5_900),
    ],
  ]);

  it("looks up twice as many persons as there are pages beside pages that take much longer", () => {
    const inFlight = { ...NOTHING_IN_FLIGHT, isSweepPage: true, count: 1, pages: new Set([50]) };
    const kindsFor = (page: number, lookupMs: number): string[] => {
      const input = { ...SWEEPING, ...MANY_LOOKUPS, requestDurationMs: { page, lookup: lookupMs } };
      return [input, { ...input, inFlight }].map((each) => planForFreshness(each).kind);
    };
    expect(kindsFor(900, 200)).to.deep.equal(["page", "wait"]);
    expect(kindsFor(3_000, 200)).to.deep.equal(["page", "lookup"]);
    // One at a time, it is either a page or lookups.
    const alone = { ...SWEEPING, ...MANY_LOOKUPS, maxInFlight: 1 };
    const kindAlone = (page: number, lookupMs: number): string =>
      planForFreshness({ ...alone, requestDurationMs: { page, lookup: lookupMs } }).kind;
    expect(kindAlone(900, 200)).to.equal("page");
    expect(kindAlone(3_000, 200)).to.equal("lookup");
    expect(kindAlone(3_000, 3_000)).to.equal("page");
  });

  it("looks up watched persons instead of refetching pages that take much longer", () => {
    const nextKind = (watchedOn: Readonly<Record<number, number>>, pageMs: number): string => {
      const demand = { ...demandOn(watchedOn), lookupCandidates: [candidate("b@y", 50_000)] };
      const requestDurationMs = { page: pageMs, lookup: 200 };
      const rate = { requestsPerMinute: 300 };
      return planForFreshness({ ...SWEEPING, ...rate, demand, requestDurationMs }).kind;
    };
    const oneOnEachOf = (pages: number): Record<number, number> =>
      Object.fromEntries(Array.from({ length: pages }, (_, page) => [page, 1]));
    expect(nextKind(oneOnEachOf(30), 250)).to.equal("refetch");
    expect(nextKind(oneOnEachOf(60), 2_000)).to.equal("lookup");
    // Both ways observe everybody in each interval.
    expect(nextKind(oneOnEachOf(30), 2_000)).to.equal("refetch");
    expect(nextKind({ 3: 200, 60: 100 }, 2_000)).to.equal("refetch");
  });

  it("requests pages at the square root of their weight, and the sweep every 20th time", () => {
    const weights = Array.from({ length: 30 }, (_, page) => [1, 4, 16][page % 3] ?? 0);
    const demand = demandOn(weights);
    const fetchedAt = new Array<number>(100).fill(NOW);
    const input = { ...SWEEPING, pages: { ...PAGES, fetchedAt }, pollIntervalMs: 2_000, demand };
    const requestCounts = new Map<string | number, number>();
    let requestsSinceSweepPage = 0;
    for (let now = NOW; now < NOW + 10_000_000; now += 1_000) {
      const action = planForFreshness({ ...input, now, requestsSinceSweepPage });
      if (action.kind === "refetch") fetchedAt[action.page] = now;
      requestsSinceSweepPage = action.kind === "refetch" ? requestsSinceSweepPage + 1 : 0;
      const key = action.kind === "refetch" ? (weights[action.page] ?? 0) : action.kind;
      requestCounts.set(key, (requestCounts.get(key) ?? 0) + 1);
    }
    expect(requestCounts.get("page")! / 10_000).to.be.within(0.048, 0.052);
    expect(requestCounts.get(4)! / requestCounts.get(1)!).to.be.within(1.8, 2.2);
    expect(requestCounts.get(16)! / requestCounts.get(1)!).to.be.within(3.5, 4.4);
  });
});

describe("planner with requests in flight", () => {
  const inFlight = (change: Partial<InFlight>): Partial<PlannerInput> => ({
    inFlight: { ...NOTHING_IN_FLIGHT, ...change },
  });
  const reading = inFlight({ isSweepPage: true, count: 1, pages: new Set([50]) });
  const slow = { requestsPerMinute: 300, requestDurationMs: { page: 2_000, lookup: 200 } };
  const untilOneEnds = waitUntil(Number.POSITIVE_INFINITY);
  const watched = { demand: demandOn({ 7: 1, 8: 2, 50: 9 }) };

  itPlans(SWEEPING, [
    ["requests no second page of the sweep", reading, untilOneEnds],
    ["refetches a page meanwhile", { ...reading, ...watched }, refetch(8)],
    [
      "refetches it even if it is the sweep's turn",
      { ...reading, ...watched, requestsSinceSweepPage: 500 },
      refetch(8),
    ],
    [
      "confirms who is missing, and looks up unmatched addresses",
      { ...reading, unmatchedAddresses: ["a@b"], isUnmatchedLookupTurn: false },
      lookup("a@b", true),
    ],
    ["requests nothing twice", { ...reading, demand: demandOn({ 50: 9 }) }, untilOneEnds],
    [
      "refetches other pages than those in flight",
      { ...watched, ...slow, ...inFlight({ count: 2, refetches: 2, pages: new Set([8, 50]) }) },
      refetch(7),
    ],
    [
      "refetches no more pages at a time than the rate needs",
      { ...watched, ...inFlight({ count: 1, refetches: 1, pages: new Set([8]) }) },
      untilOneEnds,
    ],
    [
      "gives the sweep its turn beside them",
      {
        ...watched,
        ...inFlight({ count: 1, refetches: 1, pages: new Set([8]) }),
        requestsSinceSweepPage: 19,
      },
      NEXT_PAGE,
    ],
    [
      "waits for the end of a refetch of the sweep's next page, though it is its turn",
      {
        ...watched,
        ...inFlight({ count: 1, refetches: 1, pages: new Set([50]) }),
        requestsSinceSweepPage: 500,
      },
      untilOneEnds,
    ],
    [
      "reads the next page if another lookup of an unmatched address would be too many",
      {
        ...{ unmatchedAddresses: ["a@b"], isUnmatchedLookupTurn: true },
        ...inFlight({ count: 1, lookups: 1, keys: new Set(["c@d"]) }),
      },
      NEXT_PAGE,
    ],
    [
      "looks up nobody twice",
      {
        ...withoutOldLinks(2, [candidate("a@b", 60_000), candidate("c@d", 50_000)]),
        requestDurationMs: { page: 0, lookup: 1_500 },
        ...inFlight({ count: 1, lookups: 1, keys: new Set(["a@b"]) }),
      },
      lookup("c@d", false),
    ],
    [
      "looks up no more persons at a time than the rate needs",
      {
        ...withoutOldLinks(2, [candidate("c@d", 50_000)]),
        requestDurationMs: { page: 0, lookup: 1_000 },
        ...inFlight({ count: 1, lookups: 1, keys: new Set(["a@b"]) }),
      },
      untilOneEnds,
    ],
    [
      "keeps four in flight at most",
      { ...watched, ...slow, ...inFlight({ isSweepPage: true, count: 4, refetches: 3 }) },
      untilOneEnds,
    ],
    ["keeps to a lower limit", { ...watched, ...reading, maxInFlight: 1 }, untilOneEnds],
    [
      "waits for the budget",
      { ...watched, ...reading, nextPossibleAt: NOW + 7 },
      waitUntil(NOW + 7),
    ],
  ]);

  itPlans(IDLE, [
    [
      "starts no second sweep",
      { ...afterSweep(60_000), ...inFlight({ isSweepPage: true, count: 1 }) },
      untilOneEnds,
    ],
    [
      "requests the own record once",
      { isMeDue: true, ...inFlight({ isMe: true, count: 1 }) },
      waitUntil(NOW + 17_000),
    ],
  ]);
});
