import { expect } from "chai";

import type { PeopleIndex, PeopleSelection } from "../../../src/presence/people-index.js";
import { sortByNumber, sortByText } from "../../../src/presence/sorted-rows.js";
import { SeededRandom } from "../../support/clock-fake.js";
import { listedPersons, person, PresenceFixture, sweep } from "../../support/presence-fixture.js";

describe("presence/people-index", () => {
  let fixture: PresenceFixture;
  let index: PeopleIndex;

  beforeEach(() => {
    fixture = new PresenceFixture();
    index = fixture.directory.createPeopleIndex();
  });

  const select = (selection: Partial<PeopleSelection> = {}) =>
    index.select({
      ...{ search: "", states: [], sort: "name", order: "ascending", offset: 0, limit: 100 },
      ...selection,
    });
  const names = async (selection: Partial<PeopleSelection> = {}): Promise<(string | null)[]> =>
    (await select(selection)).records.map(({ displayName }) => displayName);
  const report = (statuses: Readonly<Record<string, string>>): void => {
    const page = Object.entries(statuses).map(([name, status]) => person(name, status));
    fixture.roster.applyPage(fixture.roster.beginSweep(), listedPersons(page), 0);
  };

  it("finds parts of names and addresses, without regard to case and accents", async () => {
    sweep(fixture.roster, [
      person("François Hoffmann"),
      person("Łukasz Groß"),
      person("Ann", "active", { sipAddresses: ["desk.7@sip.example.net"] }),
      person("Søren", "active", { displayName: null, emails: ["soren@example.org"] }),
      person("王小明"),
    ]);
    const found: readonly (readonly [string, readonly (string | null)[]])[] = [
      ["hoffmann", ["François Hoffmann"]],
      ["FRANCOIS", ["François Hoffmann"]],
      ["  çois hof ", ["François Hoffmann"]],
      ["lukasz gross", ["Łukasz Groß"]],
      ["desk.7@SIP", ["Ann"]],
      ["soren@example.org", [null]],
      ["小明", ["王小明"]],
      ["desk\u0001ann\u0000", ["Ann"]],
      ["hoffmann FRAN", ["François Hoffmann"]],
      ["hoffmann ann", ["François Hoffmann"]],
      ["hoffmann desk", []],
      ["nobody", []],
      ["%", []],
    ];
    for (const [search, expected] of found)
      expect(await names({ search }), search).to.deep.equal(expected);
    expect(await select({ search: "e" })).to.include({ total: 5, matching: 5 });
  });

  it("does not find what begins with one person and ends with the next", async () => {
    sweep(fixture.roster, [person("Anna"), person("Bert")]);
    const { displayName, uri } = (await select()).records[0]!;
    expect(await names({ search: `${displayName!.slice(-1)}${uri}` })).to.deep.equal([]);
  });

  it("keeps no result of other people, states or search texts", async () => {
    report({ Ann: "active", Bob: "call" });
    expect(await names({ search: "a", states: ["available", "onCall"] })).to.include("Ann");
    expect(await names({ states: ["onCall"] })).to.deep.equal(["Bob"]);
    expect(await names({ states: ["available"] })).to.deep.equal(["Ann"]);
    expect(await names({ search: "bob" })).to.deep.equal(["Bob"]);
    expect(await names({ search: "ann" })).to.deep.equal(["Ann"]);
    expect(await names({ sort: "state" })).to.deep.equal(["Ann", "Bob"]);
    // An organization is there at once; its people have the rows of others before.
    sweep(fixture.directory.addOrganization("org-2"), [person("Anna", "active")]);
    expect(await names({ sort: "state" })).to.deep.equal(["Ann", "Anna", "Bob"]);
    expect(await names({ search: "ann" })).to.deep.equal(["Ann", "Anna"]);
    fixture.directory.removeOrganization("org-1");
    expect(await names({ search: "ann" })).to.deep.equal(["Anna"]);
    expect(await names({ sort: "state" })).to.deep.equal(["Anna"]);
  });

  it("sorts by each column in both orders, and shows a window", async () => {
    report({ Dora: "call" });
    await fixture.clock.advance(1_000);
    report({ anna: "inactive" });
    await fixture.clock.advance(1_000);
    report({ Émile: "active", Bert: "active" });
    await fixture.clock.advance(1_000);
    report({ Dora: "call" });
    const orders = {
      name: ["anna", "Bert", "Dora", "Émile"],
      address: ["anna", "Bert", "Dora", "Émile"],
      state: ["Bert", "Émile", "anna", "Dora"],
      since: ["Dora", "anna", "Bert", "Émile"],
      age: ["Dora", "Bert", "Émile", "anna"],
    } as const;
    for (const [sort, expected] of Object.entries(orders)) {
      const selection = { sort: sort as keyof typeof orders };
      expect(await names(selection), sort).to.deep.equal(expected);
      const reversed = await names({ ...selection, order: "descending" });
      expect(reversed, sort).to.deep.equal([...expected].reverse());
      const part = await names({ ...selection, offset: 1, limit: 2 });
      expect(part, sort).to.deep.equal(expected.slice(1, 3));
    }
    expect(await names({ offset: 4 })).to.deep.equal([]);
  });

  it("sorts addresses as lists show them, in whatever form they are stored", async () => {
    const emails = (address: string) => ({ userName: null, emails: [address] });
    sweep(fixture.roster, [
      person("a", "active", emails("zoe@example.com")),
      person("b", "active", emails("Kim@Example.com")),
      person("c", "active", emails("bea@example.com")),
      person("d", "active", { ...emails("x"), displayName: null }),
    ]);
    const { records } = await select({ sort: "address" });
    expect(records.map(({ uri }) => uri)).to.deep.equal([
      "bea@example.com",
      "Kim@Example.com",
      "x",
      "zoe@example.com",
    ]);
  });

  it("filters by the state that a record has now", async () => {
    report({ Ann: "active", Bob: "call" });
    expect(await names({ states: ["onCall", "away"] })).to.deep.equal(["Bob"]);
    await fixture.clock.advance(200_000);
    expect(await names({ states: ["onCall"] })).to.deep.equal([]);
    expect(await names({ states: ["unknown"], search: "ann" })).to.deep.equal(["Ann"]);
    expect((await select({ states: ["unknown"] })).records[0]).to.include({ reason: "stale" });
  });

  it("follows organizations at once, and people within a second, and says so until then", async () => {
    sweep(fixture.roster, [person("Ann"), person("Bob")]);
    expect(await names()).to.deep.equal(["Ann", "Bob"]);
    sweep(fixture.roster, [person("Ann"), person("Carl")]);
    sweep(fixture.roster, [person("Ann"), person("Carl")]);
    const early = await select();
    expect(early.isOutdated).to.equal(true);
    expect(early.records.map(({ displayName }) => displayName)).to.deep.equal(["Ann"]);
    await fixture.clock.advance(1_000);
    expect(await select()).to.include({ isOutdated: false, total: 2 });
    expect(await names()).to.deep.equal(["Ann", "Carl"]);
    sweep(fixture.directory.addOrganization("org-2"), [person("Dora")]);
    expect(await names()).to.deep.equal(["Ann", "Carl", "Dora"]);
    fixture.directory.removeOrganization("org-1");
    expect(await names()).to.deep.equal(["Dora"]);
  });

  it("sorts what changes at most once a second", async () => {
    report({ Ann: "active", Bob: "call" });
    expect(await names({ sort: "state" })).to.deep.equal(["Ann", "Bob"]);
    report({ Ann: "meeting", Bob: "active" });
    const early = await select({ sort: "state" });
    expect(early.isOutdated).to.equal(true);
    // The order is that of before; the records are not.
    expect(early.records.map(({ state }) => state)).to.deep.equal(["inMeeting", "available"]);
    await fixture.clock.advance(1_000);
    expect(await names({ sort: "state" })).to.deep.equal(["Bob", "Ann"]);
  });

  it("lets others take turns while it reads many people", async () => {
    const many = Array.from({ length: 20_000 }, (_, n) => person(`Person ${n}`));
    sweep(fixture.roster, many);
    let turns = 0;
    let isDone = false;
    const count = (): void => {
      turns += 1;
      if (!isDone) setImmediate(count);
    };
    count();
    const [page, same] = await Promise.all([select({ search: "person 1999" }), select()]);
    isDone = true;
    expect(turns).to.be.at.least(5);
    expect([page.matching, same.matching]).to.deep.equal([12, 20_000]);
  });
});

