import { expect } from "chai";

import { PresenceFixture, person, sweep } from "../../support/presence-fixture.js";

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
