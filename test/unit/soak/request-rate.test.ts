import { expect } from "chai";

import { mostInWindow, requestsPerWindow } from "../../soak/request-rate.js";

describe("the request rate of a soak", () => {
  it("counts the requests of the 60 s up to each", () => {
    const times = [0, 30_000, 59_999, 60_000, 90_001];
    const counts = requestsPerWindow(times).map(({ value }) => value);
    expect(counts).to.deep.equal([1, 2, 3, 3, 3]);
  });

  it("finds the fullest minute, wherever it begins", () => {
    const times = [0, 1, 2, 100_000, 130_000, 159_000, 159_500];
    expect(mostInWindow(times, [])).to.equal(4);
  });

  it("does not count what a worker before it has sent", () => {
    const times = [1, 2, 3, 11, 12];
    expect(mostInWindow(times, [0])).to.equal(5);
    expect(mostInWindow(times, [0, 10])).to.equal(3);
  });

  it("is 0 without requests", () => {
    expect(mostInWindow([], [5])).to.equal(0);
  });
});
