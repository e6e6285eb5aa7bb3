import { expect } from "chai";

import { SortedRecords } from "../../../src/cli/sorted-records.js";
import type { PresenceRecord } from "../../../src/presence/record.js";

const person = (uri: string, displayName: string | null, since = "") =>
  ({ uri, displayName, since }) as PresenceRecord;

describe("cli/sorted-records", () => {
  it("keeps the order that sorting all of them makes, whatever changes", () => {
    // A linear congruential generator, so that a failure can be repeated.
    let seed = 1;
    const random = (limit: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % limit;
    };
    const names = [null, "Ada", "ada", "Änne", "Bo", "Zoë", "zoe", "山田 太郎", ""];
    const known = new Map<string, PresenceRecord>();
    const sorted = new SortedRecords();
    for (let round = 0; round < 200; round += 1) {
      for (let change = random(round < 5 ? 200 : 6); change > 0; change -= 1) {
        const uri = `p${random(300)}@x`;
        const before = known.get(uri) ?? null;
        const isNamed = before === null || random(3) === 0;
        const name = isNamed ? (names[random(names.length)] ?? null) : before.displayName;
        const record = person(uri, name, String(round));
        sorted.replace(before, record);
        known.set(uri, record);
      }
      const expected = [...known.values()].sort(
        (a, b) =>
          (a.displayName ?? a.uri).localeCompare(b.displayName ?? b.uri) ||
          (a.uri < b.uri ? -1 : 1),
      );
      expect(sorted.records.map(({ uri }) => uri)).to.deep.equal(expected.map(({ uri }) => uri));
      for (const [row, record] of sorted.records.entries())
        expect(record, `round ${round}`).to.equal(expected[row]);
    }
  });

  it("is another array after a change only", () => {
    const sorted = new SortedRecords();
    const ada = person("a@x", "Ada");
    sorted.replace(null, ada);
    const first = sorted.records;
    expect(sorted.records).to.equal(first);
    sorted.replace(ada, person("a@x", "Ada", "later"));
    expect(sorted.records).to.not.equal(first);
    expect(first[0]).to.equal(ada);
  });
});
