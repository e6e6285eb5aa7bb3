import type { Random } from "../ports/clock.js";

const INITIAL_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;

/** How long to wait after a failure. Durations are milliseconds. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * What Webex asked for (and up to a tenth, at most 1 s, more, so that several workers do not come back together), else 1 s,
   * 2 s, 4 s ... up to `capMs`, of which a random half is taken off.
   */
  nextDelay(retryAfterMs: number | undefined, maxDelayMs = MAX_DELAY_MS): number {
    if (retryAfterMs !== undefined && retryAfterMs > 0) {
      return retryAfterMs + Math.min(1_000, retryAfterMs / 10) * this.#random.random();
    }
    const fullDelayMs = Math.min(maxDelayMs, INITIAL_DELAY_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return fullDelayMs / 2 + (fullDelayMs / 2) * this.#random.random();
  }

  reset(): void {
    this.#failures = 0;
  }
}
