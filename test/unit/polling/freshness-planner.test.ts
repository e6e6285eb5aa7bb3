import { expect } from "chai";

import { PageMap } from "../../../src/polling/page-map.js";
import { freshnessPlanner } from "../../../src/polling/planner.js";
import type { PlannedAction, PlannerInput } from "../../../src/polling/situation.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import type { LookupCandidate, RefreshDemand } from "../../../src/presence/polled-roster.js";

const NOW = 1_000_000;
const next = { kind: "page", page: { kind: "next", url: "n" } } as const;

function demandOnPages(
  pageWorth: readonly number[],
  change: Partial<RefreshDemand> = {},
): RefreshDemand {
  const persons = pageWorth.reduce((sum, worth) => sum + worth, 0);
  return {
    ...NO_DEMAND,
    pageWeights: Float64Array.from(pageWorth),
    pageNewlyWatched: new Uint32Array(pageWorth.length),
    persons,
    effectivePersons: persons,
    ...change,
  };
}

function candidate(address: string, ageMs: number, newcomer = false): LookupCandidate {
  return { address, weight: 1, observedAt: NOW - ageMs, isNewlyWatched: newcomer };
}

/** A hundred pages at a request a second, in the middle of a sweep. */
function plannerInput(change: Partial<PlannerInput> = {}): PlannerInput {
  return {
    now: NOW,
    notBefore: 0,
    nextPossibleAt: 0,
    requestsPerMinute: 60,
    requestDurationMs: { page: 0, lookup: 0 },
    pollIntervalMs: 20_000,
    pageSize: 1_000,
    sweep: { page: next.page, pages: 50 },
    previousSweep: { startedAt: NOW - 50_000, jitter: 1 },
    isSweepRequested: false,
    unmatchedAddresses: [],
    unmatchedLookupsLastMinute: 0,
    isUnmatchedLookupTurn: true,
    pages: {
      count: 100,
      isComplete: true,
      isRefetchable: true,
      readAt: Array.from({ length: 100 }, () => NOW - 60_000),
    },
    demand: NO_DEMAND,
    requestsSinceSweepPage: 0,
    ...change,
  };
}

const demandOn = (
  weights: Readonly<Record<number, number>>,
  newcomers: readonly number[] = [],
): RefreshDemand =>
  demandOnPages(
    Array.from({ length: 100 }, (_, page) => weights[page] ?? 0),
    {
      pageNewlyWatched: Uint32Array.from({ length: 100 }, (_, page) =>
        newcomers.includes(page) ? 1 : 0,
      ),
    },
  );

