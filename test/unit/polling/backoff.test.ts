import { expect } from "chai";

import { Backoff } from "../../../src/polling/backoff.js";
import { SeededRandom } from "../../support/clock-fake.js";

describe("backoff", () => {
  it("waits at least as long as Retry-After, and slightly longer", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 50; i += 1) {
      expect(backoff.nextDelay(30_000)).to.be.within(30_000, 31_000);
      expect(backoff.nextDelay(1_000)).to.be.within(1_000, 1_100);
    }
  });

  it("doubles from 1 s to its maximum with half of it random, and restarts after a success", () => {
    for (const retryAfterMs of [undefined, 0, -5]) {
      const backoff = new Backoff(new SeededRandom());
      for (const full of [1, 2, 4, 8, 16, 32, 60, 60, 60]) {
        expect(backoff.nextDelay(retryAfterMs)).to.be.within(full * 500, full * 1_000);
      }
      backoff.reset();
      expect(backoff.nextDelay(undefined)).to.be.at.most(1_000);
    }
  });

  it("accepts a lower maximum", () => {
    const backoff = new Backoff(new SeededRandom());
    for (let i = 0; i < 30; i += 1) {
      expect(backoff.nextDelay(undefined, 10_000)).to.be.at.most(10_000);
    }
  });
});
