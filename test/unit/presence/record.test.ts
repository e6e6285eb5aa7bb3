import { expect } from "chai";
import fc from "fast-check";

import { formatIsoTime, mapWebexStatus } from "../../../src/presence/record.js";

describe("mapWebexStatus", () => {
  const rows: [string | null, string, string | null, string[], string | null][] = [
    ["active", "available", "open", [], null],
    ["inactive", "away", "open", ["away"], null],
    ["call", "onCall", "open", ["on-the-phone"], null],
    ["meeting", "inMeeting", "open", ["meeting"], null],
    ["presenting", "presenting", "open", ["presentation"], null],
    ["DoNotDisturb", "doNotDisturb", "open", ["busy"], null],
    ["OutOfOffice", "outOfOffice", "closed", ["away"], null],
    ["pending", "offline", "closed", [], "neverSignedIn"],
    ["unknown", "unknown", null, ["unknown"], "undetermined"],
    ["hologram", "unknown", null, ["unknown"], "unrecognizedStatus"],
    ["Active", "unknown", null, ["unknown"], "unrecognizedStatus"],
    ["", "unknown", null, ["unknown"], "unrecognizedStatus"],
    ["constructor", "unknown", null, ["unknown"], "unrecognizedStatus"],
    [null, "unknown", null, [], "notShared"],
  ];
  for (const [status, state, basic, activities, reason] of rows) {
    it(`maps ${status ?? "an absent status"} to ${state}`, () =>
      expect(mapWebexStatus(status)).to.deep.equal({ state, basic, activities, reason }));
  }
});

describe("formatIsoTime", () => {
  it("formats any time as Date does", () => {
    const near = fc.integer({ min: Date.parse("2020-01-01"), max: Date.parse("2040-01-01") });
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
      fc.property(fc.oneof(near, any, edges), (time) => {
        expect(formatIsoTime(time)).to.equal(new Date(time).toISOString());
      }),
      { numRuns: 5_000 },
    );
  });

  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 60_000]) {
    it(`throws for ${time}, as Date does`, () => {
      expect(() => formatIsoTime(time)).to.throw(RangeError);
    });
  }
});
