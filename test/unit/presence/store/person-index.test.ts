import { expect } from "chai";
import fc from "fast-check";

import { SlotIndex } from "../../../../src/presence/store/person-index.js";

describe("SlotIndex", () => {
  it("finds what a map finds, through removals and growth", () => {
    const anyKey = fc.integer({ min: 0, max: 400 }).map((number) => `key${number}`);
    const step = fc.record({ key: anyKey, add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 1500 }), (steps) => {
        const owner = new Map<string, number>();
        const index = new SlotIndex({
          has: (slot, key) => owner.get(key) === slot,
          forEach: (visit) => owner.forEach((slot, key) => visit(key, slot)),
        });
        for (const { key, add } of steps) {
          const known = owner.get(key);
          expect(index.find(key)).to.equal(known ?? -1);
          if (add && known === undefined) {
            const slot = Number(key.slice(3)) >> 1;
            index.reserve(1);
            index.insert(key, slot);
            owner.set(key, slot);
          } else if (!add && known !== undefined) {
            index.remove(key, known);
            owner.delete(key);
          }
        }
        for (let number = 0; number <= 400; number += 1) {
          expect(index.find(`key${number}`)).to.equal(owner.get(`key${number}`) ?? -1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("still finds every key after many replacements", () => {
    const owner = new Map<string, number>();
    const index = new SlotIndex({
      has: (slot, key) => owner.get(key) === slot,
      forEach: (visit) => owner.forEach((slot, key) => visit(key, slot)),
    });
    for (let round = 0; round < 5000; round += 1) {
      index.reserve(1);
      index.insert(`k${round}`, round % 40);
      owner.set(`k${round}`, round % 40);
      if (round < 40) continue;
      index.remove(`k${round - 40}`, (round - 40) % 40);
      owner.delete(`k${round - 40}`);
      expect(index.find(`k${round - 40}`)).to.equal(-1);
    }
    for (const [key, slot] of owner) expect(index.find(key)).to.equal(slot);
  });
});
