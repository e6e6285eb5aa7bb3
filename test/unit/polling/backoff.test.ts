import { expect } from "chai";

import { Backoff, RateLimitPause } from "../../../src/polling/backoff.js";
import { SeededRandom } from "../../support/clock-fake.js";

describe("backoff", () => {
  it("doubles from 1 s to its maximum with half of it random, and restarts after a success", () => {
    const backoff = new Backoff(new SeededRandom());
    for (const full of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
      expect(backoff.nextDelay()).to.be.within(full * 500, full * 1_000);
    }
    backoff.reset();
    expect(backoff.nextDelay()).to.be.at.most(1_000);
  });

  it("accepts a lower maximum, stays close to it, and never exceeds a minute", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 30; i += 1) {
      expect(backoff.nextDelay(10_000)).to.be.within(i < 4 ? 500 : 9_000, 10_000);
    }
    for (let i = 0; i < 30; i += 1)
      expect(backoff.nextDelay(3_600_000)).to.be.within(54_000, 60_000);
  });

  it("counts from the beginning of the failed attempt, and leaves half a second after it", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 10; i += 1) backoff.nextDelay(20_000);
    for (let i = 0; i < 30; i += 1) {
      expect(backoff.nextDelay(20_000, 15_000)).to.be.within(3_000, 5_000);
      expect(backoff.nextDelay(20_000, 60_000)).to.be.within(500, 1_000);
    }
  });
});

describe("pause after a rate limit", () => {
  it("is at least as long as Retry-After, and slightly longer", () => {
    const pause = new RateLimitPause(new SeededRandom());
    for (let i = 0; i < 50; i += 1) {
      expect(pause.next(30_000)).to.be.within(30_000, 31_000);
      expect(pause.next(1_000)).to.be.within(1_000, 1_100);
    }
  });

  it("doubles from 5 s to 60 s without Retry-After, never less, and restarts after an answer", () => {
    for (const retryAfterMs of [undefined, 0, -5]) {
      const pause = new RateLimitPause(new SeededRandom());
      for (const full of [5, 10, 20, 40, 60, 60, 60]) {
        expect(pause.next(retryAfterMs)).to.be.within(full * 1_000, full * 1_100);
      }
      pause.reset();
      expect(pause.next(undefined)).to.be.within(5_000, 5_500);
    }
  });
});
