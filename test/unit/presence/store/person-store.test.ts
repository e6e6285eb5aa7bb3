import { expect } from "chai";
import fc from "fast-check";

import type { ListedPerson, PersonSnapshot } from "../../../../src/presence/polled-roster.js";
import {
  PersonStore,
  type PersonStoreListener,
} from "../../../../src/presence/store/person-store.js";
import { FakeClock } from "../../../support/clock-fake.js";
import { listedPersons } from "../../../support/presence-fixture.js";
import { person, personId } from "../../../support/presence-fixture.js";

const ignoreAll: PersonStoreListener = {
  addressChanged: () => undefined,
  addressAdded: () => undefined,
  uriListed: () => undefined,
  updated: () => undefined,
};

function createStore(): PersonStore {
  return new PersonStore("org-1", new FakeClock(), 180_000, ignoreAll);
}

function sweepOf(store: PersonStore, ...pages: (readonly PersonSnapshot[])[]): void {
  const number = store.beginSweep();
  for (const page of pages) store.applyPage(number, listedPersons(page), 0);
  store.completeSweep(number);
}

/** Like `listedPersons`, with a fingerprint for each distinct person. */
function recognizable(persons: readonly PersonSnapshot[]): readonly ListedPerson[] {
  return persons.map((each) => {
    const text = JSON.stringify(each);
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return { fingerprint: numbers.get(text)!, read: () => each };
  });
}
const numbers = new Map<string, number>();

