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
const textWithoutNul = anyText.map((value) =>
  value.replace(/\0|\ufffe/g, "").replaceAll("\u001a", ""),
);

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
        const isPadded = bytes.at(-1) === 0 && bytes.includes(0x1a);
        if (!marked && !isPadded)
          expect(decoded.kind).to.equal(bytes.includes(0) ? "undecodable" : "text");
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

  it("decodes lines that were appended in single bytes to UTF-16", () => {
    const appended = [
      "WebexPresence.Enable=1",
      "WebexPresence.Enable=1\r\n",
      "Enable=0",
      "Enable=0\r\n",
      "[Sip]\r\nPort=5060\n",
      "; é\nWebexPresence.LogLevel=debug\n",
    ];
    for (const [index, tail] of appended.entries()) {
      const bytes = Buffer.from(tail, index % 2 === 0 ? "latin1" : "utf8");
      for (const head of ["a=1\r\n", "a=1", "; 中文\n", "; café", "é=😀\n", ""]) {
        for (const utf16 of [utf16le(head), utf16be(head)])
          expect(text([...utf16, ...bytes])).to.equal(`${head}\ufeff${tail}`);
      }
    }
  });

  it("does not take letters without zeros in UTF-16 for single bytes", () => {
    for (const word of [
      "中文说明书目录",
      "丽丽丽丽丽丽",
      "あいうえせ「まみ」",
      "ёжик",
      "Ț",
      "€uro",
      "한국어",
    ]) {
      for (const value of [`; ${word}`, `${word}\n${word}=${word}\n`, `a=${word.repeat(20)}`]) {
        expect(text(utf16le(value))).to.equal(value);
        expect(text(utf16be(value))).to.equal(value);
      }
    }
  });

  it("decodes lines in Windows-1252 that were appended to UTF-8, and the reverse", () => {
    const utf8 = Buffer.from("a=Zoë €\r\n");
    const ansi = Buffer.from("b=Caf\xe9 \x80\r\n", "latin1");
    expect(text([...utf8, ...ansi])).to.equal("a=Zoë €\r\nb=Café €\r\n");
    expect(text([...ansi, ...utf8])).to.equal("b=Café €\r\na=Zoë €\r\n");
    expect(text([...ansi, ...UTF8_BOM, ...utf8])).to.equal("b=Café €\r\n\ufeffa=Zoë €\r\n");
  });

  it("ends at DOS's end-of-file character, with zeros behind it", () => {
    for (const end of [[0x1a], [0x1a, 0x1a], [0x1a, 0, 0, 0], [0, 0x1a, 0]]) {
      const decoded = text([0x61, 0x0a, ...end]);
      if (end[0] === 0x1a) expect(decoded).to.equal("a\n");
      else expect(decoded).to.match(/^undecodable: it contains zero bytes \(the first in line 2\)/);
    }
    expect(text([...utf16le("a\n"), 0x1a])).to.equal("a\n");
    expect(text([...utf16be("a\n"), 0x1a])).to.equal("a\n");
    expect(text(utf16le("a\n\u001a"))).to.equal("a\n\u001a");
    expect(text([...Buffer.from("a\n\x1ab\n")])).to.equal("a\n\u001ab\n");
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
    "UTF-16 behind Windows-1252": [0xe9, 0x0a, ...Buffer.from("WebexPresence.Enable=1", "utf16le")],
    "UTF-16 behind UTF-8 with a mark": [
      ...[...UTF8_BOM, 0x61, 0x0a],
      ...Buffer.from("WebexPresence.Enable=1", "utf16le"),
    ],
    "UTF-16 behind UTF-8 with a mark, with a mark": [...UTF8_BOM, 0x61, 0x0a, ...utf16be("b=1")],
    "UTF-16 LE behind UTF-16 BE": [...utf16be("a=1\n"), ...utf16le("b=1\n")],
    "UTF-16 BE behind UTF-16 LE": [...utf16le("a=1\n"), ...utf16be("b=1\n")],
    "UTF-16 LE behind UTF-16 BE, without a mark": [
      ...utf16be("a=1\n"),
      ...Buffer.from("Enable=0\n", "utf16le"),
    ],
    "single bytes between UTF-16": [
      ...utf16le("a=1\n"),
      ...Buffer.from("WebexPresence.Enable=1\r\n"),
      ...Buffer.from("b=1\n", "utf16le"),
    ],
    "an odd number of single bytes between UTF-16": [
      ...utf16le("a=1\n"),
      ...Buffer.from("Sip.Port=5060\n"),
      ...Buffer.from("b=1\n", "utf16le"),
    ],
    "UTF-32 LE": [0xff, 0xfe, 0x00, 0x00, 0x61, 0x00, 0x00, 0x00],
  };
  for (const [what, bytes] of Object.entries(undecodable)) {
    it(`rejects ${what}`, () => {
      expect(text(bytes)).to.match(/^undecodable: it .+/);
    });
  }
});
