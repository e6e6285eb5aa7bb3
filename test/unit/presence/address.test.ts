import { expect } from "chai";
import fc from "fast-check";

import {
  addressKey,
  isInvalidUnlessMatched,
  normalizeAddress,
  normalizeOwnAddress,
  readingsOf,
} from "../../../src/presence/address.js";

const SAME = "ada@example.com";

describe("normalizeAddress", () => {
  const accepted: [string, string][] = [
    [SAME, SAME],
    ["  Ada@Example.COM\t", SAME],
    ["<ada@example.com>", SAME],
    [" < ada@example.com > ", SAME],
    ["sip:ada@example.com", SAME],
    ["SIPS:ada@example.com", SAME],
    ["mailto:ada@example.com", SAME],
    ["Xmpp:ada@example.com", SAME],
    ["webex:ada@example.com", SAME],
    ["pres:ada@example.com", SAME],
    ["IM:ada@example.com", SAME],
    ["<sip:ada@example.com;transport=tls>;tag=7", SAME],
    ['"Ada < Byron" <sip:ada@example.com>', SAME],
    ["Ada <ada@example.com>?x", SAME],
    ["sip:ada@example.com;transport=tls", SAME],
    ["mailto:ada@example.com?subject=a@b;c", SAME],
    ["ada@example.com;", SAME],
    ["sip:%61da@example.com", SAME],
    ["ada%40example.com", SAME],
    ["sip:ada%2Bx@example.com", "ada+x@example.com"],
    ["O'Neil.x_y-z+1@Example.com", "o'neil.x_y-z+1@example.com"],
    ["jörg@müller.example", "jörg@müller.example"],
    ["J%C3%B6rg@example.com", "jörg@example.com"],
    ["1234@10.0.0.1", "1234@10.0.0.1"],
    [`${"a".repeat(1012)}@example.com`, `${"a".repeat(1012)}@example.com`],
  ];
  for (const [text, address] of accepted) {
    it(`accepts ${JSON.stringify(text.slice(0, 50))}`, () =>
      expect(normalizeAddress(text)).to.equal(address));
  }

  const rejected = [
    "",
    " ",
    "@",
    "ada",
    "ada@",
    "@example.com",
    "a@b@c",
    "ada%40corp@example.com",
    "tel:+391234",
    "tel:ada@example.com",
    "foo:ada@example.com",
    "https://example.com/ada@x",
    "xmpp://ada@example.com",
    "xmpp:ada@example.com/phone",
    "sip:mailto:ada@example.com",
    "sip:alice:secret@example.com",
    "alice:secret@example.com",
    "sip:ada@example.com:5060",
    ":ada@example.com",
    "sip:",
    "sip: ada@example.com",
    "ada byron@example.com",
    "ada@exam ple.com",
    "ada@example.com, bob@example.com",
    "<ada@example.com",
    "ada@example.com>",
    "<ada@example.com> x",
    "<>",
    "sip:%zz@example.com",
    "sip:ada%@example.com",
    "sip:ada%00@example.com",
    "sip:ada%0Ax@example.com",
    "sip:ada%20x@example.com",
    "sip:%ff@example.com",
    "ada\u0000@example.com",
    "ada\ud800@example.com",
    `${"a".repeat(1013)}@example.com`,
    ";ada@example.com",
  ];
  for (const text of rejected) {
    it(`rejects ${JSON.stringify(text.slice(0, 50))}`, () =>
      expect(normalizeAddress(text)).to.equal(null));
  }

  it("never throws, and returns lower-case local@domain or null", () => {
    const pieces = fc.constantFrom(
      "sip:",
      "a",
      "B",
      "@",
      "<",
      ">",
      ";",
      "?",
      "%41",
      "%",
      " ",
      ".",
      "ü",
      "\u0001",
      '"',
      ":",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(pieces).map((parts) => parts.join("")),
        ),
        (text) => {
          const address = normalizeAddress(text);
          if (address === null) return;
          expect(address).to.match(/^[^@\s<>:]+@[^@\s<>:]+$/u);
          expect(address).to.equal(address.toLowerCase());
        },
      ),
    );
  });

  it("strips every decoration of an address", () => {
    const word = fc.stringMatching(/^[a-z0-9._+-]{1,12}$/);
    const scheme = fc.constantFrom(
      "",
      "sip:",
      "SIPS:",
      "mailto:",
      "xmpp:",
      "Webex:",
      "pres:",
      "im:",
    );
    fc.assert(
      fc.property(
        word,
        word,
        scheme,
        fc.constantFrom("", ";a=b", "?c@d", ";x?y"),
        fc.boolean(),
        (local, host, prefix, suffix, angle) => {
          const uri = `${prefix}${local.toUpperCase()}@${host}${suffix}`;
          expect(normalizeAddress(angle ? ` <${uri}> ` : uri)).to.equal(`${local}@${host}`);
        },
      ),
    );
  });

  it("takes any text, and leaves a normalized address as it is", () => {
    const character = fc.oneof(
      fc.constantFrom(..."<>@%;?:\"', .aA0".split(""), "%40", "sip:", "\u0000", "\u202e", "İ", "ß"),
      fc.nat(0xffff).map((code) => String.fromCharCode(code)),
    );
    const text = fc.array(character, { maxLength: 30 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (any) => {
        for (const [normalize, repeat] of [
          [normalizeAddress, normalizeOwnAddress],
          [normalizeOwnAddress, normalizeOwnAddress],
        ] as const) {
          const address = normalize(any);
          // `%` and `;` in a normalized address are not read as a URI's a second time.
          if (address !== null) expect(repeat(address)).to.equal(address);
        }
        expect(readingsOf(addressKey(any) ?? "x")).to.have.length.within(1, 2);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("normalizeOwnAddress", () => {
  const rows: [string, string | null][] = [
    [" Ada@Example.COM ", SAME],
    ["50%25off@example.com", "50%25off@example.com"],
    ["50%off@example.com", "50%off@example.com"],
    ["a%40b@example.com", "a%40b@example.com"],
    ["ada%40example.com", null],
    ["what?@example.com", "what?@example.com"],
    ["?what@example.com", "?what@example.com"],
    ["ada;ext=1@example.com", "ada;ext=1@example.com"],
    ["#!$&'*+-/=^_`{|}~@example.com", "#!$&'*+-/=^_`{|}~@example.com"],
    ["sip:Ada@example.com;transport=tls", SAME],
    ["sip:%61da@example.com", SAME],
    ["ada@example.com;transport=tls", SAME],
    ["ada@example.com?subject=a@b", SAME],
    ["ada@exam%70le.com", null],
    ["ada@b@example.com", null],
    ["", null],
    [`${"a".repeat(1013)}@example.com`, null],
  ];
  for (const [text, address] of rows) {
    it(`reads ${JSON.stringify(text.slice(0, 50))} as ${address?.slice(0, 50) ?? "nothing"}`, () =>
      expect(normalizeOwnAddress(text)).to.equal(address));
  }
});

describe("addressKey", () => {
  const rows: [string, readonly string[], boolean][] = [
    ["SIP:Ada@example.com;transport=tls", [SAME], false],
    ["ada%40example.com", [SAME], false],
    ["sip:50%25off@example.com", ["50%off@example.com"], false],
    ["50%off@example.com", ["50%off@example.com"], false],
    ["50%ff@example.com", ["50%ff@example.com"], false],
    ["50%25off@example.com", ["50%25off@example.com", "50%off@example.com"], false],
    ["%61da@example.com", ["%61da@example.com", SAME], false],
    ["a%40b@example.com", ["a%40b@example.com"], true],
    ["what?@example.com", ["what?@example.com"], true],
    ["ada;ext=1@example.com", ["ada;ext=1@example.com"], true],
    ["ada@exam%70le.com", [SAME], false],
  ];
  for (const [text, readings, isInvalid] of rows) {
    it(`reads ${text} as ${readings.join(" or ")}${isInvalid ? ", if somebody has it" : ""}`, () => {
      const key = addressKey(text) ?? "";
      expect(readingsOf(key)).to.deep.equal(readings);
      expect(isInvalidUnlessMatched(key)).to.equal(isInvalid);
    });
  }

  for (const text of ["sip:a%40b@example.com", "sip:50%off@example.com", "tel:1", ";a@b", "a@b@c"])
    it(`rejects ${text}`, () => expect(addressKey(text)).to.equal(null));

  it("agrees with normalizeAddress about every URI with a scheme", () => {
    const pieces = fc.constantFrom("a", "B", "@", "%41", "%", "%40", "%25", ";", "?", "@x.y");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const uri = `sip:${parts.join("")}`;
        expect(addressKey(uri)).to.equal(normalizeAddress(uri));
      }),
    );
  });

  it("includes the own address of everybody who has the text as an address", () => {
    const pieces = fc.constantFrom("a", "B", "@", "%41", "%", "%40", "%25", ";", "?", "@x.y", "+");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const own = normalizeOwnAddress(parts.join(""));
        if (own !== null) expect(readingsOf(addressKey(parts.join("")) ?? "")[0]).to.equal(own);
      }),
      { numRuns: 1_000 },
    );
  });
});
