import type { Clock } from "../ports/clock.js";

/** A wait that can be cut short. One at a time. */
export class Pause {
  readonly #clock: Clock;
  #finish: (() => void) | null = null;
  #until: number | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The time waited for, or null while not waiting. */
  get until(): number | null {
    return this.#until;
  }

  /** Resolves at the `monotonic` time, or when woken, or at once when the signal has fired; never rejects. */
  wait(monotonic: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise<void>((resolve) => {
      const finish = (): void => {
        callOff();
        signal.removeEventListener("abort", finish);
        this.#finish = null;
        this.#until = null;
        resolve();
      };
      const callOff = this.#clock.timer(Math.ceil(monotonic - this.#clock.monotonic()), finish);
      signal.addEventListener("abort", finish, { once: true });
      this.#finish = finish;
      this.#until = monotonic;
    });
  }

  wake(): void {
    this.#finish?.();
  }
}
