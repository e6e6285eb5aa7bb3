import { expect } from "chai";

import { PresenceDirectory } from "../../../src/presence/presence-directory.js";
import type { PolledRoster } from "../../../src/presence/polled-roster.js";
import type { PresenceRecord } from "../../../src/presence/record.js";
import { FakeClock } from "../../support/clock-fake.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { RecordingLogger } from "../../support/logger-fake.js";
import { PresenceFixture, NEVER_ABORTED, person, sweep } from "../../support/presence-fixture.js";

describe("the precedence of reasons", () => {
  // Each row adds a cause that takes precedence over those before it.
  const causes: [string, (directory: PresenceDirectory) => void, string, string][] = [
    ["fresh", () => undefined, "available/-", "unknown/notFound"],
    [
      "blocked organization",
      (d) => d.setBlocked("org-1", true),
      "unknown/blocked",
      "unknown/notFound",
    ],
    ["blocked", (d) => d.setCondition("blocked"), "unknown/blocked", "unknown/blocked"],
    ["disabled", (d) => d.setCondition("disabled"), "unknown/disabled", "unknown/disabled"],
    ["not ready", (d) => d.setCondition("notReady"), "unknown/notReady", "unknown/notReady"],
  ];
  it("holds for a known person and for an unmatched address, and invalidUri takes precedence over all", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    for (const [cause, apply, known, unmatched] of causes) {
      apply(fixture.directory);
      expect(fixture.stateOf("ada@example.com"), cause).to.equal(known);
      expect(fixture.stateOf("nobody@example.com"), cause).to.equal(unmatched);
      expect(fixture.stateOf("tel:+39"), cause).to.equal("unknown/invalidUri");
    }
  });

  for (const condition of ["notReady", "disabled", "blocked"] as const) {
    it(`keeps the other members of the record while ${condition}`, async () => {
      const fixture = new PresenceFixture();
      sweep(fixture.roster, [person("ada", "DoNotDisturb")]);
      await fixture.clock.advance(5000);
      fixture.directory.setCondition(condition);
      await fixture.clock.advance(1_000_000);
      expect(fixture.get("sip:ADA@example.com")).to.deep.equal({
        uri: "sip:ADA@example.com",
        state: "unknown",
        basic: null,
        activities: [],
        reason: condition,
        webexStatus: "DoNotDisturb",
        displayName: "ada",
        personId: person("ada").id,
        orgId: "org-1",
        lastActivity: "2025-12-31T23:00:00.000Z",
        since: "2026-01-01T00:00:05.000Z",
        observedAt: "2026-01-01T00:00:00.000Z",
      });
    });
  }

  it("shows a person who has moved to another organization as that one last saw them", async () => {
    const fixture = new PresenceFixture();
    const second = fixture.directory.addOrganization("org-2");
    const { subscriptionId } = fixture.directory.subscribe({ uris: ["ada@example.com"] });
    sweep(fixture.roster, [person("ada"), person("bob")]);
    await fixture.clock.advance(1_000);
    fixture.drainChanges();
    sweep(second, [
      person("ada", "call"),
      { ...person("eve", "call"), emails: ["bob@example.com"] },
    ]);
    expect(fixture.get("ada@example.com")).to.include({ state: "onCall", orgId: "org-2" });
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com onCall/-"]);
    // Another person with the address is no such case.
    expect(fixture.get("bob@example.com")).to.include({ state: "available", orgId: "org-1" });
    await fixture.clock.advance(1_000);
    sweep(fixture.roster, [person("ada", "meeting"), person("bob")]);
    expect(fixture.get("ada@example.com")).to.include({ state: "inMeeting", orgId: "org-1" });
    fixture.directory.unsubscribe(subscriptionId);
  });

  it("starts with notReady, and ends with it without an organization", () => {
    const directory = new PresenceDirectory(new FakeClock(), new RecordingLogger());
    const says = (): string | null =>
      (directory.get(["ada@example.com"], 0, NEVER_ABORTED) as PresenceRecord[])[0]!.reason;
    expect(says()).to.equal("notReady");
    directory.setCondition("polling");
    expect(says()).to.equal("notReady");
    sweep(directory.addOrganization("org-1"), [person("bob")]);
    expect(says()).to.equal("notFound");
    directory.removeOrganization("org-1");
    expect(says()).to.equal("notReady");
  });

  it("leaves the members of a person null for an unmatched address", () => {
    const fixture = new PresenceFixture();
    expect(fixture.get("x@example.com")).to.deep.equal({
      uri: "x@example.com",
      state: "unknown",
      basic: null,
      activities: [],
      reason: "notReady",
      webexStatus: null,
      displayName: null,
      personId: null,
      orgId: null,
      lastActivity: null,
      since: null,
      observedAt: null,
    });
  });
});

describe("notFound", () => {
  it("follows from a complete sweep, not from a part of one, and expires after 10 minutes", async () => {
    const fixture = new PresenceFixture();
    const number = fixture.roster.beginSweep();
    fixture.roster.applyPage(number, listedPersons([person("ada")]), 0);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
    fixture.roster.completeSweep(number);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notFound");
    await fixture.clock.advance(600_000);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notFound");
    await fixture.clock.advance(1);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
  });

  it("does not follow from a sweep without any person", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, []);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
    expect(fixture.roster.unansweredAddresses(10)).to.deep.equal(["x@example.com"]);
    sweep(fixture.roster, [person("ada")]);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notFound");
    await fixture.clock.advance(400_000);
    sweep(fixture.roster, [], []);
    await fixture.clock.advance(200_001);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
  });

  it("follows from a lookup for that address alone", async () => {
    const fixture = new PresenceFixture();
    fixture.roster.applyLookup("x@example.com", []);
    expect(fixture.stateOf("X@example.com")).to.equal("unknown/notFound");
    expect(fixture.stateOf("y@example.com")).to.equal("unknown/notReady");
    await fixture.clock.advance(600_001);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
  });

  it("requires an answer of each organization", () => {
    const fixture = new PresenceFixture();
    const second = fixture.directory.addOrganization("org-2");
    sweep(fixture.roster, [person("ada")]);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
    second.applyLookup("x@example.com", []);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notFound");
    fixture.directory.addOrganization("org-3");
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
  });
});

