import { expect } from "chai";

import { toPrintable } from "../../../src/faults/foreign-text.js";
import {
  clip,
  displayWidth,
  fieldLines,
  fit,
  formatCountdown,
  formatDateTime,
  formatDuration,
  formatTime,
  withLocalTimes,
  wrap,
} from "../../../src/cli/terminal/text.js";

describe("cli/terminal/text", () => {
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

  it("pads to a width on either side", () => {
    expect(fit("山田", 6)).to.equal("山田  ");
    expect(fit("42 s", 6, "right")).to.equal("  42 s");
    expect(displayWidth(fit("山田太郎", 6))).to.equal(6);
  });

  it("replaces control characters", () => {
    expect(toPrintable("Ada\u001b[2J\r\n\u202eevil\u009b31m")).to.equal("Ada [2J evil 31m");
  });

  it("keeps a number and its unit on one line", () => {
    expect(wrap("confirmed 49 s ago", 12, 0)).to.deep.equal(["confirmed", "49 s ago"]);
    expect(wrap("took 3 min in 2 days", 10, 0)).to.deep.equal(["took 3 min", "in 2 days"]);
    expect(wrap("all 49 seats", 6, 0)).to.deep.equal(["all 49", "seats"]);
  });

  it("shows times within a text as local times, with the date if it is another day", () => {
    const now = new Date(2026, 10, 27, 1, 8).getTime();
    const at = new Date(2026, 10, 27, 1, 10, 18, 967);
    const later = new Date(2026, 10, 28, 2, 0, 5);
    expect(formatTime(at.getTime())).to.equal("01:10:18");
    expect(
      withLocalTimes(`It waits until ${at.toISOString()}, not ${later.toISOString()}.`, now),
    ).to.equal("It waits until 01:10:18, not 2026-11-28 02:00:05.");
    expect(withLocalTimes("version 1.2, 2026-99-99T00:00:00Z", now)).to.equal(
      "version 1.2, 2026-99-99T00:00:00Z",
    );
  });

  it("wraps between words with an indent, and keeps URLs whole", () => {
    expect(wrap("1. one two three", 10, 3)).to.deep.equal(["1. one two", "   three"]);
    expect(wrap("see https://example.com/a-very-long-address here", 12, 2)).to.deep.equal([
      "see",
      "  https://example.com/a-very-long-address",
      "  here",
    ]);
    expect(wrap("as it is", Number.POSITIVE_INFINITY, 2)).to.deep.equal(["as it is"]);
    expect(wrap("", 10, 0)).to.deep.equal([""]);
  });

  it("breaks a path that is longer than a line behind a separator, with the indent", () => {
    expect(wrap("the file /var/lib/ucx/state/worker.log is new", 16, 2)).to.deep.equal([
      "the file /var/",
      "  lib/ucx/state/",
      "  worker.log is",
      "  new",
    ]);
    expect(wrap("C:\\ProgramData\\ucx\\worker.log", 16, 0)).to.deep.equal([
      "C:\\ProgramData\\",
      "ucx\\worker.log",
    ]);
    const noSeparator = "a-name-without-any-separator";
    expect(wrap(`/${noSeparator}/x`, 10, 2)).to.deep.equal(["/", `  ${noSeparator}/`, "  x"]);
    const fits = "/short/path";
    expect(wrap(`one two ${fits}`, 13, 2)).to.deep.equal(["one two", `  ${fits}`]);
  });

  it("aligns fields in two columns and continues long values below", () => {
    const fields = [
      ["A", "one two three"],
      ["Longer", "x"],
    ] as const;
    expect(fieldLines(fields, 18)).to.deep.equal([
      "  A       one two",
      "          three",
      "  Longer  x",
    ]);
  });

  it("formats dates and durations", () => {
    expect(formatDateTime(null)).to.equal("–");
    expect(formatDateTime("not a time")).to.equal("–");
    expect(formatDateTime(new Date(2026, 10, 5, 7, 3).toISOString())).to.equal("2026-11-05 07:03");
    const countdowns = [0, 59_001, 598_000, -5].map(formatCountdown);
    expect(countdowns).to.deep.equal(["0:00", "1:00", "9:58", "0:00"]);
    const durations = [0, 119_000, 120_000, 7_200_000, 172_800_000].map(formatDuration);
    expect(durations).to.deep.equal(["0 s", "119 s", "2 min", "2 h", "2 days"]);
  });
});
