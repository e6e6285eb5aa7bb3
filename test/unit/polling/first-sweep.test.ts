import { expect } from "chai";

import {
  type InFlight,
  type KnownPages,
  planForFreshness,
  type PlannerInput,
} from "../../../src/polling/planner.js";
import type { RefreshDemand } from "../../../src/presence/polled-roster.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { NOTHING_IN_FLIGHT } from "../../support/polling-harness.js";

const NOW = 1_000_000;
const NEXT_PAGE = { kind: "next", url: "n" } as const;
const A_PAGE: InFlight = { ...NOTHING_IN_FLIGHT, isSweepPage: true, count: 1 };

/** During the first sweep, at one request per second. */
const FIRST_SWEEP: PlannerInput = {
  now: NOW,
  notBefore: 0,
  nextPossibleAt: 0,
  requestsPerMinute: 60,
  requestDurationMs: { page: 400, lookup: 200 },
  pollIntervalMs: 5_000,
  isMeDue: false,
  pageSize: 100,
  sweep: { page: NEXT_PAGE, pages: 4 },
  previousSweep: { startedAt: NOW - 10_000, jitter: 1 },
  isSweepRequested: false,
  unmatchedAddresses: [],
  hasUnfoundAddresses: false,
  unmatchedLookupsLastMinute: 0,
  isUnmatchedLookupTurn: false,
  confirmation: null,
  confirmationsLastMinute: 0,
  isConfirmationTurn: true,
  pages: pagesSoFar(4),
  expectedPages: null,
  demand: NO_DEMAND,
  requestsSinceSweepPage: 0,
  inFlight: NOTHING_IN_FLIGHT,
  maxInFlight: 4,
};

function pagesSoFar(count: number): KnownPages {
  const fetchedAt = new Array<number>(count).fill(NOW - 8_000);
  return { count, isComplete: false, isRefetchable: true, fetchedAt };
}

