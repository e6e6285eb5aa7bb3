import { expect } from "chai";
import sinon from "sinon";

import {
  updateChangeRate,
  INITIAL_CHANGE_RATE,
  refreshWeight,
} from "../../../src/presence/refresh-demand.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { PersonColumns } from "../../../src/presence/store/person-columns.js";
import { PresenceFixture, person } from "../../support/presence-fixture.js";

const MINUTE_MS = 60_000;

describe("RefreshDemandScanner", () => {
  it("weights each page by the watched persons on it, and lists those on none", async () => {
    const fixture = new PresenceFixture();
    const sweep = fixture.roster.beginSweep();
    fixture.roster.applyPage(sweep, listedPersons([person("ada"), person("bob")]), 0);
    fixture.roster.applyPage(sweep, listedPersons([person("eve"), person("joe")]), 1);
    fixture.roster.completeSweep(sweep);
    fixture.roster.applyLookup("zoe@example.com", [person("zoe")]);
    fixture.directory.subscribe({
      uris: ["ada@example.com", "bob@example.com", "zoe@example.com"],
    });
    fixture.get("eve@example.com");
    const demand = fixture.roster.refreshDemand(2, 5_000);
    expect([...demand.pageWeights]).to.deep.equal([2, 1]);
    expect([demand.persons, demand.newlyWatched, demand.effectivePersons]).to.deep.equal([4, 0, 4]);
    expect(demand.notOnAnyPage.map(({ address }) => address)).to.deep.equal(["zoe@example.com"]);
    expect(demand.personsNotOnAnyPage).to.equal(1);
    expect(demand.lookupCandidates.length).to.equal(4);
    await fixture.clock.advance(1_000);
    expect(
      fixture.roster.applyRefetchedPage(1, listedPersons([person("bob"), person("eve")]))
        .alreadyOnPage,
    ).to.equal(1);
    expect([...fixture.roster.refreshDemand(2, 5_000).pageWeights]).to.deep.equal([1, 2]);
  });

  it("returns times of observation in monotonic milliseconds", async () => {
    const fixture = new PresenceFixture();
    fixture.directory.subscribe({ uris: ["ada@example.com"] });
    await fixture.clock.advance(10_000);
    fixture.roster.applyLookup("ada@example.com", [person("ada")]);
    await fixture.clock.advance(1_000);
    fixture.clock.suspend(60_000);
    const [candidate] = fixture.roster.refreshDemand(0, 5_000).lookupCandidates;
    expect(fixture.clock.monotonic() - candidate!.observedAt).to.equal(61_000);
  });

  it("does not count a refetched page as part of a sweep", () => {
    const fixture = new PresenceFixture();
    for (let round = 0; round < 3; round += 1) {
      const sweep = fixture.roster.beginSweep();
      fixture.roster.applyPage(sweep, listedPersons([person("ada")]), 0);
      fixture.roster.completeSweep(sweep);
      if (round === 0) fixture.roster.applyRefetchedPage(1, listedPersons([person("bob")]));
      expect(fixture.roster.personCount).to.equal(round === 0 ? 2 : round === 1 ? 2 : 1);
    }
  });

  it("counts as newly watched those who were not fresh when the watch began, until they are observed", async () => {
    const fixture = new PresenceFixture();
    const sweep = fixture.roster.beginSweep();
    fixture.roster.applyPage(sweep, listedPersons([person("ada"), person("bob")]), 0);
    fixture.roster.completeSweep(sweep);
    fixture.get("ada@example.com");
    expect(fixture.roster.refreshDemand(1, 5_000).newlyWatched).to.equal(0);
    let demands = 0;
    fixture.roster.events.on("demandChanged", () => (demands += 1));
    await fixture.clock.advance(20_000);
    fixture.get("ada@example.com");
    expect(demands).to.equal(0);
    fixture.get("bob@example.com");
    expect(demands).to.equal(1);
    const demand = fixture.roster.refreshDemand(1, 5_000);
    expect([demand.newlyWatched, [...demand.pageNewlyWatched]]).to.deep.equal([1, [1]]);
    expect(
      demand.lookupCandidates.map(({ address, isNewlyWatched }) => `${address} ${isNewlyWatched}`),
    ).to.deep.equal(["bob@example.com true", "ada@example.com false"]);
    fixture.roster.applyRefetchedPage(0, listedPersons([person("bob")]));
    await fixture.clock.advance(1_000);
    expect(fixture.roster.refreshDemand(1, 5_000).newlyWatched).to.equal(0);
    await fixture.clock.advance(60_000);
    expect(fixture.roster.refreshDemand(1, 5_000).newlyWatched).to.equal(0);
  });

  it("learns whose status hardly ever changes, and keeps a quarter of their weight", () => {
    let busy = INITIAL_CHANGE_RATE;
    let quiet = INITIAL_CHANGE_RATE;
    for (let minute = 0; minute < 8 * 60; minute += 1) {
      busy = updateChangeRate(busy, MINUTE_MS, minute % 10 === 0);
      quiet = updateChangeRate(quiet, MINUTE_MS, false);
    }
    expect([
      refreshWeight(INITIAL_CHANGE_RATE),
      refreshWeight(busy),
      refreshWeight(quiet),
    ]).to.deep.equal([1, 1, 0.25]);
    for (let second = 0; second < 3_600; second += 1)
      quiet = updateChangeRate(quiet, 1_000, second % 600 === 0);
    expect(refreshWeight(quiet)).to.equal(1);
    let fast = INITIAL_CHANGE_RATE;
    let slow = INITIAL_CHANGE_RATE;
    for (let i = 0; i < 7_200; i += 1) fast = updateChangeRate(fast, 1_000, false);
    for (let i = 0; i < 12; i += 1) slow = updateChangeRate(slow, 600_000, false);
    expect(Math.abs(fast - slow)).to.be.lessThan(1_000);
  });
});

