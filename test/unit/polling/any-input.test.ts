import { expect } from "chai";
import fc from "fast-check";

import { planOnDemand, type OnDemandInput } from "../../../src/polling/on-demand-planner.js";
import { planForFreshness, type PlannerInput } from "../../../src/polling/planner.js";
import type { LookupCandidate, RefreshDemand } from "../../../src/presence/polled-roster.js";

const NOW = 1_000_000;
const time = fc.integer({ min: NOW - 600_000, max: NOW + 60_000 });
const past = fc.integer({ min: NOW - 600_000, max: NOW });
const count = fc.oneof(fc.nat(3), fc.nat(2_000));
const address = fc.constantFrom("a@x.example", "b@x.example", "c@x.example", "d@x.example");
const duration = fc.record({ page: fc.nat(60_000), lookup: fc.nat(60_000) });
const keys = fc.array(address, { maxLength: 4 }).map((all) => new Set(all));
const candidate: fc.Arbitrary<LookupCandidate> = fc.record({
  address,
  weight: fc.double({ min: 0, max: 1, noNaN: true }),
  observedAt: past,
  isNewlyWatched: fc.boolean(),
});

const demand: fc.Arbitrary<RefreshDemand> = fc
  .record({
    weights: fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 6 }),
    newly: fc.array(fc.nat(5), { maxLength: 6 }),
    persons: count,
    newlyWatched: fc.nat(5),
    personsNotOnAnyPage: fc.nat(5),
    effectivePersons: fc.double({ min: 0, max: 5_000, noNaN: true }),
    lookupCandidates: fc.array(candidate, { maxLength: 3 }),
    notOnAnyPage: fc.array(candidate, { maxLength: 3 }),
  })
  .map(({ weights, newly, ...rest }) => ({
    ...rest,
    pageWeights: Float64Array.from(weights),
    pageNewlyWatched: Uint32Array.from(weights.map((_weight, index) => newly[index] ?? 0)),
    missing: [],
  }));

const input: fc.Arbitrary<PlannerInput> = fc
  .record({
    notBefore: time,
    nextPossibleAt: time,
    requestsPerMinute: fc.double({ min: 1, max: 600, noNaN: true }),
    requestDurationMs: duration,
    pollIntervalMs: fc.integer({ min: 5_000, max: 3_600_000 }),
    isMeDue: fc.boolean(),
    pageSize: fc.integer({ min: 50, max: 1_000 }),
    expectedPages: fc.option(fc.integer({ min: 1, max: 10_000 })),
    sweep: fc.option(
      fc.record({
        page: fc.constant({ kind: "next", url: "n" } as const),
        pages: fc.integer({ min: 1, max: 6 }),
      }),
    ),
    previousSweep: fc.option(
      fc.record({ startedAt: past, jitter: fc.double({ min: 0.9, max: 1.1, noNaN: true }) }),
    ),
    isSweepRequested: fc.boolean(),
    unmatchedAddresses: fc.uniqueArray(address, { maxLength: 4 }),
    hasUnfoundAddresses: fc.boolean(),
    unmatchedLookupsLastMinute: fc.nat(700),
    isUnmatchedLookupTurn: fc.boolean(),
    confirmation: fc.constantFrom(
      null,
      { kind: "confirm", address: "a@x.example" } as const,
      { kind: "person", id: "b@x.example" } as const,
    ),
    confirmationsLastMinute: fc.nat(100),
    isConfirmationTurn: fc.boolean(),
    fetchedAt: fc.array(past, { maxLength: 6 }),
    isComplete: fc.boolean(),
    isRefetchable: fc.boolean(),
    demand,
    requestsSinceSweepPage: fc.nat(50),
    inFlight: fc
      .record({
        isSweepPage: fc.boolean(),
        isMe: fc.boolean(),
        pages: fc.array(fc.nat(5), { maxLength: 3 }).map((all) => new Set(all)),
        keys,
      })
      .map(({ isSweepPage, isMe, pages, keys: lookedUp }) => ({
        ...{ isSweepPage, isMe, pages, keys: lookedUp },
        count: Number(isSweepPage) + Number(isMe) + pages.size + lookedUp.size,
        refetches: pages.size,
        lookups: lookedUp.size,
      })),
    maxInFlight: fc.integer({ min: 1, max: 8 }),
  })
  .map(({ fetchedAt, isComplete, isRefetchable, confirmation, ...rest }) => ({
    ...rest,
    now: NOW,
    // The poller names none of those that are being looked up.
    unmatchedAddresses: rest.unmatchedAddresses.filter((each) => !rest.inFlight.keys.has(each)),
    confirmation:
      confirmation !== null &&
      rest.inFlight.keys.has(
        confirmation.kind === "confirm" ? confirmation.address : confirmation.id,
      )
        ? null
        : confirmation,
    pages: { count: fetchedAt.length, isComplete, isRefetchable, fetchedAt },
  }));

