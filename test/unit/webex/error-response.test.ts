import { expect } from "chai";
import fc from "fast-check";

import { Secret } from "../../../src/faults/secret.js";
import { parseErrorResponse, retryAfterMs } from "../../../src/webex/error-response.js";

const encode = (body: unknown): Uint8Array =>
  new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
const read = (body: unknown, headers: Record<string, string> = {}, secrets: Secret[] = []) =>
  parseErrorResponse({ status: 400, headers, body: encode(body), secrets }, 0);

describe("parseErrorResponse", () => {
  it("parses the form of Webex", () => {
    const error = read({
      message: "The server understood the request.",
      errors: [{ description: "First." }, { description: "Second." }, {}, null, 7],
      trackingId: "ROUTER_1-2-3",
    });
    expect(error.text).to.equal("The server understood the request. - First. - Second.");
    expect(error.details.trackingId).to.equal("ROUTER_1-2-3");
  });

  it("removes repeated texts", () => {
    expect(read({ message: "Same.", errors: [{ description: "Same." }] }).text).to.equal("Same.");
  });

  it("parses the form of OAuth", () => {
    const error = read({ error: "invalid_grant", error_description: "Refresh token is dead." });
    expect([error.oauthError, error.text]).to.deep.equal([
      "invalid_grant",
      "Refresh token is dead. - invalid_grant",
    ]);
  });

  it("accepts only known error codes", () => {
    expect(read({ error: "my_own_error" }).oauthError).to.equal(null);
    expect(read({ error: 5 }).oauthError).to.equal(null);
  });

  for (const [name, body] of [
    ["a gateway's page", "<html><body><h1>502 Bad Gateway</h1></body></html>"],
    ["an empty body", ""],
    ["half a JSON text", '{"message":"cut o'],
    ["JSON null", "null"],
    ["a JSON array", "[]"],
  ] as const) {
    it(`has no text for ${name}, and takes the tracking ID from the header`, () => {
      const error = read(body, { trackingid: "NA_aa-1, NA_aa-2" });
      expect(error).to.deep.include({ text: "", isRestForm: false, isOAuthForm: false });
      expect(error.details.trackingId).to.equal("NA_aa-1");
    });
  }

  it("ignores an invalid tracking ID", () => {
    expect(read({ trackingId: "someone@example.com" }).details).not.to.have.property("trackingId");
  });

  it("removes addresses, the secrets of the request and whatever looks like a token", () => {
    const long = "A1b2_".repeat(20);
    const message = `No user ann.smith+x@corp.example nor bob%40corp.example; token tok-1 and ${long} at https://a.example/?email=c@d.example`;
    const { text } = read({ message }, {}, [new Secret("tok-1")]);
    expect(text).to.equal(
      "No user [address] nor [address]; token [secret] and [secret] at https://a.example/?email=[address]",
    );
  });

  it("truncates the text to one line of 200 characters", () => {
    const { text } = read({ message: `a\r\n\tb ${"word ".repeat(100)}` });
    expect(text).to.match(/^a b word/);
    expect(text.length).to.be.at.most(200);
  });

  it("parses a long body that is a single word quickly", () => {
    const start = performance.now();
    read({ message: "x".repeat(60_000) });
    expect(performance.now() - start).to.be.lessThan(500);
  });

  it("compares a Retry-After date with the server's clock", () => {
    const headers = {
      date: "Sun, 22 Nov 2026 12:00:00 GMT",
      "retry-after": "Sun, 22 Nov 2026 12:00:20 GMT",
    };
    expect(read("", headers).details.retryAfterMs).to.equal(20_000);
  });
});

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0);

describe("retryAfterMs", () => {
  const table: [string | undefined, number | undefined, string][] = [
    ["30", 30_000, "seconds"],
    [" 7 ", 7_000, "seconds with spaces"],
    ["1.5", 1_500, "a fraction, which is not in the standard"],
    [undefined, undefined, "missing"],
    ["", undefined, "empty"],
    ["0", undefined, "0, as seen in production"],
    ["0.02", undefined, "less than a second, the resolution of the header"],
    ["7, 12", 12_000, "a repeated header: its maximum"],
    [",", undefined, "an empty repeated header"],
    ["9".repeat(300), undefined, "an overlong header"],
    ["-5", undefined, "negative"],
    ["soon", undefined, "garbage"],
    ["30 seconds", undefined, "seconds with a unit"],
    ["rand(30),add(30)", 60_000, "Webex's unexpanded template: its maximum"],
    ["rand(5), add(1)", 6_000, "the template with a space"],
    ["rand(0),add(0)", undefined, "a template of zero"],
    ["999999999999", 3_600_000, "a huge number: one hour"],
    ["rand(999999999),add(1)", 3_600_000, "a huge template: one hour"],
    ["Sun, 22 Nov 2026 12:00:45 GMT", 45_000, "an HTTP date"],
    ["Sunday, 22-Nov-26 12:00:45 GMT", 45_000, "an RFC 850 date"],
    ["Sun Nov 22 12:00:45 2026", 45_000, "an asctime date, which is in UTC"],
    ["Sun, 22 Nov 2026 11:59:00 GMT", undefined, "a date in the past"],
    ["Mon, 22 Nov 2027 12:00:00 GMT", 3_600_000, "a date in a year: one hour"],
    ["Sun, 99 Foo 2026 12:00:45 GMT", undefined, "an invalid date"],
  ];
  for (const [header, expected, what] of table) {
    it(`reads ${what}`, () => expect(retryAfterMs(header, NOW)).to.equal(expected));
  }

  it("returns undefined or 1 ms to one hour for any header", () => {
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
