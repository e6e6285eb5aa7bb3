import type { Disposer } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";

/**
 * A clock that notices at its first reading that the machine was suspended, or this process stopped
 * (SIGSTOP, a debugger, a paused virtual machine), since the reading before: nothing that is read
 * from it later can be taken for what was known before. As long as a suspension matters, somebody
 * has to read it every second.
 */
export class SuspensionClock implements Clock {
  readonly #clock: Clock;
  readonly #onResumed: (now: number) => void;
  /** A longer time between two readings is a suspension. */
  #limitMs = Number.POSITIVE_INFINITY;
  #lastReading: number;

  /** `onResumed` may be called in the middle of anything that reads the time. */
  constructor(clock: Clock, onResumed: (now: number) => void) {
    this.#clock = clock;
    this.#onResumed = onResumed;
    this.#lastReading = clock.elapsed();
  }

  setLimit(limitMs: number): void {
    this.#limitMs = limitMs;
  }

  elapsed(): number {
    const now = this.#clock.elapsed();
    const gapMs = now - this.#lastReading;
    this.#lastReading = now;
    if (gapMs > this.#limitMs) this.#onResumed(now);
    return now;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  schedule(delayMs: number, callback: () => void): Disposer {
    return this.#clock.schedule(delayMs, callback);
  }

  endOfTurn(callback: () => void): Disposer {
    return this.#clock.endOfTurn(callback);
  }
}
