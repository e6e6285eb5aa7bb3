import { expect } from "chai";

import { TableCursor } from "../../../src/cli/terminal/table-cursor.js";
import type { Key } from "../../../src/cli/terminal/keys.js";
import type { PresenceRecord } from "../../../src/presence/record.js";

const recordsOf = (...uris: readonly string[]) =>
  uris.map((uri) => ({ uri })) as unknown as readonly PresenceRecord[];

describe("cli/terminal/table-cursor", () => {
  const records = recordsOf("a", "b", "c", "d", "e", "f", "g");

  function indexAfter(...keys: readonly Key[]): number {
    const cursor = new TableCursor();
    for (const key of keys) cursor.handleKey(key, records, 3);
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
    expect(indexAfter("down", "refresh", "quit")).to.equal(1);
  });

  it("follows the person when rows move, and returns to the first when they disappear", () => {
    const cursor = new TableCursor();
    cursor.handleKey("down", records, 3);
    expect(cursor.index(recordsOf("a0", "a", "b"))).to.equal(2);
    expect(cursor.index(recordsOf("a0", "c"))).to.equal(0);
  });

  it("stays at the top until a key moves it, whoever is added there", () => {
    const cursor = new TableCursor();
    cursor.handleKey("down", recordsOf(), 0);
    cursor.handleKey("refresh", records, 3);
    expect(cursor.index(recordsOf("0", "a", "b"))).to.equal(0);
  });
});
