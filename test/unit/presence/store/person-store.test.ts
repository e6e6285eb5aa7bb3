import { expect } from "chai";
import fc from "fast-check";

import type { ListedPerson, PersonSnapshot } from "../../../../src/presence/person.js";
import {
  PersonStore,
  type PersonStoreListener,
} from "../../../../src/presence/store/person-store.js";
import { FakeClock } from "../../../support/clock-fake.js";
import { listedPersons, person, personId } from "../../../support/presence-fixture.js";

const silent: PersonStoreListener = {
  addressChanged: () => undefined,
  addressAdded: () => undefined,
  uriListed: () => undefined,
};

function makeRoster(): PersonStore {
  return new PersonStore("org-1", new FakeClock(), 180_000, silent);
}

function sweepOf(roster: PersonStore, ...pages: (readonly PersonSnapshot[])[]): void {
  const number = roster.beginSweep();
  for (const page of pages) roster.applyPage(number, listedPersons(page), 0);
  roster.completeSweep(number);
}

/** As `listed`, with a number for each different text. */
function recognizable(persons: readonly PersonSnapshot[]): readonly ListedPerson[] {
  return persons.map((each) => {
    const text = JSON.stringify(each);
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return { fingerprint: numbers.get(text)!, read: () => each };
  });
}
const numbers = new Map<string, number>();