describe("planner where somebody is watched", () => {
  const rows: [string, Partial<PlannerInput>, PlannedAction][] = [
    [
      "reads a page with watched persons again",
      { demand: demandOn({ 7: 1 }) },
      { kind: "again", page: 7 },
    ],
    [
      "of two the one with more of them",
      { demand: demandOn({ 7: 1, 8: 3 }) },
      { kind: "again", page: 8 },
    ],
    ["gives the sweep its turn", { demand: demandOn({ 7: 1 }), requestsSinceSweepPage: 19 }, next],
    [
      "and each second one where somebody waits for it",
      { demand: demandOn({ 7: 1 }), requestsSinceSweepPage: 1, isSweepRequested: true },
      next,
    ],
    [
      "no page again before the interval is over",
      { demand: demandOn({ 7: 1 }), pollIntervalMs: 61_000 },
      next,
    ],
    [
      "nothing but sweeps where watched persons stand everywhere",
      { demand: demandOnPages(new Array<number>(100).fill(9)) },
      next,
    ],
    [
      "nothing but sweeps where one fits into the interval",
      {
        demand: demandOn({ 7: 1 }),
        requestsPerMinute: 600,
        sweep: null,
        previousSweep: { startedAt: NOW - 5_000, jitter: 1 },
      },
      { kind: "wait", untilMs: NOW + 15_000 },
    ],
    [
      "newcomers on a few pages first, although sweeps do for the others",
      {
        demand: demandOnPages(new Array<number>(100).fill(9), {
          pageNewlyWatched: Uint32Array.from({ length: 100 }, (_, page) => (page === 3 ? 2 : 0)),
        }),
      },
      { kind: "again", page: 3 },
    ],
    [
      "no page for newcomers' sake where a sweep is cheaper",
      {
        demand: demandOnPages(new Array<number>(100).fill(9), {
          pageNewlyWatched: new Uint32Array(100).fill(3),
        }),
      },
      next,
    ],
    [
      "looks persons up where old links are not honoured",
      {
        pages: { ...plannerInput().pages, isRefetchable: false },
        demand: demandOnPages([], {
          persons: 2,
          effectivePersons: 2,
          lookupCandidates: [candidate("b@y", 50_000), candidate("a@y", 40_000)],
        }),
      },
      { kind: "lookup", address: "b@y", isUnmatched: false },
    ],
    [
      "but not where there are more of them than pages",
      {
        pages: { ...plannerInput().pages, isRefetchable: false },
        demand: demandOnPages([], {
          persons: 200,
          effectivePersons: 200,
          lookupCandidates: [candidate("b@y", 50_000)],
        }),
      },
      next,
    ],
    [
      "looks up whom no sweep has met yet",
      { demand: demandOnPages([], { persons: 1, notOnAnyPage: [candidate("b@y", 50_000)] }) },
      { kind: "lookup", address: "b@y", isUnmatched: false },
    ],
    [
      "leaves a first sweep alone for half a minute",
      {
        pages: {
          count: 3,
          isComplete: false,
          isRefetchable: true,
          readAt: [NOW - 29_000, NOW, NOW],
        },
        pollIntervalMs: 5_000,
        demand: demandOnPages([1, 0, 0]),
      },
      next,
    ],
    [
      "then reads again what it has read",
      {
        pages: {
          count: 3,
          isComplete: false,
          isRefetchable: true,
          readAt: [NOW - 31_000, NOW, NOW],
        },
        pollIntervalMs: 5_000,
        demand: demandOnPages([1, 0, 0]),
      },
      { kind: "again", page: 0 },
    ],
    [
      "looks strangers up during a first sweep that finds none",
      { pages: { ...plannerInput().pages, isComplete: false }, unmatchedAddresses: ["x@y"] },
      { kind: "lookup", address: "x@y", isUnmatched: true },
    ],
    [
      "but not while it finds as many as there are pages",
      {
        pages: { count: 1, isComplete: false, isRefetchable: true, readAt: [NOW] },
        unmatchedAddresses: ["x@y"],
        demand: demandOnPages([50], { persons: 50 }),
      },
      next,
    ],
    [
      "sweeps at once for more strangers than there are pages",
      {
        sweep: null,
        previousSweep: { startedAt: NOW - 6_000, jitter: 1 },
        unmatchedAddresses: Array.from({ length: 101 }, (_, i) => `${i}@y`),
      },
      { kind: "page", page: { kind: "first", max: 1_000 } },
    ],
    [
      "waits for the page that is due first",
      {
        sweep: null,
        requestsPerMinute: 300,
        pollIntervalMs: 18_000,
        previousSweep: { startedAt: NOW, jitter: 1 },
        pages: { ...plannerInput().pages, readAt: Array.from({ length: 100 }, () => NOW - 10_000) },
        demand: demandOn({ 7: 1 }),
      },
      { kind: "wait", untilMs: NOW + 7_900 },
    ],
  ];
  it("looks up twice as many persons as there are pages, where a page takes that much longer", () => {
    const many = {
      pages: { ...plannerInput().pages, isRefetchable: false },
      demand: demandOnPages([], {
        persons: 200,
        effectivePersons: 200,
        lookupCandidates: [candidate("b@y", 50_000)],
      }),
    };
    const actionKindFor = (page: number, lookup: number): string =>
      freshnessPlanner.next(plannerInput({ ...many, requestDurationMs: { page, lookup } })).kind;
    expect([
      actionKindFor(900, 200),
      actionKindFor(3_000, 200),
      actionKindFor(3_000, 3_000),
    ]).to.deep.equal(["page", "lookup", "page"]);
  });

  for (const [name, change, action] of rows) {
    it(name, () => expect(freshnessPlanner.next(plannerInput(change))).to.deep.equal(action));
  }

  it("asks pages as often as the square root of their worth, and the sweep a twentieth", () => {
    const weights = Object.fromEntries(
      Array.from({ length: 30 }, (_, page) => [page, [1, 4, 16][page % 3] ?? 0]),
    );
    const readAt = Array.from({ length: 100 }, () => NOW);
    const requestCounts = new Map<string, number>();
    let sinceSweepPage = 0;
    for (let now = NOW; now < NOW + 10_000_000; now += 1_000) {
      const pages = { count: 100, isComplete: true, isRefetchable: true, readAt };
      const action = freshnessPlanner.next(
        plannerInput({
          now,
          pages,
          requestsSinceSweepPage: sinceSweepPage,
          pollIntervalMs: 2_000,
          demand: demandOn(weights),
        }),
      );
      if (action.kind === "again") {
        readAt[action.page] = now;
        sinceSweepPage += 1;
      } else sinceSweepPage = 0;
      const key = action.kind === "again" ? `worth ${weights[action.page]}` : action.kind;
      requestCounts.set(key, (requestCounts.get(key) ?? 0) + 1);
    }
    expect(requestCounts.get("page")! / 10_000).to.be.within(0.048, 0.052);
    expect(requestCounts.get("worth 4")! / requestCounts.get("worth 1")!).to.be.within(1.8, 2.2);
    expect(requestCounts.get("worth 16")! / requestCounts.get("worth 1")!).to.be.within(3.5, 4.4);
  });
});

