import { expect } from "chai";
import fc from "fast-check";

import { RequestBudget } from "../../../src/polling/request-budget.js";
import { FakeClock, NO_JITTER, SeededRandom, settle } from "../../support/clock-fake.js";

const never = new AbortController().signal;
const LATENCY_MS = 100;

/** One worker's budget, and when its requests were answered and refused. */
interface SimulatedWorker {
  readonly budget: RequestBudget;
  readonly admitted: number[];
  readonly rejected: number[];
}

/** A service with a hidden limit in any sliding minute, asked by each node as fast as its budget allows. */
async function simulateWorkers(
  workerCount: number,
  options: {
    ceiling: number;
    limit: (now: number) => number;
    minutes: number;
    restartAfterMinutes?: number;
  },
) {
  const clock = new FakeClock();
  const admitted: number[] = [];
  const sendRequests = async (worker: SimulatedWorker, signal = never): Promise<void> => {
    for (;;) {
      await worker.budget.acquire(signal);
      const now = clock.monotonic();
      const inWindow = admitted.filter((at) => at > now - 60_000);
      const ok = inWindow.length < options.limit(now);
      if (ok) admitted.push(now);
      await new Promise<void>((resolve) => void clock.schedule(LATENCY_MS, resolve));
      if (ok) worker.admitted.push(now);
      else {
        worker.rejected.push(now);
        const first = inWindow[inWindow.length - options.limit(now)] ?? now;
        worker.budget.blockUntil(
          clock.monotonic() + Math.ceil((first + 60_000 - now) / 1_000) * 1_000,
        );
      }
      worker.budget.complete(ok ? "answered" : "rateLimited");
    }
  };
  const createWorker = (_: unknown, index: number): SimulatedWorker => {
    const random = workerCount === 1 ? NO_JITTER : new SeededRandom(index + 1);
    return {
      budget: new RequestBudget(clock, random, options.ceiling),
      admitted: [],
      rejected: [],
    };
  };
  if (options.restartAfterMinutes !== undefined) {
    const first = new AbortController();
    sendRequests(createWorker(null, 0), first.signal).catch(() => undefined);
    await clock.advance(options.restartAfterMinutes * 60_000);
    first.abort();
  }
  const all = Array.from({ length: workerCount }, createWorker);
  for (const worker of all) void sendRequests(worker);
  await clock.advance(options.minutes * 60_000);
  return all;
}

function between(times: readonly number[], from: number, to: number): number {
  return times.filter((at) => at >= from * 60_000 && at < to * 60_000).length;
}

async function simulateWorker(
  options: Parameters<typeof simulateWorkers>[1],
): Promise<SimulatedWorker> {
  const [worker] = await simulateWorkers(1, options);
  return worker!;
}

