import { expect } from "chai";

import { ConcurrencyLimit, requestsToUseRate } from "../../../src/polling/concurrency-limit.js";

describe("concurrency limit", () => {
  it("is the rate times the duration, at least 1 and at most 4", () => {
    const rows: [number, number, number][] = [
      [60, 0, 1],
      [60, 200, 1],
      [60, 1_000, 1],
      [60, 2_000, 2],
      [60, 2_001, 3],
      [300, 200, 1],
      [300, 500, 3],
      [300, 2_000, 4],
      [1, 60_000, 1],
    ];
    for (const [rate, durationMs, expected] of rows) {
      expect(requestsToUseRate(rate, durationMs), `${rate}, ${durationMs}`).to.equal(expected);
    }
  });

  it("is one after a rejection, and grows by one with each series of answers", () => {
    const limit = new ConcurrencyLimit();
    const maxima = (answers: number, sentAt: number): number[] =>
      Array.from({ length: answers }, () => {
        limit.recordAnswer(sentAt);
        return limit.max;
      });
    expect(limit.max).to.equal(4);
    limit.recordRejection(1_000);
    expect(maxima(5, 999), "sent before the rejection").to.deep.equal([1, 1, 1, 1, 1]);
    expect(maxima(8, 1_000)).to.deep.equal([2, 2, 3, 3, 3, 4, 4, 4]);
    expect(maxima(8, 1_000), "never more").to.deep.equal(new Array<number>(8).fill(4));
    limit.recordRejection(2_000);
    expect(maxima(2, 2_000)).to.deep.equal([2, 2]);
    limit.recordRejection(3_000);
    expect(maxima(1, 3_000)).to.deep.equal([2]);
  });
});
