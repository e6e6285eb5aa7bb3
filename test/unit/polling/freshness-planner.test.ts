import { expect } from "chai";

import { PageMap } from "../../../src/polling/page-map.js";
import { freshnessPlanner } from "../../../src/polling/planner.js";
import type { PlannedAction, Situation } from "../../../src/polling/situation.js";
import { NO_DEMAND } from "../../../src/presence/demand-scan.js";
import type { LookupCandidate, WatchedDemand } from "../../../src/presence/polled-roster.js";

const NOW = 1_000_000;
const next = { kind: "page", page: { kind: "next", url: "n" } } as const;

function watchedOn(pageWorth: readonly number[], change: Partial<WatchedDemand> = {}): WatchedDemand {
  const persons = pageWorth.reduce((sum, worth) => sum + worth, 0);
  return {
    ...NO_DEMAND,
    pageWorth: Float64Array.from(pageWorth),
    pageNewcomers: new Uint32Array(pageWorth.length),
    persons,
    personsEffort: persons,
    ...change,
  };
}

function candidate(address: string, ageMs: number, newcomer = false): LookupCandidate {
  return { address, worth: 1, observedAt: NOW - ageMs, newcomer };
}

/** A hundred pages at a request a second, in the middle of a sweep. */
function situation(change: Partial<Situation> = {}): Situation {
  return {
    now: NOW,
    notBefore: 0,
    nextPossibleAt: 0,
    requestsPerMinute: 60,
    requestMs: { page: 0, lookup: 0 },
    pollIntervalMs: 20_000,
    pageSize: 1_000,
    sweep: { page: next.page, pages: 50 },
    previousSweep: { startedAt: NOW - 50_000, jitter: 1 },
    sweepRequested: false,
    strangers: [],
    strangersLastMinute: 0,
    strangersTurn: true,
    pages: { count: 100, whole: true, rereadable: true, readAt: Array.from({ length: 100 }, () => NOW - 60_000) },
    watched: NO_DEMAND,
    sinceSweepPage: 0,
    ...change,
  };
}

const onPages = (worths: Readonly<Record<number, number>>, newcomers: readonly number[] = []): WatchedDemand =>
  watchedOn(
    Array.from({ length: 100 }, (_, page) => worths[page] ?? 0),
    { pageNewcomers: Uint32Array.from({ length: 100 }, (_, page) => (newcomers.includes(page) ? 1 : 0)) },
  );