describe("request budget that learns", () => {
  for (const limit of [30, 120]) {
    it(`finds a hidden limit of ${limit} a minute, uses it up, and is hardly ever refused again`, async () => {
      const { admitted, rejected, budget } = await simulateWorker({
        ceiling: 600,
        limit: () => limit,
        minutes: 70,
      });
      expect(budget.observedLimit).to.be.within(limit * 0.9, limit * 1.15);
      const inAnHour = between(admitted, 10, 70);
      expect(inAnHour).to.be.at.least(limit * 60 * 0.93);
      expect(between(rejected, 10, 70) / inAnHour).to.be.lessThan(1 / 200);
    }).timeout(30_000);
  }

  it("asks the setting's share where Webex gives as much, and is not refused", async () => {
    const { admitted, rejected, budget } = await simulateWorker({
      ceiling: 60,
      limit: () => 60,
      minutes: 20,
    });
    expect(rejected).to.deep.equal([]);
    expect(between(admitted, 1, 20)).to.be.at.least(60 * 19 * 0.98);
    expect(budget.observedLimit).to.equal(null);
  });

  it("gives way at once where others eat from the same limit, and takes it back", async () => {
    const limitAt = (now: number): number => (now > 20 * 60_000 && now < 40 * 60_000 ? 20 : 60);
    const { admitted, rejected } = await simulateWorker({
      ceiling: 600,
      limit: limitAt,
      minutes: 80,
    });
    expect(between(admitted, 25, 40)).to.be.at.least(15 * 20 * 0.85);
    expect(between(rejected, 24, 40)).to.be.at.most(6);
    expect(between(admitted, 70, 80)).to.be.at.least(10 * 60 * 0.9);
  }).timeout(30_000);

  for (const workerCount of [2, 3]) {
    it(`shares a limit with ${workerCount - 1} other worker(s): nobody starves, and little is refused`, async () => {
      const all = await simulateWorkers(workerCount, {
        ceiling: 600,
        limit: () => 120,
        minutes: 100,
      });
      const counts = all.map(({ admitted }) => between(admitted, 20, 100));
      const rejected = all.map((worker) => between(worker.rejected, 20, 100));
      const total = counts.reduce((sum, count) => sum + count, 0);
      expect(total).to.be.at.least(120 * 80 * 0.85);
      expect(Math.min(...counts)).to.be.at.least((total / workerCount) * 0.4);
      expect(rejected.reduce((sum, count) => sum + count, 0) / total).to.be.lessThan(1 / 100);
    }).timeout(60_000);
  }

  for (const limit of [60, 20]) {
    it(`is soon at its pace after a restart, although the worker before it has used up the ${limit} of this minute`, async () => {
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

  it("does not begin with a burst, and is at its full pace within a minute", async () => {
    for (const ceiling of [60, 600]) {
      const { admitted } = await simulateWorker({ ceiling, limit: () => 10_000, minutes: 3 });
      expect(admitted.filter((at) => at < 1_000).length).to.be.at.most(
        10 + Math.ceil(ceiling / 120),
      );
      const inFirst = admitted.filter((at) => at < 10_000).length;
      expect(inFirst).to.be.at.most(10 + Math.max(60, ceiling / 4) / 4);
      const later = admitted.filter((at) => at >= 60_000 && at < 120_000).length;
      expect(later).to.be.at.least(ceiling * 0.9);
    }
  }).timeout(30_000);

  it("spreads requests once a limit is learned", async () => {
    const { admitted } = await simulateWorker({ ceiling: 600, limit: () => 30, minutes: 30 });
    const late = admitted.filter((at) => at > 15 * 60_000);
    const gaps = late.slice(1).map((at, i) => at - late[i]!);
    expect(Math.max(...gaps)).to.be.lessThan(12_000);
    for (const [i, at] of late.entries())
      expect(late.slice(i).filter((t) => t < at + 10_000).length).to.be.at.most(8);
  });

  it("is not put off by one refusal out of nowhere", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, 60);
    for (const outcome of ["answered", "rateLimited"] as const) {
      await budget.acquire(never);
      budget.complete(outcome);
    }
    budget.blockUntil(2_000);
    await clock.advance(2_000);
    let admittedCount = 0;
    for (let i = 0; i < 3; i += 1) void budget.acquire(never).then(() => (admittedCount += 1));
    await settle();
    expect(admittedCount).to.equal(3);
    await clock.advance(15_000);
    await budget.acquire(never);
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([60, null]);
  });

  it("is not put off by one refusal out of nowhere later either, while little is asked", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, 60);
    for (const outcome of ["answered", "answered", "rateLimited"] as const) {
      await clock.advance(120_000);
      await budget.acquire(never);
      budget.complete(outcome);
    }
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([60, null]);
  });

  it("never exceeds the setting, whatever it has learned and however the setting moves", async () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 4_000 }),
      outcome: fc.constantFrom("answered", "answered", "answered", "rateLimited", "failed"),
      ceiling: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 10, nil: null }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        const clock = new FakeClock();
        const budget = new RequestBudget(clock, NO_JITTER, 20);
        let most = 20;
        const admittedCount: number[] = [];
        for (const { afterMs, outcome, ceiling } of steps) {
          await clock.advance(afterMs);
          if (ceiling !== null) budget.setLimit(ceiling);
          most = Math.max(most, ceiling ?? 0);
          if (budget.nextPossibleAt() > clock.monotonic()) continue;
          await budget.acquire(never);
          admittedCount.push(clock.monotonic());
          budget.complete(outcome);
          expect(budget.ratePerMinute).to.be.within(1, budget.perMinuteLimit);
          expect(
            admittedCount.filter((at) => at > clock.monotonic() - 60_000).length,
          ).to.be.at.most(most);
        }
      }),
      { numRuns: 40 },
    );
  }).timeout(30_000);
});
