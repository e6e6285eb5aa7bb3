import { expect } from "chai";

import { ScrolledLines } from "../../../src/cli/terminal/scrolled-lines.js";

describe("cli/terminal/scrolled-lines", () => {
  const numbered = (count: number) => () =>
    Array.from({ length: count }, (_, row) => `line ${row + 1}`);
  const size = { columns: 60, rows: 6, hasColors: false };
  let lines: ScrolledLines;
  const render = (count: number, rows = size.rows) =>
    lines.render(numbered(count), { ...size, rows }, "q quit");

  beforeEach(() => {
    lines = new ScrolledLines();
  });

  it("shows a text that fits, and the keys in the last row", () => {
    expect(render(3)).to.deep.equal(["line 1", "line 2", "line 3", "", "", "q quit"]);
  });

  it("scrolls by rows and pages, and stops at both ends", () => {
    expect(render(12).at(-1)).to.equal("1–5 of 12 lines  ↑ ↓ PgUp PgDn scroll  q quit");
    const first = (command: Parameters<ScrolledLines["handleCommand"]>[0]) => {
      lines.handleCommand(command);
      return render(12)[0];
    };
    expect(first("down")).to.equal("line 2");
    expect(first("pageDown")).to.equal("line 7");
    expect(first("pageDown")).to.equal("line 8");
    expect(render(12).at(-1)).to.match(/^8–12 of 12 lines/);
    expect(first("up")).to.equal("line 7");
    expect(first("home")).to.equal("line 1");
    expect(first("up")).to.equal("line 1");
    expect(first("end")).to.equal("line 8");
  });

  it("stays where it is when the text changes, and inside when it becomes shorter", () => {
    render(12);
    lines.handleCommand("end");
    expect(render(20)[0]).to.equal("line 8");
    expect(render(6)[0]).to.equal("line 2");
    expect(render(6, 20)[0]).to.equal("line 1");
  });

  it("fits every size, and clips what is too long", () => {
    for (const rows of [1, 2, 3, 10]) expect(render(12, rows), `${rows} rows`).to.have.length(rows);
    const textFor = (hasColors: boolean) => [
      hasColors ? "\u001b[1mabcdefgh\u001b[0m" : "abcdefgh",
      hasColors ? "\u001b[1mabc\u001b[0m" : "abc",
    ];
    const colored = lines.render(textFor, { columns: 5, rows: 2, hasColors: true }, "");
    expect(colored).to.deep.equal(["abcd…", "\u001b[1mabc\u001b[0m"]);
  });
});
