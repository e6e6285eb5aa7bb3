import { expect } from "chai";
import fc from "fast-check";

import type { Fault } from "../../../src/faults/fault.js";
import { RequestBudget } from "../../../src/polling/request-budget.js";
import { FakeClock, NO_JITTER, settle } from "../../support/clock-fake.js";

const never = new AbortController().signal;

function createBudget(requestsPerMinute: number) {
  const clock = new FakeClock();
  return { clock, budget: new RequestBudget(clock, NO_JITTER, requestsPerMinute) };
}

describe("request budget", () => {
  it("admits as many requests as fit into a minute, and further ones as the first expire", async () => {
    const { clock, budget } = createBudget(2);
    const admittedAt: number[] = [];
    const sendRequest = async (): Promise<void> => {
      await budget.acquire(never);
      admittedAt.push(clock.monotonic());
      budget.complete("answered");
    };
    void sendRequest();
    await clock.advance(1_000);
    for (let i = 0; i < 3; i += 1) void sendRequest();
    await clock.advance(59_000);
    expect(admittedAt).to.deep.equal([0, 1_000]);
    expect(budget.nextPossibleAt()).to.equal(60_250);
    await clock.advance(5_000);
    expect(admittedAt).to.deep.equal([0, 1_000, 60_250, 61_250]);
    expect(clock.pendingTimers).to.equal(0);
  });

  it("takes requests that are rejected together for one rejection", async () => {
    const rates = [1, 3].map(async (rejected) => {
      const { clock, budget } = createBudget(600);
      const admissions: unknown[] = [];
      for (let i = 0; i < rejected; i += 1) admissions.push(await budget.acquire(never));
      await clock.advance(200);
      for (const admission of admissions) {
        budget.complete("rateLimited", admission);
        await clock.advance(1);
      }
      expect(budget.report().rateLimited).to.equal(rejected);
      return budget.ratePerMinute;
    });
    const [one, three] = await Promise.all(rates);
    expect(three).to.equal(one);
  });

  it("learns no limit from rejections while it sends much less than it may", async () => {
    const { clock, budget } = createBudget(300);
    for (let second = 0; second < 180; second += 5) {
      const admission = await budget.acquire(never);
      budget.complete(second === 120 || second === 135 ? "rateLimited" : "answered", admission);
      await clock.advance(5_000);
    }
    expect(budget.observedLimit).to.equal(null);
    expect(budget.ratePerMinute).to.equal(300);
  });

  it("never lets more requests arrive in any 60 s than a current limit allowed", async () => {
    const arrival = fc.record({
      afterMs: fc.integer({ min: 0, max: 20_000 }),
      travelMs: fc.integer({ min: 0, max: 5_000 }),
      stayMs: fc.integer({ min: 0, max: 4_000 }),
      newLimit: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 6, nil: null }),
      abortAfterMs: fc.option(fc.integer({ min: 0, max: 30_000 }), { freq: 6, nil: null }),
    });
    const scenario = fc.record({
      limit: fc.integer({ min: 1, max: 12 }),
      arrivals: fc.array(arrival, { minLength: 5, maxLength: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ limit, arrivals }) => {
        const { clock, budget } = createBudget(limit);
        const admitted: number[] = [];
        const arrived: number[] = [];
        const limits = [{ at: 0, limit }];
        for (const a of arrivals) {
          await clock.advance(a.afterMs);
          if (a.newLimit !== null) {
            budget.setLimit(a.newLimit);
            limits.push({ at: clock.monotonic(), limit: a.newLimit });
          }
          const controller = new AbortController();
          if (a.abortAfterMs !== null) clock.schedule(a.abortAfterMs, () => controller.abort());
          budget.acquire(controller.signal).then(
            () => {
              admitted.push(clock.monotonic());
              clock.schedule(a.travelMs, () => arrived.push(clock.monotonic()));
              clock.schedule(a.travelMs + a.stayMs, () => budget.complete("answered"));
            },
            () => undefined,
          );
        }
        await clock.advance(2 * 60 * 60_000);
        expect(arrived.length).to.equal(budget.total);
        for (const times of [admitted, arrived.sort((a, b) => a - b)]) {
          for (const [i, start] of times.entries()) {
            const end = start + 60_000;
            const inWindow = times.slice(i).filter((t) => t <= end).length;
            const before = limits.filter((l) => l.at <= start - 10_000).at(-1)?.limit ?? limit;
            const allowed = Math.max(
              before,
              ...limits.filter((l) => l.at >= start - 10_000 && l.at <= end).map((l) => l.limit),
            );
            if (inWindow > allowed)
              throw new Error(`${inWindow} requests from ${start} on, ${allowed} allowed`);
          }
        }
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it("counts a slow request for a minute after its completion", async () => {
    const { clock, budget } = createBudget(1);
    await budget.acquire(never);
    await clock.advance(3_000);
    budget.complete("answered");
    expect(budget.nextPossibleAt()).to.equal(63_250);
  });

  it("applies a new limit to waiters immediately", async () => {
    const { clock, budget } = createBudget(1);
    await budget.acquire(never);
    let second = false;
    void budget.acquire(never).then(() => (second = true));
    await settle();
    expect(second).to.equal(false);
    budget.setLimit(2);
    await settle();
    expect(second).to.equal(true);
    expect(clock.pendingTimers).to.equal(0);
    budget.setLimit(1);
    expect(budget.nextPossibleAt()).to.be.greaterThan(60_000);
  });

  it("blocks requests until the later of two times", async () => {
    const { clock, budget } = createBudget(10);
    budget.blockUntil(30_000);
    budget.blockUntil(5_000);
    let admittedAt = -1;
    void budget.acquire(never).then(() => (admittedAt = clock.monotonic()));
    await clock.advance(29_999);
    expect(admittedAt).to.equal(-1);
    await clock.advance(1);
    expect(admittedAt).to.equal(30_000);
    expect(budget.blockedUntil).to.equal(30_000);
  });

  it("admits waiters in order, and rejects an aborted one with `cancelled`", async () => {
    const { clock, budget } = createBudget(1);
    await budget.acquire(never);
    const order: string[] = [];
    const second = new AbortController();
    const enqueue = (name: string, signal: AbortSignal): void =>
      void budget.acquire(signal).then(
        () => order.push(name),
        (thrown: unknown) => order.push(`${name} ${(thrown as Fault).code}`),
      );
    enqueue("first", never);
    enqueue("second", second.signal);
    enqueue("third", never);
    second.abort();
    await settle();
    expect(order).to.deep.equal(["second cancelled"]);
    await clock.advance(200_000);
    expect(order).to.deep.equal(["second cancelled", "first", "third"]);
    expect(budget.total).to.equal(3);
    expect(clock.pendingTimers).to.equal(0);
  });

  it("leaves no timer when the last waiter is aborted, and rejects an aborted signal", async () => {
    const { clock, budget } = createBudget(1);
    await budget.acquire(never);
    const controller = new AbortController();
    const waiting = budget.acquire(controller.signal).catch((thrown: unknown) => thrown);
    controller.abort();
    expect(((await waiting) as Fault).code).to.equal("cancelled");
    expect(clock.pendingTimers).to.equal(0);
    const rejected = budget.acquire(controller.signal).catch((thrown: unknown) => thrown);
    expect(((await rejected) as Fault).code).to.equal("cancelled");
    expect(budget.total).to.equal(1);
  });

  it("counts requests that did not wait for it", async () => {
    const { budget } = createBudget(3);
    for (let i = 0; i < 2; i += 1) budget.countUngated();
    await budget.acquire(never);
    budget.complete("answered");
    expect([budget.total, budget.lastMinute]).to.deep.equal([3, 3]);
    expect(budget.nextPossibleAt()).to.equal(60_250);
  });

  it("counts requests by outcome", async () => {
    const { clock, budget } = createBudget(60);
    for (const outcome of ["answered", "failed", "failed", "rateLimited"] as const) {
      await budget.acquire(never);
      budget.complete(outcome);
    }
    await clock.advance(59_999);
    await budget.acquire(never);
    const counts = { perMinuteLimit: 60, total: 5, rateLimited: 1, failed: 2 };
    expect(budget.report()).to.deep.equal({ ...counts, lastMinute: 5 });
    await clock.advance(1);
    expect(budget.report()).to.deep.equal({ ...counts, lastMinute: 1 });
  });
});
