import { expect } from "chai";

import { Backoff } from "../../../src/polling/backoff.js";
import { PageSize } from "../../../src/polling/page-size.js";
import { freshnessPlanner } from "../../../src/polling/planner.js";
import type { PlannerInput } from "../../../src/polling/situation.js";
import { Sweep } from "../../../src/polling/sweep.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { SeededRandom } from "../../support/clock-fake.js";
import { listed } from "../../support/listed-persons.js";
import { person } from "../../support/polling-harness.js";

describe("backoff", () => {
  it("obeys Retry-After to the second, with a little more and never less", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 50; i += 1) {
      expect(backoff.nextDelay(30_000)).to.be.within(30_000, 31_000);
      expect(backoff.nextDelay(1_000)).to.be.within(1_000, 1_100);
    }
  });

  it("doubles from 1 s to its cap with half of it left to chance, and begins again after a success", () => {
    for (const nothing of [undefined, 0, -5]) {
      const backoff = new Backoff(new SeededRandom());
      for (const full of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        expect(backoff.nextDelay(nothing)).to.be.within(full * 500, full * 1_000);
      }
      backoff.reset();
      expect(backoff.nextDelay(undefined)).to.be.at.most(1_000);
    }
  });

  it("takes a lower cap where one is given", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 30; i += 1)
      expect(backoff.nextDelay(undefined, 10_000)).to.be.at.most(10_000);
  });
});

describe("page size", () => {
  const sweeps = (size: PageSize, count: number): void => {
    for (let i = 0; i < count; i += 1) size.recordCompletedSweep();
  };

  it("starts at 1000 and halves down to 50", () => {
    const size = new PageSize();
    const seen = [size.max];
    while (size.shrink()) seen.push(size.max);
    expect(seen).to.deep.equal([1_000, 500, 250, 125, 62, 50]);
    expect(size.shrink()).to.equal(false);
  });

  it("halves what Webex really gives, where it clips silently", () => {
    const size = new PageSize();
    size.recordPage(200, true);
    size.recordPage(7, false);
    size.shrink();
    expect(size.max).to.equal(100);
  });

  it("goes back to a size that has worked before, after a run of good sweeps", () => {
    const size = new PageSize();
    sweeps(size, 1);
    size.shrink();
    size.shrink();
    sweeps(size, 2);
    expect(size.max).to.equal(250);
    sweeps(size, 1);
    expect(size.max).to.equal(1_000);
  });

  it("grows by doubling where nothing larger has worked, and more slowly each time that fails", () => {
    const size = new PageSize();
    size.shrink();
    size.shrink();
    sweeps(size, 3);
    expect(size.max).to.equal(500);
    size.shrink();
    expect(size.max).to.equal(250);
    sweeps(size, 5);
    expect(size.max).to.equal(250);
    sweeps(size, 1);
    expect(size.max).to.equal(500);
  });
});

describe("sweep", () => {
  const ids = new WeakMap<Sweep, Set<string>>();
  /** A page of persons and bots is read, and its link followed. */
  function recordPage(
    sweep: Sweep,
    next: string | null,
    persons: string[],
    bots = 0,
  ): ReturnType<Sweep["recordPage"]> {
    const seen = ids.get(sweep) ?? new Set<string>();
    ids.set(sweep, seen);
    for (const id of persons) seen.add(id);
    const result = {
      persons: persons.length,
      alreadyOnPage: 0,
      sharesStatus: true,
      seenInSweep: seen.size,
    };
    const items = listed(
      persons.map((id) => person(id)),
      bots,
    );
    return sweep.recordPage({ items, next }, result);
  }

  it("follows links over empty pages and pages of bots alone", () => {
    const sweep = new Sweep(1, { kind: "first", max: 1_000 }, 0, 0);
    for (let i = 0; i < 500; i += 1)
      expect(recordPage(sweep, `bots=${i}`, [], 50)).to.equal("more");
    for (let i = 0; i < 50; i += 1) expect(recordPage(sweep, `empty=${i}`, [])).to.equal("more");
    expect(recordPage(sweep, null, ["a"])).to.equal("last");
  });

  it("is endless when a link comes again, when nothing new comes, and after ten thousand pages", () => {
    const circle = new Sweep(1, { kind: "first", max: 1_000 }, 0, 0);
    expect(recordPage(circle, "x", ["a"])).to.equal("more");
    expect(recordPage(circle, "y", ["b"])).to.equal("more");
    expect(recordPage(circle, "x", ["c"])).to.equal("endless");
    const sameOnes = new Sweep(1, { kind: "first", max: 1_000 }, 0, 0);
    let pages = 1;
    while (recordPage(sameOnes, `p=${pages}`, ["a"]) === "more") pages += 1;
    expect(pages).to.equal(101);
    const long = new Sweep(1, { kind: "first", max: 1_000 }, 0, 0);
    pages = 1;
    while (recordPage(long, `p=${pages}`, [`id ${pages}`]) === "more") pages += 1;
    expect(pages).to.equal(10_000);
  });
});

