import { expect } from "chai";
import fc from "fast-check";

import { AdaptiveRateLimit } from "../../../src/polling/adaptive-rate-limit.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { FakeClock, NO_JITTER, SeededRandom, settle } from "../../support/clock-fake.js";

const never = new AbortController().signal;
const LATENCY_MS = 100;

/** The budget of a worker, and when its requests were answered and rejected. */
interface SimulatedWorker {
  readonly budget: RequestBudget;
  readonly admitted: number[];
  readonly rejected: number[];
}

interface SimulationOptions {
  /** Default: 600. */
  readonly ceiling?: number;
  readonly limit: (now: number) => number;
  readonly minutes: number;
  readonly restartAfterMinutes?: number;
  readonly learnedLimit?: number;
  /** After the restart, workers know the limit that the first one has observed. */
  readonly isLimitKept?: boolean;
}

/** Sends requests as fast as the budgets allow, to a service with a hidden limit per minute. */
async function simulateWorkers(
  workerCount: number,
  { ceiling = 600, limit: limitAt, minutes, ...options }: SimulationOptions,
) {
  const clock = new FakeClock();
  const unaborted = new AbortController().signal;
  const admitted: number[] = [];
  const sendRequests = async (worker: SimulatedWorker, signal = unaborted): Promise<void> => {
    for (;;) {
      await worker.budget.acquire(signal);
      const now = clock.monotonic();
      const inWindow = admitted.filter((at) => at > now - 60_000);
      const isAccepted = inWindow.length < limitAt(now);
      if (isAccepted) admitted.push(now);
      await new Promise<void>((resolve) => void clock.schedule(LATENCY_MS, resolve));
      if (isAccepted) worker.admitted.push(now);
      else {
        worker.rejected.push(now);
        const first = inWindow[inWindow.length - limitAt(now)] ?? now;
        const retryAfterSeconds = Math.ceil((first + 60_000 - now) / 1_000);
        worker.budget.blockUntil(clock.monotonic() + retryAfterSeconds * 1_000);
      }
      worker.budget.complete(isAccepted ? "answered" : "rateLimited");
    }
  };
  let learnedLimit: number | null = null;
  const createWorker = (_: unknown, index: number): SimulatedWorker => {
    const random = workerCount === 1 ? NO_JITTER : new SeededRandom(index + 1);
    const budget = new RequestBudget(clock, random, ceiling, options.learnedLimit ?? learnedLimit);
    return { budget, admitted: [], rejected: [] };
  };
  if (options.restartAfterMinutes !== undefined) {
    const first = new AbortController();
    const predecessor = createWorker(null, 0);
    sendRequests(predecessor, first.signal).catch(() => undefined);
    await clock.advance(options.restartAfterMinutes * 60_000);
    first.abort();
    if (options.isLimitKept === true) learnedLimit = predecessor.budget.acceptedLimit;
  }
  const all = Array.from({ length: workerCount }, createWorker);
  for (const worker of all) void sendRequests(worker);
  await clock.advance(minutes * 60_000);
  return all;
}

/** `from` and `to` are minutes. */
function countBetween(times: readonly number[], from: number, to: number): number {
  return times.filter((at) => at >= from * 60_000 && at < to * 60_000).length;
}

async function simulateWorker(options: SimulationOptions): Promise<SimulatedWorker> {
  const [worker] = await simulateWorkers(1, options);
  return worker!;
}

