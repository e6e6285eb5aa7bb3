import { expect } from "chai";

import { TableCursor } from "../../../src/cli/terminal/table-cursor.js";
import type { Command } from "../../../src/cli/terminal/keys.js";
import type { PresenceRecord } from "../../../src/presence/record.js";

const recordsOf = (...uris: readonly string[]) =>
  uris.map((uri) => ({ uri })) as unknown as readonly PresenceRecord[];

describe("cli/terminal/table-cursor", () => {
  const records = recordsOf("a", "b", "c", "d", "e", "f", "g");

  function indexAfter(...commands: readonly Command[]): number {
    const cursor = new TableCursor();
    for (const command of commands) cursor.handleCommand(command, records, 3);
    return cursor.index(records);
  }

  it("moves by rows and pages, and stops at both ends", () => {
    expect(indexAfter()).to.equal(0);
    expect(indexAfter("down", "down", "up")).to.equal(1);
    expect(indexAfter("up")).to.equal(0);
    expect(indexAfter("pageDown")).to.equal(3);
    expect(indexAfter("pageDown", "pageDown", "pageDown")).to.equal(6);
    expect(indexAfter("end", "pageUp")).to.equal(3);
    expect(indexAfter("end", "down")).to.equal(6);
    expect(indexAfter("end", "home")).to.equal(0);
    expect(indexAfter("down", "refresh", "search", "quit")).to.equal(1);
  });

  it("follows the person when rows move", () => {
    const cursor = new TableCursor();
    cursor.handleCommand("down", records, 3);
    expect(cursor.index(recordsOf("a0", "a", "b"))).to.equal(2);
    expect(cursor.index(recordsOf("b", "c"))).to.equal(0);
  });

  it("stays in place while the person is missing, and returns to them", () => {
    const cursor = new TableCursor();
    cursor.handleCommand("pageDown", records, 3);
    expect(cursor.index(recordsOf("a", "b", "c", "e", "f"))).to.equal(3);
    expect(cursor.index(recordsOf("a", "b"))).to.equal(1);
    expect(cursor.index(recordsOf())).to.equal(0);
    expect(cursor.index(records)).to.equal(3);
    cursor.reset();
    expect(cursor.index(recordsOf("x", "y"))).to.equal(0);
    expect(cursor.index(recordsOf("x", "d"))).to.equal(1);
  });

  it("moves from the person who stands in, and keeps them on request", () => {
    const cursor = new TableCursor();
    cursor.handleCommand("end", records, 3);
    const others = recordsOf("x", "y", "z");
    cursor.reset();
    cursor.keep(others);
    expect(cursor.index(recordsOf("w", "x"))).to.equal(1);
    cursor.handleCommand("down", others, 3);
    expect(cursor.index(recordsOf("z", "y", "x"))).to.equal(1);
  });

  it("stays at the top until a key selects somebody, whoever is added there", () => {
    const cursor = new TableCursor();
    cursor.handleCommand("down", recordsOf(), 0);
    expect(cursor.index(recordsOf("0", "a", "b"))).to.equal(0);
    cursor.handleCommand("refresh", records, 3);
    expect(cursor.index(recordsOf("0", "a", "b"))).to.equal(1);
  });
});
