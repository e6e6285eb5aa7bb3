import { expect } from "chai";

import { PresenceTracker } from "../../../src/cli/presence-tracker.js";
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

describe("cli/presence-tracker", () => {
  it("knows the names that several people have, as they are now", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("a@x", { displayName: "Ada" }), record("b@x", { displayName: "Bo" })]);
    tracker.add([record("c@x"), record("d@x")]);
    expect([...tracker.repeatedNames]).to.deep.equal([]);
    tracker.apply([record("b@x", { displayName: "Ada", state: "away" })], 5);
    expect([...tracker.repeatedNames]).to.deep.equal(["Ada"]);
  });

  it("separates added people from changes", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("a@x", { state: "unknown", reason: "notReady" }), record("b@x")]);
    const result = tracker.apply(
      [record("a@x"), record("b@x", { state: "onCall" }), record("c@x", { state: "away" })],
      5,
    );
    expect(result.added.map(({ uri }) => uri)).to.deep.equal(["a@x", "c@x"]);
    expect(result.changes.map(({ at, from, to }) => [at, from.state, to.state])).to.deep.equal([
      [5, "available", "onCall"],
    ]);
    expect([...tracker.totals]).to.have.deep.members([
      ["available", 1],
      ["onCall", 1],
      ["away", 1],
    ]);
  });

  it("knows by what text each person is found, by the name as it is now", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("a@x")]);
    expect([...tracker.searchKeys]).to.deep.equal([["a@x", "\na@x"]]);
    tracker.apply([record("a@x", { displayName: "Ada Ö." })], 1);
    expect([...tracker.searchKeys]).to.deep.equal([["a@x", "ada o.\na@x"]]);
  });

  it("counts people in states and of names as they are now", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("a@x", { displayName: "Ada" }), record("b@x", { displayName: "Ada" })]);
    expect([...tracker.repeatedNames]).to.deep.equal(["Ada"]);
    tracker.apply([record("a@x", { displayName: "Bo", state: "away" })], 1);
    expect([...tracker.repeatedNames]).to.deep.equal([]);
    tracker.apply([record("b@x", { displayName: "Bo", state: "away" })], 2);
    expect([...tracker.repeatedNames]).to.deep.equal(["Bo"]);
    expect([...tracker.totals]).to.deep.equal([["away", 2]]);
  });

  it("sorts people by name, and changes from the latest", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("z@x", { displayName: "Änne" }), record("b@x")]);
    expect(tracker.records.map(({ uri }) => uri)).to.deep.equal(["z@x", "b@x"]);
    tracker.apply([record("b@x", { state: "away" })], 1);
    tracker.apply([record("b@x", { state: "onCall" }), record("z@x", { state: "away" })], 2);
    expect(tracker.changes.map(({ at, to }) => [at, to.uri])).to.deep.equal([
      [2, "z@x"],
      [2, "b@x"],
      [1, "b@x"],
    ]);
  });

  it("applies newer observations of the same state and ignores a different state", () => {
    const tracker = new PresenceTracker();
    tracker.add([record("a@x"), record("b@x")]);
    tracker.refresh([
      record("a@x", { observedAt: "later" }),
      record("b@x", { state: "away" }),
      record("c@x"),
    ]);
    expect(
      tracker.records.map(({ uri, state, observedAt }) => [uri, state, observedAt]),
    ).to.deep.equal([
      ["a@x", "available", "later"],
      ["b@x", "available", null],
    ]);
    expect(tracker.changes).to.deep.equal([]);
  });
});