describe("page map", () => {
  const pageResult = (persons: number, alreadyOnPage: number) => ({
    persons,
    alreadyOnPage,
    sharesStatus: true,
    seenInSweep: persons,
  });
  function createSweptPageMap(): PageMap {
    const map = new PageMap();
    map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 1_000);
    map.recordSweptPage(1, { kind: "next", url: "b" }, "c", 2_000);
    expect(map.isComplete).to.equal(false);
    map.recordSweptPage(2, { kind: "next", url: "c" }, null, 3_000);
    return map;
  }

  it("knows each page by the link to it, and takes a newer link where one comes", () => {
    const map = createSweptPageMap();
    expect([map.count, map.isComplete, map.isRefetchable]).to.deep.equal([3, true, true]);
    expect(map.readAt).to.deep.equal([1_000, 2_000, 3_000]);
    map.recordRefetchedPage(0, "b2", pageResult(2, 2), 9_000);
    expect(map.referenceOf(1)).to.deep.equal({ kind: "next", url: "b2" });
    expect(map.readAt[0]).to.equal(9_000);
    map.recordSweptPage(1, { kind: "next", url: "b3" }, null, 10_000);
    expect(map.count).to.equal(2);
    expect(map.referenceOf(2)).to.equal(undefined);
  });

  it("notices pages of other people, two running, and tries again half an hour later", () => {
    const map = createSweptPageMap();
    map.recordRefetchedPage(1, "x", pageResult(2, 0), 10_000);
    expect([map.isRefetchable, map.referenceOf(2)]).to.deep.equal([
      true,
      { kind: "next", url: "c" },
    ]);
    map.recordRefetchedPage(1, "x", pageResult(2, 2), 11_000);
    map.recordRefetchedPage(1, "x", pageResult(2, 0), 12_000);
    expect(map.isRefetchable).to.equal(true);
    map.recordRefetchedPage(2, null, pageResult(0, 0), 13_000);
    expect(map.isRefetchable).to.equal(false);
    map.expireSuspension(13_000 + 30 * 60_000 - 1);
    expect(map.isRefetchable).to.equal(false);
    map.expireSuspension(13_000 + 30 * 60_000);
    expect(map.isRefetchable).to.equal(true);
    map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 1_940_000);
    map.recordBrokenSweepLink(1_950_000);
    expect(map.isRefetchable).to.equal(true);
    map.recordRefetchedPage(1, "y", pageResult(2, 2), 1_999_000);
    map.recordBrokenSweepLink(2_000_000);
    map.expireSuspension(2_000_000 + 45 * 60_000);
    expect(map.isRefetchable).to.equal(false);
  });
});
