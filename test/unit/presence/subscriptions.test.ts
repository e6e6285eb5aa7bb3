import { expect } from "chai";
import fc from "fast-check";

import type { PersonSnapshot } from "../../../src/presence/polled-roster.js";
import type { PresenceRecord } from "../../../src/presence/record.js";
import { listedPersons } from "../../support/presence-fixture.js";
import {
  PresenceFixture,
  NEVER_ABORTED,
  person,
  personId,
  sweep,
} from "../../support/presence-fixture.js";

describe("subscriptions", () => {
  it("return the current state of each spelling once, including texts that are not addresses", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    const uris = [
      "ada@example.com",
      "sip:Ada@example.com",
      "ada@example.com",
      "tel:1",
      "x@example.com",
    ];
    const { records } = fixture.directory.subscribe({ uris });
    expect(records.map(({ uri, reason }) => [uri, reason])).to.deep.equal([
      ["ada@example.com", null],
      ["sip:Ada@example.com", null],
      ["tel:1", "invalidUri"],
      ["x@example.com", "notFound"],
    ]);
    sweep(fixture.roster, [person("ada", "call")]);
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com onCall/-",
      "sip:Ada@example.com onCall/-",
    ]);
    expect(fixture.drainChanges()).to.deep.equal([]);
  });

  it("announce changes once, and again after all have been drained", () => {
    const fixture = new PresenceFixture();
    let announced = 0;
    const stop = fixture.directory.events.on("changesPending", () => (announced += 1));
    sweep(fixture.roster, [person("ada")]);
    expect(announced).to.equal(0);
    fixture.directory.subscribe({ uris: ["ada@example.com"] });
    sweep(fixture.roster, [person("ada", "call")]);
    sweep(fixture.roster, [person("ada", "meeting")]);
    expect(announced).to.equal(1);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com inMeeting/-"]);
    sweep(fixture.roster, [person("ada", "call")]);
    expect(announced).to.equal(2);
    stop();
    fixture.drainAll();
    sweep(fixture.roster, [person("ada")]);
    expect(announced).to.equal(2);
  });

  it("report two changes of a person once, and a change back not at all", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada"), person("bob")]);
    fixture.directory.subscribe({ uris: ["ada@example.com", "bob@example.com"] });
    sweep(fixture.roster, [person("ada", "call"), person("bob", "call")]);
    sweep(fixture.roster, [person("ada", "active"), person("bob", "meeting")]);
    expect(fixture.drainChanges()).to.deep.equal(["bob@example.com inMeeting/-"]);
  });

  it("report changes of state, reason or webexStatus only", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada", "weird")]);
    fixture.directory.subscribe({ uris: ["ada@example.com"] });
    sweep(fixture.roster, [person("ada", "weird", { displayName: "Other", lastActivity: null })]);
    expect(fixture.drainChanges()).to.deep.equal([]);
    sweep(fixture.roster, [person("ada", "weirder")]);
    expect(fixture.drainAll()[0]!.record.webexStatus).to.equal("weirder");
  });

  it("group changes by subscriptions, up to the maximum", () => {
    const fixture = new PresenceFixture();
    const names = Array.from({ length: 7 }, (_, number) => `p${number}`);
    const uris = names.map((name) => `${name}@example.com`);
    sweep(
      fixture.roster,
      names.map((name) => person(name)),
    );
    const one = fixture.directory.subscribe({ uris }).subscriptionId;
    const two = fixture.directory.subscribe({ uris: uris.slice(0, 3) }).subscriptionId;
    sweep(
      fixture.roster,
      names.map((name) => person(name, "call")),
    );
    const drained = fixture.drainAll(2);
    expect(drained).to.have.length(7);
    for (const { ids, record } of drained) {
      expect(ids).to.deep.equal(uris.indexOf(record.uri) < 3 ? [one, two] : [one]);
    }
  });

  it("report to each subscription what differs from its last notification, then to both together", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    const one = fixture.directory.subscribe({ uris: ["ada@example.com"] }).subscriptionId;
    sweep(fixture.roster, [person("ada", "call")]);
    const two = fixture.directory.subscribe({ uris: ["ada@example.com"] }).subscriptionId;
    expect(fixture.drainAll().map(({ ids }) => ids)).to.deep.equal([[one]]);
    sweep(fixture.roster, [person("ada", "meeting")]);
    expect(fixture.drainAll().map(({ ids }) => ids)).to.deep.equal([[one, two]]);
  });

  it("end with unsubscribe, even if a change is pending", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    const one = fixture.directory.subscribe({ uris: ["ada@example.com"] }).subscriptionId;
    const two = fixture.directory.subscribe({ uris: ["ada@example.com"] }).subscriptionId;
    const all = fixture.directory.subscribe({ all: true }).subscriptionId;
    sweep(fixture.roster, [person("ada", "call")]);
    fixture.directory.unsubscribe(one);
    fixture.directory.unsubscribe(all);
    expect(fixture.drainAll().map(({ ids }) => ids)).to.deep.equal([[two]]);
    fixture.directory.unsubscribe(two);
    sweep(fixture.roster, [person("ada", "meeting")]);
    expect(fixture.drainAll()).to.deep.equal([]);
    expect(() => fixture.directory.unsubscribe(two))
      .to.throw()
      .with.property("code", "unknownSubscription");
  });

  it("are limited to 1,000", () => {
    const fixture = new PresenceFixture();
    const ids = Array.from(
      { length: 1000 },
      () => fixture.directory.subscribe({ uris: ["a@b"] }).subscriptionId,
    );
    expect(new Set(ids).size).to.equal(1000);
    expect(() => fixture.directory.subscribe({ all: true }))
      .to.throw()
      .with.property("code", "tooManySubscriptions");
    sweep(fixture.roster, [person("ada", "call", { userName: "a@b" })]);
    expect(fixture.drainAll().map(({ ids }) => ids.length)).to.deep.equal([1000]);
    fixture.directory.unsubscribe(ids[500]!);
    fixture.directory.subscribe({ all: true });
  });

  it("report when a record becomes stale, and when it no longer is", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.directory.subscribe({ uris: ["ada@example.com"] });
    await fixture.clock.advance(100_000);
    sweep(fixture.roster, [person("ada"), person("bob")]);
    await fixture.clock.advance(180_000);
    expect(fixture.drainChanges()).to.deep.equal([]);
    await fixture.clock.advance(2);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com unknown/stale"]);
    expect(fixture.clock.pendingTimers).to.be.at.most(2);
    sweep(fixture.roster, [person("ada")]);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com available/-"]);
    fixture.directory.setStaleAfter(30);
    await fixture.clock.advance(30_002);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com unknown/stale"]);
    fixture.directory.setStaleAfter(90);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com available/-"]);
    await fixture.clock.advance(60_002);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com unknown/stale"]);
  });

  it("report within seconds of a resume what has become stale during a suspension", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.directory.subscribe({ uris: ["ada@example.com", "x@example.com"] });
    await fixture.clock.advance(1_000);
    fixture.clock.suspend(3_600_000);
    await fixture.clock.advance(5_001);
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com unknown/stale",
      "x@example.com unknown/notReady",
    ]);
    await fixture.clock.advance(600_000);
    expect(fixture.clock.pendingTimers).to.equal(0);
  });

  it('report when a "not found" answer expires, and when there is one again', async () => {
    const fixture = new PresenceFixture();
    fixture.directory.subscribe({ uris: ["x@example.com", "y@example.com"] });
    fixture.roster.applyLookup("x@example.com", []);
    expect(fixture.drainChanges()).to.deep.equal(["x@example.com unknown/notFound"]);
    await fixture.clock.advance(600_002);
    expect(fixture.drainChanges()).to.deep.equal(["x@example.com unknown/notReady"]);
    sweep(fixture.roster, [person("y")]);
    expect(fixture.drainChanges()).to.have.members([
      "x@example.com unknown/notFound",
      "y@example.com available/-",
    ]);
    await fixture.clock.advance(600_002);
    expect(fixture.drainChanges()).to.have.members([
      "x@example.com unknown/notReady",
      "y@example.com unknown/stale",
    ]);
  });

  it("report changes of the worker's condition", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.directory.subscribe({ uris: ["ada@example.com", "x@example.com", "tel:1"] });
    fixture.directory.setCondition("disabled");
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com unknown/disabled",
      "x@example.com unknown/disabled",
    ]);
    fixture.directory.setCondition("polling");
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com available/-",
      "x@example.com unknown/notFound",
    ]);
  });

  it("to all report new persons and, once, removed ones under the last notified URI", () => {
    const fixture = new PresenceFixture();
    const ada = person("ada", "active", { userName: "Ada@Example.com" });
    sweep(fixture.roster, [person("bob"), ada]);
    const { records } = fixture.directory.subscribe({ all: true });
    expect(records.map((record) => record.uri)).to.deep.equal([
      "Ada@Example.com",
      "bob@example.com",
    ]);
    sweep(fixture.roster, [person("bob"), person("eve", "call")]);
    expect(fixture.drainChanges()).to.deep.equal(["eve@example.com onCall/-"]);
    sweep(fixture.roster, [person("bob")]);
    expect(fixture.drainChanges()).to.deep.equal(["Ada@Example.com unknown/notFound"]);
    sweep(fixture.roster, [person("bob"), ada]);
    expect(fixture.drainChanges()).to.have.members([
      "Ada@Example.com available/-",
      "eve@example.com unknown/notFound",
    ]);
    sweep(fixture.roster, [
      person("bob", "active", { userName: "robert@example.com", emails: [] }),
      ada,
    ]);
    expect(fixture.drainChanges()).to.have.members([
      "robert@example.com available/-",
      "bob@example.com unknown/notFound",
    ]);
  });

  it("to all report a renamed person under one URI, if the old one is still an address", () => {
    const fixture = new PresenceFixture();
    const named = (userName: string, status: string) =>
      person("ada", status, { userName, emails: ["lovelace@example.com", "byron@example.com"] });
    sweep(fixture.roster, [named("byron@example.com", "active")]);
    const all = fixture.directory.subscribe({ all: true }).subscriptionId;
    const one = fixture.directory.subscribe({ uris: ["byron@example.com"] }).subscriptionId;
    sweep(fixture.roster, [named("lovelace@example.com", "active")]);
    const drain = () =>
      fixture
        .drainAll()
        .map(
          ({ ids, record }) =>
            `${ids.join()} ${record.uri} ${record.state}/${record.reason ?? "-"}`,
        );
    expect(drain()).to.have.members([
      `${all} lovelace@example.com available/-`,
      `${all} byron@example.com unknown/notFound`,
    ]);
    sweep(fixture.roster, [named("lovelace@example.com", "call")]);
    expect(drain()).to.have.members([
      `${all} lovelace@example.com onCall/-`,
      `${one} byron@example.com onCall/-`,
    ]);
    // Renamed back before anything was drained: nothing has changed.
    sweep(fixture.roster, [named("byron@example.com", "call")]);
    sweep(fixture.roster, [named("lovelace@example.com", "call")]);
    expect(drain()).to.deep.equal([]);
    sweep(fixture.roster, [named("byron@example.com", "call")]);
    expect(drain()).to.have.members([
      `${all} byron@example.com onCall/-`,
      `${all} lovelace@example.com unknown/notFound`,
    ]);
    sweep(fixture.roster, [named("byron@example.com", "meeting")]);
    expect(drain()).to.deep.equal([`${all},${one} byron@example.com inMeeting/-`]);
  });

  it("to all keep reporting a URI that now names another person", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [
      person("ada", "active", { userName: "desk@example.com", emails: ["ada@example.com"] }),
    ]);
    fixture.directory.subscribe({ all: true });
    const moved = [
      person("bob", "call", { userName: "desk@example.com" }),
      person("ada", "active", { userName: "ada@example.com" }),
    ];
    sweep(fixture.roster, moved);
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com available/-",
      "desk@example.com onCall/-",
    ]);
  });

  it("to all do not report a person who was removed before the first notification", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("bob")]);
    fixture.directory.subscribe({ all: true });
    sweep(fixture.roster, [person("bob"), person("eve")]);
    sweep(fixture.roster, [person("bob")]);
    sweep(fixture.roster, [person("bob")]);
    expect(fixture.drainChanges()).to.deep.equal([]);
  });

  it("report nothing after stop", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.directory.subscribe({ all: true });
    fixture.directory.events.on("changesPending", () => expect.fail("announced"));
    fixture.directory.stop();
    fixture.directory.stop();
    sweep(fixture.roster, [person("ada", "call")]);
    expect(fixture.directory.drainChanges(500)).to.equal(null);
    expect(fixture.clock.pendingTimers).to.equal(0);
    expect(fixture.stateOf("ada@example.com")).to.equal("onCall/-");
  });

  it("applied to their first records, give what a query returns", async () => {
    const uri = fc.integer({ min: 0, max: 11 }).map((number) => `u${number}@example.com`);
    const spelling = fc
      .tuple(fc.constantFrom("", "sip:", "MAILTO:"), uri)
      .map((parts) => parts.join(""));
    const snapshot = fc.record<PersonSnapshot>({
      id: fc.integer({ min: 0, max: 9 }).map(personId),
      displayName: fc.constant(null),
      userName: uri,
      emails: fc.array(uri, { maxLength: 2 }),
      sipAddresses: fc.constant([]),
      status: fc.constantFrom(null, "active", "call", "pending", "odd"),
      lastActivity: fc.constant(null),
    });
    const which = fc.constantFrom("org-1", "org-2");
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          sweep: fc.array(snapshot, { maxLength: 8 }),
          org: which,
          complete: fc.boolean(),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          lookup: uri,
          found: fc.array(snapshot, { maxLength: 1 }),
          org: which,
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ subscribe: fc.array(spelling, { minLength: 1, maxLength: 6 }) }),
      },
      { weight: 1, arbitrary: fc.constant({ all: true as const }) },
      { weight: 2, arbitrary: fc.record({ unsubscribe: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 4 }) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          condition: fc.constantFrom("polling", "disabled", "blocked", "polling"),
        }),
      },
      { weight: 1, arbitrary: fc.record({ block: which, blocked: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ order: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ remove: which }) },
      { weight: 2, arbitrary: fc.record({ wait: fc.constantFrom(1, 20_000, 181_000, 601_000) }) },
    );
    const key = (record: PresenceRecord): string =>
      [record.state, record.reason, record.webexStatus].join("/");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const fixture = new PresenceFixture();
        const { directory } = fixture;
        const subscriptions = new Map<string, { all: boolean; records: Map<string, string> }>();
        const closed = new Set<string>();
        const open = (target: Parameters<typeof directory.subscribe>[0]): void => {
          const { subscriptionId, records } = directory.subscribe(target);
          const texts = new Map(records.map((record) => [record.uri, key(record)]));
          subscriptions.set(subscriptionId, { all: "all" in target, records: texts });
        };
        const take = (max: number): boolean => {
          const batch = directory.drainChanges(max);
          for (const id of batch?.subscriptionIds ?? []) {
            expect(closed.has(id)).to.equal(false);
            for (const record of batch!.changes) {
              expect(subscriptions.get(id)!.records.get(record.uri)).not.to.equal(key(record));
              subscriptions.get(id)!.records.set(record.uri, key(record));
            }
          }
          return batch !== null;
        };
        for (const each of steps) {
          if ("sweep" in each) {
            const roster = directory.addOrganization(each.org);
            const number = roster.beginSweep();
            roster.applyPage(number, listedPersons(each.sweep), 0);
            if (each.complete) roster.completeSweep(number);
          } else if ("lookup" in each)
            directory.addOrganization(each.org).applyLookup(each.lookup, each.found);
          else if ("subscribe" in each) open({ uris: each.subscribe });
          else if ("all" in each) open({ all: true });
          else if ("unsubscribe" in each) {
            const id = [...subscriptions.keys()][each.unsubscribe];
            if (id === undefined) continue;
            directory.unsubscribe(id);
            subscriptions.delete(id);
            closed.add(id);
          } else if ("take" in each) take(each.take);
          else if ("condition" in each) directory.setCondition(each.condition);
          else if ("block" in each) directory.setBlocked(each.block, each.blocked);
          else if ("order" in each)
            directory.setOrder(each.order ? ["org-2", "org-1"] : ["org-1", "org-2"]);
          else if ("remove" in each) directory.removeOrganization(each.remove);
          else await fixture.clock.advance(each.wait);
        }
        while (take(3));
        for (const { all, records } of subscriptions.values()) {
          const { records: list } = directory.list({
            limit: 5000,
            cursor: null,
            states: null,
            orgId: null,
          });
          const names = new Set(list.map((record) => record.uri));
          for (const [spelled, text] of records) {
            // Subscriptions to all hear once that a URI is gone, and no more, even if it is still
            // an address.
            if (all && !names.has(spelled)) expect(text, spelled).to.match(/^unknown\//);
            else expect(text, spelled).to.equal(key(fixture.get(spelled)));
          }
          if (all) for (const name of names) expect([...records.keys()]).to.include(name);
        }
        expect(directory.get(["u1@example.com"], 0, NEVER_ABORTED)).to.be.an("array");
      }),
      { numRuns: 600 },
    );
  }).timeout(60_000);
});
