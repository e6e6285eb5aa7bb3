import { expect } from "chai";

import { Secret } from "../../../src/faults/secret.js";
import { parseErrorResponse } from "../../../src/webex/error-response.js";

const encode = (body: unknown): Uint8Array =>
  new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
const read = (body: unknown, headers: Record<string, string> = {}, secrets: Secret[] = []) =>
  parseErrorResponse({ status: 400, headers, body: encode(body) }, 0, secrets);

describe("readErrorAnswer", () => {
  it("reads Webex's form", () => {
    const answer = read({
      message: "The server understood the request.",
      errors: [{ description: "First." }, { description: "Second." }, {}, null, 7],
      trackingId: "ROUTER_1-2-3",
    });
    expect(answer.text).to.equal("The server understood the request. - First. - Second.");
    expect(answer.details.trackingId).to.equal("ROUTER_1-2-3");
  });

  it("says once what is said twice", () => {
    expect(read({ message: "Same.", errors: [{ description: "Same." }] }).text).to.equal("Same.");
  });

  it("reads OAuth's form", () => {
    const answer = read({ error: "invalid_grant", error_description: "Refresh token is dead." });
    expect([answer.oauthError, answer.text]).to.deep.equal([
      "invalid_grant",
      "Refresh token is dead. - invalid_grant",
    ]);
  });

  it("takes no error code but a known one", () => {
    expect(read({ error: "my_own_error" }).oauthError).to.equal(null);
    expect(read({ error: 5 }).oauthError).to.equal(null);
  });

  for (const [name, body] of [
    ["a gateway's page", "<html><body><h1>502 Bad Gateway</h1></body></html>"],
    ["an empty body", ""],
    ["half a JSON text", '{"message":"cut o'],
    ["a JSON text that is no object", "null"],
  ] as const) {
    it(`has no words for ${name}, and takes the tracking id from the header`, () => {
      const answer = read(body, { trackingid: "NA_aa-1, NA_aa-2" });
      expect([answer.text, answer.isJson, answer.details.trackingId]).to.deep.equal([
        "",
        false,
        "NA_aa-1",
      ]);
    });
  }

  it("leaves out a tracking id that is none", () => {
    expect(read({ trackingId: "someone@example.com" }).details).not.to.have.property("trackingId");
  });

  it("keeps addresses, the request's secrets and whatever looks like a token out of the words", () => {
    const long = "A1b2_".repeat(20);
    const message = `No user ann.smith+x@corp.example nor bob%40corp.example; token tok-1 and ${long} at https://a.example/?email=c@d.example`;
    const { text } = read({ message }, {}, [new Secret("tok-1")]);
    expect(text).to.equal(
      "No user [address] nor [address]; token [secret] and [secret] at https://a.example/?email=[address]",
    );
  });

  it("cuts the words to one line of 200 characters", () => {
    const { text } = read({ message: `a\r\n\tb ${"word ".repeat(100)}` });
    expect(text).to.match(/^a b word/);
    expect(text.length).to.be.at.most(200);
  });

  it("is quick about a long body that is all one word", () => {
    const start = performance.now();
    read({ message: "x".repeat(60_000) });
    expect(performance.now() - start).to.be.lessThan(500);
  });

  it("measures a Retry-After date by the server's own clock", () => {
    const headers = {
      date: "Sun, 22 Nov 2026 12:00:00 GMT",
      "retry-after": "Sun, 22 Nov 2026 12:00:20 GMT",
    };
    expect(read("", headers).details.retryAfterMs).to.equal(20_000);
  });
});
