import { inspect } from "node:util";
import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import { redact, redactText } from "../../../src/platform/redaction.js";

const HIDDEN = "tell-nobody-0123456789";

describe("platform/redaction", () => {
  it("prints a Secret as [secret], however it is printed", () => {
    const secret = new Secret(HIDDEN);
    for (const text of [
      String(secret),
      secret.toString(),
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: { secret } }),
    ]) {
      expect(text).to.include("[secret]");
      expect(text).to.not.include(HIDDEN);
    }
    expect(secret.reveal()).to.equal(HIDDEN);
  });

  it("hides secrets wherever they stand in a field", () => {
    const cause = new Error(`request failed with Bearer ${HIDDEN}`);
    const fields = {
      secret: new Secret(HIDDEN),
      headers: { Authorization: `Bearer ${HIDDEN}`, "proxy-authorization": `Basic ${HIDDEN}` },
      accessToken: HIDDEN,
      client_secret: HIDDEN,
      list: [{ refresh_token: HIDDEN }],
      url: `https://x/?code=${HIDDEN}&state=1`,
      form: `grant_type=refresh_token&refresh_token=${HIDDEN}`,
      error: new Fault("webexError", "It failed.", { cause, data: { token: HIDDEN } }),
    };
    const text = JSON.stringify(redact(fields));
    expect(text).to.not.include(HIDDEN);
    expect(text).to.include("It failed.");
    expect(text).to.include("state=1");
  });

  it("keeps what is no secret, and ends where an object contains itself", () => {
    const self: Record<string, unknown> = { code: "webexUnreachable", count: 3, none: null };
    self.self = self;
    const text = JSON.stringify(redact(self));
    expect(text).to.include('"code":"webexUnreachable","count":3,"none":null');
    expect(redactText("the token endpoint answered 401")).to.equal("the token endpoint answered 401");
  });
});
