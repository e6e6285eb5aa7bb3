import { expect } from "chai";
import fc from "fast-check";

import type { ListedPerson, PersonSnapshot } from "../../../../src/presence/polled-roster.js";
import {
  PersonStore,
  type PersonStoreListener,
} from "../../../../src/presence/store/person-store.js";
import { FakeClock } from "../../../support/clock-fake.js";
import { listedPersons, person } from "../../../support/presence-fixture.js";

const ignoreAll: PersonStoreListener = {
  addressChanged: () => undefined,
  addressAdded: () => undefined,
  uriListed: () => undefined,
  updated: () => undefined,
};

class CrossingFixture {
  readonly clock = new FakeClock();
  readonly store = new PersonStore("org-1", this.clock, 180_000, ignoreAll);

  /** The status of a person by name, "gone", or "null" for one without. */
  statusOf(name: string): string {
    const slot = this.store.findByAddress(`${name}@example.com`);
    return slot === -1 ? "gone" : String(this.store.statusOf(slot));
  }

  slotOf(name: string): number {
    return this.store.findByAddress(`${name}@example.com`);
  }

  lookup(sentAt: number, ...persons: readonly PersonSnapshot[]): readonly string[] {
    return this.store.applyLookup(persons[0]!.emails[0]!, persons, sentAt);
  }

  page(sentAt: number, ...persons: readonly PersonSnapshot[]): void {
    this.store.applyRefetchedPage(0, listedPersons(persons), sentAt);
  }
}

interface Step {
  readonly kind: "page" | "sweepPage" | "lookup" | "person" | "gone";
  readonly name: string;
  readonly listed: readonly string[];
  readonly status: string | null;
  readonly tookMs: number;
  readonly pauseMs: number;
}

