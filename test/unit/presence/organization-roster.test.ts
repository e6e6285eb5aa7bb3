import { expect } from "chai";

import { listedPersons, PresenceFixture, person, sweep } from "../../support/presence-fixture.js";

describe("OrganizationRoster", () => {
  it("counts distinct persons and unmatched addresses, not spellings", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [
      person("ada", "active", { sipAddresses: ["desk@example.com"] }),
      person("bob"),
    ]);
    expect(fixture.roster.watchedCount).to.equal(0);
    fixture.getMany([
      "ada@example.com",
      "sip:ADA@example.com",
      "desk@example.com",
      "x@example.com",
      "X@example.com",
      "tel:1",
    ]);
    expect(fixture.roster.watchedCount).to.equal(2);
    const { subscriptionId } = fixture.directory.subscribe({
      uris: ["desk@example.com", "bob@example.com", "y@example.com", "x@example.com"],
    });
    expect(fixture.roster.watchedCount).to.equal(4);
    fixture.directory.unsubscribe(subscriptionId);
    expect(fixture.roster.watchedCount).to.equal(2);
  });

  it("counts a queried person for 10 minutes, and a listed one not at all", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada"), person("bob")]);
    fixture.directory.list({ limit: 10, cursor: null, states: null, orgId: null });
    expect(fixture.roster.watchedCount).to.equal(0);
    fixture.getMany(["ada@example.com", "x@example.com"]);
    await fixture.clock.advance(600_000);
    expect(fixture.roster.watchedCount).to.equal(2);
    await fixture.clock.advance(1);
    expect(fixture.roster.watchedCount).to.equal(0);
  });

  it("counts everybody while there is an `all` subscription", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada"), person("bob")]);
    const { subscriptionId } = fixture.directory.subscribe({ all: true });
    fixture.get("x@example.com");
    expect(fixture.roster.watchedCount).to.equal(3);
    sweep(fixture.roster, [person("ada"), person("bob"), person("eve")]);
    expect(fixture.roster.watchedCount).to.equal(4);
    fixture.directory.unsubscribe(subscriptionId);
    expect(fixture.roster.watchedCount).to.equal(1);
  });

  it("counts a person instead of an address while the person has it", () => {
    const fixture = new PresenceFixture();
    fixture.get("ada@example.com");
    fixture.directory.subscribe({ uris: ["bob@example.com"] });
    expect(fixture.roster.watchedCount).to.equal(2);
    sweep(fixture.roster, [
      person("ada", "active", { sipAddresses: ["bob@example.com"] }),
      person("eve"),
    ]);
    expect(fixture.roster.watchedCount).to.equal(1);
    sweep(fixture.roster, [person("ada"), person("eve")]);
    expect(fixture.roster.watchedCount).to.equal(2);
  });

  it("counts a person for 10 minutes after the latest query, whichever address was queried", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.get("x@example.com");
    await fixture.clock.advance(540_000);
    fixture.get("ada@example.com");
    sweep(fixture.roster, [person("ada", "active", { sipAddresses: ["x@example.com"] })]);
    await fixture.clock.advance(120_000);
    expect(fixture.roster.watchedCount).to.equal(1);
  });

  it("computes ages by nearest rank", async () => {
    const fixture = new PresenceFixture();
    expect(fixture.roster.watchedAges()).to.deep.equal({ watchedP50: null, watchedP95: null });
    const names = Array.from({ length: 20 }, (_, number) => `p${number}`);
    for (const name of names) {
      fixture.roster.applyLookup(`${name}@example.com`, [person(name)]);
      await fixture.clock.advance(1000);
    }
    expect(fixture.roster.watchedAges()).to.deep.equal({ watchedP50: null, watchedP95: null });
    fixture.getMany(names.map((name) => `${name}@example.com`));
    expect(fixture.roster.watchedAges()).to.deep.equal({ watchedP50: 10, watchedP95: 19 });
    sweep(
      fixture.roster,
      names.map((name) => person(name)),
    );
    expect(fixture.roster.watchedAges()).to.deep.equal({ watchedP50: 0, watchedP95: 0 });
  });

  describe("ages of addresses without an answer", () => {
    const ages = (fixture: PresenceFixture) => fixture.roster.watchedAges();
    const bothAges = (seconds: number) => ({ watchedP50: seconds, watchedP95: seconds });
    const noAges = { watchedP50: null, watchedP95: null };

    it("count from when a subscription or a query began to watch them", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["a@example.com"] });
      await fixture.clock.advance(10_000);
      expect(ages(fixture)).to.deep.equal(bothAges(10));
      fixture.get("b@example.com");
      await fixture.clock.advance(5_000);
      fixture.get("b@example.com");
      // Neither a later query nor a later subscription makes an address younger.
      fixture.directory.subscribe({ uris: ["sip:A@example.com", "b@example.com"] });
      expect(ages(fixture)).to.deep.equal({ watchedP50: 5, watchedP95: 15 });
    });

    it("count from the earliest of the texts that read as the address", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["a/b@example.com"] });
      await fixture.clock.advance(5_000);
      fixture.directory.subscribe({ uris: ["a%2fb@example.com"] });
      await fixture.clock.advance(1_000);
      expect(ages(fixture)).to.deep.equal({ watchedP50: 1, watchedP95: 6 });
    });

    it("do not count from a query whose watch had ended", async () => {
      const fixture = new PresenceFixture();
      fixture.get("a@example.com");
      await fixture.clock.advance(600_001);
      fixture.directory.subscribe({ uris: ["a@example.com"] });
      await fixture.clock.advance(1_000);
      expect(ages(fixture)).to.deep.equal(bothAges(1));
    });

    it("count beside those of the known persons, in the first sweep", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["ada@example.com", "bob@example.com"] });
      await fixture.clock.advance(60_000);
      fixture.roster.applyPage(fixture.roster.beginSweep(), listedPersons([person("ada")]), 0);
      await fixture.clock.advance(2_000);
      expect(ages(fixture)).to.deep.equal({ watchedP50: 2, watchedP95: 62 });
    });

    it("do not count once Webex has answered, also when that answer has expired", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["a@example.com", "b@example.com"] });
      await fixture.clock.advance(1_000);
      fixture.roster.applyLookup("a@example.com", []);
      await fixture.clock.advance(1_000);
      expect(ages(fixture)).to.deep.equal(bothAges(2));
      await fixture.clock.advance(650_000);
      expect(ages(fixture)).to.deep.equal(bothAges(652));
      sweep(fixture.roster, [person("eve")]);
      expect(ages(fixture)).to.deep.equal(noAges);
      await fixture.clock.advance(650_000);
      expect(fixture.stateOf("b@example.com")).to.equal("unknown/notReady");
      expect(ages(fixture)).to.deep.equal(noAges);
    });

    it("do not count if the answer is older than the watch, while it is valid", async () => {
      const fixture = new PresenceFixture();
      sweep(fixture.roster, [person("eve")]);
      await fixture.clock.advance(500_000);
      fixture.directory.subscribe({ uris: ["a@example.com"] });
      await fixture.clock.advance(100_000);
      expect(ages(fixture)).to.deep.equal(noAges);
      await fixture.clock.advance(20_000);
      expect(ages(fixture)).to.deep.equal(bothAges(120));
    });

    it("do not count for a person who is known to be gone", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["ada@example.com"] });
      fixture.roster.applyPage(fixture.roster.beginSweep(), listedPersons([person("ada")]), 0);
      await fixture.clock.advance(700_000);
      fixture.roster.applyPerson(person("ada").id, null);
      expect(ages(fixture)).to.deep.equal(noAges);
    });

    it("end with the watch", async () => {
      const fixture = new PresenceFixture();
      const { subscriptionId } = fixture.directory.subscribe({ uris: ["a@example.com"] });
      fixture.get("a@example.com");
      await fixture.clock.advance(300_000);
      fixture.directory.unsubscribe(subscriptionId);
      expect(ages(fixture)).to.deep.equal(bothAges(300));
      await fixture.clock.advance(300_001);
      expect(ages(fixture)).to.deep.equal(noAges);
      fixture.get("a@example.com");
      await fixture.clock.advance(1_000);
      expect(ages(fixture)).to.deep.equal(bothAges(1));
    });

    it("count in each organization that has not answered, from when that was added", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["ada@example.com", "x@example.com"] });
      await fixture.clock.advance(30_000);
      const second = fixture.directory.addOrganization("org-2");
      await fixture.clock.advance(10_000);
      expect(ages(fixture)).to.deep.equal(bothAges(40));
      expect(second.watchedAges()).to.deep.equal(bothAges(10));
      sweep(fixture.roster, [person("ada")]);
      expect(ages(fixture)).to.deep.equal(bothAges(0));
      expect(second.watchedAges()).to.deep.equal(bothAges(10));
    });

    it("count each address of a text with two readings, and no text that is no address", async () => {
      const fixture = new PresenceFixture();
      fixture.directory.subscribe({ uris: ["a%2fb@example.com", "tel:1"] });
      await fixture.clock.advance(7_000);
      fixture.roster.applyLookup("a/b@example.com", []);
      await fixture.clock.advance(1_000);
      expect(fixture.roster.watchedCount).to.equal(2);
      expect(ages(fixture)).to.deep.equal(bothAges(8));
    });
  });

  it("returns the addresses that Webex has not answered", async () => {
    const fixture = new PresenceFixture();
    fixture.directory.subscribe({ uris: ["a@example.com", "b@example.com", "tel:1"] });
    fixture.getMany(["c@example.com", "SIP:A@example.com"]);
    expect(fixture.roster.unansweredAddresses(10)).to.have.members([
      "a@example.com",
      "b@example.com",
      "c@example.com",
    ]);
    expect(fixture.roster.unansweredAddresses(2)).to.have.length(2);
    fixture.roster.applyLookup("b@example.com", []);
    fixture.roster.applyLookup("c@example.com", [person("c")]);
    expect(fixture.roster.unansweredAddresses(10)).to.deep.equal(["a@example.com"]);
    await fixture.clock.advance(600_001);
    expect(fixture.roster.unansweredAddresses(10)).to.deep.equal([
      "a@example.com",
      "b@example.com",
    ]);
    sweep(fixture.roster, [person("c")]);
    expect(fixture.roster.unansweredAddresses(10)).to.deep.equal([]);
  });

  it("knows which watched addresses match nobody, answered or not", async () => {
    const fixture = new PresenceFixture();
    const uris = ["a@example.com", "b@example.com"];
    const { subscriptionId } = fixture.directory.subscribe({ uris });
    fixture.getMany(["c@example.com"]);
    const unmatched = (): readonly string[] =>
      ["a", "b", "c", "d"].filter((name) => fixture.roster.isUnmatched(`${name}@example.com`));
    expect(unmatched()).to.deep.equal(["a", "b", "c"]);
    fixture.roster.applyLookup("a@example.com", []);
    fixture.roster.applyLookup("b@example.com", [person("b")]);
    expect(unmatched()).to.deep.equal(["a", "c"]);
    await fixture.clock.advance(600_001);
    expect(unmatched()).to.deep.equal(["a"]);
    fixture.directory.unsubscribe(subscriptionId);
    expect(unmatched()).to.deep.equal([]);
  });

  it("emits demandChanged when a watch of an unanswered address begins", () => {
    const fixture = new PresenceFixture();
    let demands = 0;
    const stop = fixture.roster.events.on("demandChanged", () => (demands += 1));
    fixture.getMany(["a@example.com", "b@example.com"]);
    expect(demands).to.equal(1);
    fixture.get("a@example.com");
    expect(demands).to.equal(1);
    fixture.directory.subscribe({ uris: ["c@example.com"] });
    expect(demands).to.equal(2);
    sweep(fixture.roster, [person("a")]);
    fixture.getMany(["a@example.com", "d@example.com"]);
    fixture.directory.subscribe({ uris: ["e@example.com"] });
    expect(demands).to.equal(2);
    stop();
  });
});
