import type { Random } from "../ports/clock.js";
import { jitter } from "./jitter.js";

const MINUTE_MS = 60_000;
/** What may go at once after a pause, and at the start: a worker that ended a moment ago may have used up the minute. */
const BURST_SHARE = 1 / 12;
const MIN_BURST = 3;
const MAX_BURST = 10;
/** Where a worker starts that may ask more often than that. */
const INITIAL_RATE = 60;
const SLOW_START_DOUBLING_MS = 15_000;
/** Below this many requests in the minute before it, a refusal says more of other users of the limit than of the limit itself. */
const MIN_SAMPLE = 10;
const DECREASE_FACTOR = 0.9;
const EARLY_DECREASE_FACTOR = 0.7;
/** No refusal of the first minute slows down further than this. */
const MIN_EARLY_RATE = 3;
/** The same refusal, met again by trying too early. */
const SAME_REJECTION_MS = 60_000;
const REPEATED_REJECTION_MS = 300_000;
const INITIAL_PROBE_INTERVAL_MS = 60_000;
const MAX_PROBE_INTERVAL_MS = 600_000;
const PROBE_JITTER = 0.2;

/**
 * How many requests a minute Webex really gives, which it tells nobody: found by additive increase and multiplicative decrease (Chiu
 * and Jain, 1989), with the number that went before a refusal remembered, kept a little under, and tried again at growing
 * intervals. Other workers may use up the same limit at any time. Times are monotonic milliseconds.
 */
export class AdaptiveRateLimit {
  readonly #random: Random;
  #ceiling: number;
  #rate: number;
  /** What Webex refused to exceed; null while nothing below the ceiling is known. */
  #estimatedLimit: number | null = null;
  #startedAt: number | null = null;
  #increasedAt = Number.POSITIVE_INFINITY;
  #rejectedAt = Number.NEGATIVE_INFINITY;
  #probeAt = 0;
  #probeIntervalMs = INITIAL_PROBE_INTERVAL_MS;
  #step = 1;
  #minSample = MIN_SAMPLE;

  /** `ceiling`: requests a minute that the settings allow. */
  constructor(ceiling: number, random: Random) {
    this.#ceiling = ceiling;
    this.#random = random;
    this.#rate = initialRate(ceiling);
  }

  set ceiling(requestsPerMinute: number) {
    const isRaised = requestsPerMinute > this.#ceiling;
    this.#ceiling = requestsPerMinute;
    if (this.#estimatedLimit !== null) return;
    this.#rate = Math.min(
      requestsPerMinute,
      isRaised ? Math.max(this.#rate, initialRate(requestsPerMinute)) : this.#rate,
    );
  }

  /** Requests a minute that may go now, at least 1. */
  get ratePerMinute(): number {
    return Math.max(1, Math.min(this.#ceiling, this.#rate));
  }

  /** What Webex gives where that is less than the ceiling, else null. */
  get observedLimit(): number | null {
    return this.#estimatedLimit !== null && this.#estimatedLimit < this.#ceiling
      ? this.#estimatedLimit
      : null;
  }

  /** How many may go at once after a pause. */
  get burst(): number {
    return Math.max(MIN_BURST, Math.min(MAX_BURST, Math.floor(this.ratePerMinute * BURST_SHARE)));
  }

  /** A request goes; `lastMinute` went in the minute before. */
  recordRequest(now: number, sentLastMinute: number): void {
    this.#startedAt ??= now;
    if (this.#estimatedLimit !== null) this.#increase(now, sentLastMinute, this.#estimatedLimit);
    else if (this.#rate < this.#ceiling) {
      const doublings = Math.max(0, now - this.#increasedAt) / SLOW_START_DOUBLING_MS;
      this.#rate = Math.min(this.#ceiling, this.#rate * 2 ** doublings);
    }
    this.#increasedAt = now;
  }

  /** Webex refused a request for being one too many; `answered` were answered in the minute before. */
  recordRejection(now: number, answeredCount: number): void {
    const sinceLastMs = now - this.#rejectedAt;
    const isConfirmed =
      this.#estimatedLimit !== null && answeredCount >= this.#estimatedLimit * 0.8;
    this.#rejectedAt = now;
    if (now - (this.#startedAt ?? now) < MINUTE_MS) {
      // A worker before this one may have used up the minute, so the number of answers says nothing yet.
      this.#rate = Math.max(MIN_EARLY_RATE, this.#rate * EARLY_DECREASE_FACTOR);
      this.#increasedAt = now;
      return;
    }
    // Where hardly anything went before it, a refusal is obeyed, but only several of them say how much is too much.
    if (answeredCount < MIN_SAMPLE && (answeredCount === 0 || sinceLastMs > REPEATED_REJECTION_MS))
      return;
    if (!(isConfirmed && sinceLastMs < SAME_REJECTION_MS)) {
      this.#probeIntervalMs = isConfirmed
        ? Math.min(MAX_PROBE_INTERVAL_MS, this.#probeIntervalMs * 2)
        : INITIAL_PROBE_INTERVAL_MS;
    }
    const estimatedLimit = Math.max(answeredCount, this.#minSample);
    this.#minSample =
      answeredCount < this.#minSample ? Math.max(1, this.#minSample / 2) : MIN_SAMPLE;
    this.#estimatedLimit = estimatedLimit;
    this.#rate = Math.max(1, estimatedLimit * DECREASE_FACTOR);
    this.#step = Math.max(1, estimatedLimit * 0.03);
    this.#scheduleProbe(now, this.#probeIntervalMs);
    this.#increasedAt = now;
  }

  /** Several workers that were refused at one moment must not all try again at another. */
  #scheduleProbe(now: number, ms: number): void {
    this.#probeAt = now + ms * jitter(this.#random, PROBE_JITTER);
  }

  #increase(now: number, sentLastMinute: number, estimatedLimit: number): void {
    const target = Math.min(this.#ceiling, estimatedLimit - Math.max(1, estimatedLimit * 0.02));
    if (this.#rate < target) {
      const ratePerMinute = Math.max(1, estimatedLimit * 0.02, this.#step / 2);
      this.#rate = Math.min(
        target,
        this.#rate + (ratePerMinute * (now - this.#increasedAt)) / MINUTE_MS,
      );
      return;
    }
    // A pace that nobody used up proves nothing.
    if (now < this.#probeAt || sentLastMinute < this.#rate * 0.85) return;
    if (target >= this.#ceiling) {
      this.#estimatedLimit = null;
      this.#rate = this.#ceiling;
      return;
    }
    this.#estimatedLimit = estimatedLimit + this.#step;
    this.#step *= 2;
    this.#scheduleProbe(now, INITIAL_PROBE_INTERVAL_MS);
  }
}

function initialRate(ceiling: number): number {
  return Math.min(ceiling, Math.max(INITIAL_RATE, ceiling / 4));
}
