import { expect } from "chai";

import { LookupScheduler } from "../../../src/polling/lookup-scheduler.js";
import { NO_DEMAND } from "../../../src/presence/refresh-demand.js";
import { FakeClock } from "../../support/clock-fake.js";
import { FakeRoster } from "../../support/polling-harness.js";

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
    lookups.unmatchedAddresses(1);
    expect(observedAt(lookups, "b@example.com")).to.equal(0);
    expect(observedAt(lookups, "a@example.com")).to.equal(MINUTE_MS + 999);
  });
});

/** The observation time of a candidate that the roster knows from time 0. */
function observedAt(lookups: LookupScheduler, address: string): number | undefined {
  const candidate = { address, weight: 1, observedAt: 0, isNewlyWatched: false };
  return lookups.filterDemand({ ...NO_DEMAND, lookupCandidates: [candidate] }).lookupCandidates[0]
    ?.observedAt;
}
