import type { Clock } from "../ports/clock.js";

/** A wait for a time that may end early. Times are monotonic milliseconds. */
export class InterruptibleWait {
  readonly #clock: Clock;
  #current: { readonly untilMs: number; readonly end: () => void } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until when it lasts; null if nothing waits, or for no certain time. */
  get until(): number | null {
    const untilMs = this.#current?.untilMs ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(untilMs) ? untilMs : null;
  }

  /** Resolves at the time, which may be Infinity, or when the wait is ended. */
  begin(untilMs: number): Promise<void> {
    return new Promise<void>((resolve) => {
      const end = (): void => {
        cancelTimer?.();
        this.#current = null;
        resolve();
      };
      const delayMs = Math.ceil(untilMs - this.#clock.monotonic());
      const cancelTimer = Number.isFinite(delayMs) ? this.#clock.schedule(delayMs, end) : null;
      this.#current = { untilMs, end };
    });
  }

  end(): void {
    this.#current?.end();
  }
}
