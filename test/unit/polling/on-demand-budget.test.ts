import { expect } from "chai";
import fc from "fast-check";

import { RequestBudget, type RequestPriority } from "../../../src/polling/request-budget.js";
import { FakeClock, NO_JITTER, SeededRandom, settle } from "../../support/clock-fake.js";

const never = new AbortController().signal;
const LATENCY_MS = 200;

interface SentRequest {
  readonly priority: RequestPriority;
  readonly askedAt: number;
  readonly admittedAt: number;
}

/** A budget, and when its requests were admitted. */
function createBudget(requestsPerMinute: number, learnedLimit: number | null = null) {
  const clock = new FakeClock();
  const budget = new RequestBudget(clock, NO_JITTER, requestsPerMinute, learnedLimit);
  const sent: SentRequest[] = [];
  const send = async (priority: RequestPriority): Promise<void> => {
    const limiter = budget.limiter(priority);
    const askedAt = clock.monotonic();
    const admission = await limiter.acquire(new AbortController().signal);
    sent.push({ priority, askedAt, admittedAt: clock.monotonic() });
    clock.schedule(LATENCY_MS, () => limiter.complete("answered", admission));
  };
  const saturate = async (): Promise<never> => {
    for (;;) await send("background");
  };
  const admittedAt = (priority: RequestPriority): readonly number[] =>
    sent.filter((request) => request.priority === priority).map((request) => request.admittedAt);
  return { clock, budget, sent, send, saturate, admittedAt };
}

