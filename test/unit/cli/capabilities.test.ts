import { expect } from "chai";

import {
  canRedraw,
  hasColors,
  helpLength,
  lineLength,
  terminalSize,
} from "../../../src/cli/terminal/capabilities.js";

describe("cli/terminal/capabilities", () => {
  const PIPE = {};
  const terminal = (columns = 100, colors = true) => ({
    ...{ isTTY: true as const, columns, rows: 30 },
    hasColors: () => colors,
  });

  it("colors terminals that have colors, and nothing else", () => {
    expect(hasColors(terminal(), {})).to.equal(true);
    expect(hasColors(terminal(100, false), {})).to.equal(false);
    expect(hasColors(PIPE, {})).to.equal(false);
  });

  it("obeys NO_COLOR if it is not empty, whatever its value", () => {
    for (const NO_COLOR of ["1", "0", "false"])
      expect(hasColors(terminal(), { NO_COLOR }), NO_COLOR).to.equal(false);
    expect(hasColors(terminal(), { NO_COLOR: "" })).to.equal(true);
  });

  it("obeys FORCE_COLOR if it is not empty, before NO_COLOR", () => {
    for (const NO_COLOR of ["", "1"]) {
      for (const FORCE_COLOR of ["1", "2", "3", "true", "yes"]) {
        expect(hasColors(PIPE, { FORCE_COLOR, NO_COLOR }), FORCE_COLOR).to.equal(true);
        expect(hasColors(terminal(100, false), { FORCE_COLOR, NO_COLOR })).to.equal(true);
      }
      for (const FORCE_COLOR of ["0", "false"])
        expect(hasColors(terminal(), { FORCE_COLOR, NO_COLOR }), FORCE_COLOR).to.equal(false);
    }
    expect(hasColors(terminal(), { FORCE_COLOR: "", NO_COLOR: "1" })).to.equal(false);
    expect(hasColors(PIPE, { FORCE_COLOR: "" })).to.equal(false);
  });

  it("hides both variables from Node.js, which takes empty ones for set ones", () => {
    const asked: unknown[] = [];
    const output = {
      isTTY: true as const,
      hasColors: (...args: unknown[]) => asked.push(args) > 0,
    };
    hasColors(output, { NO_COLOR: "", FORCE_COLOR: "", TERM: "xterm" });
    expect(asked).to.deep.equal([[16, { TERM: "xterm" }]]);
  });

  it("breaks lines at COLUMNS, else at the width of a terminal, at most at 110, else nowhere", () => {
    expect(lineLength(PIPE, { COLUMNS: "60" })).to.equal(60);
    expect(lineLength(terminal(100), { COLUMNS: "60" })).to.equal(59);
    expect(lineLength(terminal(100), { COLUMNS: "160" })).to.equal(159);
    expect(lineLength(terminal(100), {})).to.equal(99);
    expect(lineLength(terminal(200), {})).to.equal(110);
    expect(lineLength(terminal(0), {})).to.equal(79);
    expect(lineLength(PIPE, {})).to.equal(Number.POSITIVE_INFINITY);
    expect(lineLength(terminal(100), { COLUMNS: "1" })).to.equal(1);
  });

  it("ignores a COLUMNS that is not a positive number", () => {
    for (const COLUMNS of ["", "0", "-5", "wide", "80x24", "1e9", "12.5", "100000"])
      expect(lineLength(PIPE, { COLUMNS }), COLUMNS).to.equal(Number.POSITIVE_INFINITY);
  });

  it("breaks the text of --help everywhere, because it is made of columns", () => {
    expect(helpLength(PIPE, {})).to.equal(80);
    expect(helpLength(PIPE, { COLUMNS: "60" })).to.equal(60);
    expect(helpLength(terminal(100), {})).to.equal(100);
  });

  it("draws no wider than the terminal is", () => {
    expect(terminalSize(terminal(100), { COLUMNS: "60" })).to.deep.equal({ columns: 60, rows: 30 });
    expect(terminalSize(terminal(100), { COLUMNS: "160" }).columns).to.equal(100);
    expect(terminalSize({ isTTY: true, columns: 0, rows: 0 }, {})).to.deep.equal({
      columns: 80,
      rows: 24,
    });
  });

  it("redraws only on a terminal that can", () => {
    expect(canRedraw(terminal(), { TERM: "xterm" })).to.equal(true);
    expect(canRedraw(terminal(), { TERM: "dumb" })).to.equal(false);
    expect(canRedraw(PIPE, { TERM: "xterm", FORCE_COLOR: "1" })).to.equal(false);
  });
});
