import type { Clock } from "../ports/clock.js";

/** A wait that can be cut short. One at a time. */
export class Delay {
  readonly #clock: Clock;
  #resolve: (() => void) | null = null;
  #endsAt: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time waited for, or null while not waiting. */
  get endsAt(): number | null {
    return this.#endsAt;
  }

  /** Resolves at the `monotonic` time, or when woken, or at once when the signal has fired; never rejects. */
  waitUntil(monotonic: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve) => {
      const finish = (): void => {
        cancelTimer();
        signal.removeEventListener("abort", finish);
        this.#resolve = null;
        this.#endsAt = null;
        resolve();
      };
      const cancelTimer = this.#clock.schedule(
        Math.ceil(monotonic - this.#clock.monotonic()),
        finish,
      );
      signal.addEventListener("abort", finish, { once: true });
      this.#resolve = finish;
      this.#endsAt = monotonic;
    });
  }

  wake(): void {
    this.#resolve?.();
  }
}
