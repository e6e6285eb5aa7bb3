import { expect } from "chai";
import fc from "fast-check";

import { onDemandReserve } from "../../../src/polling/on-demand-reserve.js";

describe("on-demand reserve", () => {
  const cases = [
    { limit: 19, perMinute: 0, reserve: 0, because: "a place of 19 is much for nobody" },
    { limit: 20, perMinute: 0, reserve: 1, because: "somebody may come" },
    { limit: 300, perMinute: 0, reserve: 1, because: "somebody may come" },
    { limit: 300, perMinute: 6, reserve: 1, because: "the next of 300 is free after 0.2 s" },
    { limit: 300, perMinute: 20, reserve: 2, because: "7 in 100 would come too soon for one" },
    { limit: 60, perMinute: 6, reserve: 2, because: "10 in 100 would come too soon for one" },
    { limit: 60, perMinute: 20, reserve: 3, because: "7 in 100 would come too soon for two" },
    { limit: 60, perMinute: 40, reserve: 4, because: "four are the most" },
    { limit: 30, perMinute: 6, reserve: 2, because: "2 in 100 would come too soon for two" },
    { limit: 30, perMinute: 15, reserve: 3, because: "a tenth of the limit is the most" },
    { limit: 9, perMinute: 4, reserve: 0, because: "a tenth of the limit is the most" },
  ];
  for (const { limit, perMinute, reserve, because } of cases) {
    it(`is ${reserve} of ${limit} at ${perMinute} a minute: ${because}`, () => {
      expect(onDemandReserve(limit, perMinute)).to.equal(reserve);
    });
  }

  it("leaves the background at least nine tenths, and grows with the requests on demand", () => {
    const rate = fc.double({ min: 0.01, max: 600, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), rate, rate, (limit, a, b) => {
        const [fewer, more] = [Math.min(a, b), Math.max(a, b)];
        expect(onDemandReserve(limit, more)).to.be.within(0, Math.min(4, limit / 10));
        expect(onDemandReserve(limit, fewer)).to.be.at.most(onDemandReserve(limit, more));
      }),
    );
  });
});
