import { expect } from "chai";
import fc from "fast-check";

import type { PersonSnapshot } from "../../../src/presence/polled-roster.js";
import { NEVER_ABORTED, person, PresenceFixture, sweep } from "../../support/presence-fixture.js";

function withEmail(name: string, email: string, status = "active"): PersonSnapshot {
  return person(name, status, { userName: null, emails: [email] });
}

function nameOf(fixture: PresenceFixture, uri: string): string {
  const { displayName, reason } = fixture.get(uri);
  return displayName ?? String(reason);
}

describe("own addresses that read differently as URIs", () => {
  it("are found as Webex writes them, and as the URIs that a host makes of them", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [
      withEmail("sale", "50%off@example.com"),
      withEmail("code", "50%25x@example.com"),
      withEmail("what", "What?@example.com"),
      withEmail("desk", "desk;ext=1@example.com"),
      withEmail("two", "a%40b@example.com"),
    ]);
    const found = (...uris: string[]): string[] => uris.map((uri) => nameOf(fixture, uri));
    expect(found("50%off@example.com", "sip:50%25off@example.com")).to.deep.equal(["sale", "sale"]);
    expect(found("50%25x@example.com", "sip:50%2525x@example.com")).to.deep.equal(["code", "code"]);
    expect(found("What?@example.com", "sip:what%3F@example.com")).to.deep.equal(["what", "what"]);
    expect(found("desk;ext=1@example.com", "sip:desk%3Bext=1@example.com")).to.deep.equal([
      "desk",
      "desk",
    ]);
    expect(found("a%40b@example.com")).to.deep.equal(["two"]);
    expect(found("sip:50%25x@example.com", "50%x@example.com", "a%40c@example.com")).to.deep.equal([
      "notFound",
      "notFound",
      "invalidUri",
    ]);
  });

  it("take precedence over a person whose address the text is as a URI", () => {
    const fixture = new PresenceFixture();
    const other = fixture.directory.addOrganization("org-2");
    const [plain, coded] = [withEmail("ada", "ada@x.example"), withEmail("eve", "%61da@x.example")];
    sweep(fixture.roster, [plain]);
    sweep(other, [person("zoe")]);
    expect(nameOf(fixture, "%61da@x.example")).to.equal("ada");
    sweep(other, [person("zoe"), coded]);
    expect(nameOf(fixture, "%61da@x.example")).to.equal("eve");
    expect(nameOf(fixture, "ada@x.example")).to.equal("ada");
    expect(nameOf(fixture, "sip:%61da@x.example")).to.equal("ada");
  });

  it("are reported to subscribers, whoever the text stands for", () => {
    const fixture = new PresenceFixture();
    const uris = ["%61da@x.example", "what?@x.example"];
    const { records } = fixture.directory.subscribe({ uris });
    expect(records.map(({ reason }) => reason)).to.deep.equal(["notReady", "invalidUri"]);
    const [ada, eve] = [withEmail("ada", "ada@x.example"), withEmail("eve", "%61da@x.example")];
    sweep(fixture.roster, [ada]);
    expect(fixture.drainChanges()).to.deep.equal(["%61da@x.example available/-"]);
    sweep(fixture.roster, [ada, { ...eve, status: "call" }, withEmail("what", "what?@x.example")]);
    expect(fixture.drainChanges()).to.have.members([
      "%61da@x.example onCall/-",
      "what?@x.example available/-",
    ]);
    expect(fixture.roster.watchedCount).to.equal(2);
    fixture.roster.applyPerson(eve.id, null);
    fixture.roster.applyPerson(person("what").id, null);
    expect(fixture.drainChanges()).to.have.members([
      "%61da@x.example available/-",
      "what?@x.example unknown/invalidUri",
    ]);
    expect(fixture.roster.watchedCount).to.equal(1);
  });

  it("are looked up in both readings while nobody matches", () => {
    const fixture = new PresenceFixture();
    fixture.directory.subscribe({ uris: ["%61da@x.example", "what?@x.example"] });
    fixture.get("b%6Fb@x.example");
    expect(fixture.roster.unansweredAddresses(10)).to.have.members([
      "%61da@x.example",
      "ada@x.example",
      "b%6fb@x.example",
      "bob@x.example",
    ]);
    fixture.roster.applyLookup("ada@x.example", [withEmail("ada", "ada@x.example")]);
    fixture.roster.applyLookup("bob@x.example", [withEmail("bob", "bob@x.example")]);
    fixture.roster.applyLookup("b%6fb@x.example", []);
    expect(fixture.roster.unansweredAddresses(10)).to.deep.equal([]);
    expect(nameOf(fixture, "b%6Fb@x.example")).to.equal("bob");
  });

  it("are part of a subscription to everybody until the person has gone", () => {
    const fixture = new PresenceFixture();
    fixture.directory.subscribe({ all: true });
    sweep(fixture.roster, [withEmail("what", "what?@x.example"), person("zoe")]);
    expect(fixture.drainChanges()).to.include("what?@x.example available/-");
    fixture.roster.applyPerson(person("what").id, null);
    expect(fixture.drainChanges()).to.deep.equal(["what?@x.example unknown/invalidUri"]);
    sweep(fixture.roster, [person("zoe", "call")]);
    expect(fixture.drainChanges()).to.deep.equal(["zoe@example.com onCall/-"]);
  });

  it("name the person in every list", () => {
    const local = fc
      .array(
        fc.constantFrom(
          ...Array.from("aZ0.!#$&'*+-/=^_`{|}~?;%"),
          "%41",
          "%61",
          "%40",
          "%25",
          "%zz",
          "ü",
          "%C3%BC",
        ),
        { minLength: 1, maxLength: 6 },
      )
      .map((parts) => parts.join(""));
    const domain = fc.constantFrom("x.example", "Y.example");
    const address = fc.tuple(local, domain).map((parts) => parts.join("@"));
    const members = fc.record({
      userName: fc.option(address),
      emails: fc.array(address, { maxLength: 2 }),
      sipAddresses: fc.array(
        fc.oneof(
          address.chain((text) => fc.constantFrom(text, `${text};transport=tls`)),
          // With a scheme it is a URI, whoever sends it.
          fc.stringMatching(/^sip:[a-zA-Z0-9.+]{1,6}$/).map((uri) => `${uri}@z.example`),
        ),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(fc.array(members, { maxLength: 8 }), (everybody) => {
        const fixture = new PresenceFixture();
        // An address of several persons finds one of them, so nobody shares one.
        const taken = new Set<string>();
        const unshared = everybody.filter(({ userName, emails, sipAddresses }) => {
          const own = [userName ?? "", ...emails, ...sipAddresses].map((text) =>
            text.toLowerCase().replace(/^sip:|;transport=tls$/g, ""),
          );
          const isShared = own.some((text) => text !== "" && taken.has(text));
          for (const text of own) taken.add(text);
          return !isShared;
        });
        sweep(
          fixture.roster,
          unshared.map((more, index) => person(`p${index}`, "active", more)),
        );
        const { records } = fixture.directory.list({
          limit: 100,
          cursor: null,
          states: null,
          orgId: null,
        });
        expect(records.length).to.equal(unshared.length);
        fixture.directory.subscribe({ all: true });
        for (const { uri, personId } of records) {
          if (!uri.includes("@") || uri.startsWith(";")) continue;
          expect(fixture.get(uri).personId, uri).to.equal(personId);
          const [record] = fixture.directory.subscribe({ uris: [uri] }).records;
          expect(record?.personId, uri).to.equal(personId);
        }
      }),
      { numRuns: 300 },
    );
  }).timeout(20_000);

  it("are waited for in either reading", async () => {
    const fixture = new PresenceFixture();
    const waiting = fixture.directory.get(["%61da@x.example"], 5_000, NEVER_ABORTED);
    sweep(fixture.roster, [withEmail("ada", "ada@x.example")]);
    expect((await waiting)[0]?.displayName).to.equal("ada");
  });
});
