import { expect } from "chai";

import { PageMap } from "../../../src/polling/page-map.js";
import type { PageResult } from "../../../src/presence/polled-roster.js";

const MINUTE_MS = 60_000;
const INTERVAL_MS = 20_000;

function pageResult(persons: number, alreadyOnPage: number): PageResult {
  return { persons, alreadyOnPage, sharesStatus: true, seenInSweep: persons };
}

/** After a sweep over three pages. */
function createPageMap(): PageMap {
  const map = new PageMap();
  map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 1_000, 1_000);
  map.recordSweptPage(1, { kind: "next", url: "b" }, "c", 2_000, 2_000);
  expect(map.isComplete).to.equal(false);
  map.recordSweptPage(2, { kind: "next", url: "c" }, null, 3_000, 3_000);
  return map;
}

describe("page map", () => {
  it("keeps the latest link to each page", () => {
    const map = createPageMap();
    expect([map.count, map.isComplete, map.isRefetchable]).to.deep.equal([3, true, true]);
    expect(map.fetchedAt).to.deep.equal([1_000, 2_000, 3_000]);
    map.recordRefetchedPage(0, "b2", pageResult(2, 2), 9_000, 9_000, INTERVAL_MS);
    expect(map.referenceOf(1)).to.deep.equal({ kind: "next", url: "b2" });
    expect(map.fetchedAt[0]).to.equal(9_000);
    map.recordSweptPage(1, { kind: "next", url: "b3" }, null, 10_000, 10_000);
    expect(map.count).to.equal(2);
    expect(map.referenceOf(2)).to.equal(undefined);
  });

  it("keeps no link that leads to another page, as those in a loop do", () => {
    const map = createPageMap();
    map.recordRefetchedPage(1, "b", pageResult(2, 2), 9_000, 9_000, INTERVAL_MS);
    expect(map.referenceOf(2)).to.deep.equal({ kind: "next", url: "c" });
    map.recordRefetchedPage(0, "loop", pageResult(2, 2), 9_500, 9_500, INTERVAL_MS);
    map.recordRefetchedPage(1, "loop", pageResult(2, 2), 9_500, 9_500, INTERVAL_MS);
    expect(map.referenceOf(2)).to.deep.equal({ kind: "next", url: "c" });
  });

  it("suspends refetching for an interval after two consecutive pages with other people", () => {
    const map = createPageMap();
    map.recordRefetchedPage(1, "x", pageResult(2, 0), 10_000, 10_000, INTERVAL_MS);
    expect(map.isRefetchable).to.equal(true);
    expect(map.referenceOf(2)).to.deep.equal({ kind: "next", url: "c" });
    map.recordRefetchedPage(1, "x", pageResult(2, 2), 11_000, 11_000, INTERVAL_MS);
    map.recordRefetchedPage(1, "x", pageResult(2, 0), 12_000, 12_000, INTERVAL_MS);
    expect(map.isRefetchable).to.equal(true);
    map.recordRefetchedPage(2, null, pageResult(0, 0), 13_000, 13_000, INTERVAL_MS);
    expect(map.isRefetchable).to.equal(false);
    map.expireSuspension(13_000 + INTERVAL_MS - 1);
    expect(map.isRefetchable).to.equal(false);
    map.expireSuspension(13_000 + INTERVAL_MS);
    expect([map.isRefetchable, map.honorsOldLinks]).to.deep.equal([true, true]);
  });

  /** Suspends refetching at this time if it is possible, and returns for how long. */
  function suspendAt(map: PageMap, at: number): number {
    map.suspendRefetching(at, at, INTERVAL_MS);
    let until = at;
    while (!map.isRefetchable) map.expireSuspension((until += 1_000));
    return until - at;
  }

  it("suspends refetching for half an hour if the next attempt fails as well, then for longer", () => {
    const map = createPageMap();
    const durations = [4, 5, 50, 150, 500, 1_000].map((minute) =>
      suspendAt(map, minute * MINUTE_MS),
    );
    const expected = [INTERVAL_MS, 30 * MINUTE_MS, 60 * MINUTE_MS, 120 * MINUTE_MS];
    expect(durations).to.deep.equal([...expected, 240 * MINUTE_MS, 360 * MINUTE_MS]);
    expect(map.honorsOldLinks).to.equal(false);
  });

  it("begins with an interval again after a whole sweep beside which refetches worked", () => {
    const map = createPageMap();
    suspendAt(map, 10_000);
    const sweep = (at: number, last: string | null): void => {
      map.recordSweptPage(0, { kind: "first", max: 2 }, "b", at, at);
      map.recordRefetchedPage(1, "c", pageResult(2, 2), at + 10, at + 10, INTERVAL_MS);
      map.recordSweptPage(1, { kind: "next", url: "b" }, last, at + 20, at + 20);
    };
    sweep(40_000, null);
    expect(suspendAt(map, 50_000)).to.equal(INTERVAL_MS);
    sweep(80_000, "c");
    expect(suspendAt(map, 90_000)).to.equal(30 * MINUTE_MS);
  });

  it("takes back a suspension if Webex has answered no page between it and a refusal", () => {
    for (const isSecond of [false, true]) {
      const map = createPageMap();
      if (isSecond) suspendAt(map, 10_000);
      map.suspendRefetching(50_000, 50_100, INTERVAL_MS);
      // Sent before the link was rejected, so it does not tell a refusal from a bad link.
      map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 50_050, 50_200);
      map.recordRefusal();
      expect([map.isRefetchable, map.honorsOldLinks]).to.deep.equal([true, true]);
      expect(suspendAt(map, 60_000)).to.equal(isSecond ? 30 * MINUTE_MS : INTERVAL_MS);
    }
  });

  it("keeps a suspension if a page was answered before Webex refused", () => {
    const map = createPageMap();
    map.suspendRefetching(50_000, 50_100, INTERVAL_MS);
    map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 50_200, 50_300);
    map.recordRefusal();
    expect(map.isRefetchable).to.equal(false);
    const learned = new PageMap(false, 5_000);
    learned.recordRefusal();
    expect(learned.isRefetchable).to.equal(false);
  });

  it("starts with a suspension if an earlier process has found that old links are not honored", () => {
    const map = new PageMap(false, 5_000);
    expect([map.isRefetchable, map.honorsOldLinks]).to.deep.equal([false, false]);
    map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 5_900, 6_000);
    map.recordSweptPage(1, { kind: "next", url: "b" }, null, 6_900, 7_000);
    map.expireSuspension(5_000 + 30 * MINUTE_MS);
    // A trial has proven nothing until it succeeds.
    expect([map.isRefetchable, map.honorsOldLinks]).to.deep.equal([true, false]);
    map.recordRefetchedPage(
      1,
      null,
      pageResult(2, 2),
      31 * MINUTE_MS,
      5_000 + 31 * MINUTE_MS,
      INTERVAL_MS,
    );
    expect(map.honorsOldLinks).to.equal(true);
  });

  it("suspends refetching for longer each time, if it broke the link of a sweep", () => {
    const map = createPageMap();
    expect(suspendAt(map, 13_000)).to.equal(INTERVAL_MS);
    map.recordSweptPage(0, { kind: "first", max: 2 }, "b", 1_940_000, 1_940_000);
    map.recordBrokenSweepLink(1_950_000, INTERVAL_MS);
    expect(map.isRefetchable).to.equal(true);
    map.recordRefetchedPage(1, "y", pageResult(2, 2), 1_999_000, 1_999_000, INTERVAL_MS);
    map.recordBrokenSweepLink(2_000_000, INTERVAL_MS);
    map.expireSuspension(2_000_000 + 29 * MINUTE_MS);
    expect(map.isRefetchable).to.equal(false);
  });

  it("keeps what a later request found of a page, whichever response comes first", () => {
    const map = createPageMap();
    map.recordSweptPage(1, { kind: "next", url: "b" }, "c9", 9_000, 9_500);
    map.recordRefetchedPage(1, "c8", pageResult(2, 0), 8_000, 10_000, INTERVAL_MS);
    map.recordRefetchedPage(1, "c8", pageResult(2, 0), 8_500, 10_000, INTERVAL_MS);
    expect(map.referenceOf(2)).to.deep.equal({ kind: "next", url: "c9" });
    expect([map.fetchedAt[1], map.isRefetchable]).to.deep.equal([9_500, true]);
  });

  it("suspends refetching once for several refetches that fail together", () => {
    const map = createPageMap();
    for (let i = 0; i < 4; i += 1) map.suspendRefetching(9_000, 10_000 + i, INTERVAL_MS);
    map.expireSuspension(10_000 + INTERVAL_MS);
    expect(map.isRefetchable).to.equal(true);
    map.suspendRefetching(9_500, 10_001 + INTERVAL_MS, INTERVAL_MS);
    expect(map.isRefetchable).to.equal(true);
  });

  it("shows by its generation that page numbers have lost their meaning", () => {
    const map = createPageMap();
    const { generation } = map;
    map.recordSweptPage(1, { kind: "next", url: "b" }, "c", 9_000, 9_000);
    expect(map.generation).to.equal(generation);
    map.clear();
    expect(map.generation).not.to.equal(generation);
    map.defer(2, 10_000);
    expect(map.count).to.equal(0);
  });
});