describe("100,000 persons, 5,000 of them watched, in 200 subscriptions", () => {
  it("are not visited by a query, a change or a subscription", async () => {
    const fixture = new PresenceFixture();
    const allocate = sinon.spy(PersonColumns.prototype, "allocate");
    fixture.roster.applyRefetchedPage(0, listedPersons([person("user0")]));
    const [columns] = allocate.thisValues as [PersonColumns];
    allocate.restore();
    const sweep = fixture.roster.beginSweep();
    for (let page = 0; page < 100; page += 1) {
      fixture.roster.applyPage(
        sweep,
        listedPersons(Array.from({ length: 1_000 }, (_, i) => person(`user${page * 1_000 + i}`))),
        page,
      );
    }
    fixture.roster.completeSweep(sweep);
    const uri = (number: number): string => `user${number}@example.com`;
    for (let s = 0; s < 199; s += 1)
      fixture.directory.subscribe({ uris: Array.from({ length: 25 }, (_, i) => uri(s * 500 + i)) });
    fixture.drainChanges();
    fixture.roster.refreshDemand(100, 5_000);
    await fixture.clock.advance(500);

    let accesses = 0;
    const counted = new Proxy(columns.text, {
      get: (target, key) => {
        accesses += 1;
        return Reflect.get(target, key) as unknown;
      },
    });
    Object.defineProperty(columns, "text", { value: counted });
    for (let i = 0; i < 100; i += 1) fixture.get(uri(i * 997));
    expect(accesses / 100, "a query").to.be.lessThan(30);
    accesses = 0;
    for (let i = 0; i < 20; i += 1)
      fixture.roster.applyRefetchedPage(i % 2, listedPersons([person(`user${i * 500}`, "call")]));
    fixture.drainChanges();
    expect(accesses / 20, "a change").to.be.lessThan(60);
    accesses = 0;
    fixture.directory.subscribe({ uris: Array.from({ length: 25 }, (_, i) => uri(99_000 + i)) });
    expect(accesses / 25, "a subscribed URI").to.be.lessThan(30);
    accesses = 0;
    for (let i = 0; i < 100; i += 1) fixture.roster.refreshDemand(100, 5_000);
    expect(accesses, "a scan within the second").to.equal(0);
  }).timeout(20_000);
});
