import { expect } from "chai";
import fc from "fast-check";

import { decodeSettings } from "../../../src/settings/decode.js";

const UTF8_BOM = [0xef, 0xbb, 0xbf];
const text = (bytes: readonly number[] | Uint8Array) => {
  const decoded = decodeSettings(Uint8Array.from(bytes));
  return decoded.kind === "text" ? decoded.text : `undecodable: ${decoded.reason}`;
};
const utf16le = (value: string) => Buffer.from(`\ufeff${value}`, "utf16le");
const utf16be = (value: string) => Buffer.from(`\ufeff${value}`, "utf16le").swap16();
/** Any Unicode text, with the characters that encodings trip over. */
const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: "binary", maxLength: 1, minLength: 1 }),
    fc.constantFrom("é", "€", "😀", "\r\n", "=", "\ufeff"),
  ),
});
const textWithoutNul = anyText.map((value) => value.replaceAll("\0", ""));

describe("decodeSettings", () => {
  it("decodes UTF-8 with and without a byte order mark", () => {
    fc.assert(
      fc.property(textWithoutNul, (value) => {
        expect(text([...UTF8_BOM, ...Buffer.from(value)])).to.equal(value);
        if (!value.startsWith("\ufeff")) expect(text(Buffer.from(value))).to.equal(value);
      }),
    );
  });

  it("decodes UTF-16 in both byte orders", () => {
    fc.assert(
      fc.property(textWithoutNul, (value) => {
        expect(text(utf16le(value))).to.equal(value);
        expect(text(utf16be(value))).to.equal(value);
      }),
    );
  });

  it("decodes as Windows-1252 whatever has no byte order mark, no zero byte and is not UTF-8", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const decoded = decodeSettings(bytes);
        if (decoded.kind === "text" && !/[\u0080-\uffff]/.test(decoded.text))
          expect([...bytes].every((b) => b < 0x80 || b >= 0xef)).to.be.true;
        const marked = bytes[0] === 0xef || bytes[0] === 0xff || bytes[0] === 0xfe;
        if (!marked) expect(decoded.kind).to.equal(bytes.includes(0) ? "undecodable" : "text");
      }),
    );
  });

  it("decodes all of Windows-1252, including where it differs from Latin-1", () => {
    const every = Array.from({ length: 255 }, (_, index) => index + 1);
    const expected =
      "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f" +
      "\u0090‘’“”•–—˜™š›œ\u009džŸ" +
      every
        .slice(0x9f)
        .map((code) => String.fromCharCode(code))
        .join("");
    expect(text(every).slice(0x7f)).to.equal(expected);
    expect(text([0x43, 0x61, 0x66, 0xe9, 0x20, 0x80])).to.equal("Café €");
  });

  it("decodes a long file in every encoding", () => {
    const long = "é;=\r\n".repeat(40_000);
    expect(text(utf16be(long))).to.equal(long);
    expect(text(Buffer.from(long, "latin1"))).to.equal(long);
    expect(text(Buffer.from(long))).to.equal(long);
  });

  it("decodes no bytes, and a byte order mark alone, as an empty text", () => {
    for (const bytes of [[], UTF8_BOM, [0xff, 0xfe], [0xfe, 0xff]])
      expect(text(bytes)).to.equal("");
  });

  const undecodable: Record<string, readonly number[]> = {
    "UTF-16 LE of odd length": [0xff, 0xfe, 0x61, 0x00, 0x62],
    "UTF-16 BE of odd length": [0xfe, 0xff, 0x00, 0x61, 0x00],
    "UTF-16 with a lone high surrogate": [0xff, 0xfe, 0x3d, 0xd8, 0x61, 0x00],
    "UTF-16 with a high surrogate at its end": [0xfe, 0xff, 0xd8, 0x3d],
    "UTF-16 with a lone low surrogate": [0xfe, 0xff, 0xde, 0x00, 0x00, 0x61],
    "UTF-16 without a mark": [0x61, 0x00, 0x3d, 0x00],
    "zero bytes among Windows-1252": [0xe9, 0x00, 0x61],
    "a UTF-8 mark before what is not UTF-8": [...UTF8_BOM, 0x61, 0xe9],
    "UTF-32 LE": [0xff, 0xfe, 0x00, 0x00, 0x61, 0x00, 0x00, 0x00],
  };
  for (const [what, bytes] of Object.entries(undecodable)) {
    it(`rejects ${what}`, () => {
      expect(text(bytes)).to.match(/^undecodable: it .+/);
    });
  }
});
