import type { Random } from "../ports/clock.js";

const INITIAL_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
const MAX_RETRY_AFTER_JITTER_MS = 1_000;

/** Exponential backoff with jitter. Durations are milliseconds. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Returns `retryAfterMs` plus up to a tenth (at most 1 s), so that several workers do not retry
   * at the same moment. Without it, returns between half and all of 1 s, 2 s, 4 s, … `maxDelayMs`.
   */
  nextDelay(retryAfterMs: number | undefined, maxDelayMs = MAX_DELAY_MS): number {
    if (retryAfterMs !== undefined && retryAfterMs > 0) {
      const maxJitterMs = Math.min(MAX_RETRY_AFTER_JITTER_MS, retryAfterMs / 10);
      return retryAfterMs + maxJitterMs * this.#random.random();
    }
    const fullDelayMs = Math.min(maxDelayMs, INITIAL_DELAY_MS * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return fullDelayMs / 2 + (fullDelayMs / 2) * this.#random.random();
  }

  reset(): void {
    this.#failures = 0;
  }
}

/**
 * Returns a random factor between `1 - maxDeviation` and `1 + maxDeviation`. Several workers may
 * poll one organization, and their requests must not synchronize.
 */
export function jitter(random: Random, maxDeviation: number): number {
  return 1 - maxDeviation + 2 * maxDeviation * random.random();
}
