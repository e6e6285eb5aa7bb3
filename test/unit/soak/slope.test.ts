import { expect } from "chai";

import { seededRandom } from "../../../simulator/random.js";
import { growthOf, leastSquaresSlope, lowestPerInterval, type Point } from "../../soak/slope.js";

const MINUTE = 60_000;
const MIB = 2 ** 20;

/** A sample each second; `valueOf` gets the seconds since the first. */
function samples(minutes: number, valueOf: (second: number) => number): Point[] {
  return Array.from({ length: minutes * 60 }, (_, second) => ({
    ...{ at: 1_700_000_000_000 + second * 1000, value: valueOf(second) },
  }));
}

/** Memory that a collector takes back every 40 s, with noise. */
function sawtooth(leakPerMinute: number): (second: number) => number {
  const random = seededRandom(3);
  return (second) =>
    120 * MIB + (second % 40) * MIB + random() * 4 * MIB + (second / 60) * leakPerMinute;
}

describe("the slope test of a soak", () => {
  it("finds the slope of a line exactly", () => {
    const points = [1, 2, 3, 10].map((at) => ({ at, value: 7 - 3 * at }));
    expect(leastSquaresSlope(points)).to.be.closeTo(-3, 1e-9);
  });

  it("is 0 for one point, and for points at the same time", () => {
    expect(leastSquaresSlope([{ at: 5, value: 9 }])).to.equal(0);
    expect(leastSquaresSlope([5, 6].map((value) => ({ at: 5, value })))).to.equal(0);
  });

  it("takes the lowest value of each interval, and every point into account", () => {
    const points = [5, 1, 7, 3, 2, 9].map((value, at) => ({ at, value }));
    expect(lowestPerInterval(points, 2).map(({ value }) => value)).to.deep.equal([1, 2]);
  });

  it("leaves out intervals without points", () => {
    const points = [0, 1, 10].map((at) => ({ at, value: at }));
    expect(lowestPerInterval(points, 5).map(({ value }) => value)).to.deep.equal([0, 10]);
  });

  it("lets memory pass that a collector takes back", () => {
    const { isFlat, grown } = growthOf(samples(90, sawtooth(0)), 16 * MIB);
    expect(isFlat).to.equal(true);
    expect(Math.abs(grown)).to.be.below(3 * MIB);
  });

  it("lets memory pass that shrinks", () => {
    expect(growthOf(samples(10, sawtooth(-8 * MIB)), 16 * MIB).isFlat).to.equal(true);
  });

  for (const [minutes, leakMiB] of [
    [2, 12],
    [5, 4],
    [90, 0.25],
  ] as const) {
    it(`finds a leak of ${leakMiB} MiB a minute in ${minutes} minutes`, () => {
      const { isFlat, grown } = growthOf(samples(minutes, sawtooth(leakMiB * MIB)), 16 * MIB);
      expect(isFlat).to.equal(false);
      expect(grown / MIB).to.be.closeTo(minutes * leakMiB, 0.5 * minutes * leakMiB);
    });
  }

  it("finds a descriptor that is lost every minute among connections that come and go", () => {
    const valueOf = (second: number): number => 30 + (second % 7) + Math.floor(second / 60);
    expect(growthOf(samples(6, valueOf), 3).isFlat).to.equal(false);
    expect(
      growthOf(
        samples(6, (second) => 30 + (second % 7)),
        3,
      ).isFlat,
    ).to.equal(true);
  });

  it("does not take a single peak for growth", () => {
    const valueOf = (second: number): number => (second === 590 ? 500 : 30);
    expect(growthOf(samples(10, valueOf), 3).isFlat).to.equal(true);
    expect(
      growthOf(
        samples(10, () => MINUTE),
        0,
      ).grown,
    ).to.equal(0);
  });
});
