import { expect } from "chai";

import { person, PresenceFixture, sweep } from "../../support/presence-fixture.js";

const ADA = "ada@example.com";
/** Longer than two intervals, and shorter than the age at which records are stale. */
const SUSPENSION_MS = 41_000;

/** Persons observed at 00:00:00, and a second later, two intervals of 20 s. */
async function startPolling(): Promise<PresenceFixture> {
  const fixture = new PresenceFixture();
  fixture.directory.setPollInterval(20);
  sweep(fixture.roster, [person("ada"), person("bob", "meeting")]);
  await fixture.clock.advance(1_000);
  return fixture;
}

describe("presence after a suspension", () => {
  it("is stale at the first query, and keeps what Webex said", async () => {
    const fixture = await startPolling();
    fixture.clock.suspend(SUSPENSION_MS);
    expect(fixture.get(ADA)).to.include({
      state: "unknown",
      reason: "stale",
      webexStatus: "active",
      observedAt: "2026-01-01T00:00:00.000Z",
      since: "2026-01-01T00:00:42.000Z",
    });
  });

  it("is stale after the process stood still, too", async () => {
    const fixture = await startPolling();
    fixture.clock.standStill(SUSPENSION_MS);
    expect(fixture.stateOf(ADA)).to.equal("unknown/stale");
  });

  it("notifies within a second, and of each person as soon as Webex confirms them", async () => {
    const fixture = await startPolling();
    fixture.directory.subscribe({ uris: [ADA, "bob@example.com"] });
    fixture.clock.suspend(SUSPENSION_MS);
    await fixture.clock.advance(1_001);
    expect(fixture.drainChanges()).to.have.members([
      "ada@example.com unknown/stale",
      "bob@example.com unknown/stale",
    ]);
    fixture.roster.applyLookup(ADA, [person("ada")]);
    expect(fixture.drainChanges()).to.deep.equal(["ada@example.com available/-"]);
    expect(fixture.get(ADA).since).to.equal("2026-01-01T00:00:43.001Z");
    sweep(fixture.roster, [person("ada"), person("bob", "meeting")]);
    expect(fixture.drainChanges()).to.deep.equal(["bob@example.com inMeeting/-"]);
  });

  it("is not stale if Webex's answer is the first thing after it", async () => {
    const fixture = await startPolling();
    fixture.directory.subscribe({ uris: [ADA, "bob@example.com"] });
    fixture.clock.suspend(SUSPENSION_MS);
    fixture.roster.applyLookup(ADA, [person("ada")]);
    expect(fixture.stateOf(ADA)).to.equal("available/-");
    expect(fixture.stateOf("bob@example.com")).to.equal("unknown/stale");
    await fixture.clock.advance(0);
    expect(fixture.drainChanges()).to.deep.equal(["bob@example.com unknown/stale"]);
  });

  it("stays as it was after a shorter one, and without one", async () => {
    const fixture = await startPolling();
    fixture.directory.subscribe({ uris: [ADA] });
    fixture.clock.suspend(39_000);
    expect(fixture.stateOf(ADA)).to.equal("available/-");
    await fixture.clock.advance(100_000);
    expect(fixture.stateOf(ADA)).to.equal("available/-");
    expect(fixture.drainChanges()).to.deep.equal([]);
  });

  it("follows the interval in effect", async () => {
    const fixture = await startPolling();
    fixture.directory.setPollInterval(60);
    fixture.clock.suspend(SUSPENSION_MS);
    expect(fixture.stateOf(ADA)).to.equal("available/-");
    fixture.directory.setPollInterval(5);
    fixture.clock.suspend(12_000);
    expect(fixture.stateOf(ADA)).to.equal("unknown/stale");
  });

  it("does not concern those whom Webex confirmed after an earlier suspension", async () => {
    const fixture = await startPolling();
    fixture.clock.suspend(SUSPENSION_MS);
    sweep(fixture.roster, [person("ada")]);
    await fixture.clock.advance(30_000);
    expect(fixture.stateOf(ADA)).to.equal("available/-");
    expect(fixture.get(ADA).since).to.equal("2026-01-01T00:00:42.000Z");
  });

  it("became stale by its age, if that came first", async () => {
    const fixture = await startPolling();
    fixture.clock.suspend(3_600_000);
    expect(fixture.get(ADA)).to.include({ reason: "stale", since: "2026-01-01T00:03:00.000Z" });
  });
});
