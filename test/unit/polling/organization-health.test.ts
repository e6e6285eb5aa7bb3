import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { OrganizationHealth } from "../../../src/polling/organization-health.js";
import { FakeClock, NO_JITTER } from "../../support/clock-fake.js";

describe("organization health", () => {
  it("tells the advice how long nothing but the settings has caused the ages", async () => {
    const clock = new FakeClock();
    const health = new OrganizationHealth(clock, NO_JITTER);
    const steadyMs: number[] = [];
    const check = (isListComplete: boolean): void =>
      health.checkAges(400, 180, isListComplete, (_age, ms) => {
        steadyMs.push(ms);
        return null;
      });
    await clock.advance(600_000);
    check(false);
    await clock.advance(10_000);
    check(true);
    health.recordRateLimit(new Fault("rateLimited", "Webex limits the rate."), clock.monotonic());
    await clock.advance(10_000);
    check(true);
    health.recordResponse(1, clock.monotonic());
    await clock.advance(30_000);
    check(true);
    expect(steadyMs).to.deep.equal([0, 10_000, 30_000]);
  });
});
