import { expect } from "chai";
import fc from "fast-check";

import { formatIsoTime } from "../../../src/presence/iso-time.js";

describe("isoTime", () => {
  it("writes any time as Date does", () => {
    const soon = fc.integer({ min: Date.parse("2020-01-01"), max: Date.parse("2040-01-01") });
    const any = fc.integer({ min: -8.64e15, max: 8.64e15 });
    const edges = fc.constantFrom(
      0,
      -1,
      1,
      59_999,
      60_000,
      -60_000,
      8.64e15,
      -8.64e15,
      Date.parse("0000-01-01T00:00:00Z"),
      1.5,
      -1.5,
    );
    fc.assert(
      fc.property(fc.oneof(soon, any, edges), (time) => {
        expect(formatIsoTime(time)).to.equal(new Date(time).toISOString());
      }),
      { numRuns: 5_000 },
    );
  });

  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 60_000]) {
    it(`refuses ${time} as Date does`, () => {
      expect(() => formatIsoTime(time)).to.throw(RangeError);
    });
  }
});
