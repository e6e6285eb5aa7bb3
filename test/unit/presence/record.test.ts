import { expect } from "chai";

import { mapWebexStatus } from "../../../src/presence/state-table.js";

describe("the state table", () => {
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
    it(`${status ?? "(absent)"} is ${state}`, () =>
      expect(mapWebexStatus(status)).to.deep.equal({ state, basic, activities, reason }));
  }
});
