import { inspect } from "node:util";
import { expect } from "chai";

import { Fault } from "../../../src/faults/fault.js";
import { Secret } from "../../../src/faults/secret.js";
import { formatLine, redact, redactText } from "../../../src/platform/winston-log.js";

const SECRET_TEXT = "secret-text-0123456789";

describe("platform/winston-log: a line on stderr", () => {
  it("joins the lines of a message by one space each", () => {
    const message = "It failed: \r\n  at one\n\n\tat two\u2028  at three";
    expect(formatLine("12:00", "warn", message, { count: 1 })).to.equal(
      '12:00 warn It failed: at one at two at three {"count":1}',
    );
  });

  it("has no fields if there are none", () => {
    expect(formatLine("12:00", "info", "Started.")).to.equal("12:00 info Started.");
  });
});

describe("platform/winston-log: redaction", () => {
  it("prints a Secret as [secret] in every form", () => {
    const secret = new Secret(SECRET_TEXT);
    const printed = [String(secret), secret.toString(), JSON.stringify({ secret })];
    for (const text of [...printed, inspect(secret), inspect({ deep: { secret } })]) {
      expect(text).to.include("[secret]");
      expect(text).to.not.include(SECRET_TEXT);
    }
    expect(secret.reveal()).to.equal(SECRET_TEXT);
  });

  it("hides secrets anywhere in a field", () => {
    const cause = new Error(`request failed with Bearer ${SECRET_TEXT}`);
    const fields = {
      secret: new Secret(SECRET_TEXT),
      headers: {
        Authorization: `Bearer ${SECRET_TEXT}`,
        "proxy-authorization": `Basic ${SECRET_TEXT}`,
      },
      accessToken: SECRET_TEXT,
      client_secret: SECRET_TEXT,
      list: [{ refresh_token: SECRET_TEXT }],
      url: `https://x/?code=${SECRET_TEXT}&state=1`,
      form: `grant_type=refresh_token&refresh_token=${SECRET_TEXT}`,
      error: new Fault("webexError", "It failed.", { cause, data: { token: SECRET_TEXT } }),
    };
    const text = JSON.stringify(redact(fields));
    expect(text).to.not.include(SECRET_TEXT);
    expect(text).to.include("It failed.");
    expect(text).to.include("state=1");
  });

  it("keeps everything else, and stops where an object contains itself", () => {
    const self: Record<string, unknown> = { code: "webexUnreachable", count: 3, none: null };
    self.self = self;
    const text = JSON.stringify(redact(self));
    expect(text).to.include('"code":"webexUnreachable","count":3,"none":null');
    const harmless = "the token endpoint answered 401";
    expect(redactText(harmless)).to.equal(harmless);
  });
});
