import type { Random } from "../ports/clock.js";

const INITIAL_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
/** The shortest of the longest delays is this share of the maximum. */
const MIN_SHARE_OF_MAX = 0.9;
const MAX_RETRY_AFTER_JITTER_MS = 1_000;
const INITIAL_RATE_LIMIT_DELAY_MS = 5_000;

/** Exponential backoff with jitter. Durations are milliseconds. */
export class Backoff {
  readonly #random: Random;
  #failures = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Returns the time from one attempt to the next: between half and all of 1 s, 2 s, 4 s, …, then
   * between nine tenths and all of `maxDelayMs`, which is at most 60 s. `elapsedMs` of it have
   * passed since the failed attempt began; at least between half and all of 1 s is left.
   */
  nextDelay(maxDelayMs = MAX_DELAY_MS, elapsedMs = 0): number {
    const limitMs = Math.min(MAX_DELAY_MS, maxDelayMs);
    const fullDelayMs = doubled(INITIAL_DELAY_MS, this.#failures, limitMs);
    this.#failures += 1;
    const minShare = fullDelayMs < limitMs ? 0.5 : MIN_SHARE_OF_MAX;
    const share = this.#random.random();
    const delayMs = fullDelayMs * (minShare + (1 - minShare) * share);
    return Math.max(delayMs - elapsedMs, INITIAL_DELAY_MS * (0.5 + 0.5 * share));
  }

  reset(): void {
    this.#failures = 0;
  }
}

/** The pauses after responses that limit the rate (429, 423). Durations are milliseconds. */
export class RateLimitPause {
  readonly #random: Random;
  #rejections = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /**
   * Returns `retryAfterMs`, or without it 5 s, 10 s, … 60 s, plus up to a tenth, so that several
   * workers do not retry at the same moment; at most 1 s more than Webex has asked for.
   */
  next(retryAfterMs: number | undefined): number {
    if (retryAfterMs !== undefined && retryAfterMs > 0) {
      const maxJitterMs = Math.min(MAX_RETRY_AFTER_JITTER_MS, retryAfterMs / 10);
      return retryAfterMs + maxJitterMs * this.#random.random();
    }
    const pauseMs = doubled(INITIAL_RATE_LIMIT_DELAY_MS, this.#rejections, MAX_DELAY_MS);
    this.#rejections += 1;
    return pauseMs + (pauseMs / 10) * this.#random.random();
  }

  /** A request was answered. */
  reset(): void {
    this.#rejections = 0;
  }
}

function doubled(initialMs: number, times: number, maxMs: number): number {
  return Math.min(maxMs, initialMs * 2 ** Math.min(times, 20));
}

/**
 * Returns a random factor between `1 - maxDeviation` and `1 + maxDeviation`. Several workers may
 * poll one organization, and their requests must not synchronize.
 */
export function jitter(random: Random, maxDeviation: number): number {
  return 1 - maxDeviation + 2 * maxDeviation * random.random();
}