describe("planner where nobody known is watched", () => {
  const plannerInput: PlannerInput = {
    now: 100_000,
    notBefore: 0,
    nextPossibleAt: 100_000,
    requestsPerMinute: 60,
    requestDurationMs: { page: 0, lookup: 0 },
    pollIntervalMs: 20_000,
    pageSize: 1_000,
    sweep: null,
    previousSweep: { startedAt: 95_000, jitter: 1.1 },
    isSweepRequested: false,
    unmatchedAddresses: [],
    unmatchedLookupsLastMinute: 0,
    isUnmatchedLookupTurn: true,
    pages: { count: 1, isComplete: true, isRefetchable: true, readAt: [95_000] },
    demand: NO_DEMAND,
    requestsSinceSweepPage: 0,
  };
  const first = { kind: "page", page: { kind: "first", max: 1_000 } } as const;
  const next = { kind: "page", page: { kind: "next", url: "n" } } as const;
  const rows: [string, Partial<PlannerInput>, object][] = [
    ["the first sweep at once", { previousSweep: null }, first],
    ["waits for the interval, start to start", {}, { kind: "wait", untilMs: 117_000 }],
    [
      "a new interval changes the wait",
      { pollIntervalMs: 10_000 },
      { kind: "wait", untilMs: 106_000 },
    ],
    [
      "the next at once when the interval is over",
      { previousSweep: { startedAt: 70_000, jitter: 1.1 } },
      first,
    ],
    ["a sweep asked for", { isSweepRequested: true }, first],
    ["the next page at once", { sweep: { page: next.page, pages: 1 } }, next],
    [
      "no page before the budget allows",
      { sweep: { page: next.page, pages: 1 }, nextPossibleAt: 103_000 },
      { kind: "wait", untilMs: 103_000 },
    ],
    [
      "no page before the backoff is over",
      { isSweepRequested: true, notBefore: 104_000 },
      { kind: "wait", untilMs: 104_000 },
    ],
    [
      "a wait ends late enough for the budget",
      { nextPossibleAt: 130_000 },
      { kind: "wait", untilMs: 130_000 },
    ],
    [
      "a lookup between sweeps",
      { unmatchedAddresses: ["x@y"] },
      { kind: "lookup", address: "x@y", isUnmatched: true },
    ],
    [
      "a due sweep goes before a lookup",
      { unmatchedAddresses: ["x@y"], isSweepRequested: true },
      first,
    ],
    [
      "one lookup between two pages",
      { unmatchedAddresses: ["x@y"], sweep: { page: next.page, pages: 1 } },
      { kind: "lookup", address: "x@y", isUnmatched: true },
    ],
    [
      "but only one",
      {
        unmatchedAddresses: ["x@y"],
        sweep: { page: next.page, pages: 1 },
        isUnmatchedLookupTurn: false,
      },
      next,
    ],
    [
      "lookups keep to a quarter",
      { unmatchedAddresses: ["x@y"], unmatchedLookupsLastMinute: 15 },
      { kind: "wait", untilMs: 117_000 },
    ],
    [
      "none with a tiny budget",
      { unmatchedAddresses: ["x@y"], requestsPerMinute: 3 },
      { kind: "wait", untilMs: 117_000 },
    ],
    [
      "a lookup waits for the budget",
      { unmatchedAddresses: ["x@y"], nextPossibleAt: 101_000 },
      { kind: "wait", untilMs: 101_000 },
    ],
  ];
  for (const [name, change, action] of rows) {
    it(name, () =>
      expect(freshnessPlanner.next({ ...plannerInput, ...change })).to.deep.equal(action),
    );
  }
});
