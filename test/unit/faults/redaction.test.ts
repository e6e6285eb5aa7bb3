import { expect } from "chai";
import fc from "fast-check";

import { containsSecret, redact } from "../../../src/faults/redaction.js";
import { Secret } from "../../../src/faults/secret.js";
import { ECHO_FORMS, ECHOED, findEcho } from "../../support/secret-echo-fixture.js";

describe("redact", () => {
  for (const [name, echo] of Object.entries(ECHO_FORMS)) {
    it(`masks a secret ${name}`, () => {
      const redacted = redact(`Token ${echo} is bad.`, [new Secret("other"), ECHOED]);
      expect(findEcho(redacted)).to.equal(null);
      expect(redacted).to.match(/^Token \S{0,4}\[secret\].* is bad\.$/);
    });
  }

  it("leaves other texts and short parts of secrets as they are", () => {
    for (const text of ["", "The token is bad.", `${ECHOED.reveal().slice(0, 11)} is bad.`]) {
      expect(redact(text, [ECHOED])).to.equal(text);
      expect(containsSecret(text, [ECHOED, new Secret("")])).to.equal(false);
    }
  });

  it("masks a short secret as a whole", () => {
    expect(redact("tok-1, dG9rLTE= and tok-2", [new Secret("tok-1")])).to.equal(
      "[secret], [secret] and tok-2",
    );
  });

  it("keeps what surrounds a secret, also where letters change their length in lower case", () => {
    expect(redact(`İİ ${ECHOED.reveal()} İ`, [ECHOED])).to.equal("İİ [secret] İ");
  });

  it("leaves no twelve consecutive characters of any secret in any text", () => {
    const characters = fc.string({ minLength: 12, maxLength: 40 });
    fc.assert(
      fc.property(
        characters,
        fc.string(),
        fc.string(),
        fc.nat(10),
        (secret, before, after, cut) => {
          const redacted = redact(`${before}${secret.slice(cut)}${after}`, [new Secret(secret)]);
          for (let at = 0; at + 12 <= secret.length; at += 1) {
            expect(redacted).not.to.contain(secret.slice(at, at + 12));
          }
        },
      ),
    );
  });

  it("is quick", () => {
    const secrets = Array.from({ length: 20 }, (_, index) => new Secret(`${index}-`.repeat(200)));
    const start = process.cpuUsage();
    redact("7-".repeat(1_000), secrets);
    // Processor time, because other programs may need the machine, too.
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1_000).to.be.lessThan(400);
  });
});
