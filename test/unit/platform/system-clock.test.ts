import { expect } from "chai";

import { createElapsed, systemClock } from "../../../src/platform/system-clock.js";
import { FakeClock } from "../../support/clock-fake.js";

const HOUR = 3_600_000;

describe("platform/system-clock", () => {
  let wall: number;
  let monotonic: number;
  let elapsed: () => number;
  const advance = (ms: number): void => {
    wall += ms;
    monotonic += ms;
  };

  beforeEach(() => {
    wall = Date.UTC(2026, 0, 1);
    monotonic = 5_000;
    elapsed = createElapsed(
      () => wall,
      () => monotonic,
    );
  });

  it("counts time during which the machine was suspended, once", () => {
    const start = elapsed();
    advance(1_000);
    wall += HOUR;
    expect(elapsed() - start).to.equal(HOUR + 1_000);
    advance(500);
    expect(elapsed() - start).to.equal(HOUR + 1_500);
    wall += HOUR;
    expect(elapsed() - start).to.equal(2 * HOUR + 1_500);
  });

  it("never goes back, and counts a suspension after the wall clock was set back", () => {
    const start = elapsed();
    wall -= HOUR;
    advance(10);
    expect(elapsed() - start).to.equal(10);
    wall += 60_000;
    expect(elapsed() - start).to.equal(60_010);
  });

  it("does not run fast because the wall clock counts in whole milliseconds", () => {
    const start = elapsed();
    for (let i = 0; i < 10_000; i += 1) {
      monotonic += 0.3;
      wall = Date.UTC(2026, 0, 1) + Math.floor(monotonic - 5_000);
      elapsed();
    }
    expect(elapsed() - start).to.be.closeTo(3_000, 0.01);
  });

  it("gives the same answers as the fake clock of the tests", async () => {
    const fake = new FakeClock();
    const real = createElapsed(
      () => fake.now(),
      () => fake.monotonic(),
    );
    const start = [real(), fake.elapsed()] as const;
    const steps = [
      () => fake.advance(2_500),
      async () => fake.suspend(HOUR),
      async () => fake.jumpWall(-HOUR),
      () => fake.advance(7),
      async () => fake.jumpWall(60_000),
    ];
    for (const step of steps) {
      await step();
      expect(real() - start[0]).to.equal(fake.elapsed() - start[1]);
    }
  });

  it("calls back at the end of the turn, unless cancelled", async () => {
    const calls: string[] = [];
    systemClock.endOfTurn(() => calls.push("called"));
    systemClock.endOfTurn(() => calls.push("cancelled"))();
    await Promise.resolve();
    expect(calls).to.deep.equal([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).to.deep.equal(["called"]);
  });
});
