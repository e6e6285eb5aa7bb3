import { expect } from "chai";
import fc from "fast-check";

import { retryAfterMs } from "../../../src/webex/retry-after.js";

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);

describe("retryAfterMs", () => {
  const table: [string | undefined, number | undefined, string][] = [
    ["30", 30_000, "seconds"],
    [" 7 ", 7_000, "seconds among spaces"],
    ["1.5", 1_500, "a fraction, which no standard knows but is clear"],
    [undefined, undefined, "missing"],
    ["", undefined, "empty"],
    ["0", undefined, "0, as seen in production: no wait worth the name"],
    ["-5", undefined, "negative"],
    ["soon", undefined, "garbage"],
    ["30 seconds", undefined, "seconds with a unit"],
    ["rand(30),add(30)", 60_000, "Webex's template as it stands: the longest wait it can mean"],
    ["rand(5), add(1)", 6_000, "the template with a space"],
    ["rand(0),add(0)", undefined, "a template that means nothing"],
    ["999999999999", 3_600_000, "absurdly large: one hour"],
    ["rand(999999999),add(1)", 3_600_000, "an absurd template: one hour"],
    ["Sun, 22 Nov 2026 12:00:45 GMT", 45_000, "an HTTP date"],
    ["Sunday, 22-Nov-26 12:00:45 GMT", 45_000, "an RFC 850 date"],
    ["Sun Nov 22 12:00:45 2026", 45_000, "an asctime date, UTC though it does not say so"],
    ["Sun, 22 Nov 2026 11:59:00 GMT", undefined, "a date gone by"],
    ["Mon, 22 Nov 2027 12:00:00 GMT", 3_600_000, "a date a year away: one hour"],
    ["Sun, 99 Foo 2026 12:00:45 GMT", undefined, "a date that is none"],
  ];
  for (const [header, expected, what] of table) {
    it(`reads ${what}`, () => expect(retryAfterMs(header, NOW)).to.equal(expected));
  }

  it("is nothing or between 1 ms and one hour, whatever it is given", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.integer().map(String),
          fc.date({ noInvalidDate: true }).map((d) => d.toUTCString()),
        ),
        (header) => {
          const wait = retryAfterMs(header, NOW);
          return wait === undefined || (wait >= 1 && wait <= 3_600_000);
        },
      ),
    );
  });
});
