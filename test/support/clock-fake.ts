import { createHash } from "node:crypto";

import type { Disposer } from "../../src/faults/emitter.js";
import type { Clock, Crypto, Random } from "../../src/ports/clock.js";

interface Timer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/** A clock that a test moves. `now()` starts at 2026-01-01T00:00:00Z. */
export class FakeClock implements Clock {
  #monotonic = 0;
  #suspended = 0;
  #wallOffset = Date.UTC(2026, 0, 1);
  #order = 0;
  readonly #timers = new Set<Timer>();
  readonly #tickMs: number;

  /** `tickMs`: how far each reading moves the monotonic clock, as a real clock moves. */
  constructor(tickMs = 0) {
    this.#tickMs = tickMs;
  }

  now(): number {
    return this.#wallOffset + this.#monotonic;
  }

  monotonic(): number {
    this.#monotonic += this.#tickMs;
    return this.#monotonic;
  }

  elapsed(): number {
    return this.monotonic() + this.#suspended;
  }

  schedule(delayMs: number, callback: () => void): Disposer {
    const timer = {
      due: this.#monotonic + Math.max(0, delayMs),
      order: this.#order++,
      callback,
    };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  /** Real, not simulated: `settle` and `advance` let the callback run. */
  endOfTurn(callback: () => void): Disposer {
    const handle = setImmediate(callback);
    return () => clearImmediate(handle);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock forward or back (NTP, an administrator). */
  jumpWall(ms: number): void {
    this.#wallOffset += ms;
    this.#suspended += Math.max(0, ms);
  }

  /** The wall clock moves, the monotonic clock does not, and no timer fires. */
  suspend(ms: number): void {
    this.jumpWall(ms);
  }

  /** All time passes, but no timer fires: the process was stopped (SIGSTOP). */
  standStill(ms: number): void {
    this.#monotonic += ms;
  }

  /** Moves time on, running each timer when it is due and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers]
        .filter((t) => t.due <= end)
        .sort((a, b) => a.due - b.due || a.order - b.order)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#monotonic = Math.max(this.#monotonic, next.due);
      next.callback();
      await settle();
    }
    this.#monotonic = end;
    await settle();
  }

  /** Moves time, timer by timer, until the promise settles; fails after `limitMs`. */
  async until<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    const end = this.#monotonic + limitMs;
    await settle();
    while (!(settled as boolean)) {
      const next = Math.min(...[...this.#timers].map((t) => t.due));
      if (next > end) throw new Error("The promise did not settle within the given fake time.");
      await this.advance(next - this.#monotonic);
    }
    return promise;
  }
}

/** Lets every promise that can settle do so. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Waits in real time until the condition holds. Throws what `describe` returns after the deadline.
 */
export async function waitUntil(
  condition: () => boolean,
  deadlineMs = 5_000,
  describe = (): string => String(condition),
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within ${deadlineMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Always the middle of the range. */
export const NO_JITTER: Random = { random: () => 0.5 };

/** Reproducible numbers and keys (mulberry32). */
export class SeededRandom implements Random, Crypto {
  #state: number;

  constructor(seed = 1) {
    this.#state = seed >>> 0;
  }

  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  token(byteCount: number): string {
    const bytes = Buffer.from(
      Array.from({ length: byteCount }, () => Math.floor(this.random() * 256)),
    );
    return bytes.toString("base64url");
  }

  uuid(): string {
    const hex = Buffer.from(this.token(24)).toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  }

  sha256(text: string): string {
    return createHash("sha256").update(text).digest("base64url");
  }
}
