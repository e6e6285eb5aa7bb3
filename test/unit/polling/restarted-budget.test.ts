import { expect } from "chai";

import { AcceptedRate } from "../../../src/polling/accepted-rate.js";
import { type BudgetStart, RequestBudget } from "../../../src/polling/request-budget.js";
import { FakeClock, NO_JITTER } from "../../support/clock-fake.js";

/** Sends requests as fast as the budget allows; all are answered at once. */
function sendAll(budget: RequestBudget, clock: FakeClock): number[] {
  const never = new AbortController().signal;
  const sentAt: number[] = [];
  const send = async (): Promise<void> => {
    for (;;) {
      await budget.acquire(never);
      sentAt.push(clock.monotonic());
      budget.complete("answered");
    }
  };
  void send();
  return sentAt;
}

describe("a budget that starts with what an earlier worker has learned", () => {
  const start = async (
    requestsPerMinute: number,
    learnedLimit: number | null,
    known: BudgetStart,
    seconds: number,
  ) => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, requestsPerMinute, learnedLimit, known);
    const startedAt = clock.monotonic();
    const sentAt = sendAll(budget, clock);
    await clock.advance(seconds * 1_000);
    return { clock, budget, sentAt: sentAt.map((at) => at - startedAt) };
  };

  it("starts no more slowly than without, if the minute is free, and keeps the limit", async () => {
    const { sentAt } = await start(60, 20, { isMinuteFree: true }, 180);
    expect(sentAt.slice(0, 4)).to.deep.equal([0, 0, 0, 1_000]);
    expect(sentAt[9]).to.be.at.most(9_500);
    expect(sentAt[12]).to.be.at.least(12_000);
    for (const [index, at] of sentAt.entries()) {
      expect(sentAt.slice(index).filter((other) => other < at + 60_000).length).to.be.at.most(20);
    }
    expect(sentAt.filter((at) => at >= 60_000 && at < 120_000).length).to.be.at.least(16);
  });

  it("starts without a burst if the earlier worker may have used up the minute", async () => {
    for (const known of [{}, { isMinuteFree: false }]) {
      const { sentAt } = await start(60, 20, known, 10);
      expect(sentAt.filter((at) => at < 3_000)).to.deep.equal([0]);
      expect(sentAt.length).to.be.at.most(4);
    }
  });

  it("starts without a burst after an earlier worker, also if that has found out nothing", async () => {
    const first = await start(60, null, {}, 0);
    expect(first.sentAt.length).to.be.greaterThan(1);
    const { sentAt } = await start(60, null, { isMinuteFree: false }, 10);
    expect(sentAt.filter((at) => at < 1_000)).to.deep.equal([0]);
    expect(sentAt.length).to.be.at.most(11);
  });

  it("keeps an earlier worker's pause, and tells of it until it is over", async () => {
    const now = new FakeClock().now();
    const pause = { beganAt: now - 20_000, endsAt: now + 40_000 };
    for (const known of [
      { pause },
      { pause, isMinuteFree: true },
      { pause, isMinuteFree: false },
    ]) {
      const { budget, clock, sentAt } = await start(60, 20, known, 39);
      expect(sentAt).to.deep.equal([]);
      expect(budget.pause?.endsAt).to.equal(pause.endsAt);
      await clock.advance(1_000);
      expect(budget.pause).to.equal(null);
    }
    const { sentAt } = await start(60, 20, { pause }, 50);
    expect(sentAt[0]).to.be.within(40_000, 44_000);
    const past = { beganAt: now - 2, endsAt: now - 1 };
    expect((await start(60, null, { pause: past }, 0)).sentAt).not.to.deep.equal([]);
  });

  it("gives up the fast start at the first rejection", async () => {
    const clock = new FakeClock();
    const budget = new RequestBudget(clock, NO_JITTER, 60, 20, { isMinuteFree: true });
    const never = new AbortController().signal;
    for (let count = 0; count < 3; count += 1) await budget.acquire(never);
    budget.complete("rateLimited");
    const sentAt = sendAll(budget, clock);
    await clock.advance(9_000);
    expect(sentAt.length).to.be.at.most(3);
  });

  it("goes on at the rate that was accepted if no limit was found", async () => {
    const known = { acceptedPerMinute: 300, isMinuteFree: true };
    const { sentAt, budget } = await start(300, null, known, 60);
    expect(sentAt.filter((at) => at < 10_000).length).to.be.within(45, 60);
    expect(budget.acceptedPerMinute).to.equal(300);
    const slow = await start(300, null, {}, 10);
    expect(slow.sentAt.length).to.be.lessThan(25);
  });

  it("goes on at that rate without a burst if the minute may be used up", async () => {
    const { sentAt } = await start(300, null, { acceptedPerMinute: 300 }, 10);
    expect(sentAt.filter((at) => at < 1_000).length).to.be.within(4, 6);
    expect(sentAt.length).to.be.within(45, 52);
  });

  it("keeps to the setting, whatever was accepted", async () => {
    const known = { acceptedPerMinute: 300, isMinuteFree: true };
    const { budget, sentAt } = await start(30, null, known, 60);
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([30, null]);
    expect(sentAt.length).to.be.at.most(30);
  });

  it("prefers an observed limit to what was accepted", async () => {
    const known = { acceptedPerMinute: 300, isMinuteFree: true };
    const { budget } = await start(300, 100, known, 0);
    expect([budget.ratePerMinute, budget.observedLimit]).to.deep.equal([95, 100]);
  });

  it("passes on what is answered from the second minute on", async () => {
    const { budget, clock } = await start(300, null, {}, 180);
    expect(budget.acceptedPerMinute).to.be.within(280, 300);
    const admitted = budget.acquire(new AbortController().signal);
    await clock.advance(1_000);
    budget.complete("rateLimited", await admitted);
    expect(budget.acceptedPerMinute).to.equal(null);
  });
});

describe("accepted rate", () => {
  const answer = (rate: AcceptedRate, from: number, count: number, intervalMs: number): void => {
    for (let i = 0; i < count; i += 1) rate.recordAnswer(from + i * intervalMs);
  };

  it("is the largest number of answers in any minute, if it is above 60", () => {
    const rate = new AcceptedRate(null);
    answer(rate, 0, 600, 1_000);
    expect(rate.perMinute).to.equal(null);
    answer(rate, 1e6, 300, 500);
    expect(rate.perMinute).to.equal(120);
    answer(rate, 2e6, 300, 1_000);
    expect(rate.perMinute).to.equal(120);
  });

  it("is what was learned earlier until a rejection", () => {
    const rate = new AcceptedRate(200);
    answer(rate, 0, 100, 500);
    expect(rate.perMinute).to.equal(200);
    rate.recordRejection();
    expect(rate.perMinute).to.equal(null);
    answer(rate, 50_000, 70, 500);
    expect(rate.perMinute).to.equal(70);
  });
});