describe("request budget, on demand", function () {
  this.timeout(60_000);

  for (const limit of [20, 30, 60, 300]) {
    it(`admits a request at once beside a background that uses up ${limit}`, async () => {
      const { clock, send, saturate, admittedAt } = createBudget(limit);
      void saturate();
      await clock.advance(150_000);
      void send("onDemand");
      await settle();
      expect(admittedAt("onDemand")).to.deep.equal([150_000]);
    });
  }

  it("puts the background off by one interval for each request", async () => {
    const { clock, budget, send } = createBudget(60, 30);
    await send("background");
    const before = budget.nextPossibleAt("background");
    await send("onDemand");
    expect(budget.nextPossibleAt("background") - before).to.be.within(1_900, 2_200);
    expect(budget.nextPossibleAt("onDemand")).to.be.at.most(clock.monotonic());
  });

  it("admits waiters on demand before those of the background", async () => {
    const { clock, budget, sent, send } = createBudget(60);
    budget.blockUntil(10_000);
    void send("background");
    void send("onDemand");
    await clock.advance(9_999);
    expect(sent).to.deep.equal([]);
    await clock.advance(1);
    expect(sent.map(({ priority }) => priority)).to.deep.equal(["onDemand", "background"]);
  });

  it("admits at most half of the limit in any minute, and says when the next may go", async () => {
    const { clock, budget, send, admittedAt } = createBudget(7);
    for (let i = 0; i < 5; i += 1) void send("onDemand");
    await clock.advance(60_000);
    expect(admittedAt("onDemand")).to.deep.equal([0, 0, 0]);
    const freeAt = 60_250 + LATENCY_MS;
    expect(budget.nextPossibleAt("onDemand")).to.equal(freeAt);
    await clock.advance(1_000);
    expect(admittedAt("onDemand").slice(3)).to.deep.equal([freeAt, freeAt]);
  });

  it("admits at most half of what Webex accepts if that is less", async () => {
    const { clock, send, admittedAt } = createBudget(60, 20);
    for (let i = 0; i < 40; i += 1) void send("onDemand");
    await clock.advance(60_000);
    expect(admittedAt("onDemand").length).to.equal(10);
  });

  it("keeps to a limit that is set below what Webex accepts", async () => {
    const { clock, budget, send, saturate } = createBudget(60, 30);
    budget.setLimit(10);
    void saturate();
    await clock.advance(90_000);
    for (let i = 0; i < 5; i += 1) void send("onDemand");
    for (let seconds = 0; seconds < 120; seconds += 1) {
      await clock.advance(1_000);
      expect(budget.lastMinute).to.be.at.most(10);
    }
  });

  it("admits one in two minutes if the limit is one per minute", async () => {
    const { clock, budget, send, saturate, admittedAt } = createBudget(1);
    for (let i = 0; i < 3; i += 1) void send("onDemand");
    void saturate();
    expect(budget.nextPossibleAt("onDemand")).to.be.lessThan(Number.POSITIVE_INFINITY);
    await clock.advance(10 * 60_000);
    expect(admittedAt("onDemand").length).to.equal(3);
    expect(admittedAt("background").length).to.be.at.least(3);
  });

  it("may use all that Webex accepts while the background keeps below it", async () => {
    const { clock, budget, send, saturate, admittedAt } = createBudget(600, 30);
    void saturate();
    await clock.advance(90_000);
    expect(budget.lastMinute).to.be.within(27, 29);
    void send("onDemand");
    await settle();
    expect(budget.lastMinute).to.be.within(28, 30);
    expect(admittedAt("onDemand")).to.deep.equal([90_000]);
  });

  it("keeps a burst of callers after a rejection to the background's burst", async () => {
    const { clock, budget, send, admittedAt } = createBudget(60);
    const limiter = budget.limiter("onDemand");
    const rejected = await limiter.acquire(never);
    limiter.complete("rateLimited", rejected);
    budget.blockUntil(20_000);
    for (let i = 0; i < 20; i += 1) void send("onDemand");
    await clock.advance(20_000);
    const burst = admittedAt("onDemand").length;
    expect(burst).to.be.within(3, 5);
    await clock.advance(3_000);
    expect(admittedAt("onDemand").length - burst).to.be.within(1, 4);
    await clock.advance(60_000);
    expect(admittedAt("onDemand").length).to.equal(20);
  });

  it("lets callers go at once again a minute after a block", async () => {
    const { clock, budget, send, admittedAt } = createBudget(60);
    budget.blockUntil(20_000);
    await clock.advance(79_999);
    for (let i = 0; i < 20; i += 1) void send("onDemand");
    await settle();
    expect(admittedAt("onDemand").length).to.be.within(1, 5);
    await clock.advance(1);
    expect(admittedAt("onDemand").length).to.equal(20);
  });

  it("waits hardly ever beside a saturated background, up to a third of the limit", async () => {
    for (const [limit, perMinute] of [
      [30, 6],
      [60, 6],
      [60, 20],
      [300, 20],
    ] as const) {
      const { clock, send, saturate, sent } = createBudget(600, limit);
      const random = new SeededRandom(limit + perMinute);
      void saturate();
      await clock.advance(120_000);
      for (let i = 0; i < 300; i += 1) {
        await clock.advance(Math.ceil((-Math.log(1 - random.random()) * 60_000) / perMinute));
        void send("onDemand");
      }
      await clock.advance(60_000);
      const waits = sent
        .filter(({ priority, askedAt }) => priority === "onDemand" && askedAt > 240_000)
        .map(({ askedAt, admittedAt }) => admittedAt - askedAt)
        .sort((a, b) => a - b);
      const message = `${perMinute} a minute of ${limit}`;
      expect(waits[Math.floor(waits.length / 2)], message).to.equal(0);
      expect(waits[Math.floor(waits.length * 0.95)], message).to.be.at.most(400);
    }
  }).timeout(120_000);

  it("tells requests that complete out of order apart", async () => {
    const { clock, budget } = createBudget(60);
    budget.countUngated();
    await clock.advance(120_000);
    const page = await budget.acquire(never);
    await clock.advance(5_000);
    for (let i = 0; i < 20; i += 1) {
      const lookup = await budget.acquire(never);
      await clock.advance(1_500);
      budget.complete(i < 19 ? "answered" : "rateLimited", lookup);
    }
    // The page was sent 35 s ago, and the 19 lookups after it were answered.
    expect(budget.observedLimit).to.equal(20);
    budget.complete("answered", page);
    expect(budget.report()).to.include({ total: 22, rateLimited: 1 });
  });

  it("keeps every bound, whatever the mixture, and starves nobody", async () => {
    const event = fc.record({
      afterMs: fc.integer({ min: 0, max: 8_000 }),
      priority: fc.constantFrom<RequestPriority>("background", "onDemand"),
      count: fc.integer({ min: 1, max: 8 }),
      travelMs: fc.integer({ min: 0, max: 5_000 }),
      outcome: fc.constantFrom("answered", "answered", "answered", "failed", "rateLimited"),
      blockMs: fc.option(fc.integer({ min: 1, max: 90_000 }), { freq: 20, nil: null }),
    });
    const scenario = fc.record({
      // From 240 on, the slow start begins above 60 per minute.
      limit: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 61, max: 400 })),
      learned: fc.option(fc.integer({ min: 1, max: 40 }), { nil: null }),
      events: fc.array(event, { minLength: 5, maxLength: 50 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ limit, learned, events }) => {
        const clock = new FakeClock();
        const budget = new RequestBudget(clock, NO_JITTER, limit, learned);
        const admitted: { priority: RequestPriority; at: number }[] = [];
        const arrived: number[] = [];
        const blocks: { from: number; until: number }[] = [];
        let asked = 0;
        for (const e of events) {
          await clock.advance(e.afterMs);
          if (e.blockMs !== null) {
            budget.blockUntil(clock.monotonic() + e.blockMs);
            blocks.push({ from: clock.monotonic(), until: clock.monotonic() + e.blockMs });
          }
          for (let i = 0; i < e.count; i += 1) {
            asked += 1;
            const limiter = budget.limiter(e.priority);
            void limiter.acquire(new AbortController().signal).then((admission) => {
              admitted.push({ priority: e.priority, at: clock.monotonic() });
              clock.schedule(e.travelMs, () => {
                arrived.push(clock.monotonic());
                limiter.complete(e.outcome, admission);
              });
            });
          }
        }
        for (const priority of ["background", "onDemand"] as const) {
          expect(budget.nextPossibleAt(priority)).to.be.lessThan(Number.POSITIVE_INFINITY);
        }
        // As much as half of a limit of one a minute needs for all on demand.
        await clock.advance((asked + 5) * 130_000);
        expect(admitted.length).to.equal(asked);
        expect(clock.pendingTimers).to.equal(0);
        const onDemand = admitted.filter(({ priority }) => priority === "onDemand");
        const times = (list: readonly { at: number }[]): number[] => list.map(({ at }) => at);
        expect(mostInAMinute(times(admitted))).to.be.at.most(limit);
        expect(mostInAMinute(arrived.sort((a, b) => a - b))).to.be.at.most(limit);
        expect(mostInAMinute(times(onDemand))).to.be.at.most(Math.max(1, Math.floor(limit / 2)));
        for (const { from, until } of blocks) {
          expect(admitted.filter(({ at }) => at > from && at < until)).to.deep.equal([]);
        }
      }),
      { numRuns: 60 },
    );
  }).timeout(60_000);

  it("does not stop the background after callers have come during the slow start", async () => {
    for (const limit of [60, 300, 1_200]) {
      const { clock, send, saturate, admittedAt } = createBudget(limit);
      void send("background");
      for (let i = 0; i < limit; i += 1) void send("onDemand");
      await clock.advance(3_000);
      const burst = admittedAt("onDemand").length;
      void saturate();
      await clock.advance(57_000);
      const background = admittedAt("background");
      const gaps = background.slice(1).map((at, i) => at - background[i]!);
      expect(burst, `of ${limit}`).to.be.within(30, limit / 2);
      expect(Math.max(...gaps), `of ${limit}`).to.be.at.most(5_000);
      expect(background.length, `of ${limit}`).to.be.at.least(limit * 0.35);
    }
  });

  it("lets callers have half of a limit that the slow start has reached meanwhile", async () => {
    const { clock, budget, send, admittedAt } = createBudget(300);
    for (let i = 0; i < 200; i += 1) void send("onDemand");
    await settle();
    expect(admittedAt("onDemand").length).to.equal(37);
    const nextAt = budget.nextPossibleAt("onDemand");
    expect(nextAt).to.be.within(200, 500);
    await clock.advance(30_000);
    expect(admittedAt("onDemand")[37]).to.be.within(1, nextAt + 1);
    expect(admittedAt("onDemand").length).to.be.within(148, 150);
    expect(budget.ratePerMinute).to.equal(300);
  });

  it("leaves the background its half, however many callers there are", async () => {
    for (const limit of [2, 5, 20, 60, 300]) {
      const { clock, send, saturate, admittedAt } = createBudget(limit);
      for (let i = 0; i < limit * 20; i += 1) void send("onDemand");
      void saturate();
      await clock.advance(20 * 60_000);
      const perMinute = admittedAt("background").length / 20;
      expect(perMinute, `of ${limit}`).to.be.at.least(limit / 2 - 1 - limit / 10);
      const atStart = admittedAt("background").filter((at) => at <= 60_000);
      expect(atStart.length, `of ${limit}`).to.be.at.least(limit * 0.3 - 1);
    }
  });
});

/** The largest number of times in any 60 s. */
function mostInAMinute(ascending: readonly number[]): number {
  return Math.max(
    0,
    ...ascending.map((from, i) => ascending.slice(i).filter((at) => at < from + 60_000).length),
  );
}