describe("adaptive rate limit", () => {
  for (const limit of [30, 120]) {
    it(`finds and uses a hidden limit of ${limit} per minute with hardly any rejections`, async () => {
      const { admitted, rejected, budget } = await simulateWorker({
        limit: () => limit,
        minutes: 70,
      });
      expect(budget.observedLimit).to.be.within(limit * 0.9, limit * 1.15);
      const inAnHour = countBetween(admitted, 10, 70);
      expect(inAnHour).to.be.at.least(limit * 60 * 0.93);
      expect(countBetween(rejected, 10, 70) / inAnHour).to.be.lessThan(1 / 200);
    }).timeout(30_000);
  }

  it("uses the configured rate without rejections if Webex accepts it", async () => {
    const { admitted, rejected, budget } = await simulateWorker({
      ceiling: 60,
      limit: () => 60,
      minutes: 20,
    });
    expect(rejected).to.deep.equal([]);
    // One place is left free for a request on demand.
    expect(countBetween(admitted, 1, 20)).to.be.at.least(59 * 19 * 0.98);
    expect(budget.observedLimit).to.equal(null);
  });

  it("slows down while others use the same limit, and recovers", async () => {
    const limitAt = (now: number): number => (now > 20 * 60_000 && now < 40 * 60_000 ? 20 : 60);
    const { admitted, rejected } = await simulateWorker({ limit: limitAt, minutes: 80 });
    expect(countBetween(admitted, 25, 40)).to.be.at.least(15 * 20 * 0.85);
    expect(countBetween(rejected, 24, 40)).to.be.at.most(6);
    expect(countBetween(admitted, 70, 80)).to.be.at.least(10 * 60 * 0.9);
  }).timeout(30_000);

  for (const [workerCount, limit, smallestShare] of [
    [2, 120, 0.65],
    [3, 120, 0.65],
    [4, 30, 0.5],
  ] as const) {
    it(`shares a limit of ${limit} among ${workerCount} workers with few rejections`, async () => {
      const all = await simulateWorkers(workerCount, { limit: () => limit, minutes: 260 });
      const counts = all.map(({ admitted }) => countBetween(admitted, 140, 260));
      const rejected = all.map((worker) => countBetween(worker.rejected, 140, 260));
      const total = counts.reduce((sum, count) => sum + count, 0);
      expect(total).to.be.at.least(limit * 120 * 0.9);
      expect(Math.min(...counts)).to.be.at.least((total / workerCount) * smallestShare);
      expect(rejected.reduce((sum, count) => sum + count, 0) / total).to.be.lessThan(1 / 100);
    }).timeout(150_000);
  }

  describe("a rejection at a rate that was accepted before", () => {
    /** Has sent requests at the steady rate for two minutes. */
    function createSteady(estimate: number): AdaptiveRateLimit {
      const limit = new AdaptiveRateLimit(600, NO_JITTER, estimate);
      for (const now of [0, 60_000, 120_000]) limit.recordRequest(now, 0);
      return limit;
    }

    it("reduces the estimate by a share, although as many were answered as before", () => {
      const limit = createSteady(100);
      limit.recordRejection(120_000, 97);
      expect(limit.observedLimit).to.be.closeTo(97 * 0.96, 0.01);
    });

    it("does not take a small count for the limit", () => {
      for (const answered of [1, 3, 6]) {
        const limit = createSteady(5);
        limit.recordRejection(120_000, answered);
        expect(limit.observedLimit).to.be.closeTo(5 * 0.97 * 0.96, 0.01);
      }
    });

    it("takes a count for the limit that is far below the rate", () => {
      const limit = createSteady(100);
      limit.recordRejection(120_000, 60);
      expect(limit.observedLimit).to.equal(60);
    });
  });

  it("takes the count for the limit if a probe is rejected", () => {
    const limit = new AdaptiveRateLimit(600, NO_JITTER, 100);
    let now = 0;
    while (limit.ratePerMinute < 98) limit.recordRequest((now += 60_000), 98);
    limit.recordRejection(now, 97);
    expect(limit.observedLimit).to.equal(97);
  });

  it("takes the limit for a whole number, and no probe for the limit", () => {
    for (const [learned, capacity] of [
      [29, 29],
      [29.4, 30],
      [61, 60],
    ] as const) {
      expect(new AdaptiveRateLimit(60, NO_JITTER, learned).capacity).to.equal(capacity);
    }
    const limit = new AdaptiveRateLimit(600, NO_JITTER, 100);
    for (let now = 0; limit.observedLimit === 100; now += 60_000) limit.recordRequest(now, 100);
    expect(limit.observedLimit).to.equal(103);
    expect(limit.capacity).to.equal(100);
  });

  it("keeps to a learned limit at the first rejection after a restart, not at the second", () => {
    const limit = new AdaptiveRateLimit(600, NO_JITTER, 100);
    limit.recordRequest(0, 0);
    const rate = limit.ratePerMinute;
    limit.recordRejection(5_000, 3);
    expect(limit.ratePerMinute).to.equal(rate);
    limit.recordRejection(30_000, 3);
    expect(limit.ratePerMinute).to.be.closeTo(rate * 0.7, 0.01);
    expect(limit.observedLimit).to.equal(100);
  });

  it("passes on no probe that may still be rejected", () => {
    const limit = new AdaptiveRateLimit(600, NO_JITTER, 100);
    let now = 0;
    const probe = (): number | null => {
      const before = limit.observedLimit;
      while (limit.observedLimit === before) limit.recordRequest((now += 60_000), 600);
      return before;
    };
    expect(limit.acceptedLimit).to.equal(100);
    expect(probe()).to.equal(limit.acceptedLimit);
    expect(probe()).to.equal(limit.acceptedLimit);
    expect(limit.observedLimit).to.be.above(limit.acceptedLimit ?? 0);
    limit.recordRejection(now, 95);
    expect(limit.acceptedLimit).to.equal(limit.observedLimit);
    limit.setCeiling(90);
    expect(limit.acceptedLimit).to.equal(null);
  });

  for (const limit of [60, 20]) {
    it(`recovers after a restart although its predecessor used up the limit of ${limit}`, async () => {
      const worker = await simulateWorker({
        ceiling: 60,
        limit: () => limit,
        minutes: 5,
        restartAfterMinutes: 10,
      });
      expect(worker.rejected.length).to.be.at.most(10);
      expect(worker.admitted.length).to.be.at.least(limit * 5 * 0.8);
    });
  }

  for (const limit of [120, 20]) {
    it(`goes on at once at the limit of ${limit} that a predecessor has observed`, async () => {
      const worker = await simulateWorker({
        limit: () => limit,
        minutes: 25,
        restartAfterMinutes: 12,
        isLimitKept: true,
      });
      expect(countBetween(worker.rejected, 12, 17)).to.equal(0);
      expect(countBetween(worker.admitted, 12, 13)).to.be.at.least(limit * 0.85);
      expect(countBetween(worker.admitted, 13, 37)).to.be.at.least(limit * 24 * 0.9);
      expect(worker.rejected.length).to.be.at.most(4);
    }).timeout(30_000);
  }

  it("notices within minutes that a limit is gone that a predecessor had observed", async () => {
    const worker = await simulateWorker({
      limit: (now) => (now < 12 * 60_000 ? 60 : 10_000),
      minutes: 25,
      restartAfterMinutes: 12,
      isLimitKept: true,
    });
    expect(worker.rejected).to.deep.equal([]);
    expect(countBetween(worker.admitted, 36, 37)).to.be.at.least(150);
  }).timeout(30_000);

  it("ignores an observed limit that is not below the configured one", () => {
    const clock = new FakeClock();
    for (const learned of [60, 600]) {
      const budget = new RequestBudget(clock, NO_JITTER, 60, learned);
      expect([budget.observedLimit, budget.ratePerMinute]).to.deep.equal([null, 60]);
    }
    const budget = new RequestBudget(clock, NO_JITTER, 60, 20);
    budget.setLimit(15);
    expect([budget.observedLimit, budget.ratePerMinute]).to.deep.equal([null, 15]);
  });

  it("starts without a burst and reaches the full rate within a minute", async () => {
    for (const ceiling of [60, 600]) {
      const { admitted } = await simulateWorker({ ceiling, limit: () => 10_000, minutes: 3 });
      expect(countBetween(admitted, 0, 1 / 60)).to.be.at.most(10 + Math.ceil(ceiling / 120));
      expect(countBetween(admitted, 0, 1 / 6)).to.be.at.most(10 + Math.max(60, ceiling / 4) / 4);
      expect(countBetween(admitted, 1, 2)).to.be.at.least(ceiling * 0.9);
    }
  }).timeout(30_000);

  it("spreads requests once the limit is known", async () => {
    const { admitted } = await simulateWorker({ limit: () => 30, minutes: 30 });
    const late = admitted.filter((at) => at > 15 * 60_000);
    const gaps = late.slice(1).map((at, i) => at - late[i]!);
    expect(Math.max(...gaps)).to.be.lessThan(12_000);
    for (const [i, at] of late.entries()) {
      expect(late.slice(i).filter((t) => t < at + 10_000).length).to.be.at.most(8);
    }
  });

  it("ignores a single rejection at the start", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, 60);
    for (const outcome of ["answered", "rateLimited"] as const) {
      await budget.acquire(never);
      budget.complete(outcome);
    }
    budget.blockUntil(2_100);
    await clock.advance(2_100);
    let admittedCount = 0;
    for (let i = 0; i < 3; i += 1) void budget.acquire(never).then(() => (admittedCount += 1));
    await settle();
    expect(admittedCount).to.equal(3);
    await clock.advance(15_000);
    await budget.acquire(never);
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([60, null]);
  });

  it("ignores a single rejection among few requests later as well", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, 60);
    for (const outcome of ["answered", "answered", "rateLimited"] as const) {
      await clock.advance(120_000);
      await budget.acquire(never);
      budget.complete(outcome);
    }
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([60, null]);
  });

  it("never exceeds the configured rate, whatever happens and however it changes", async () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 4_000 }),
      outcome: fc.constantFrom("answered", "answered", "answered", "rateLimited", "failed"),
      ceiling: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 10, nil: null }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const clock = new FakeClock();
        const budget = new RequestBudget(clock, NO_JITTER, 20);
        let highestCeiling = 20;
        const admittedAt: number[] = [];
        for (const { afterMs, outcome, ceiling } of steps) {
          await clock.advance(afterMs);
          if (ceiling !== null) budget.setLimit(ceiling);
          highestCeiling = Math.max(highestCeiling, ceiling ?? 0);
          if (budget.nextPossibleAt() > clock.monotonic()) continue;
          await budget.acquire(never);
          admittedAt.push(clock.monotonic());
          budget.complete(outcome);
          expect(budget.ratePerMinute).to.be.within(1, budget.report().perMinuteLimit);
          const lastMinute = admittedAt.filter((at) => at > clock.monotonic() - 60_000);
          expect(lastMinute.length).to.be.at.most(highestCeiling);
        }
      }),
      { numRuns: 40 },
    );
  }).timeout(30_000);

  describe("with a learned limit", () => {
    for (const limit of [20, 60, 300]) {
      it(`starts slightly below ${limit} per minute, without rejections`, async () => {
        const { admitted, rejected, budget } = await simulateWorker({
          limit: () => limit,
          learnedLimit: limit,
          minutes: 5,
        });
        expect(budget.observedLimit).to.be.within(limit * 0.9, limit * 1.15);
        expect(countBetween(admitted, 0, 1)).to.be.at.least(limit * 0.9);
        expect(rejected.length).to.be.at.most(2);
      });
    }

    it("keeps its rate after a restart although its predecessor used up the minute", async () => {
      const { admitted } = await simulateWorker({
        limit: () => 60,
        learnedLimit: 60,
        minutes: 5,
        restartAfterMinutes: 10,
      });
      const fromRestart = admitted.filter((at) => at >= 10 * 60_000);
      expect(fromRestart.length).to.be.at.least(60 * 5 * 0.85);
    });

    for (const [learnedLimit, limit] of [
      [120, 30],
      [300, 60],
      [30, 60],
      [30, 120],
    ] as const) {
      it(`corrects ${learnedLimit} per minute if Webex accepts ${limit} now`, async () => {
        const { admitted, rejected } = await simulateWorker({
          limit: () => limit,
          learnedLimit,
          minutes: 60,
        });
        expect(countBetween(admitted, 20, 60)).to.be.at.least(limit * 40 * 0.93);
        expect(countBetween(rejected, 5, 60)).to.be.at.most(limit * 55 * 0.01);
      }).timeout(30_000);
    }

    it("ignores one that is not below the configured limit", () => {
      for (const learned of [60, 61, Number.NaN]) {
        const budget = new RequestBudget(new FakeClock(), NO_JITTER, 60, learned);
        expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([60, null]);
      }
    });
  });
});