describe("planner where somebody is watched", () => {
  const rows: [string, Partial<Situation>, PlannedAction][] = [
    ["reads a page with watched persons again", { watched: onPages({ 7: 1 }) }, { kind: "again", page: 7 }],
    ["of two the one with more of them", { watched: onPages({ 7: 1, 8: 3 }) }, { kind: "again", page: 8 }],
    ["gives the sweep its turn", { watched: onPages({ 7: 1 }), sinceSweepPage: 19 }, next],
    [
      "and each second one where somebody waits for it",
      { watched: onPages({ 7: 1 }), sinceSweepPage: 1, sweepRequested: true },
      next,
    ],
    ["no page again before the interval is over", { watched: onPages({ 7: 1 }), pollIntervalMs: 61_000 }, next],
    ["nothing but sweeps where watched persons stand everywhere", { watched: watchedOn(new Array<number>(100).fill(9)) }, next],
    [
      "nothing but sweeps where one fits into the interval",
      { watched: onPages({ 7: 1 }), requestsPerMinute: 600, sweep: null, previousSweep: { startedAt: NOW - 5_000, jitter: 1 } },
      { kind: "wait", untilMs: NOW + 15_000 },
    ],
    [
      "newcomers on a few pages first, although sweeps do for the others",
      {
        watched: watchedOn(new Array<number>(100).fill(9), {
          pageNewcomers: Uint32Array.from({ length: 100 }, (_, page) => (page === 3 ? 2 : 0)),
        }),
      },
      { kind: "again", page: 3 },
    ],
    [
      "no page for newcomers' sake where a sweep is cheaper",
      { watched: watchedOn(new Array<number>(100).fill(9), { pageNewcomers: new Uint32Array(100).fill(3) }) },
      next,
    ],
    [
      "looks persons up where old links are not honoured",
      {
        pages: { ...situation().pages, rereadable: false },
        watched: watchedOn([], { persons: 2, personsEffort: 2, lookups: [candidate("b@y", 50_000), candidate("a@y", 40_000)] }),
      },
      { kind: "lookup", address: "b@y", stranger: false },
    ],
    [
      "but not where there are more of them than pages",
      {
        pages: { ...situation().pages, rereadable: false },
        watched: watchedOn([], { persons: 200, personsEffort: 200, lookups: [candidate("b@y", 50_000)] }),
      },
      next,
    ],
    [
      "looks up whom no sweep has met yet",
      { watched: watchedOn([], { persons: 1, homeless: [candidate("b@y", 50_000)] }) },
      { kind: "lookup", address: "b@y", stranger: false },
    ],
    [
      "leaves a first sweep alone for half a minute",
      {
        pages: { count: 3, whole: false, rereadable: true, readAt: [NOW - 29_000, NOW, NOW] },
        pollIntervalMs: 5_000,
        watched: watchedOn([1, 0, 0]),
      },
      next,
    ],
    [
      "then reads again what it has read",
      {
        pages: { count: 3, whole: false, rereadable: true, readAt: [NOW - 31_000, NOW, NOW] },
        pollIntervalMs: 5_000,
        watched: watchedOn([1, 0, 0]),
      },
      { kind: "again", page: 0 },
    ],
    [
      "looks strangers up during a first sweep that finds none",
      { pages: { ...situation().pages, whole: false }, strangers: ["x@y"] },
      { kind: "lookup", address: "x@y", stranger: true },
    ],
    [
      "but not while it finds as many as there are pages",
      {
        pages: { count: 1, whole: false, rereadable: true, readAt: [NOW] },
        strangers: ["x@y"],
        watched: watchedOn([50], { persons: 50 }),
      },
      next,
    ],
    [
      "sweeps at once for more strangers than there are pages",
      {
        sweep: null,
        previousSweep: { startedAt: NOW - 6_000, jitter: 1 },
        strangers: Array.from({ length: 101 }, (_, i) => `${i}@y`),
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
        pages: { ...situation().pages, readAt: Array.from({ length: 100 }, () => NOW - 10_000) },
        watched: onPages({ 7: 1 }),
      },
      { kind: "wait", untilMs: NOW + 7_900 },
    ],
  ];
  it("looks up twice as many persons as there are pages, where a page takes that much longer", () => {
    const many = {
      pages: { ...situation().pages, rereadable: false },
      watched: watchedOn([], { persons: 200, personsEffort: 200, lookups: [candidate("b@y", 50_000)] }),
    };
    const taking = (page: number, lookup: number): string =>
      freshnessPlanner.next(situation({ ...many, requestMs: { page, lookup } })).kind;
    expect([taking(900, 200), taking(3_000, 200), taking(3_000, 3_000)]).to.deep.equal(["page", "lookup", "page"]);
  });

  for (const [name, change, action] of rows) {
    it(name, () => expect(freshnessPlanner.next(situation(change))).to.deep.equal(action));
  }

  it("asks pages as often as the square root of their worth, and the sweep a twentieth", () => {
    const worths = Object.fromEntries(Array.from({ length: 30 }, (_, page) => [page, [1, 4, 16][page % 3] ?? 0]));
    const readAt = Array.from({ length: 100 }, () => NOW);
    const asked = new Map<string, number>();
    let sinceSweepPage = 0;
    for (let now = NOW; now < NOW + 10_000_000; now += 1_000) {
      const pages = { count: 100, whole: true, rereadable: true, readAt };
      const action = freshnessPlanner.next(
        situation({ now, pages, sinceSweepPage, pollIntervalMs: 2_000, watched: onPages(worths) }),
      );
      if (action.kind === "again") {
        readAt[action.page] = now;
        sinceSweepPage += 1;
      } else sinceSweepPage = 0;
      const key = action.kind === "again" ? `worth ${worths[action.page]}` : action.kind;
      asked.set(key, (asked.get(key) ?? 0) + 1);
    }
    expect(asked.get("page")! / 10_000).to.be.within(0.048, 0.052);
    expect(asked.get("worth 4")! / asked.get("worth 1")!).to.be.within(1.8, 2.2);
    expect(asked.get("worth 16")! / asked.get("worth 1")!).to.be.within(3.5, 4.4);
  });
});

describe("page map", () => {
  const told = (persons: number, there: number) => ({ persons, there, sharesStatus: true, seenInSweep: persons });
  function mapped(): PageMap {
    const map = new PageMap();
    map.swept(0, { kind: "first", max: 2 }, "b", 1_000);
    map.swept(1, { kind: "next", url: "b" }, "c", 2_000);
    expect(map.whole).to.equal(false);
    map.swept(2, { kind: "next", url: "c" }, null, 3_000);
    return map;
  }

  it("knows each page by the link to it, and takes a newer link where one comes", () => {
    const map = mapped();
    expect([map.count, map.whole, map.rereadable]).to.deep.equal([3, true, true]);
    expect(map.readAt).to.deep.equal([1_000, 2_000, 3_000]);
    map.readAgain(0, "b2", told(2, 2), 9_000);
    expect(map.referenceOf(1)).to.deep.equal({ kind: "next", url: "b2" });
    expect(map.readAt[0]).to.equal(9_000);
    map.swept(1, { kind: "next", url: "b3" }, null, 10_000);
    expect(map.count).to.equal(2);
    expect(map.referenceOf(2)).to.equal(undefined);
  });

  it("notices pages of other people, two running, and tries again half an hour later", () => {
    const map = mapped();
    map.readAgain(1, "x", told(2, 0), 10_000);
    expect([map.rereadable, map.referenceOf(2)]).to.deep.equal([true, { kind: "next", url: "c" }]);
    map.readAgain(1, "x", told(2, 2), 11_000);
    map.readAgain(1, "x", told(2, 0), 12_000);
    expect(map.rereadable).to.equal(true);
    map.readAgain(2, null, told(0, 0), 13_000);
    expect(map.rereadable).to.equal(false);
    map.lookAtTheClock(13_000 + 30 * 60_000 - 1);
    expect(map.rereadable).to.equal(false);
    map.lookAtTheClock(13_000 + 30 * 60_000);
    expect(map.rereadable).to.equal(true);
    map.swept(0, { kind: "first", max: 2 }, "b", 1_940_000);
    map.sweepLost(1_950_000);
    expect(map.rereadable).to.equal(true);
    map.readAgain(1, "y", told(2, 2), 1_999_000);
    map.sweepLost(2_000_000);
    map.lookAtTheClock(2_000_000 + 45 * 60_000);
    expect(map.rereadable).to.equal(false);
  });
});
