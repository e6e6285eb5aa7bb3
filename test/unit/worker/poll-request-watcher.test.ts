import { expect } from "chai";

import { Emitter } from "../../../src/faults/emitter.js";
import type { Problem } from "../../../src/supervisor/status.js";
import { PollRequestWatcher } from "../../../src/worker/poll-request-watcher.js";
import { FakeClock } from "../../support/clock-fake.js";

function problemOf(code: Problem["code"]): Problem {
  const since = "2026-01-01T00:00:00.000Z";
  return { code, severity: "error", message: "What happened.", hint: "Act.", since, orgId: "org" };
}

class Harness {
  readonly clock = new FakeClock();
  readonly #events = new Emitter<{ readonly problemsChanged: undefined }>();
  #problems: readonly Problem[] = [];
  checks = 0;
  polls = 0;
  /** What the next checks find; false after the last one. */
  readonly results: (boolean | Promise<boolean>)[] = [];
  readonly watcher = new PollRequestWatcher({
    problems: { events: this.#events, list: () => this.#problems },
    file: {
      take: async () => {
        this.checks += 1;
        return this.results.shift() ?? false;
      },
    },
    poll: () => (this.polls += 1),
    clock: this.clock,
  });

  setProblems(...problems: readonly Problem[]): void {
    this.#problems = problems;
    this.#events.emit("problemsChanged");
  }
}

describe("worker/poll-request-watcher", () => {
  for (const code of [
    "adminRoleLost",
    "scopeMissing",
    "authorizationExpired",
    "statusSharingOff",
  ] as const) {
    it(`looks for the file every 2 s while the problem is ${code}, and polls once for each`, async () => {
      const harness = new Harness();
      harness.watcher.start();
      await harness.clock.advance(60_000);
      expect(harness.checks).to.equal(0);
      harness.setProblems(problemOf(code));
      harness.results.push(false, true);
      await harness.clock.advance(1_999);
      expect(harness.checks).to.equal(0);
      await harness.clock.advance(2_001);
      expect(harness).to.include({ checks: 2, polls: 1 });
      await harness.clock.advance(20_000);
      expect(harness).to.include({ checks: 12, polls: 1 });
      harness.setProblems();
      await harness.clock.advance(60_000);
      expect(harness.checks).to.equal(12);
      expect(harness.clock.pendingTimers).to.equal(0);
    });
  }

  it("does not look for the file because of other problems", async () => {
    const harness = new Harness();
    harness.watcher.start();
    harness.setProblems(
      ...(["authorizationRequired", "keychainLocked", "webexError", "rateLimited"] as const).map(
        problemOf,
      ),
    );
    await harness.clock.advance(60_000);
    expect(harness.checks).to.equal(0);
  });

  it("checks once at a time, even if the disk does not respond", async () => {
    const harness = new Harness();
    let respond: (isRequested: boolean) => void = () => undefined;
    harness.results.push(new Promise((resolve) => (respond = resolve)));
    harness.watcher.start();
    harness.setProblems(problemOf("adminRoleLost"));
    await harness.clock.advance(60_000);
    harness.setProblems(problemOf("adminRoleLost"), problemOf("webexError"));
    await harness.clock.advance(60_000);
    expect(harness.checks).to.equal(1);
    respond(true);
    await harness.clock.advance(2_000);
    expect(harness).to.include({ checks: 2, polls: 1 });
  });

  it("polls no more, and leaves no timer, once it is stopped", async () => {
    const harness = new Harness();
    let respond: (isRequested: boolean) => void = () => undefined;
    harness.results.push(new Promise((resolve) => (respond = resolve)));
    harness.watcher.start();
    harness.setProblems(problemOf("adminRoleLost"));
    await harness.clock.advance(2_000);
    harness.watcher.stop();
    respond(true);
    await harness.clock.advance(10_000);
    expect(harness).to.include({ checks: 1, polls: 0 });
    expect(harness.clock.pendingTimers).to.equal(0);
  });
});