describe("PersonStore", () => {
  it("returns texts verbatim", () => {
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
    const store = createStore();
    for (const [number, more] of texts.entries()) {
      const snapshot = person(`p${number}`, "active", more);
      store.applyLookup(`p${number}@example.com`, [snapshot]);
      const slot = store.findByAddress(`p${number}@example.com`);
      expect(store.nameOf(slot)).to.equal(snapshot.displayName);
      expect(store.lastActivityOf(slot)).to.equal(snapshot.lastActivity);
      expect(store.idOf(slot)).to.equal(snapshot.id);
      expect(store.statusOf(slot)).to.equal(snapshot.status);
    }
  });

  it("updates names inside and outside Latin-1", () => {
    const store = createStore();
    for (const displayName of ["Ада", "Адам", "Adam", "Ада", null, "Адам"]) {
      sweepOf(store, [person("ada", "active", { displayName })]);
      expect(store.nameOf(store.findByAddress("ada@example.com"))).to.equal(displayName);
    }
  });

  it("lists a person by the userName, or else the alphabetically first e-mail, verbatim", () => {
    const store = createStore();
    const emails = ["zoe@example.com", "Ada@example.com", "bob@example.com"];
    sweepOf(store, [
      person("one", "active", { userName: "User.Name@Example.com", emails }),
      person("two", "active", { userName: null, emails: ["y@example.com", "X@example.com"] }),
      person("three", "active", { userName: "no address", emails: ["three@example.com"] }),
      person("four", "active", {
        userName: null,
        emails: [],
        sipAddresses: ["sip:Four@calls.example.com"],
      }),
    ]);
    expect(store.uriOf(store.findByAddress("zoe@example.com"))).to.equal("User.Name@Example.com");
    expect(store.uriOf(store.findByAddress("x@example.com"))).to.equal("X@example.com");
    expect(store.uriOf(store.findByAddress("three@example.com"))).to.equal("three@example.com");
    expect(store.uriOf(store.findByAddress("four@calls.example.com"))).to.equal(
      "sip:Four@calls.example.com",
    );
  });

  it("accepts persons without any address", () => {
    const store = createStore();
    const bare = { userName: null, emails: [], sipAddresses: [] };
    sweepOf(store, [
      person("a", "active", bare),
      person("b", "active", { ...bare, userName: "nobody" }),
    ]);
    expect([...store.slots()].map((slot) => store.uriOf(slot))).to.deep.equal(["", "nobody"]);
    sweepOf(store, [person("a", "call", { ...bare, emails: ["a@example.com"] })]);
    expect(store.findByAddress("a@example.com")).to.equal(0);
    expect(store.findByAddress("")).to.equal(-1);
  });

  it("finds a person by a whole address only, and not by the name", () => {
    const store = createStore();
    sweepOf(store, [person("ada", "active", { displayName: "x@example.com" })]);
    for (const text of ["da@example.com", "ada@example.co", "x@example.com"])
      expect(store.findByAddress(text)).to.equal(-1);
  });

  it("finds the person who had a shared address first, for as long as that person has it", () => {
    const store = createStore();
    const shared = { sipAddresses: ["desk@example.com"] };
    const owner = (): string => store.idOf(store.findByAddress("desk@example.com"));
    sweepOf(store, [
      person("ada", "active", shared),
      person("bob", "call", shared),
      person("eve", "call", shared),
    ]);
    expect(owner()).to.equal(person("ada").id);
    sweepOf(store, [person("eve", "call", shared), person("bob", "call", shared), person("ada")]);
    expect(owner()).to.equal(person("bob").id);
    sweepOf(store, [person("ada", "active", shared), person("bob", "call", shared), person("eve")]);
    expect(owner()).to.equal(person("bob").id);
    sweepOf(store, [person("ada"), person("bob"), person("eve")]);
    expect(store.findByAddress("desk@example.com")).to.equal(-1);
  });

  it("finds the present owner of an address before its former owner is removed", () => {
    const store = createStore();
    sweepOf(store, [
      person("old", "active", { userName: null, emails: ["desk@example.com"] }),
      person("x"),
    ]);
    sweepOf(store, [
      person("new", "active", { userName: null, emails: ["desk@example.com"] }),
      person("x"),
    ]);
    expect(store.idOf(store.findByAddress("desk@example.com"))).to.equal(person("new").id);
  });

  it("finds the person whom a lookup names as the owner of an address", () => {
    const store = createStore();
    const email = { userName: null, emails: ["desk@example.com"] };
    const owner = (): string => store.idOf(store.findByAddress("desk@example.com"));
    sweepOf(store, [person("old", "active", email), person("x")]);
    const { version } = store;
    expect(store.applyLookup("desk@example.com", [person("new", "call", email)])).to.deep.equal([
      person("old").id,
    ]);
    expect(owner()).to.equal(person("new").id);
    expect(store.version).to.be.greaterThan(version);
    // Webex may find both.
    const both = [person("old", "active", email), person("new", "call", email)];
    expect(store.applyLookup("desk@example.com", both)).to.deep.equal([]);
    expect(owner()).to.equal(person("new").id);
    sweepOf(store, [person("x"), person("new", "active", email)]);
    expect(owner()).to.equal(person("new").id);
    store.applyPerson(person("old").id, person("old"));
    expect(owner()).to.equal(person("new").id);
  });

  it("finds whoever took over the address of a renamed person, in whatever order they come", () => {
    const email = (text: string) => ({ userName: text, emails: [text] });
    const before = person("ada", "active", email("boss@example.com"));
    const renamed = person("ada", "active", email("ada@example.com"));
    const heir = person("eve", "call", email("boss@example.com"));
    for (const page of [
      [renamed, heir],
      [heir, renamed],
    ]) {
      const store = createStore();
      sweepOf(store, [before]);
      sweepOf(store, page);
      const idOf = (address: string): string => store.idOf(store.findByAddress(address));
      expect([idOf("boss@example.com"), idOf("ada@example.com")]).to.deep.equal([
        heir.id,
        renamed.id,
      ]);
      expect(store.uriOf(store.findByAddress("boss@example.com"))).to.equal("boss@example.com");
    }
  });

  it("names the persons whom a lookup of their list address does not find", () => {
    const store = createStore();
    const sipAddresses = ["desk@example.com"];
    sweepOf(store, [person("ada", "active", { sipAddresses }), person("bob")]);
    const namesOf = (ids: readonly string[]): string[] =>
      ids.map((id) => (id === person("ada").id ? "ada" : "bob"));
    expect(namesOf(store.applyLookup("ada@example.com", []))).to.deep.equal(["ada"]);
    expect(namesOf(store.applyLookup("ada@example.com", [person("bob")]))).to.deep.equal(["ada"]);
    expect(store.applyLookup("ada@example.com", [person("ada")])).to.deep.equal([]);
    expect(store.applyLookup("desk@example.com", [])).to.deep.equal([]);
    expect(store.applyLookup("nobody@example.com", [])).to.deep.equal([]);
  });

  it("removes somebody who is gone at once, and has an answer for their addresses", () => {
    const changed: string[] = [];
    const store = new PersonStore("org-1", new FakeClock(), 180_000, {
      ...ignoreAll,
      addressChanged: (address) => changed.push(address),
    });
    const sipAddresses = ["desk@example.com"];
    store.applyLookup("ada@example.com", [person("ada", "active", { sipAddresses })]);
    store.applyLookup("bob@example.com", [person("bob", "active", { sipAddresses })]);
    changed.length = 0;
    store.applyPerson(person("ada").id, null);
    expect(store.personCount).to.equal(1);
    expect(changed).to.include.members(["ada@example.com", "desk@example.com"]);
    expect(store.hasAnswerFor("ada@example.com", 0)).to.equal(true);
    expect(store.idOf(store.findByAddress("desk@example.com"))).to.equal(person("bob").id);
    store.applyPerson(person("ada").id, null);
    store.applyPerson("nobody", null);
    expect(store.personCount).to.equal(1);
  });

  it("moves a renamed person to the new address at once, and one who was merged into another", () => {
    const store = createStore();
    store.applyLookup("ada@example.com", [person("ada")]);
    store.applyPerson(person("ada").id, person("ada", "call", { emails: [], userName: "l@x.y" }));
    expect(store.findByAddress("ada@example.com")).to.equal(-1);
    expect(store.hasAnswerFor("ada@example.com", 0)).to.equal(true);
    expect(store.statusOf(store.findByAddress("l@x.y"))).to.equal("call");
    const merged = person("bob", "meeting", { emails: ["bob@example.com", "l@x.y"] });
    store.applyPerson(person("ada").id, merged);
    expect(store.personCount).to.equal(1);
    expect(store.idOf(store.findByAddress("l@x.y"))).to.equal(person("bob").id);
  });

  it("knows who is missing from the list, until an answer says where they are", async () => {
    const clock = new FakeClock();
    const store = new PersonStore("org-1", clock, 180_000, ignoreAll);
    const everybody = ["ada", "bob", "eve", "joe"].map((name) => person(name));
    const [ada, bob, eve, joe] = everybody as [
      PersonSnapshot,
      PersonSnapshot,
      PersonSnapshot,
      PersonSnapshot,
    ];
    const missing = (): string =>
      everybody
        .filter(({ emails }) => store.isMissing(store.findByAddress(emails[0]!)))
        .map(({ displayName }) => displayName)
        .join(" ");
    const sweepPages = (...pages: PersonSnapshot[][]): void => {
      const number = store.beginSweep();
      pages.forEach((page, index) => store.applyPage(number, listedPersons(page), index));
      store.completeSweep(number);
    };
    sweepPages([ada, bob, eve], [joe]);
    expect(missing()).to.equal("");
    await clock.advance(1_000);
    store.applyRefetchedPage(0, listedPersons([ada, bob]));
    expect(missing(), "a refetched page without one").to.equal("eve");
    await clock.advance(1_000);
    store.applyLookup("eve@example.com", [eve]);
    expect(missing(), "a lookup").to.equal("");
    await clock.advance(1_000);
    store.applyRefetchedPage(0, listedPersons([ada, bob]));
    expect(missing(), "a person who is on no known page").to.equal("");
    store.applyRefetchedPage(0, listedPersons([joe]));
    store.applyRefetchedPage(0, listedPersons([]));
    expect(missing(), "another page than expected").to.equal("");
    sweepPages([ada, bob], [eve]);
    expect(missing(), "a sweep").to.equal("joe");
    store.applyPerson(joe.id, joe);
    expect(missing(), "an answer by id").to.equal("");
  });

  it("replaces thousands of addresses of a person in linear time", () => {
    const store = createStore();
    const other = new PersonStore("org-2", new FakeClock(), 180_000, ignoreAll);
    const withAddresses = (from: number, count: number): PersonSnapshot =>
      person("ada", "active", {
        userName: null,
        emails: Array.from({ length: count }, (_, index) => `a${from + index}@example.com`),
      });
    const COUNT = 10_000;
    const start = process.cpuUsage();
    for (const from of [0, COUNT / 2, COUNT]) {
      for (const each of [store, other]) each.applyLookup("x", [withAddresses(from, COUNT)]);
      for (let n = 0; n < 3 * COUNT; n += 10) {
        const expected = n >= from && n < from + COUNT ? 0 : -1;
        if (store.findByAddress(`a${n}@example.com`) !== expected) expect.fail(`${from} ${n}`);
      }
    }
    expect(store.addressesOf(0).length).to.equal(COUNT);
    expect(process.cpuUsage(start).user / 1e6).to.be.lessThan(3);
  }).timeout(60_000);

  it("removes thousands of persons with one address in linear time", () => {
    const store = createStore();
    const sipAddresses = ["desk@example.com"];
    const everybody = Array.from({ length: 20_000 }, (_, number) =>
      person(`shared${number}`, "active", { sipAddresses }),
    );
    sweepOf(store, everybody);
    const start = process.cpuUsage();
    for (const { id } of everybody.slice(1)) store.applyPerson(id, null);
    expect(process.cpuUsage(start).user / 1e6).to.be.lessThan(3);
    expect(store.idOf(store.findByAddress("desk@example.com"))).to.equal(everybody[0]!.id);
  }).timeout(60_000);

  it("removes a person whom two consecutive complete sweeps missed", () => {
    const store = createStore();
    sweepOf(store, [person("ada"), person("bob")]);
    sweepOf(store, [person("bob")]);
    expect(store.personCount).to.equal(2);
    sweepOf(store, [person("bob"), person("ada")]);
    sweepOf(store, [person("bob")]);
    expect(store.findByAddress("ada@example.com")).not.to.equal(-1);
    const superseded = store.beginSweep();
    store.applyPage(superseded, listedPersons([person("bob")]), 0);
    sweepOf(store, [person("bob")]);
    store.completeSweep(superseded);
    expect(store.findByAddress("ada@example.com")).to.equal(-1);
    expect(store.personCount).to.equal(1);
  });

  it("counts a lookup as having seen the person", () => {
    const store = createStore();
    sweepOf(store, [person("ada"), person("bob")]);
    sweepOf(store, [person("bob")]);
    store.applyLookup("ada@example.com", [person("ada")]);
    sweepOf(store, [person("bob")]);
    expect(store.findByAddress("ada@example.com")).not.to.equal(-1);
  });

  it("removes nobody after sweeps without any person", () => {
    const store = createStore();
    sweepOf(store, [person("ada")]);
    for (let round = 0; round < 5; round += 1) sweepOf(store, [], []);
    expect(store.personCount).to.equal(1);
  });

  it("decodes only changed items, wherever pages begin and whoever is added or removed", () => {
    const store = createStore();
    const reads: string[] = [];
    const page = (...names: string[]) =>
      recognizable(names.map((name) => person(name))).map((item, index) => ({
        ...item,
        read: () => (reads.push(names[index]!), item.read()),
      }));
    const sweepPages = (...pages: string[][]): string => {
      reads.length = 0;
      const number = store.beginSweep();
      pages.forEach((names, index) => store.applyPage(number, page(...names), index));
      store.completeSweep(number);
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
    store.applyRefetchedPage(1, page("d", "e"));
    expect(reads).to.deep.equal([]);
    expect(
      [...store.slots()]
        .map((slot) => store.uriOf(slot))
        .sort()
        .join(),
    ).to.equal("c@example.com,d@example.com,e@example.com");
  });

  it("counts an unchanged item as an observation", async () => {
    const clock = new FakeClock();
    const changed: string[] = [];
    const store = new PersonStore("org-1", clock, 180_000, {
      ...ignoreAll,
      addressChanged: (address) => changed.push(address),
    });
    const applySweep = () => {
      const number = store.beginSweep();
      return store.applyPage(number, recognizable([person("ada"), person("bob", null)]), 0);
    };
    expect(applySweep()).to.deep.equal({
      persons: 2,
      alreadyOnPage: 0,
      sharesStatus: true,
      seenInSweep: 2,
    });
    changed.length = 0;
    await clock.advance(60_000);
    expect(applySweep()).to.deep.equal({
      persons: 2,
      alreadyOnPage: 2,
      sharesStatus: true,
      seenInSweep: 2,
    });
    expect(changed).to.deep.equal([]);
    const ada = store.findByAddress("ada@example.com");
    expect(store.observedElapsedOf(ada)).to.equal(clock.monotonic());
    const since = store.sinceOf(ada);
    await clock.advance(200_000);
    expect(store.isStale(ada, clock.monotonic())).to.equal(true);
    applySweep();
    expect(store.isStale(ada, clock.monotonic())).to.equal(false);
    expect(changed).to.deep.equal(["ada@example.com", "bob@example.com"]);
    expect(store.sinceOf(ada)).to.be.greaterThan(since);
  });

  it("decodes an unchanged item if a lookup has reported something else since", () => {
    const store = createStore();
    sweepOf(store, [person("ada", "call")]);
    const number = store.beginSweep();
    store.applyPage(number, recognizable([person("ada", "active")]), 0);
    store.applyLookup("ada@example.com", [person("ada", "meeting")]);
    store.applyPage(number, recognizable([person("ada", "active")]), 0);
    expect(store.statusOf(store.findByAddress("ada@example.com"))).to.equal("active");
  });

  it("agrees with a plain map about any sequence of sweeps", () => {
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
        const store = createStore();
        const model = new Map<string, { person: PersonSnapshot; missed: number }>();
        for (const { persons, complete } of steps) {
          const number = store.beginSweep();
          const half = persons.length >> 1;
          store.applyPage(number, recognizable(persons.slice(0, half)), 0);
          store.applyPage(number, recognizable(persons.slice(half)), 1);
          for (const each of persons) model.set(each.id, { person: each, missed: 0 });
          if (complete) {
            store.completeSweep(number);
            const seen = new Set(persons.map((each) => each.id));
            for (const [id, known] of seen.size === 0 ? [] : [...model]) {
              known.missed = seen.has(id) ? 0 : known.missed + 1;
              if (known.missed >= 2) model.delete(id);
            }
          }
          expect([...store.slots()].map((slot) => store.idOf(slot)).sort()).to.deep.equal(
            [...model.keys()].sort(),
          );
          for (const slot of store.slots()) {
            const { person: known } = model.get(store.idOf(slot))!;
            expect(store.nameOf(slot)).to.equal(known.displayName);
            expect(store.statusOf(slot)).to.equal(known.status);
            expect(store.lastActivityOf(slot)).to.equal(known.lastActivity);
            expect(store.uriOf(slot)).to.equal(
              known.userName ?? [...known.emails].sort()[0] ?? known.sipAddresses[0] ?? "",
            );
          }
          for (let n = 0; n <= 30; n += 1) {
            const address = `u${n}@example.com`;
            const owners = [...model.values()].filter(
              ({ person: { userName, emails, sipAddresses } }) =>
                [userName, ...emails, ...sipAddresses].includes(address),
            );
            const slot = store.findByAddress(address);
            const found = slot === -1 ? "nobody" : store.idOf(slot);
            const ids = owners.length === 0 ? ["nobody"] : owners.map((owner) => owner.person.id);
            if (!ids.includes(found)) expect.fail(`${address}: ${found}, not one of ${ids.join()}`);
          }
        }
      }),
      { numRuns: 100 },
    );
  }).timeout(30_000);
});
