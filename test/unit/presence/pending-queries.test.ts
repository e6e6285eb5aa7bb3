import { expect } from "chai";

import type { PresenceRecord } from "../../../src/presence/record.js";
import { listedPersons } from "../../support/presence-fixture.js";
import { PresenceFixture, NEVER_ABORTED, person, sweep } from "../../support/presence-fixture.js";

function waitFor(
  fixture: PresenceFixture,
  uris: readonly string[],
  maxWaitMs = 30_000,
  signal = NEVER_ABORTED,
): Promise<PresenceRecord[]> {
  const answer = fixture.directory.get(uris, maxWaitMs, signal);
  expect(answer).to.be.instanceOf(Promise);
  return answer as Promise<PresenceRecord[]>;
}

const reasons = (records: readonly PresenceRecord[]): (string | null)[] =>
  records.map((record) => record.reason);

describe("a query with maxWaitMs", () => {
  it("returns at once if no answer is expected", () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    expect(
      fixture.directory.get(["ada@example.com", "x@example.com", "tel:1"], 30_000, NEVER_ABORTED),
    ).to.be.an("array");
    fixture.directory.setCondition("disabled");
    expect(fixture.directory.get(["y@example.com"], 30_000, NEVER_ABORTED)).to.be.an("array");
  });

  it("waits for all organizations that are not blocked", async () => {
    const fixture = new PresenceFixture();
    sweep(fixture.roster, [person("ada")]);
    fixture.directory.addOrganization("org-2");
    const answer = waitFor(fixture, ["x@example.com"]);
    fixture.directory.setBlocked("org-2", true);
    expect(reasons(await answer)).to.deep.equal(["notReady"]);
    expect(fixture.directory.get(["y@example.com"], 30_000, NEVER_ABORTED)).to.be.an("array");
    fixture.directory.setBlocked("org-2", false);
    const later = waitFor(fixture, ["z@example.com"], 500);
    expect(reasons(await fixture.clock.until(later))).to.deep.equal(["notReady"]);
    expect(fixture.clock.monotonic()).to.equal(500);
  });

  it("returns once the last of its addresses is known", async () => {
    const fixture = new PresenceFixture();
    const answer = waitFor(fixture, ["ada@example.com", "x@example.com", "ada@example.com"]);
    const number = fixture.roster.beginSweep();
    fixture.roster.applyPage(number, listedPersons([person("ada")]), 0);
    await fixture.clock.advance(100);
    fixture.roster.applyLookup("x@example.com", []);
    expect(reasons(await answer)).to.deep.equal([null, "notFound", null]);
    expect(fixture.clock.now()).to.equal(Date.UTC(2026, 0, 1) + 100);
  });

  it("returns what is known when the time is up", async () => {
    const fixture = new PresenceFixture();
    const answer = waitFor(fixture, ["ada@example.com", "x@example.com"], 500);
    fixture.roster.applyLookup("ada@example.com", [person("ada")]);
    expect(reasons(await fixture.clock.until(answer))).to.deep.equal([null, "notReady"]);
    expect(fixture.clock.monotonic()).to.equal(500);
  });

  for (const condition of ["disabled", "blocked"] as const) {
    it(`returns when the worker becomes ${condition}`, async () => {
      const fixture = new PresenceFixture();
      const answer = waitFor(fixture, ["ada@example.com"]);
      fixture.directory.setCondition(condition);
      expect(reasons(await answer)).to.deep.equal([condition]);
    });
  }

  it("returns when the worker stops", async () => {
    const fixture = new PresenceFixture();
    const answer = waitFor(fixture, ["ada@example.com"]);
    fixture.directory.stop();
    expect(reasons(await answer)).to.deep.equal(["notReady"]);
  });

  it("throws cancelled when aborted, and leaves no timer", async () => {
    const fixture = new PresenceFixture();
    const controller = new AbortController();
    const answer = waitFor(fixture, ["ada@example.com"], 1000, controller.signal);
    controller.abort();
    const error: unknown = await answer.catch((thrown: unknown) => thrown);
    expect(error).to.have.property("code", "cancelled");
    expect(fixture.clock.pendingTimers).to.equal(0);
    expect(() => fixture.directory.get(["a@b"], 0, controller.signal))
      .to.throw()
      .with.property("code", "cancelled");
  });
});