describe("presence/sorted-rows", () => {
  for (const [what, alphabet] of [
    ["latin letters", "abcdefghijklmnopqrstuvwxyz .-'"],
    ["two letters", "ab"],
    ["one letter", "a"],
    [
      "many letters",
      Array.from({ length: 3_000 }, (_, n) => String.fromCharCode(0x4e00 + n)).join(""),
    ],
    ["letters up to the last code unit", "a\u0001\uffff"],
  ] as const) {
    it(`sorts texts of ${what} as a comparison does`, () => {
      const random = new SeededRandom(7);
      const letter = (): string => alphabet.charAt(Math.floor(random.random() * alphabet.length));
      const texts = Array.from({ length: 2_000 }, () =>
        Array.from({ length: Math.floor(random.random() * 60) }, letter).join(""),
      );
      const expected = texts.map((text, at) => ({ text, at }));
      expected.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : a.at - b.at));
      expect([...sortByText(texts)]).to.deep.equal(expected.map(({ at }) => at));
    });
  }

  it("sorts by a number, and equal ones by rank, whatever the number", () => {
    const random = new SeededRandom(11);
    const count = 3_000;
    const limits = [-5, 0, 1, 1_023, 1_024, 2 ** 32, 2 ** 42 - 1, 2 ** 42, 2 ** 60];
    const keys = Array.from({ length: count }, () =>
      random.random() < 0.5
        ? limits[Math.floor(random.random() * limits.length)]!
        : Math.floor(random.random() * 50),
    );
    // A permutation: 7 has no common divisor with the number of rows.
    const rankOf = (row: number): number => (row * 7) % count;
    const byRank = new Uint32Array(count);
    const rows = Uint32Array.from({ length: count }, (_, row) => row);
    for (const row of rows) byRank[rankOf(row)] = row;
    const keyOf = (row: number): number => keys[row] ?? 0;
    const counted = (row: number): number => Math.min(2 ** 42 - 1, Math.max(0, keyOf(row)));
    const expected = [...rows].sort((a, b) => counted(a) - counted(b) || rankOf(a) - rankOf(b));
    expect([...sortByNumber(rows, keyOf, rankOf, byRank)]).to.deep.equal(expected);
    const some = rows.filter((row) => row % 3 === 0);
    expect([...sortByNumber(some, keyOf, rankOf, byRank)]).to.deep.equal(
      expected.filter((row) => row % 3 === 0),
    );
  });
});
