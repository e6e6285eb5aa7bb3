import { expect } from "chai";
import fc from "fast-check";

import {
  decodeGrant,
  decodeIndex,
  encodeGrant,
  encodeIndex,
  fingerprint,
  grantAccount,
  readContent,
} from "../../../src/authorization/keychain-records.js";
import { MemoryStore } from "../../../src/platform/secret-store.js";
import { DAY, grantOf, orgA } from "../../support/authorization-fixture.js";

const GRANT = JSON.parse(encodeGrant(grantOf(orgA, "a", DAY))) as Record<string, unknown>;
const NAMES = [...Object.keys(GRANT), "__proto__", "constructor", "organizations", "password"];
const value = fc.oneof(
  // Times that have no ISO 8601 form, or none of four digits of the year.
  fc.constantFrom<unknown[]>(1e300, 8.64e15, 253_402_300_800_000, -1, 2 ** 53),
  fc.jsonValue({ maxDepth: 1 }),
  fc.constantFrom<unknown[]>(null, "", "x", 0, -1, 1e300, [], [""], {}, true, "\u0000", ["a", 1]),
);
/** A record in which some members were changed, removed or added. */
const record = fc
  .tuple(fc.array(fc.tuple(fc.constantFrom(...NAMES), value), { maxLength: 3 }), fc.nat(60))
  .map(([changes, removed]) => {
    const members = Object.entries(GRANT).filter((_member, index) => index !== removed);
    return JSON.stringify(Object.fromEntries([...members, ...changes]));
  });
const text = fc.oneof(
  { weight: 8, arbitrary: record },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.json({ maxDepth: 2 }) },
);

describe("records of the keychain", () => {
  it("are a whole grant or nothing, whatever is in them", () => {
    fc.assert(
      fc.property(text, (content) => {
        const grant = decodeGrant(content);
        if (grant === null) return;
        expect(grant.orgId).not.to.equal("");
        expect(grant.accessToken.reveal()).not.to.equal("");
        expect(new Date(grant.grantedAt).toISOString()).to.match(/^\d{4}-/);
        // Written again, it is the same.
        const repeated = decodeGrant(encodeGrant(grant));
        expect(repeated && encodeGrant(repeated)).to.equal(encodeGrant(grant));
      }),
      { numRuns: 800 },
    );
    expect(Object.keys(Object.prototype)).to.deep.equal([]);
  });

  it("are listed as unreadable if they cannot be used, and never as missing", () =>
    fc.assert(
      fc.asyncProperty(text, text, async (grantText, indexText) => {
        const store = new MemoryStore();
        await store.set("client", indexText === "" ? "x" : indexText.replaceAll("\0", ""));
        await store.set("grants", encodeIndex([orgA]));
        await store.set(grantAccount(orgA), grantText.replaceAll("\0", "") || "x");
        const content = await readContent(store);
        const isKnown = content.grants.length + content.unreadableAccounts.length;
        expect(isKnown).to.be.at.least(1);
        expect(fingerprint(content)).to.equal(fingerprint(await readContent(store)));
        expect(decodeIndex(indexText) ?? []).to.satisfy(Array.isArray);
      }),
      { numRuns: 200 },
    ));
});
