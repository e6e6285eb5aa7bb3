import type { Disposer } from "../../src/faults/emitter.js";
import type { Clock } from "../../src/ports/clock.js";

interface Timer {
  readonly dueAt: number;
  readonly callback: () => void;
}

/** A clock that jumps from timer to timer. `now()` starts at `epoch` (epoch milliseconds). */
export class SimulatedClock implements Clock {
  readonly #epoch: number;
  #elapsed = 0;
  /** In the order of their creation. */
  readonly #timers = new Set<Timer>();

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  schedule(delayMs: number, callback: () => void): Disposer {
    const timer = { dueAt: this.#elapsed + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  endOfTurn(callback: () => void): Disposer {
    return this.schedule(0, callback);
  }

  /** Resolves after `ms`. */
  delay(ms: number): Promise<void> {
    return new Promise((resolve) => void this.schedule(ms, resolve));
  }

  /** Runs the timers that are due until `end`, and lets promises settle after each. */
  async runUntil(end: number): Promise<void> {
    await settle();
    for (;;) {
      let next: Timer | null = null;
      for (const timer of this.#timers) if (timer.dueAt < (next?.dueAt ?? Infinity)) next = timer;
      if (next === null || next.dueAt > end) break;
      this.#timers.delete(next);
      this.#elapsed = next.dueAt;
      next.callback();
      await settle();
    }
    this.#elapsed = end;
  }
}

/** Node.js runs a tick that a promise's reaction asks for once all reactions have run. */
function settle(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
