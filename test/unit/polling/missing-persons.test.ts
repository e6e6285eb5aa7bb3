import { expect } from "chai";

import { OrganizationPoller } from "../../../src/polling/organization-poller.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import type { PersonSnapshot } from "../../../src/presence/polled-roster.js";
import { NO_JITTER, SeededRandom } from "../../support/clock-fake.js";
import { fault, FakePeopleApi, SETTINGS } from "../../support/polling-harness.js";
import { person, PresenceFixture } from "../../support/presence-fixture.js";

const MINUTE_MS = 60_000;

/** A poller with a real roster. `webex` holds the persons of each page. */
function createOrganization(pages: string[][], pollIntervalSeconds = 20) {
  const fixture = new PresenceFixture();
  const { clock, directory, logger, roster } = fixture;
  const budget = new RequestBudget(clock, NO_JITTER, 60);
  const people = new FakePeopleApi(clock, budget);
  const webex = pages.map((page) => page.map((name) => person(name)));
  const everybody = (): PersonSnapshot[] => webex.flat();
  people.pages = webex;
  people.findPersons = (email) => everybody().filter(({ emails }) => emails.includes(email));
  people.findPerson = (id) => {
    const found = everybody().find((each) => each.id === id);
    if (found === undefined) throw fault("notFound", 404);
    return found;
  };
  const poller = new OrganizationPoller({
    ...{ orgId: "org-1", people, onDemandPeople: people, roster, budget, clock, logger },
    random: new SeededRandom(7),
    grantedScopes: () => ["spark-admin:people_read", "spark-admin:organizations_read"],
  });
  poller.apply({ ...SETTINGS, pollIntervalSeconds });
  poller.start();
  const remove = (name: string): void => {
    for (const page of webex) {
      const index = page.findIndex(({ displayName }) => displayName === name);
      if (index !== -1) page.splice(index, 1);
    }
  };
  const watch = (...names: string[]): void =>
    void directory.subscribe({ uris: names.map((name) => `${name}@example.com`) });
  return { fixture, clock, people, poller, webex, remove, watch };
}

const stateAfter = async (
  { clock, fixture }: ReturnType<typeof createOrganization>,
  ms: number,
  uri: string,
): Promise<string> => {
  await clock.advance(ms);
  return fixture.stateOf(uri);
};

