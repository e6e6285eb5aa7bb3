import { expect } from "chai";
import { type SinonFakeTimers, useFakeTimers } from "sinon";

import type { PresenceRecord } from "../../../src/client/protocol.js";
import { refreshPresence, type RefreshOptions } from "../../../src/client/refresh.js";

const NOW = Date.parse("2026-11-27T10:00:00.000Z");

describe("client/refresh", () => {
  let clock: SinonFakeTimers;

  beforeEach(() => {
    clock = useFakeTimers({ now: NOW, toFake: ["Date", "performance"] });
  });
  afterEach(() => clock.restore());

  /** Whether an answer counts that took `tookMs`, and was confirmed then, counted from the call. */
  async function isFresh(
    confirmedMs: number | null,
    tookMs: number,
    options: RefreshOptions = {},
  ): Promise<boolean> {
    const observedAt =
      confirmedMs === null ? null : new Date(Date.now() + confirmedMs).toISOString();
    const get = (): Promise<PresenceRecord> => {
      clock.tick(tookMs);
      return Promise.resolve({ observedAt } as PresenceRecord);
    };
    const refreshed = await refreshPresence(get, options);
    expect(refreshed.tookMs).to.equal(tookMs);
    return refreshed.isFresh;
  }

  it("asks for presence that is not older than now, and waits as long as the worker does", async () => {
    const asked: object[] = [];
    const get = (params: object): Promise<PresenceRecord> => {
      asked.push(params);
      return Promise.resolve({ observedAt: null } as PresenceRecord);
    };
    await refreshPresence(get, {});
    expect(asked).to.deep.equal([{ maxAgeSeconds: 0, maxWaitMs: 3_000 }]);
  });

  it("counts what was confirmed after the call, or as shortly before as it may be", async () => {
    expect(await isFresh(0, 200)).to.equal(true);
    expect(await isFresh(-1, 200)).to.equal(false);
    expect(await isFresh(-10_000, 200, { maxAgeSeconds: 10 })).to.equal(true);
    expect(await isFresh(-10_001, 200, { maxAgeSeconds: 10 })).to.equal(false);
    expect(await isFresh(null, 200, { maxAgeSeconds: 3_600 })).to.equal(false);
  });

  it("does not count what came while the worker waited in vain", async () => {
    expect(await isFresh(1_000, 2_989)).to.equal(true);
    expect(await isFresh(1_000, 2_990)).to.equal(false);
    expect(await isFresh(100, 495, { maxWaitMs: 500 })).to.equal(false);
    expect(await isFresh(-1_000, 5, { maxWaitMs: 0, maxAgeSeconds: 1 })).to.equal(true);
  });
});
