import { expect } from "chai";

import { changeRateAfter, FIRST_CHANGE_RATE, worthOf } from "../../../src/presence/change-rate.js";
import type { OrganizationRoster } from "../../../src/presence/organization-roster.js";
import { listed } from "../../support/listed-persons.js";
import { Fixture, person } from "./presence-fixture.js";

const MINUTE_MS = 60_000;

describe("what polling is told of the watched", () => {
  it("weighs each page by the watched persons on it, and names those on none", async () => {
    const fixture = new Fixture();
    const sweep = fixture.roster.beginSweep();
    fixture.roster.applyPage(sweep, listed([person("ada"), person("bob")]), 0);
    fixture.roster.applyPage(sweep, listed([person("eve"), person("joe")]), 1);
    fixture.roster.completeSweep(sweep);
    fixture.roster.applyLookup("zoe@example.com", [person("zoe")]);
    fixture.directory.subscribe({ uris: ["ada@example.com", "bob@example.com", "zoe@example.com"] });
    fixture.get("eve@example.com");
    const demand = fixture.roster.watchedDemand(2, 5_000);
    expect([...demand.pageWorth]).to.deep.equal([2, 1]);
    expect([demand.persons, demand.newcomers, demand.personsEffort]).to.deep.equal([4, 0, 4]);
    expect(demand.homeless.map(({ address }) => address)).to.deep.equal(["zoe@example.com"]);
    expect(demand.lookups.length).to.equal(4);
    await fixture.clock.advance(1_000);
    expect(fixture.roster.applyPageAgain(1, listed([person("bob"), person("eve")])).there).to.equal(1);
    expect([...fixture.roster.watchedDemand(2, 5_000).pageWorth]).to.deep.equal([1, 2]);
  });

  it("does not take a page read again for a part of a sweep", () => {
    const fixture = new Fixture();
    for (let round = 0; round < 3; round += 1) {
      const sweep = fixture.roster.beginSweep();
      fixture.roster.applyPage(sweep, listed([person("ada")]), 0);
      fixture.roster.completeSweep(sweep);
      if (round === 0) fixture.roster.applyPageAgain(1, listed([person("bob")]));
      expect(fixture.roster.personCount).to.equal(round === 0 ? 2 : round === 1 ? 2 : 1);
    }
  });

  it("counts as newcomers those who begin to be watched when they are not fresh, until Webex tells of them", async () => {
    const fixture = new Fixture();
    const sweep = fixture.roster.beginSweep();
    fixture.roster.applyPage(sweep, listed([person("ada"), person("bob")]), 0);
    fixture.roster.completeSweep(sweep);
    fixture.get("ada@example.com");
    expect(fixture.roster.watchedDemand(1, 5_000).newcomers).to.equal(0);
    let demands = 0;
    fixture.roster.events.on("demandChanged", () => (demands += 1));
    await fixture.clock.advance(20_000);
    fixture.get("ada@example.com");
    expect(demands).to.equal(0);
    fixture.get("bob@example.com");
    expect(demands).to.equal(1);
    const demand = fixture.roster.watchedDemand(1, 5_000);
    expect([demand.newcomers, [...demand.pageNewcomers]]).to.deep.equal([1, [1]]);
    expect(demand.lookups.map(({ address, newcomer }) => `${address} ${newcomer}`)).to.deep.equal([
      "bob@example.com true",
      "ada@example.com false",
    ]);
    fixture.roster.applyPageAgain(0, listed([person("bob")]));
    await fixture.clock.advance(1_000);
    expect(fixture.roster.watchedDemand(1, 5_000).newcomers).to.equal(0);
    await fixture.clock.advance(60_000);
    expect(fixture.roster.watchedDemand(1, 5_000).newcomers).to.equal(0);
  });

  it("learns whose status hardly ever changes, and never gives them up", () => {
    let busy = FIRST_CHANGE_RATE;
    let quiet = FIRST_CHANGE_RATE;
    for (let minute = 0; minute < 8 * 60; minute += 1) {
      busy = changeRateAfter(busy, MINUTE_MS, minute % 10 === 0);
      quiet = changeRateAfter(quiet, MINUTE_MS, false);
    }
    expect([worthOf(FIRST_CHANGE_RATE), worthOf(busy), worthOf(quiet)]).to.deep.equal([1, 1, 0.25]);
    for (let second = 0; second < 3_600; second += 1) quiet = changeRateAfter(quiet, 1_000, second % 600 === 0);
    expect(worthOf(quiet)).to.equal(1);
    let fast = FIRST_CHANGE_RATE;
    let slow = FIRST_CHANGE_RATE;
    for (let i = 0; i < 7_200; i += 1) fast = changeRateAfter(fast, 1_000, false);
    for (let i = 0; i < 12; i += 1) slow = changeRateAfter(slow, 600_000, false);
    expect(Math.abs(fast - slow)).to.be.lessThan(1_000);
  });
});

describe("100,000 persons, 5,000 watched, 200 subscriptions", () => {
  it("no query, change or subscription looks at everybody", async () => {
    const fixture = new Fixture();
    const sweep = fixture.roster.beginSweep();
    for (let page = 0; page < 100; page += 1) {
      fixture.roster.applyPage(sweep, listed(Array.from({ length: 1_000 }, (_, i) => person(`user${page * 1_000 + i}`))), page);
    }
    fixture.roster.completeSweep(sweep);
    const uri = (number: number): string => `user${number}@example.com`;
    for (let s = 0; s < 199; s += 1)
      fixture.directory.subscribe({ uris: Array.from({ length: 25 }, (_, i) => uri(s * 500 + i)) });
    fixture.changes();
    fixture.roster.watchedDemand(100, 5_000);
    await fixture.clock.advance(500);

    const { persons } = (fixture.roster as OrganizationRoster).roster;
    let looks = 0;
    const counted = new Proxy(persons.text, {
      get: (target, key) => {
        looks += 1;
        return Reflect.get(target, key) as unknown;
      },
    });
    Object.defineProperty(persons, "text", { value: counted });
    for (let i = 0; i < 100; i += 1) fixture.get(uri(i * 997));
    expect(looks / 100, "a query").to.be.lessThan(30);
    looks = 0;
    for (let i = 0; i < 20; i += 1) fixture.roster.applyPageAgain(i % 2, listed([person(`user${i * 500}`, "call")]));
    fixture.changes();
    expect(looks / 20, "a change").to.be.lessThan(60);
    looks = 0;
    fixture.directory.subscribe({ uris: Array.from({ length: 25 }, (_, i) => uri(99_000 + i)) });
    expect(looks / 25, "a uri subscribed to").to.be.lessThan(30);
    looks = 0;
    for (let i = 0; i < 100; i += 1) fixture.roster.watchedDemand(100, 5_000);
    expect(looks, "a plan within the second").to.equal(0);
  }).timeout(20_000);
});
