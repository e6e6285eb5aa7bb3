import { expect } from "chai";
import sinon from "sinon";

import type { PresenceRecord } from "../../../src/client/protocol.js";
import { refreshPresence, type RefreshOptions } from "../../../src/client/refresh.js";

const NOW = Date.parse("2026-11-27T10:00:00.000Z");

describe("client/refresh", () => {
  let clock: sinon.SinonFakeTimers;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ now: NOW, toFake: ["Date", "performance"] });
  });
  afterEach(() => clock.restore());

  /** `observedAfterMs`: when Webex confirmed the record, after the call; null = never. */
  const refresh = (observedAfterMs: number | null, tookMs: number, options: RefreshOptions = {}) =>
    refreshPresence(() => {
      clock.tick(tookMs);
      const observedAt =
        observedAfterMs === null ? null : new Date(NOW + observedAfterMs).toISOString();
      return Promise.resolve({ observedAt } as PresenceRecord);
    }, options);

  for (const [what, isFresh, observedAfterMs, tookMs, options] of [
    ["confirmed after the call", true, 40, 50],
    ["confirmed in the millisecond of the call", true, 0, 50],
    ["confirmed before the call", false, -1, 50],
    ["confirmed never", false, null, 50],
    ["as old as it may be", true, -5_000, 1, { maxAgeSeconds: 5 }],
    ["a millisecond older than it may be", false, -5_001, 1, { maxAgeSeconds: 5 }],
    ["that came just before the end of the wait", true, 40, 2_989],
    ["that came when the worker had waited in vain", false, 40, 2_990],
    ["that came in vain after a wait of its own", false, 40, 490, { maxWaitMs: 500 }],
    ["of a worker that is not to wait", true, 0, 300, { maxWaitMs: 0 }],
  ] as const)
    it(`calls a record ${isFresh ? "fresh" : "not fresh"}: one ${what}`, async () => {
      const refreshed = await refresh(observedAfterMs, tookMs, options);
      expect(refreshed).to.include({ isFresh, tookMs });
    });

  it("asks for a record of now, and waits for 3 s, unless it is told otherwise", async () => {
    const asked: unknown[] = [];
    const get = (params: object): Promise<PresenceRecord> => {
      asked.push(params);
      return Promise.resolve({ observedAt: null } as PresenceRecord);
    };
    await refreshPresence(get, {});
    await refreshPresence(get, { maxAgeSeconds: 7, maxWaitMs: 100 });
    expect(asked).to.deep.equal([
      { maxAgeSeconds: 0, maxWaitMs: 3_000 },
      { maxAgeSeconds: 7, maxWaitMs: 100 },
    ]);
  });
});
