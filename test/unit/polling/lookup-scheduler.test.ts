import { expect } from "chai";

import { LookupScheduler } from "../../../src/polling/lookup-scheduler.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { FakeClock } from "../../support/clock-fake.js";
import { FakeRoster } from "../../support/polling-harness.js";

const NOTHING: ReadonlySet<string> = new Set();

const MINUTE_MS = 60_000;

describe("lookup scheduler", () => {
  it("corrects the age of candidates that a lookup has just refreshed", async () => {
    const clock = new FakeClock();
    const lookups = new LookupScheduler(clock, new FakeRoster());
    await clock.advance(5_000);
    lookups.recordResult("a@example.com", 1);
    expect(observedAt(lookups, "a@example.com")).to.equal(5_000);
    expect(observedAt(lookups, "b@example.com")).to.equal(0);
  });

  it("drops results after a minute, even if an older address was looked up again", async () => {
    const clock = new FakeClock();
    const lookups = new LookupScheduler(clock, new FakeRoster());
    await clock.advance(1_000);
    lookups.recordResult("a@example.com", 1);
    lookups.recordResult("b@example.com", 1);
    await clock.advance(MINUTE_MS - 1);
    lookups.recordResult("a@example.com", 1);
    await clock.advance(1);
    lookups.unmatchedAddresses(1, NOTHING);
    expect(observedAt(lookups, "b@example.com")).to.equal(0);
    expect(observedAt(lookups, "a@example.com")).to.equal(MINUTE_MS + 999);
  });

  it("passes over what is in flight", () => {
    const roster = new FakeRoster();
    const lookups = new LookupScheduler(new FakeClock(), roster);
    roster.unanswered = ["a@example.com", "b@example.com"];
    const inFlight = new Set(["a@example.com", "ADA", "eve@example.com"]);
    expect(lookups.unmatchedAddresses(1, inFlight)).to.deep.equal(["b@example.com"]);
    const ada = { id: "ADA", address: "ada@example.com", observedAt: 0 };
    const eve = { ...ada, id: "EVE", address: "eve@example.com" };
    expect(lookups.nextConfirmation([ada, eve], inFlight)).to.equal(null);
    lookups.recordUnconfirmed(["ADA"]);
    expect(lookups.nextConfirmation([], inFlight)).to.equal(null);
    expect(lookups.nextConfirmation([], NOTHING)).to.deep.equal({ kind: "person", id: "ADA" });
  });

  it("has an unfound address while that is watched and matches nobody", () => {
    const roster = new FakeRoster();
    const lookups = new LookupScheduler(new FakeClock(), roster);
    roster.unmatched.add("a@example.com").add("b@example.com").add("ID");
    lookups.recordFailure("a@example.com", MINUTE_MS);
    lookups.recordResult("b@example.com", 1);
    lookups.recordRejectedId("ID");
    expect(lookups.hasUnfoundAddresses).to.equal(false);
    lookups.recordResult("a@example.com", 0);
    expect(lookups.hasUnfoundAddresses).to.equal(true);
    roster.unmatched.delete("a@example.com");
    expect(lookups.hasUnfoundAddresses).to.equal(false);
  });

  it("confirms a missing person by the address, and by id if nobody is found", async () => {
    const clock = new FakeClock();
    const lookups = new LookupScheduler(clock, new FakeRoster());
    await clock.advance(5_000);
    const ada = { id: "ADA", address: "ada@example.com", observedAt: 4_000 };
    const bob = { ...ada, id: "BOB", address: "bob@example.com" };
    const byAddress = { kind: "confirm", address: "ada@example.com" } as const;
    expect(lookups.nextConfirmation([], NOTHING)).to.equal(null);
    expect(lookups.nextConfirmation([ada, bob], NOTHING)).to.deep.equal(byAddress);
    lookups.recordResult("ada@example.com", 0);
    lookups.recordUnconfirmed(["ADA"]);
    expect(lookups.nextConfirmation([], NOTHING)).to.deep.equal({ kind: "person", id: "ADA" });
    lookups.recordConfirmation("ADA");
    expect(lookups.nextConfirmation([ada], NOTHING)).to.equal(null);
    expect(lookups.nextConfirmation([ada, bob], NOTHING)).to.deep.include({ address: bob.address });
    lookups.recordResult("bob@example.com", 1);
    expect(lookups.nextConfirmation([ada, bob], NOTHING)).to.equal(null);
    await clock.advance(30_000);
    const missingAgain = { ...ada, observedAt: 20_000 };
    expect(lookups.nextConfirmation([missingAgain], NOTHING), "known to be futile").to.deep.equal({
      kind: "person",
      id: "ADA",
    });
    expect(lookups.nextConfirmation([{ ...bob, address: null }], NOTHING)).to.deep.equal({
      kind: "person",
      id: "BOB",
    });
  });

  it("skips a failed address for an interval, and for a minute if it fails again", async () => {
    const clock = new FakeClock();
    const roster = new FakeRoster();
    const lookups = new LookupScheduler(clock, roster);
    roster.unanswered = ["a@example.com"];
    const isNext = (): boolean => lookups.unmatchedAddresses(1, NOTHING).length > 0;
    const failFor = async (skippedMs: number): Promise<void> => {
      lookups.recordFailure("a@example.com", 20_000);
      await clock.advance(skippedMs - 1);
      expect(isNext(), `before ${skippedMs} ms`).to.equal(false);
      await clock.advance(1);
      expect(isNext(), `after ${skippedMs} ms`).to.equal(true);
    };
    await failFor(20_000);
    await failFor(MINUTE_MS);
    await failFor(MINUTE_MS);
    lookups.recordResult("a@example.com", 1);
    roster.unanswered = ["a@example.com"];
    await failFor(20_000);
  });

  it("pauses after a failed confirmation, and longer after a rejected id", async () => {
    const clock = new FakeClock();
    const lookups = new LookupScheduler(clock, new FakeRoster());
    const ada = { id: "ADA", address: "ada@example.com", observedAt: 0 };
    const next = (): string => {
      lookups.unmatchedAddresses(1, NOTHING);
      return lookups.nextConfirmation([ada], NOTHING)?.kind ?? "none";
    };
    lookups.recordFailure("ada@example.com", MINUTE_MS);
    expect(next()).to.equal("none");
    await clock.advance(MINUTE_MS);
    expect(next()).to.equal("confirm");
    lookups.recordUnconfirmed(["ADA"]);
    lookups.recordFailure("ADA", MINUTE_MS);
    expect(next()).to.equal("none");
    await clock.advance(MINUTE_MS);
    expect(next()).to.equal("person");
    lookups.recordRejectedId("ADA");
    await clock.advance(59 * MINUTE_MS);
    expect(next()).to.equal("none");
    await clock.advance(MINUTE_MS);
    expect(next()).to.equal("confirm");
  });

  it("remembers a bounded number of failures, so that the next one counts as the first", async () => {
    const roster = new FakeRoster();
    const clock = new FakeClock();
    const lookups = new LookupScheduler(clock, roster);
    for (let n = 0; n < 1_001; n += 1) lookups.recordFailure(`a${n}@example.com`, 5_000);
    lookups.recordFailure("a0@example.com", 5_000);
    lookups.recordFailure("a1000@example.com", 5_000);
    roster.unanswered = ["a0@example.com", "a1000@example.com"];
    await clock.advance(5_000);
    expect(lookups.unmatchedAddresses(2, NOTHING)).to.deep.equal(["a0@example.com"]);
  });
});

/** The observation time of a candidate that the roster knows from time 0. */
function observedAt(lookups: LookupScheduler, address: string): number | undefined {
  const candidate = { address, weight: 1, observedAt: 0, isNewlyWatched: false };
  return lookups.filterDemand({ ...NO_DEMAND, lookupCandidates: [candidate] }).lookupCandidates[0]
    ?.observedAt;
}
