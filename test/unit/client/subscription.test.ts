import { expect } from "chai";

import type { PresenceRecord } from "../../../src/client/protocol.js";
import { LiveSubscription } from "../../../src/client/subscription.js";

const record: PresenceRecord = {
  ...{ uri: "ada@example.com", state: "onCall", basic: "open", activities: ["on-the-phone"] },
  ...{ reason: null, webexStatus: "call", displayName: "Ada", personId: "p", orgId: "o" },
  ...{ lastActivity: null, since: "2026-11-27T10:00:00Z", observedAt: "2026-11-27T10:00:00Z" },
};
const EXIT_TIME = "2026-11-27T11:00:00Z";

describe("client/subscription", () => {
  let subscription: LiveSubscription;
  let changes: (readonly PresenceRecord[])[];

  beforeEach(() => {
    subscription = new LiveSubscription({ all: true }, () => Promise.resolve());
    subscription.apply([record]);
    changes = [];
    subscription.events.on("changed", (records) => changes.push(records));
  });

  it("keeps the newest record, and notifies of a new state, reason or status alone", () => {
    const confirmed = { ...record, observedAt: EXIT_TIME };
    subscription.apply([confirmed]);
    expect(changes).to.deep.equal([]);
    expect(subscription.records.get(record.uri)).to.equal(confirmed);
    const alone: readonly PresenceRecord[] = [
      { ...record, state: "inMeeting" },
      { ...record, reason: "unrecognizedStatus" },
      { ...record, webexStatus: "meeting" },
    ];
    for (const changed of alone) {
      subscription.apply([changed]);
      subscription.apply([record]);
    }
    expect(changes).to.deep.equal(alone.flatMap((changed) => [[changed], [record]]));
    changes = [];
    const stale: PresenceRecord = { ...record, state: "unknown", reason: "stale" };
    const other = { ...record, uri: "bo@example.com" };
    subscription.apply([stale, other, { ...stale, displayName: "Ada Admin" }]);
    expect(changes).to.deep.equal([[stale, other]]);
  });

  it("makes all records unknown at an exit, once, except for what is no address", () => {
    const invalid: PresenceRecord = { ...record, uri: "tel:1", reason: "invalidUri" };
    subscription.apply([invalid]);
    changes = [];
    subscription.handleExit(EXIT_TIME);
    subscription.handleExit("2026-11-27T12:00:00Z");
    const unknown = { ...record, state: "unknown", basic: null, activities: [] };
    expect(changes).to.deep.equal([[{ ...unknown, reason: "notReady", since: EXIT_TIME }]]);
    expect(subscription.records.get("tel:1")).to.equal(invalid);
    expect(subscription.records.get(record.uri)).to.include({ since: EXIT_TIME });
  });
});