describe("responses that cross", () => {
  it("keep what a lookup has said when a page comes that was sent before", async () => {
    const fixture = new CrossingFixture();
    await fixture.clock.advance(1_000);
    fixture.lookup(800, person("ada", "meeting"));
    await fixture.clock.advance(1_000);
    const moved = person("ada", "active", { emails: ["a@example.com"], userName: "a@example.com" });
    fixture.page(700, moved, person("bob"));
    expect(fixture.statusOf("ada")).to.equal("meeting");
    expect(fixture.statusOf("a")).to.equal("gone");
    expect(fixture.statusOf("bob")).to.equal("active");
    const { store } = fixture;
    expect(store.observedWallOf(fixture.slotOf("ada"))).to.equal(Date.UTC(2026, 0, 1) + 1_000);
    expect(store.observedWallOf(fixture.slotOf("bob"))).to.equal(Date.UTC(2026, 0, 1) + 2_000);
    expect(store.pageOf(fixture.slotOf("ada"))).to.equal(1);
    await fixture.clock.advance(100);
    fixture.page(2_050, person("ada", "call"));
    expect(fixture.statusOf("ada")).to.equal("call");
  });

  it("apply an item again that an earlier page has shown too late", async () => {
    const fixture = new CrossingFixture();
    const item = (fingerprint: number, snapshot: PersonSnapshot): ListedPerson => ({
      fingerprint,
      read: () => snapshot,
    });
    const before = item(1, person("ada", "active"));
    await fixture.clock.advance(1_000);
    fixture.store.applyRefetchedPage(0, [before], 900);
    await fixture.clock.advance(1_000);
    fixture.lookup(1_900, person("ada", "meeting"));
    await fixture.clock.advance(1_000);
    fixture.store.applyRefetchedPage(0, [before], 1_000);
    expect(fixture.statusOf("ada")).to.equal("meeting");
    // Its fingerprint must not vouch for content that was not applied.
    await fixture.clock.advance(1_000);
    fixture.store.applyRefetchedPage(0, [before], 3_500);
    expect(fixture.statusOf("ada")).to.equal("active");
  });

  it("do not confirm an item anew that a page shows that was sent before", async () => {
    const fixture = new CrossingFixture();
    const item: ListedPerson = { fingerprint: 1, read: () => person("ada") };
    await fixture.clock.advance(1_000);
    fixture.store.applyRefetchedPage(0, [item], 900);
    await fixture.clock.advance(1_000);
    const result = fixture.store.applyRefetchedPage(0, [item], 800);
    expect(result).to.include({ persons: 1, alreadyOnPage: 1 });
    const observedAt = fixture.store.observedWallOf(fixture.slotOf("ada"));
    expect(observedAt).to.equal(Date.UTC(2026, 0, 1) + 1_000);
  });

  it("do not bring back somebody who was gone when a later request was answered", async () => {
    const fixture = new CrossingFixture();
    fixture.page(0, person("ada"), person("bob"));
    await fixture.clock.advance(1_000);
    fixture.store.applyPerson(person("ada").id, null, 900);
    await fixture.clock.advance(1_000);
    fixture.page(800, person("ada"), person("bob"));
    fixture.lookup(850, person("ada"));
    fixture.store.applyPerson(person("ada").id, person("ada"), 860);
    expect(fixture.statusOf("ada")).to.equal("gone");
    fixture.page(1_000, person("ada"));
    expect(fixture.statusOf("ada")).to.equal("active");
  });

  it("do not remove somebody whom a later request has found", async () => {
    const fixture = new CrossingFixture();
    fixture.page(0, person("ada"));
    await fixture.clock.advance(1_000);
    fixture.lookup(900, person("ada", "call"));
    fixture.store.applyPerson(person("ada").id, null, 800);
    fixture.store.applyPerson(person("ada").id, person("bob"), 800);
    expect(fixture.store.applyLookup("ada@example.com", [], 800)).to.deep.equal([]);
    expect(fixture.statusOf("ada")).to.equal("call");
    expect(fixture.store.applyLookup("ada@example.com", [], 950)).to.have.length(1);
  });

  it("do not make somebody missing whom a later request has found", async () => {
    const fixture = new CrossingFixture();
    const persons = ["ada", "bob", "eve"].map((name) => person(name));
    fixture.page(0, ...persons);
    await fixture.clock.advance(1_000);
    fixture.lookup(900, person("ada"));
    await fixture.clock.advance(1_000);
    fixture.page(800, ...persons.slice(1));
    expect(fixture.store.isMissing(fixture.slotOf("ada"))).to.equal(false);
    fixture.page(1_500, ...persons.slice(1));
    expect(fixture.store.isMissing(fixture.slotOf("ada"))).to.equal(true);
  });

  it("do not remove somebody whom a lookup has found during two sweeps that missed them", async () => {
    const fixture = new CrossingFixture();
    for (let round = 0; round < 2; round += 1) {
      const sweep = fixture.store.beginSweep();
      const sentAt = fixture.clock.monotonic();
      await fixture.clock.advance(500);
      fixture.lookup(sentAt + 400, person("ada"));
      await fixture.clock.advance(500);
      fixture.store.applyPage(sweep, listedPersons([person("bob")]), 0, sentAt);
      fixture.store.completeSweep(sweep);
    }
    expect(fixture.statusOf("ada")).to.equal("active");
  });

  it("leave a person on the page that was read last", async () => {
    const fixture = new CrossingFixture();
    await fixture.clock.advance(1_000);
    fixture.store.applyRefetchedPage(3, listedPersons([person("ada")]), 900);
    fixture.store.applyRefetchedPage(2, listedPersons([person("ada")]), 800);
    expect(fixture.store.pageOf(fixture.slotOf("ada"))).to.equal(4);
  });

  it("leave an address to the person whom a later request has found by it", async () => {
    const fixture = new CrossingFixture();
    const shared = { emails: ["desk@example.com"] };
    const [ada, bob] = [person("ada", "active", shared), person("bob", "call", shared)];
    await fixture.clock.advance(1_000);
    fixture.page(0, ada);
    fixture.page(0, bob);
    await fixture.clock.advance(1_000);
    fixture.store.applyLookup("desk@example.com", [bob], 1_900);
    fixture.store.applyLookup("desk@example.com", [ada], 1_800);
    expect(fixture.statusOf("desk")).to.equal("call");
  });

  it("keep that a later lookup has found nobody", async () => {
    const fixture = new CrossingFixture();
    await fixture.clock.advance(1_000);
    fixture.store.applyLookup("ada@example.com", [], 900);
    fixture.lookup(800, person("ada"));
    expect(fixture.statusOf("ada")).to.equal("gone");
    fixture.lookup(950, person("ada"));
    expect(fixture.statusOf("ada")).to.equal("active");
  });

  it("keep what a later request has said, however slow the earlier one is", async () => {
    const fixture = new CrossingFixture();
    fixture.page(0, person("ada"), person("bob"));
    await fixture.clock.advance(1_000);
    fixture.store.applyPerson(person("bob").id, null, 900);
    fixture.store.applyPerson(person("bob").id, null, 850);
    fixture.lookup(900, person("ada", "call"));
    await fixture.clock.advance(60_000);
    fixture.lookup(60_900, person("eve"));
    fixture.page(870, person("ada"), person("bob"));
    expect(["ada", "bob"].map((name) => fixture.statusOf(name))).to.deep.equal(["call", "gone"]);
  });

  it("keep somebody missing whom a later reading of the page has not shown", async () => {
    const fixture = new CrossingFixture();
    const persons = ["ada", "bob", "eve"].map((name) => person(name));
    fixture.page(0, ...persons);
    await fixture.clock.advance(2_000);
    fixture.page(1_900, ...persons.slice(1));
    fixture.store.applyRefetchedPage(0, listedPersons(persons.slice(1)), -1);
    expect(fixture.store.isMissing(fixture.slotOf("ada"))).to.equal(true);
  });

  it("keep nothing of responses that nothing in flight can be older than", async () => {
    const fixture = new CrossingFixture();
    fixture.lookup(0, person("ada", "call"));
    await fixture.clock.advance(65_001);
    fixture.lookup(65_000, person("bob"));
    fixture.page(-1, person("ada", "active"));
    expect(fixture.statusOf("ada")).to.equal("active");
  });

  it("agree with a model that knows when each request was sent", () => {
    const names = ["ada", "bob", "eve"] as const;
    const statuses = ["active", "call", "meeting", null] as const;
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom("page", "sweepPage", "lookup", "person", "gone"),
      name: fc.constantFrom(...names),
      listed: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 }),
      status: fc.constantFrom(...statuses),
      tookMs: fc.integer({ min: 0, max: 40 }),
      pauseMs: fc.integer({ min: 0, max: 10 }),
    });
    const check = async (steps: readonly Step[]): Promise<void> => {
      const fixture = new CrossingFixture();
      const model = new Map<string, { sentAt: number; status: string; observedAt: number }>();
      const { store, clock } = fixture;
      const sweep = store.beginSweep();
      for (const { kind, name, listed, status, tookMs, pauseMs } of steps) {
        await clock.advance(pauseMs);
        const sentAt = clock.monotonic() - tookMs;
        const items = kind === "page" || kind === "sweepPage" ? listed : [name];
        for (const each of items) {
          if (sentAt < (model.get(each)?.sentAt ?? -Infinity)) continue;
          const seen = kind === "gone" ? "gone" : String(status);
          model.set(each, { sentAt, status: seen, observedAt: clock.now() });
        }
        const persons = items.map((each) => person(each, status));
        const id = person(name).id;
        if (kind === "page") store.applyRefetchedPage(0, listedPersons(persons), sentAt);
        else if (kind === "sweepPage") store.applyPage(sweep, listedPersons(persons), 0, sentAt);
        else if (kind === "lookup") store.applyLookup(`${name}@example.com`, persons, sentAt);
        else store.applyPerson(id, kind === "gone" ? null : persons[0]!, sentAt);
        for (const each of names) {
          const expected = model.get(each);
          expect(fixture.statusOf(each)).to.equal(expected?.status ?? "gone");
          if (fixture.slotOf(each) === -1) continue;
          expect(store.observedWallOf(fixture.slotOf(each))).to.equal(expected?.observedAt);
        }
      }
    };
    return fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), check), { numRuns: 200 });
  });
});
