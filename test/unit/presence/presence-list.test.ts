import { expect } from "chai";
import fc from "fast-check";

import type { PresenceListQuery } from "../../../src/presence/presence-service.js";
import { PresenceFixture, person, sweep } from "../../support/presence-fixture.js";

const EVERYBODY: PresenceListQuery = { limit: 1000, cursor: null, states: null, orgId: null };

function pagesOf(
  fixture: PresenceFixture,
  query: Partial<PresenceListQuery>,
  between: () => void = () => undefined,
): string[] {
  const uris: string[] = [];
  let cursor: string | null = null;
  do {
    const page = fixture.directory.list({ ...EVERYBODY, ...query, cursor });
    uris.push(...page.records.map((record) => record.uri));
    if (page.nextCursor !== null) expect(page.nextCursor).to.match(/^[\w-]+$/);
    cursor = page.nextCursor;
    between();
  } while (cursor !== null);
  return uris;
}

describe("PresenceList", () => {
  it("lists the persons of all organizations by URI in code unit order", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [
      person("b"),
      person("a"),
      person("Z"),
      person("ü", "active", { userName: "ü@example.com" }),
    ]);
    sweep(fixture.directory.addOrganization("org-2"), [person("c"), person("B"), person("a")]);
    const expected = ["B", "Z", "a", "a", "b", "c", "ü"].map((name) => `${name}@example.com`);
    for (const limit of [1, 2, 3, 7, 8])
      expect(pagesOf(fixture, { limit })).to.deep.equal(expected);
    expect(fixture.directory.list({ ...EVERYBODY, limit: 2 }).total).to.equal(7);
    expect(pagesOf(fixture, { orgId: "org-2", limit: 2 })).to.deep.equal(
      ["B", "a", "c"].map((name) => `${name}@example.com`),
    );
    expect(fixture.directory.list({ ...EVERYBODY, orgId: "org-2" }).total).to.equal(3);
  });

  it("filters by the current state", async () => {
    const fixture = new PresenceFixture();
    const names = ["a", "b", "c", "d", "e"];
    sweep(
      fixture.roster,
      names.map((name, number) => person(name, number % 2 === 0 ? "call" : "active")),
    );
    const page = fixture.directory.list({ ...EVERYBODY, states: ["onCall"], limit: 2 });
    expect(page.total).to.equal(3);
    expect(page.records.map((record) => record.uri)).to.deep.equal([
      "a@example.com",
      "c@example.com",
    ]);
    expect(pagesOf(fixture, { states: ["onCall"], limit: 3 })).to.have.length(3);
    expect(
      fixture.directory.list({ ...EVERYBODY, states: ["onCall"], limit: 3 }).nextCursor,
    ).to.equal(null);
    await fixture.clock.advance(180_001);
    expect(fixture.directory.list({ ...EVERYBODY, states: ["onCall"] }).total).to.equal(0);
    expect(fixture.directory.list({ ...EVERYBODY, states: ["unknown", "away"] }).total).to.equal(5);
  });

  it("lists everybody as disabled while disabled", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("a"), person("b")]);
    fixture.directory.setCondition("disabled");
    const { records } = fixture.directory.list(EVERYBODY);
    expect(records.map((record) => record.reason)).to.deep.equal(["disabled", "disabled"]);
  });

  it("continues at its position, whoever is added or removed in between", () => {
    const fixture = new PresenceFixture();
    sweep(
      fixture.roster,
      ["a", "c", "e", "g"].map((name) => person(name)),
    );
    const first = fixture.directory.list({ ...EVERYBODY, limit: 2 });
    for (let round = 0; round < 2; round += 1)
      sweep(
        fixture.roster,
        ["b", "d", "e", "g"].map((name) => person(name)),
      );
    const second = fixture.directory.list({ ...EVERYBODY, cursor: first.nextCursor });
    expect(second.records.map((record) => record.uri)).to.deep.equal(
      ["d", "e", "g"].map((name) => `${name}@example.com`),
    );
  });

  it("rejects an invalid cursor and an unknown organization", () => {
    const fixture = new PresenceFixture();
    for (const cursor of [
      "",
      "x",
      "!!!",
      btoa("[]"),
      btoa('["a"]'),
      btoa('["a","b",1]'),
      btoa("%"),
      "ü",
    ]) {
      expect(() => fixture.directory.list({ ...EVERYBODY, cursor }), cursor)
        .to.throw()
        .with.property("code", "invalidParams");
    }
    expect(() => fixture.directory.list({ ...EVERYBODY, orgId: "x" }))
      .to.throw()
      .with.property("code", "unknownOrganization");
  });

  it("returns each person exactly once, in order, at any limit", () => {
    const names = fc.uniqueArray(
      fc.stringMatching(/^[a-zA-Z\u{e0}-\u{ff}\u{1f600}-\u{1f64f}]{1,4}$/u),
      {
        maxLength: 40,
        selector: (name) => name.toLowerCase(),
      },
    );
    fc.assert(
      fc.property(names, names, fc.integer({ min: 1, max: 9 }), (one, two, limit) => {
        const fixture = new PresenceFixture();
        sweep(
          fixture.roster,
          one.map((name) => person(name)),
        );
        sweep(
          fixture.directory.addOrganization("org-2"),
          two.map((name) => person(name)),
        );
        const expected = [...one, ...two].map((name) => `${name}@example.com`).sort();
        expect(pagesOf(fixture, { limit })).to.deep.equal(expected);
      }),
    );
  });
});