function addresses(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${index}@y`);
}

/** So many watched persons were found on each of the pages, and so many by lookups. */
function found(perPage: number, pages: number, byLookups = 0): RefreshDemand {
  const persons = perPage * pages + byLookups;
  const candidate = { weight: 1, observedAt: NOW - 60_000, isNewlyWatched: false };
  return {
    ...NO_DEMAND,
    persons,
    effectivePersons: persons,
    personsNotOnAnyPage: byLookups,
    pageWeights: new Float64Array(pages).fill(perPage),
    pageNewlyWatched: new Uint32Array(pages),
    lookupCandidates: byLookups > 0 ? [{ ...candidate, address: "known@y" }] : [],
    notOnAnyPage: byLookups > 0 ? [{ ...candidate, address: "known@y" }] : [],
  };
}

/** The request that is planned next: its kind, and the address if it is a lookup. */
function next(change: Partial<PlannerInput>): string {
  const action = planForFreshness({ ...FIRST_SWEEP, ...change });
  return action.kind === "lookup" ? action.address : action.kind;
}

describe("planner during the first sweep", () => {
  const hundredWatched = { unmatchedAddresses: addresses(100) };

  it("looks up the watched addresses if the list had clearly more pages before a restart", () => {
    expect(next({ ...hundredWatched, expectedPages: 1_000 })).to.equal("0@y");
    expect(next({ ...hundredWatched, expectedPages: 150 })).to.equal("0@y");
    expect(next({ ...hundredWatched, expectedPages: 130 })).to.equal("page");
    expect(next({ ...hundredWatched, expectedPages: 10 })).to.equal("page");
  });

  it("looks them up from the start then, beside the first page", () => {
    const start = { sweep: { page: NEXT_PAGE, pages: 0 }, pages: pagesSoFar(0), inFlight: A_PAGE };
    expect(next({ ...hundredWatched, ...start, expectedPages: 1_000 })).to.equal("0@y");
    expect(next({ ...hundredWatched, ...start })).to.equal("wait");
  });

  it("sends the first page before any lookup", () => {
    const start = { sweep: null, previousSweep: null, pages: pagesSoFar(0) };
    expect(next({ ...hundredWatched, ...start, expectedPages: 1_000 })).to.equal("page");
  });

  it("estimates the number of pages by the watched persons on four of them", () => {
    expect(next({ ...hundredWatched, demand: found(0, 4) })).to.equal("0@y");
    expect(next({ ...hundredWatched, demand: found(1, 4) })).to.equal("page");
    expect(next({ ...hundredWatched, demand: found(0, 3), pages: pagesSoFar(3) })).to.equal("page");
    // Those whom lookups have found say nothing about the pages.
    expect(next({ ...hundredWatched, demand: found(0, 4, 50) })).to.equal("0@y");
  });

  it("considers how long pages and lookups take", () => {
    const input = { ...hundredWatched, requestsPerMinute: 300, demand: found(2, 4) };
    const kinds = (page: number, lookup: number): string[] => {
      const requestDurationMs = { page, lookup };
      return [NOTHING_IN_FLIGHT, A_PAGE].map((inFlight) =>
        next({ ...input, requestDurationMs, inFlight }),
      );
    };
    expect(kinds(200, 200)).to.deep.equal(["page", "wait"]);
    expect(kinds(1_200, 1_200)).to.deep.equal(["page", "0@y"]);
    expect(kinds(2_000, 200)).to.deep.equal(["page", "0@y"]);
    expect(kinds(2_000, 2_000)).to.deep.equal(["page", "0@y"]);
  });

  it("gives the sweep one request in 20 beside lookups of addresses without an answer", () => {
    const input = { ...hundredWatched, expectedPages: 1_000 };
    expect(next({ ...input, requestsSinceSweepPage: 18 })).to.equal("0@y");
    expect(next({ ...input, requestsSinceSweepPage: 19 })).to.equal("page");
  });

  it("gives it no more once all have an answer, and keeps them fresh meanwhile", () => {
    const input = { expectedPages: 1_000, demand: found(0, 4, 100) };
    expect(next({ ...input, requestsSinceSweepPage: 18 })).to.equal("known@y");
    expect(next({ ...input, requestsSinceSweepPage: 19 })).to.equal("page");
  });

  it("gives it one in 5 then if it ends within a quarter of an hour", () => {
    const input = { expectedPages: 184, demand: found(0, 4, 100) };
    expect(next({ ...input, requestsSinceSweepPage: 3 })).to.equal("known@y");
    expect(next({ ...input, requestsSinceSweepPage: 4 })).to.equal("page");
    const tooLong = { ...input, expectedPages: 185, requestsSinceSweepPage: 18 };
    expect(next(tooLong)).to.equal("known@y");
    const unanswered = { ...input, ...hundredWatched, requestsSinceSweepPage: 18 };
    expect(next({ ...unanswered, demand: found(0, 4, 20) })).to.equal("0@y");
  });

  it("gives it one in two while it has to find an address that lookups did not find", () => {
    const input = { expectedPages: 1_000, demand: found(0, 4, 100), hasUnfoundAddresses: true };
    expect(next({ ...input, requestsSinceSweepPage: 0 })).to.equal("known@y");
    expect(next({ ...input, requestsSinceSweepPage: 1 })).to.equal("page");
    const complete = { ...pagesSoFar(1_000), isComplete: true, isRefetchable: false };
    expect(next({ ...input, pages: complete, requestsSinceSweepPage: 18 })).to.equal("known@y");
  });

  describe("with a few addresses without an answer", () => {
    const few = { unmatchedAddresses: addresses(6), isUnmatchedLookupTurn: true };
    const onePage = { sweep: { page: NEXT_PAGE, pages: 1 }, pages: pagesSoFar(1) };

    it("looks them up at every second request from the second page on", () => {
      for (const pollIntervalMs of [5_000, 60_000, 3_600_000]) {
        const input = { ...few, ...onePage, pollIntervalMs };
        expect(next(input)).to.equal("0@y");
        expect(next({ ...input, isUnmatchedLookupTurn: false })).to.equal("page");
        expect(next({ ...input, inFlight: A_PAGE })).to.equal("0@y");
        expect(next({ ...input, unmatchedAddresses: addresses(7) })).to.equal("page");
      }
      const start = { sweep: { page: NEXT_PAGE, pages: 0 }, pages: pagesSoFar(0) };
      expect(next({ ...few, ...start, inFlight: A_PAGE })).to.equal("wait");
    });

    it("continues the sweep while as many lookups as are useful are in flight", () => {
      const inFlight = { ...NOTHING_IN_FLIGHT, lookups: 1, count: 1, keys: new Set(["6@y"]) };
      expect(next({ ...few, ...onePage, inFlight })).to.equal("page");
    });

    it("looks them up if the list is longer than before a restart", () => {
      expect(next({ ...few, expectedPages: 4 })).to.equal("0@y");
      expect(next({ ...few, expectedPages: 8 })).to.equal("page");
    });
  });

  it("looks up those whom lookups answer sooner than the sweep, however long the interval", () => {
    const input = { unmatchedAddresses: addresses(20), isUnmatchedLookupTurn: true };
    for (const pollIntervalMs of [5_000, 60_000, 3_600_000]) {
      expect(next({ ...input, pollIntervalMs, expectedPages: 50 })).to.equal("0@y");
      expect(next({ ...input, pollIntervalMs, expectedPages: 30 })).to.equal("page");
    }
  });

  describe("if the pages that it finds can be refetched sooner than the persons looked up", () => {
    // 100 persons are on about 85 of 300 pages.
    const answered = { expectedPages: 300, demand: found(0, 4, 100), requestsPerMinute: 300 };
    const upToPage = (change: Partial<PlannerInput>): number => {
      let requestsSinceSweepPage = 0;
      while (next({ ...answered, ...change, requestsSinceSweepPage }) !== "page") {
        requestsSinceSweepPage += 1;
      }
      return requestsSinceSweepPage + 1;
    };

    it("gives it more, the more is gained", () => {
      expect(upToPage({})).to.equal(3);
      expect(upToPage({ expectedPages: 150 })).to.equal(2);
      expect(upToPage({ expectedPages: 1_000 })).to.equal(20);
    });

    it("gives it no more if it lasts so long that the gain is far away", () => {
      expect(upToPage({ requestsPerMinute: 60 })).to.equal(20);
      const rest = { pages: pagesSoFar(250), demand: found(0, 250, 100) };
      expect(upToPage({ ...rest, requestsPerMinute: 60 })).to.equal(3);
    });

    it("gives it no more if Webex does not honor old links", () => {
      const pages = { ...pagesSoFar(4), isRefetchable: false };
      expect(upToPage({ pages })).to.equal(5);
      expect(upToPage({ pages, expectedPages: 1_000 })).to.equal(20);
    });
  });

  it("leaves addresses without an answer to the rest of the sweep if that takes no longer", () => {
    const input = {
      requestsPerMinute: 300,
      expectedPages: 500,
      pages: pagesSoFar(350),
      demand: found(2, 350),
    };
    expect(next({ ...input, unmatchedAddresses: addresses(300) })).to.equal("page");
    expect(next({ ...input, unmatchedAddresses: addresses(60) })).to.equal("0@y");
  });

  it("gives it one in two if a caller requested it", () => {
    const input = { ...hundredWatched, expectedPages: 1_000, isSweepRequested: true };
    expect(next({ ...input, requestsSinceSweepPage: 0 })).to.equal("0@y");
    expect(next({ ...input, requestsSinceSweepPage: 1 })).to.equal("page");
  });

  it("answers all, keeps them fresh and completes the sweep", () => {
    const pageCount = 200;
    const observedAt = new Map<string, number>();
    const watched = addresses(50);
    let pages = 0;
    let requestsSinceSweepPage = 0;
    let answeredAfterMs = 0;
    let oldestMs = 0;
    for (let now = NOW; pages < pageCount; now += 1_000) {
      const unmatchedAddresses = watched.filter((address) => !observedAt.has(address));
      const lookupCandidates = [...observedAt]
        .map(([address, at]) => ({ address, weight: 1, observedAt: at, isNewlyWatched: false }))
        .sort((a, b) => a.observedAt - b.observedAt);
      if (unmatchedAddresses.length === 0) {
        oldestMs = Math.max(oldestMs, now - (lookupCandidates[0]?.observedAt ?? now));
      } else answeredAfterMs = now + 1_000 - NOW;
      const action = planForFreshness({
        ...FIRST_SWEEP,
        now,
        unmatchedAddresses,
        requestsSinceSweepPage,
        pages: { ...pagesSoFar(pages), isRefetchable: false },
        sweep: { page: NEXT_PAGE, pages },
        expectedPages: pageCount,
        demand: {
          ...found(0, pages, observedAt.size),
          lookupCandidates,
          notOnAnyPage: lookupCandidates,
        },
      });
      if (action.kind === "lookup") observedAt.set(action.address, now);
      else if (action.kind === "page") pages += 1;
      requestsSinceSweepPage = action.kind === "page" ? 0 : requestsSinceSweepPage + 1;
      expect(now - NOW, "the sweep does not end").to.be.below(1_400_000);
    }
    expect(answeredAfterMs).to.be.at.most(53_000);
    expect(oldestMs).to.be.at.most(64_000);
  });
});

describe("planner with pages that take long", () => {
  const COMPLETE: Partial<PlannerInput> = {
    requestsPerMinute: 300,
    requestDurationMs: { page: 2_000, lookup: 200 },
    pages: {
      count: 100,
      isComplete: true,
      isRefetchable: false,
      fetchedAt: new Array<number>(100).fill(NOW - 100_000),
    },
    sweep: { page: NEXT_PAGE, pages: 50 },
    demand: found(0, 100, 1_000),
  };

  it("sends lookups while Webex takes time for a page, if sweeps go first", () => {
    expect(next(COMPLETE)).to.equal("page");
    expect(next({ ...COMPLETE, inFlight: A_PAGE })).to.equal("known@y");
  });

  it("sends none if a page takes no longer than the budget", () => {
    const fast = { requestDurationMs: { page: 250, lookup: 200 }, demand: found(0, 100, 300) };
    expect(next({ ...COMPLETE, ...fast, inFlight: A_PAGE })).to.equal("wait");
  });

  it("sends none if there are too many persons for the rest to make a difference", () => {
    const demand = found(0, 100, 30_000);
    expect(next({ ...COMPLETE, demand, inFlight: A_PAGE })).to.equal("wait");
  });

  it("sends none if a sweep fits into the interval", () => {
    const pollIntervalMs = 300_000;
    expect(next({ ...COMPLETE, pollIntervalMs, inFlight: A_PAGE })).to.equal("wait");
  });
});