describe("missing persons", () => {
  it("are notFound after the first sweep without them, if they are watched", async () => {
    const organization = createOrganization([["ada", "bob", "eve"]]);
    const { clock, fixture, people, poller, remove, watch } = organization;
    watch("ada", "bob");
    await clock.advance(5_000);
    fixture.drainAll();
    remove("ada");
    remove("eve");
    people.requests.length = 0;
    await clock.advance(24_000);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com unknown/notFound"]);
    expect(people.requestNames).to.deep.equal([
      "first 1000",
      "lookup ada@example.com",
      `person ${person("ada").id}`,
    ]);
    // Nobody watched Eve, so a second sweep decides.
    expect(fixture.roster.personCount).to.equal(2);
    await clock.advance(20_000);
    expect(fixture.roster.personCount).to.equal(1);
    await clock.advance(10 * MINUTE_MS);
    expect(poller.report().ageSeconds.watchedP95).to.be.lessThan(25);
    expect(poller.problems).to.deep.equal([]);
    expect(people.countRequests((name) => name.startsWith("person"))).to.equal(1);
  });

  it("are noticed on a refetched page, long before a sweep ends", async () => {
    const pages = Array.from({ length: 60 }, (_, page) => [`a${page}`, `b${page}`, `c${page}`]);
    const organization = createOrganization(pages, 5);
    const { clock, fixture, people, remove, watch } = organization;
    await clock.advance(90_000);
    watch("a30", "b30");
    await clock.advance(30_000);
    remove("a30");
    const { length } = people.requests;
    expect(await stateAfter(organization, 15_000, "a30@example.com")).to.equal("unknown/notFound");
    expect(people.requestNames.slice(length)).to.include("lookup a30@example.com");
    expect(fixture.stateOf("b30@example.com")).to.equal("available/-");
  });

  it("are noticed by a lookup if Webex does not honor old links", async () => {
    const pages = Array.from({ length: 60 }, (_, page) => [`a${page}`, `b${page}`, `c${page}`]);
    const organization = createOrganization(pages, 5);
    const { clock, people, remove, watch } = organization;
    await clock.advance(90_000);
    watch("a30", "b31");
    people.failRequest = (name) =>
      name === "next=30" || name === "next=31" ? fault("refused", 400) : null;
    await clock.advance(90_000);
    people.failRequest = () => null;
    expect(people.requestNames.slice(-10)).to.include("lookup a30@example.com");
    remove("a30");
    expect(await stateAfter(organization, 20_000, "a30@example.com")).to.equal("unknown/notFound");
  });

  it("keep their presence if they are only on another page", async () => {
    const organization = createOrganization([["ada", "bob"]]);
    const { clock, fixture, people, watch, webex } = organization;
    watch("ada", "bob");
    await clock.advance(5_000);
    fixture.drainAll();
    const [ada] = webex[0]!.splice(0, 1);
    people.findPersons = (email) => (email === "ada@example.com" ? [ada!] : []);
    await clock.advance(3 * MINUTE_MS);
    expect(fixture.drainChanges()).to.deep.equal([]);
    expect(fixture.stateOf("ada@example.com")).to.equal("available/-");
    expect(people.countRequests((name) => name.startsWith("person"))).to.equal(0);
  });

  it("are found at their new address, and whoever has the old one now", async () => {
    const organization = createOrganization([["ada", "bob", "eve"]]);
    const { clock, fixture, watch, webex } = organization;
    watch("ada", "lovelace", "eve");
    await clock.advance(5_000);
    fixture.drainAll();
    const email = (text: string) => ({ userName: text, emails: [text] });
    // Neither is in the list any more, but Webex still knows them.
    webex[0] = [person("bob")];
    const renamed = person("ada", "call", email("lovelace@example.com"));
    const heir = person("new", "meeting", email("eve@example.com"));
    organization.people.pages = [[person("bob")]];
    organization.people.findPersons = (text) =>
      [renamed, heir].filter(({ emails }) => emails.includes(text));
    organization.people.findPerson = (id) => {
      if (id === renamed.id) return renamed;
      throw fault("notFound", 404);
    };
    await clock.advance(24_000);
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com unknown/notFound",
      "lovelace@example.com onCall/-",
      "eve@example.com inMeeting/-",
    ]);
  });

  it("stay until a sweep if Webex does not say whether they are gone", async () => {
    for (const failure of [
      fault("webexError", 404),
      fault("forbidden", 403),
      fault("refused", 400),
    ]) {
      const organization = createOrganization([["ada", "bob"]]);
      const { clock, fixture, people, poller, remove, watch } = organization;
      watch("ada");
      await clock.advance(5_000);
      remove("ada");
      people.failRequest = (name) => (name.startsWith("person") ? failure : null);
      await clock.advance(20_000);
      expect(people.countRequests((name) => name.startsWith("person"))).to.equal(1);
      expect(fixture.stateOf("ada@example.com"), failure.code).to.equal("available/-");
      expect(poller.isAccepted).to.equal(true);
      await clock.advance(20_000);
      expect(fixture.stateOf("ada@example.com"), failure.code).to.equal("unknown/notFound");
    }
  });

  it("stay if they are still there, however they disappeared from the list", async () => {
    const organization = createOrganization([["ada", "bob"]]);
    const { clock, fixture, people, poller, watch, webex } = organization;
    const sip = { userName: null, emails: [], sipAddresses: ["ada@example.com"] };
    webex[0]![0] = person("ada", "active", sip);
    watch("ada");
    await clock.advance(5_000);
    people.findPerson = () => person("ada", "active", sip);
    webex[0]!.splice(0, 1);
    await clock.advance(10 * MINUTE_MS);
    expect(fixture.stateOf("ada@example.com")).to.equal("available/-");
    expect(poller.report().ageSeconds.watchedP95).to.be.lessThan(45);
    // No lookup of the address can find a person who has only a SIP address.
    expect(people.countRequests((name) => name.startsWith("lookup"))).to.equal(1);
  });

  it("cost few requests if everybody disappears at once", async () => {
    const names = Array.from({ length: 1_000 }, (_, number) => `p${number}`);
    const organization = createOrganization([["admin", ...names]]);
    const { clock, fixture, people, watch, webex } = organization;
    watch("admin", ...names);
    await clock.advance(5_000);
    people.requests.length = 0;
    people.respondWithPage = () => ({ items: [], next: null });
    await clock.advance(5 * MINUTE_MS);
    expect(
      people.countRequests((name) => !name.startsWith("first")),
      "an empty list",
    ).to.equal(0);
    expect(fixture.roster.personCount).to.equal(1_001);
    people.requests.length = 0;
    const { respondWithPage } = new FakePeopleApi(clock, new RequestBudget(clock, NO_JITTER, 60));
    webex[0]!.length = 1;
    people.respondWithPage = respondWithPage.bind(people);
    await clock.advance(5 * MINUTE_MS);
    expect(people.countRequests((name) => !name.startsWith("first"))).to.be.lessThan(50);
    expect(people.countRequests((name) => name.startsWith("first"))).to.be.greaterThan(12);
  });
});
