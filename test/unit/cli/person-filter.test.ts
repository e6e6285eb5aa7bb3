import { expect } from "chai";

import { PersonFilter, searchKeyOf } from "../../../src/cli/terminal/person-filter.js";
import type { PresenceRecord, PresenceState } from "../../../src/presence/record.js";

const person = (displayName: string | null, uri: string, state: PresenceState = "available") =>
  ({ uri, displayName, state }) as PresenceRecord;

describe("cli/terminal/person-filter", () => {
  const records = [
    person("Björn Weber", "bweber@north.example"),
    person("Zoë Ångström", "zoe@north.example", "onCall"),
    person(null, "Unnamed.Person@South.example"),
    person("Ada İnce", "ada@south.example", "onCall"),
  ];

  const searchable = (persons: readonly PresenceRecord[]) => ({
    records: persons,
    searchKeys: new Map(persons.map((each) => [each.uri, searchKeyOf(each)])),
  });

  function found(search: string, state: PresenceState | null = null): string {
    const filter = new PersonFilter();
    filter.search = search;
    filter.state = state;
    return filter
      .matchesIn(searchable(records))
      .map(({ uri }) => uri.slice(0, 3))
      .join(" ");
  }

  it("finds parts of names and addresses, whatever the case and the accents", () => {
    expect(found("BJORN")).to.equal("bwe");
    expect(found("björn")).to.equal("bwe");
    expect(found("bjo\u0308rn"), "decomposed").to.equal("bwe");
    expect(found("angstrom")).to.equal("zoe");
    expect(found("ince")).to.equal("ada");
    expect(found("unnamed")).to.equal("Unn");
    expect(found("SOUTH")).to.equal("Unn ada");
    expect(found("nobody")).to.equal("");
  });

  it("finds letters that people type without their strokes", () => {
    const filter = new PersonFilter();
    const person = { ...records[0]!, displayName: "Søren Groß" };
    for (const search of ["soren", "gross", "groß", "SØREN"]) {
      filter.search = search;
      expect(filter.matchesIn(searchable([person])), search).to.have.length(1);
    }
  });

  it("wants every word, in any order, in the name or the address", () => {
    expect(found("weber  bj")).to.equal("bwe");
    expect(found("north zoe")).to.equal("zoe");
    expect(found("weber zoe")).to.equal("");
  });

  it("takes the text as it is, not as a pattern", () => {
    for (const text of [".*", "(", "[a-z]", "\\"]) expect(found(text), text).to.equal("");
  });

  it("finds people in a state, also together with a search", () => {
    expect(found("", "onCall")).to.equal("zoe ada");
    expect(found("ada", "onCall")).to.equal("ada");
    expect(found("björn", "onCall")).to.equal("");
  });

  it("leaves nobody out without a text and a state, and searches again for other people only", () => {
    const filter = new PersonFilter();
    expect(filter.matchesIn(searchable(records))).to.equal(records);
    filter.search = "  ";
    expect(filter.isActive).to.equal(false);
    filter.search = "ada";
    const matches = filter.matchesIn(searchable(records));
    expect(filter.matchesIn(searchable(records))).to.equal(matches);
    expect(filter.matchesIn(searchable([...records, person("Ada", "a@x")]))).to.have.length(2);
    filter.search = "zoë";
    expect(filter.matchesIn(searchable(records))).to.have.length(1);
  });

  it("follows the state that is chosen, and people who are renamed", () => {
    const filter = new PersonFilter();
    const uris = (persons: readonly PresenceRecord[]) =>
      filter.matchesIn(searchable(persons)).map(({ uri }) => uri.slice(0, 3));
    filter.state = "available";
    expect(uris(records)).to.deep.equal(["bwe", "Unn"]);
    filter.state = "onCall";
    expect(uris(records)).to.deep.equal(["zoe", "ada"]);
    filter.state = null;
    filter.search = "weber";
    expect(uris(records)).to.deep.equal(["bwe"]);
    const renamed = [person("Björn Schmidt", "bweber@north.example"), ...records.slice(1)];
    filter.search = "schmidt";
    expect(uris(records)).to.deep.equal([]);
    expect(uris(renamed)).to.deep.equal(["bwe"]);
    filter.search = "weber schm";
    expect(uris(records), "renamed back").to.deep.equal([]);
  });

  it("keeps no more of a paste than can be the name of somebody", () => {
    const filter = new PersonFilter();
    filter.search = "x".repeat(100_000);
    expect(filter.search).to.have.length(200);
  });
});
