import { expect } from "chai";

import { WatchLedger } from "../../../src/cli/watch-ledger.js";
import type { PresenceRecord } from "../../../src/presence/record.js";

const record = (uri: string, changes: Partial<PresenceRecord> = {}): PresenceRecord => ({
  uri,
  state: "available",
  basic: "open",
  activities: [],
  reason: null,
  webexStatus: "active",
  displayName: null,
  personId: null,
  orgId: null,
  lastActivity: null,
  since: null,
  observedAt: null,
  ...changes,
});

describe("cli: what watch knows", () => {
  it("tells a first word from a change", () => {
    const ledger = new WatchLedger();
    ledger.begin([record("a@x", { state: "unknown", reason: "notReady" }), record("b@x")]);
    const told = ledger.take([record("a@x"), record("b@x", { state: "onCall" }), record("c@x", { state: "away" })], 5);
    expect(told.first.map(({ uri }) => uri)).to.deep.equal(["a@x", "c@x"]);
    expect(told.changes.map(({ at, from, to }) => [at, from.state, to.state])).to.deep.equal([[5, "available", "onCall"]]);
    expect([...ledger.totals]).to.have.deep.members([
      ["available", 1],
      ["onCall", 1],
      ["away", 1],
    ]);
  });

  it("lists people by name, and the latest change first", () => {
    const ledger = new WatchLedger();
    ledger.begin([record("z@x", { displayName: "Änne" }), record("b@x")]);
    expect(ledger.records.map(({ uri }) => uri)).to.deep.equal(["z@x", "b@x"]);
    ledger.take([record("b@x", { state: "away" })], 1);
    ledger.take([record("b@x", { state: "onCall" }), record("z@x", { state: "away" })], 2);
    expect(ledger.changes.map(({ at, to }) => [at, to.uri])).to.deep.equal([
      [2, "z@x"],
      [2, "b@x"],
      [1, "b@x"],
    ]);
  });

  it("takes a later observation of the same state, and leaves another state to its own notification", () => {
    const ledger = new WatchLedger();
    ledger.begin([record("a@x"), record("b@x")]);
    ledger.refresh([record("a@x", { observedAt: "later" }), record("b@x", { state: "away" }), record("c@x")]);
    expect(ledger.records.map(({ uri, state, observedAt }) => [uri, state, observedAt])).to.deep.equal([
      ["a@x", "available", "later"],
      ["b@x", "available", null],
    ]);
    expect(ledger.changes).to.deep.equal([]);
  });
});