describe("Roster", () => {
  it("gives texts back verbatim, whatever they are", () => {
    const texts: Partial<PersonSnapshot>[] = [
      { displayName: null },
      { displayName: "" },
      { displayName: "Ada Лавлейс 🎩" },
      { displayName: "ada@example.com" },
      { displayName: "José" },
      { lastActivity: null },
      { lastActivity: "2026-01-01T00:00:00.123Z" },
      { lastActivity: "2026-01-01T00:00:00+00:00" },
      { lastActivity: "yesterday" },
      { id: "short" },
      { id: personId(77) },
      { id: `${personId(77)}==` },
      { status: "a status of next year" },
    ];
    const roster = makeRoster();
    for (const [number, more] of texts.entries()) {
      const given = person(`p${number}`, "active", more);
      roster.applyLookup(`p${number}@example.com`, [given]);
      const slot = roster.findByAddress(`p${number}@example.com`);
      expect(roster.persons.nameOf(slot)).to.equal(given.displayName);
      expect(roster.persons.lastActivityOf(slot)).to.equal(given.lastActivity);
      expect(roster.idOf(slot)).to.equal(given.id);
      expect(roster.persons.status[slot]).to.equal(given.status);
    }
  });

  it("follows a name from one that needs two bytes a character to another, and back", () => {
    const roster = makeRoster();
    for (const displayName of ["Ада", "Адам", "Adam", "Ада", null, "Адам"]) {
      sweepOf(roster, [person("ada", "active", { displayName })]);
      expect(roster.persons.nameOf(roster.findByAddress("ada@example.com"))).to.equal(displayName);
    }
  });

  it("names a person by the userName, else the alphabetically first e-mail, verbatim", () => {
    const roster = makeRoster();
    const emails = ["zoe@example.com", "Ada@example.com", "bob@example.com"];
    sweepOf(roster, [
      person("one", "active", { userName: "User.Name@Example.com", emails }),
      person("two", "active", { userName: null, emails: ["y@example.com", "X@example.com"] }),
      person("three", "active", { userName: "no address", emails: ["three@example.com"] }),
      person("four", "active", {
        userName: null,
        emails: [],
        sipAddresses: ["sip:Four@calls.example.com"],
      }),
    ]);
    expect(roster.uriOf(roster.findByAddress("zoe@example.com"))).to.equal("User.Name@Example.com");
    expect(roster.uriOf(roster.findByAddress("x@example.com"))).to.equal("X@example.com");
    expect(roster.uriOf(roster.findByAddress("three@example.com"))).to.equal("three@example.com");
    expect(roster.uriOf(roster.findByAddress("four@calls.example.com"))).to.equal(
      "sip:Four@calls.example.com",
    );
  });

  it("survives persons without any address", () => {
    const roster = makeRoster();
    const bare = { userName: null, emails: [], sipAddresses: [] };
    sweepOf(roster, [
      person("a", "active", bare),
      person("b", "active", { ...bare, userName: "nobody" }),
    ]);
    expect([...roster.slots()].map((slot) => roster.uriOf(slot))).to.deep.equal(["", "nobody"]);
    sweepOf(roster, [person("a", "call", { ...bare, emails: ["a@example.com"] })]);
    expect(roster.findByAddress("a@example.com")).to.equal(0);
    expect(roster.findByAddress("")).to.equal(-1);
  });

  it("finds a person by no part of an address, and not by the name", () => {
    const roster = makeRoster();
    sweepOf(roster, [person("ada", "active", { displayName: "x@example.com" })]);
    for (const text of ["da@example.com", "ada@example.co", "x@example.com"])
      expect(roster.findByAddress(text)).to.equal(-1);
  });

  it("gives an address of two persons to the one who had it first, for as long as they have it", () => {
    const roster = makeRoster();
    const shared = { sipAddresses: ["desk@example.com"] };
    const holder = (): string => roster.idOf(roster.findByAddress("desk@example.com"));
    sweepOf(roster, [
      person("ada", "active", shared),
      person("bob", "call", shared),
      person("eve", "call", shared),
    ]);
    expect(holder()).to.equal(person("ada").id);
    sweepOf(roster, [person("eve", "call", shared), person("bob", "call", shared), person("ada")]);
    expect(holder()).to.equal(person("bob").id);
    sweepOf(roster, [
      person("ada", "active", shared),
      person("bob", "call", shared),
      person("eve"),
    ]);
    expect(holder()).to.equal(person("bob").id);
    sweepOf(roster, [person("ada"), person("bob"), person("eve")]);
    expect(roster.findByAddress("desk@example.com")).to.equal(-1);
  });

  it("does not let one who was missed stand in the way of who has the address now", () => {
    const roster = makeRoster();
    sweepOf(roster, [
      person("old", "active", { userName: null, emails: ["desk@example.com"] }),
      person("x"),
    ]);
    sweepOf(roster, [
      person("new", "active", { userName: null, emails: ["desk@example.com"] }),
      person("x"),
    ]);
    expect(roster.idOf(roster.findByAddress("desk@example.com"))).to.equal(person("new").id);
  });

  it("keeps somebody through one complete sweep that misses them, and not through two", () => {
    const roster = makeRoster();
    sweepOf(roster, [person("ada"), person("bob")]);
    sweepOf(roster, [person("bob")]);
    expect(roster.persons.personCount).to.equal(2);
    sweepOf(roster, [person("bob"), person("ada")]);
    sweepOf(roster, [person("bob")]);
    expect(roster.findByAddress("ada@example.com")).not.to.equal(-1);
    const broken = roster.beginSweep();
    roster.applyPage(broken, listedPersons([person("bob")]), 0);
    sweepOf(roster, [person("bob")]);
    roster.completeSweep(broken);
    expect(roster.findByAddress("ada@example.com")).to.equal(-1);
    expect(roster.persons.personCount).to.equal(1);
  });

  it("takes a lookup for having seen somebody", () => {
    const roster = makeRoster();
    sweepOf(roster, [person("ada"), person("bob")]);
    sweepOf(roster, [person("bob")]);
    roster.applyLookup("ada@example.com", [person("ada")]);
    sweepOf(roster, [person("bob")]);
    expect(roster.findByAddress("ada@example.com")).not.to.equal(-1);
  });

  it("drops nobody for sweeps that find nobody at all", () => {
    const roster = makeRoster();
    sweepOf(roster, [person("ada")]);
    for (let round = 0; round < 5; round += 1) sweepOf(roster, [], []);
    expect(roster.persons.personCount).to.equal(1);
  });

  it("reads nobody who is told again as before, wherever the page is cut and whoever comes and goes", () => {
    const roster = makeRoster();
    const reads: string[] = [];
    const page = (...names: string[]) =>
      recognizable(names.map((name) => person(name))).map((item, index) => ({
        ...item,
        read: () => (reads.push(names[index]!), item.read()),
      }));
    const sweepPages = (...pages: string[][]): string => {
      reads.length = 0;
      const number = roster.beginSweep();
      pages.forEach((names, index) => roster.applyPage(number, page(...names), index));
      roster.completeSweep(number);
      return reads.join(" ");
    };
    expect(sweepPages(["a", "b", "c"], ["d", "e"])).to.equal("a b c d e");
    expect(sweepPages(["a", "b", "c"], ["d", "e"])).to.equal("");
    expect(sweepPages(["a", "x", "b", "c"], ["d", "e"])).to.equal("x b");
    expect(sweepPages(["a", "x", "b", "c"], ["d", "e"])).to.equal("");
    expect(sweepPages(["a", "c"], ["d", "e"])).to.equal("c");
    expect(sweepPages(["c"], ["d", "e"])).to.equal("c");
    expect(sweepPages(["c"], ["d", "e"])).to.equal("");
    reads.length = 0;
    roster.applyRefetchedPage(1, page("d", "e"));
    expect(reads).to.deep.equal([]);
    expect(
      [...roster.slots()]
        .map((slot) => roster.uriOf(slot))
        .sort()
        .join(),
    ).to.equal("c@example.com,d@example.com,e@example.com");
  });

  it("confirms whoever is told again as before: seen, fresh, no longer missed, and not stale", async () => {
    const clock = new FakeClock();
    const changed: string[] = [];
    const roster = new PersonStore("org-1", clock, 180_000, {
      ...silent,
      addressChanged: (address) => changed.push(address),
    });
    const notified = () => {
      const number = roster.beginSweep();
      return roster.applyPage(number, recognizable([person("ada"), person("bob", null)]), 0);
    };
    expect(notified()).to.deep.equal({
      persons: 2,
      alreadyOnPage: 0,
      sharesStatus: true,
      seenInSweep: 2,
    });
    changed.length = 0;
    await clock.advance(60_000);
    expect(notified()).to.deep.equal({
      persons: 2,
      alreadyOnPage: 2,
      sharesStatus: true,
      seenInSweep: 2,
    });
    expect(changed).to.deep.equal([]);
    const ada = roster.findByAddress("ada@example.com");
    expect(roster.persons.observedElapsed[ada]).to.equal(clock.monotonic());
    const since = roster.persons.since[ada];
    await clock.advance(200_000);
    expect(roster.isStale(ada, clock.monotonic())).to.equal(true);
    notified();
    expect(roster.isStale(ada, clock.monotonic())).to.equal(false);
    expect(changed).to.deep.equal(["ada@example.com", "bob@example.com"]);
    expect(roster.persons.since[ada]).to.be.greaterThan(since!);
  });

  it("reads whoever a lookup told something else of, although the page says what it said before", () => {
    const roster = makeRoster();
    sweepOf(roster, [person("ada", "call")]);
    const number = roster.beginSweep();
    roster.applyPage(number, recognizable([person("ada", "active")]), 0);
    roster.applyLookup("ada@example.com", [person("ada", "meeting")]);
    roster.applyPage(number, recognizable([person("ada", "active")]), 0);
    expect(roster.persons.status[roster.findByAddress("ada@example.com")]).to.equal("active");
  });

  it("knows what a naive map knows, whatever comes, moves and goes", () => {
    const local = fc.integer({ min: 0, max: 30 }).map((number) => `u${number}@example.com`);
    const snapshot = fc.record({
      id: fc.integer({ min: 0, max: 40 }).map(personId),
      displayName: fc.constantFrom(null, "Ann", "Ян"),
      userName: fc.option(local),
      emails: fc.array(local, { maxLength: 3 }),
      sipAddresses: fc.array(local, { maxLength: 2 }),
      status: fc.constantFrom(null, "active", "call", "new"),
      lastActivity: fc.constantFrom(null, "2026-01-01T00:00:00.000Z", "odd"),
    });
    const step = fc.record({
      persons: fc.array(snapshot, { maxLength: 25 }),
      complete: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const roster = makeRoster();
        const model = new Map<string, { person: PersonSnapshot; missed: number }>();
        for (const { persons, complete } of steps) {
          const number = roster.beginSweep();
          const half = persons.length >> 1;
          roster.applyPage(number, recognizable(persons.slice(0, half)), 0);
          roster.applyPage(number, recognizable(persons.slice(half)), 1);
          for (const each of persons) model.set(each.id, { person: each, missed: 0 });
          if (complete) {
            roster.completeSweep(number);
            const seen = new Set(persons.map((each) => each.id));
            for (const [id, known] of seen.size === 0 ? [] : [...model]) {
              known.missed = seen.has(id) ? 0 : known.missed + 1;
              if (known.missed >= 2) model.delete(id);
            }
          }
          expect([...roster.slots()].map((slot) => roster.idOf(slot)).sort()).to.deep.equal(
            [...model.keys()].sort(),
          );
          for (const slot of roster.slots()) {
            const { person: known } = model.get(roster.idOf(slot))!;
            expect(roster.persons.nameOf(slot)).to.equal(known.displayName);
            expect(roster.persons.status[slot]).to.equal(known.status);
            expect(roster.persons.lastActivityOf(slot)).to.equal(known.lastActivity);
            expect(roster.uriOf(slot)).to.equal(
              known.userName ?? [...known.emails].sort()[0] ?? known.sipAddresses[0] ?? "",
            );
          }
          for (let n = 0; n <= 30; n += 1) {
            const address = `u${n}@example.com`;
            const holders = [...model.values()].filter(
              ({ person: { userName, emails, sipAddresses } }) =>
                [userName, ...emails, ...sipAddresses].includes(address),
            );
            const slot = roster.findByAddress(address);
            const found = slot === -1 ? "nobody" : roster.idOf(slot);
            const ids =
              holders.length === 0 ? ["nobody"] : holders.map((holder) => holder.person.id);
            if (!ids.includes(found)) expect.fail(`${address}: ${found}, not one of ${ids.join()}`);
          }
        }
      }),
      { numRuns: 100 },
    );
  }).timeout(30_000);
});