describe("staleness and since", () => {
  it("begins after the configured age, keeps the other members, and ends with the next observation", async () => {
    const fixture = new PresenceFixture();
    fixture.directory.setStaleAfter(30);
    sweep(fixture.roster, [person("ada", "call")]);
    await fixture.clock.advance(30_000);
    expect(fixture.stateOf("ada@example.com")).to.equal("onCall/-");
    await fixture.clock.advance(5_000);
    expect(fixture.get("ada@example.com")).to.include({
      state: "unknown",
      reason: "stale",
      basic: null,
      webexStatus: "call",
      observedAt: "2026-01-01T00:00:00.000Z",
      since: "2026-01-01T00:00:30.000Z",
    });
    fixture.directory.setStaleAfter(60);
    expect(fixture.get("ada@example.com")).to.include({
      state: "onCall",
      since: "2026-01-01T00:00:00.000Z",
    });
    fixture.directory.setStaleAfter(30);
    sweep(fixture.roster, [person("ada", "call")]);
    expect(fixture.get("ada@example.com")).to.include({
      state: "onCall",
      since: "2026-01-01T00:00:35.000Z",
    });
  });

  it("counts time during which the machine was suspended", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.get("ada@example.com");
    fixture.clock.suspend(180_001);
    expect(fixture.stateOf("ada@example.com")).to.equal("unknown/stale");
    expect(fixture.roster.watchedAges().watchedP50).to.equal(180.001);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notFound");
    fixture.clock.suspend(420_000);
    expect(fixture.stateOf("x@example.com")).to.equal("unknown/notReady");
  });

  it("ignores a wall clock that is set back", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.clock.jumpWall(-86_400_000);
    expect(fixture.stateOf("ada@example.com")).to.equal("available/-");
  });

  it("keeps since while the state is the same, and updates observedAt", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada", "call")]);
    await fixture.clock.advance(20_000);
    sweep(fixture.roster, [person("ada", "call", { lastActivity: null })]);
    expect(fixture.get("ada@example.com")).to.include({
      since: "2026-01-01T00:00:00.000Z",
      observedAt: "2026-01-01T00:00:20.000Z",
      lastActivity: null,
    });
    sweep(fixture.roster, [person("ada", "meeting")]);
    expect(fixture.get("ada@example.com").since).to.equal("2026-01-01T00:00:20.000Z");
  });
});

describe("several organizations", () => {
  it("give precedence to the one authorized first, which is logged once, naming nobody above debug", () => {
    const fixture = new PresenceFixture();
    const second: PolledRoster = fixture.directory.addOrganization("org-2");
    sweep(second, [person("ada", "call"), person("bob", "call")]);
    sweep(fixture.roster, [person("ada", "meeting"), person("bob", "meeting")]);
    sweep(fixture.roster, [person("ada", "meeting"), person("bob", "meeting")]);
    expect(fixture.get("ada@example.com")).to.include({ state: "inMeeting", orgId: "org-1" });
    const warnings = fixture.logger.records.filter((record) => record.level === "warn");
    expect(warnings).to.have.length(1);
    expect(warnings[0]!.fields).to.deep.equal({ orgId: "org-1", otherOrgId: "org-2" });
    expect(JSON.stringify(warnings)).not.to.match(/ada|bob/);
    const named = fixture.logger.records
      .filter((record) => record.level === "debug")
      .map((record) => record.fields.address);
    expect(named).to.have.members(["ada@example.com", "bob@example.com"]).and.have.length(2);
    fixture.directory.setOrder(["org-2", "org-1"]);
    expect(fixture.get("ada@example.com")).to.include({ state: "onCall", orgId: "org-2" });
    fixture.directory.removeOrganization("org-2");
    expect(fixture.get("ada@example.com")).to.include({ state: "inMeeting", orgId: "org-1" });
  });

  it("can be blocked one by one", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    sweep(fixture.directory.addOrganization("org-2"), [person("bob")]);
    await fixture.clock.advance(1000);
    fixture.directory.setBlocked("org-2", true);
    expect(fixture.stateOf("ada@example.com")).to.equal("available/-");
    expect(fixture.get("bob@example.com")).to.include({
      reason: "blocked",
      since: "2026-01-01T00:00:01.000Z",
    });
    fixture.directory.setBlocked("org-2", false);
    expect(fixture.stateOf("bob@example.com")).to.equal("available/-");
  });

  it("ignore late results after their removal", () => {
    const fixture = new PresenceFixture();
    const number = fixture.roster.beginSweep();
    fixture.directory.removeOrganization("org-1");
    fixture.roster.applyPage(number, listedPersons([person("ada")]), 0);
    fixture.roster.completeSweep(number);
    fixture.roster.applyLookup("x@example.com", [person("x")]);
    expect(fixture.roster.personCount + fixture.roster.watchedCount).to.equal(0);
    expect(
      fixture.directory.list({ limit: 10, cursor: null, states: null, orgId: null }).total,
    ).to.equal(0);
    const readded = fixture.directory.addOrganization("org-1");
    expect(readded).not.to.equal(fixture.roster);
    expect(fixture.stateOf("ada@example.com")).to.equal("unknown/notReady");
  });
});