describe("the planner with any input", () => {
  it("plans a request within all limits, or a time to come", () => {
    fc.assert(
      fc.property(input, (any) => {
        const action = planForFreshness(any);
        expect(planForFreshness(any)).to.deep.equal(action);
        if (action.kind === "wait") {
          expect(action.untilMs).to.be.above(NOW);
          return;
        }
        const { inFlight } = any;
        expect(Math.max(any.notBefore, any.nextPossibleAt)).to.be.at.most(NOW);
        expect(inFlight.count).to.be.below(any.maxInFlight);
        if (action.kind === "refetch") {
          expect(action.page).to.be.within(0, any.pages.count - 1);
          expect(inFlight.pages.has(action.page)).to.equal(false);
          expect(any.pages.isRefetchable).to.equal(true);
        } else if (action.kind === "lookup" || action.kind === "confirm") {
          expect(inFlight.keys.has(action.address)).to.equal(false);
        } else if (action.kind === "page") {
          expect(inFlight.isSweepPage).to.equal(false);
        } else if (action.kind === "me") expect(any.isMeDue && !inFlight.isMe).to.equal(true);
      }),
      { numRuns: 1_000 },
    );
  });

  it("plans for callers no request beyond the limits, and dismisses none that it requests", () => {
    const request = fc.record({
      id: fc.option(address),
      address: fc.option(address),
      page: fc.option(fc.nat(5)),
      sentFrom: past,
      calledAt: past,
      waitsUntil: time,
      outstanding: fc.integer({ min: 1, max: 5 }),
    });
    const inFlight = fc.record({
      request: fc.oneof(
        fc.record({ kind: fc.constant("refetch" as const), page: fc.nat(5) }),
        fc.record({
          kind: fc.constant("lookup" as const),
          address,
          isUnmatched: fc.boolean(),
        }),
      ),
      sentAt: past,
      page: fc.option(fc.nat(5)),
      isOnDemand: fc.boolean(),
    });
    const answered = fc.record({ sentAt: past, answeredAt: past });
    const onDemand: fc.Arbitrary<OnDemandInput> = fc.record({
      now: fc.constant(NOW),
      // A request is for a person, an address, or both.
      requests: fc.array(
        request.filter(({ id, address: mail }) => id !== null || mail !== null),
        { maxLength: 6 },
      ),
      isAccepted: fc.boolean(),
      freePlaces: fc.integer({ min: -1, max: 3 }),
      nextPossibleAt: time,
      requestIntervalMs: fc.integer({ min: 100, max: 60_000 }),
      requestDurationMs: duration,
      inFlight: fc.array(inFlight, { maxLength: 4 }),
      refetchablePages: fc.nat(6),
      answered: fc.record({
        pages: fc.array(fc.tuple(fc.nat(5), answered)).map((all) => new Map(all)),
        keys: fc.array(fc.tuple(address, answered)).map((all) => new Map(all)),
      }),
    });
    fc.assert(
      fc.property(onDemand, (any) => {
        const { next, dismissed } = planOnDemand(any);
        for (const each of dismissed) expect(any.requests).to.include(each);
        if (next.kind === "wait") {
          expect(next.untilMs).to.be.above(NOW);
          return;
        }
        expect(any.isAccepted).to.equal(true);
        expect(any.nextPossibleAt).to.be.at.most(NOW);
        expect(dismissed.length).to.be.below(any.requests.length);
        if (next.kind === "refetch") expect(next.page).to.be.below(any.refetchablePages);
      }),
      { numRuns: 1_000 },
    );
  });
});
