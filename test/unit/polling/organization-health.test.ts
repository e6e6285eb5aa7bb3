import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { OrganizationHealth } from "../../../src/polling/organization-health.js";
import { FakeClock, NO_JITTER } from "../../support/clock-fake.js";

const POLL_INTERVAL_MS = 60_000;

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

  describe("if pages of people fail while lookups are answered", () => {
    const failure = new Fault("webexError", "A gateway responded.");
    const codes = (health: OrganizationHealth) => health.problems.map(({ code }) => code);

    it("reports the second failure of a page, and its end with that page", async () => {
      const clock = new FakeClock();
      const health = new OrganizationHealth(clock, NO_JITTER);
      for (const expected of [[], ["webexError"]]) {
        await clock.advance(1_000);
        health.recordFailure("webexError", failure, clock.monotonic(), 3, POLL_INTERVAL_MS);
        await clock.advance(1_000);
        health.recordResponse(null, clock.monotonic());
        expect(codes(health)).to.deep.equal(expected);
      }
      await clock.advance(1_000);
      health.recordResponse(3, clock.monotonic());
      expect(codes(health)).to.deep.equal([]);
    });

    it("reports one failure of a page that has lasted 10 s", async () => {
      const clock = new FakeClock();
      const health = new OrganizationHealth(clock, NO_JITTER);
      health.recordFailure("webexError", failure, clock.monotonic(), 1, POLL_INTERVAL_MS);
      await clock.advance(5_000);
      health.recordResponse(null, clock.monotonic());
      await clock.advance(5_001);
      health.checkPendingFailure();
      expect(codes(health)).to.deep.equal(["webexError"]);
    });

    it("forgets a failure of a page with that page, and with the end of the sweep", async () => {
      const clock = new FakeClock();
      for (const succeed of [
        (health: OrganizationHealth) => health.recordResponse(2, clock.monotonic()),
        (health: OrganizationHealth) => health.recordCompletedSweep(10),
      ]) {
        const health = new OrganizationHealth(clock, NO_JITTER);
        health.recordFailure("webexError", failure, clock.monotonic(), 2, POLL_INTERVAL_MS);
        await clock.advance(1_000);
        succeed(health);
        await clock.advance(20_000);
        health.checkPendingFailure();
        expect(codes(health)).to.deep.equal([]);
      }
    });

    it("ends the problem of lookups with any response, whichever page failed before", async () => {
      const clock = new FakeClock();
      for (const endPage of [
        (health: OrganizationHealth) => health.recordResponse(9, clock.monotonic()),
        (health: OrganizationHealth) => health.recordOtherPages(),
        (health: OrganizationHealth) =>
          health.recordRefusal("adminRoleLost", failure, [], POLL_INTERVAL_MS),
      ]) {
        const health = new OrganizationHealth(clock, NO_JITTER);
        health.recordFailure("webexError", failure, clock.monotonic(), 9, POLL_INTERVAL_MS);
        await clock.advance(1_000);
        endPage(health);
        for (let i = 0; i < 2; i += 1) {
          await clock.advance(1_000);
          health.recordFailure("webexError", failure, clock.monotonic(), null, POLL_INTERVAL_MS);
        }
        expect(codes(health)).to.include("webexError");
        await clock.advance(1_000);
        health.recordResponse(null, clock.monotonic());
        expect(codes(health)).not.to.include("webexError");
      }
    });

    it("forgets a failure of a lookup with any response, whichever page failed before", async () => {
      const clock = new FakeClock();
      const health = new OrganizationHealth(clock, NO_JITTER);
      health.recordFailure("webexError", failure, clock.monotonic(), 9, POLL_INTERVAL_MS);
      await clock.advance(1_000);
      health.recordResponse(9, clock.monotonic());
      await clock.advance(1_000);
      health.recordFailure("webexError", failure, clock.monotonic(), null, POLL_INTERVAL_MS);
      await clock.advance(1_000);
      health.recordResponse(null, clock.monotonic());
      await clock.advance(20_000);
      health.checkPendingFailure();
      expect(codes(health)).to.deep.equal([]);
    });
  });
});
