import { expect } from "chai";

import { clip, displayWidth, fit, sanitize, wrap } from "../../../src/cli/terminal/text.js";

describe("text in a terminal", () => {
  const widths: readonly [text: string, width: number, what: string][] = [
    ["", 0, "nothing"],
    ["Léa", 3, "an accented letter"],
    ["Le\u0301a", 3, "a letter and a combining accent"],
    ["山田太郎", 8, "Chinese characters"],
    ["김철수", 6, "Hangul"],
    ["Ａｄａ", 6, "full-width letters"],
    ["👩‍💻 Ada", 6, "an emoji of several code points"],
    ["🇮🇹", 2, "a flag"],
    ["☎️", 2, "a character that asks for emoji style"],
    ["●○♪■►▬◊×?→█░", 12, "the symbols of the table"],
    ["a\u200bb", 2, "a zero-width space"],
  ];
  for (const [text, width, what] of widths) {
    it(`counts ${width} columns for ${what}`, () => expect(displayWidth(text)).to.equal(width));
  }

  it("clips with an ellipsis, never in the middle of a character", () => {
    expect(clip("Björn", 5)).to.equal("Björn");
    expect(clip("Björn Weber", 6)).to.equal("Björn…");
    expect(clip("山田太郎", 6)).to.equal("山田…");
    expect(clip("👩‍💻👩‍💻", 3)).to.equal("👩‍💻…");
    expect(clip("Ada", 1)).to.equal("…");
    expect(clip("Ada", 0)).to.equal("");
  });

  it("fills up to a width, on either side", () => {
    expect(fit("山田", 6)).to.equal("山田  ");
    expect(fit("42 s", 6, "right")).to.equal("  42 s");
    expect(displayWidth(fit("山田太郎", 6))).to.equal(6);
  });

  it("takes away what a terminal would obey", () => {
    expect(sanitize("Ada\u001b[2J\r\n\u202eevil\u009b31m")).to.equal("Ada [2J evil 31m");
  });

  it("wraps with an indent and clips a word that is too long", () => {
    expect(wrap("1. one two three", 10, 3)).to.deep.equal(["1. one two", "   three"]);
    expect(wrap("1. aaaaaaaaaaaaaaa b", 8, 3)).to.deep.equal(["1.", "   aaaa…", "   b"]);
  });
});
