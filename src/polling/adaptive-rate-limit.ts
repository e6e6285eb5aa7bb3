import type { Random } from "../ports/clock.js";
import { jitter } from "./backoff.js";

const MINUTE_MS = 60_000;
/** The share of a minute's requests that may go at once: others may have used up the minute. */
const BURST_SHARE = 1 / 12;
const MIN_BURST = 3;
const MAX_BURST = 10;
/** Requests per minute at the start. */
const INITIAL_RATE = 60;
const SLOW_START_DOUBLING_MS = 15_000;
/** After fewer answers in a minute, a rejection says more about other clients than the limit. */
const MIN_SAMPLE = 10;
const DECREASE_FACTOR = 0.9;
const EARLY_DECREASE_FACTOR = 0.7;
/** Rejections in the first minute never reduce the rate below this. */
const MIN_EARLY_RATE = 3;
/** A second rejection within this time belongs to the first. */
const SAME_REJECTION_MS = 60_000;
const REPEATED_REJECTION_MS = 300_000;
const INITIAL_PROBE_INTERVAL_MS = 60_000;
const MAX_PROBE_INTERVAL_MS = 600_000;
const PROBE_JITTER = 0.2;

/**
 * Estimates how many requests per minute Webex accepts, which it does not document. Uses additive
 * increase and multiplicative decrease (Chiu and Jain, 1989) after a slow start; keeps a little
 * below the rate at which a request was rejected, and probes above it at growing intervals, because
 * other workers may use the same limit at any time. Times are monotonic milliseconds.
 */
export class AdaptiveRateLimit {
  /** The configured limit in requests per minute. */
  ceiling: number;
  readonly #random: Random;
  #rate: number;
  /** Null while nothing below the ceiling was rejected. */
  #estimatedLimit: number | null = null;
  #startedAt: number | null = null;
  /** Until the first steady rate, the rate grows exponentially. */
  #isStarting = true;
  #increasedAt = Number.POSITIVE_INFINITY;
  #rejectedAt = Number.NEGATIVE_INFINITY;
  #probeAt = 0;
  #probeIntervalMs = INITIAL_PROBE_INTERVAL_MS;
  #step = 1;
  #minSample = MIN_SAMPLE;

  /** `learnedLimit`: an earlier estimate to start from, or null. */
  constructor(ceiling: number, random: Random, learnedLimit: number | null = null) {
    this.ceiling = ceiling;
    this.#random = random;
    this.#rate = initialRate(ceiling);
    if (learnedLimit === null || !(learnedLimit < ceiling)) return;
    this.#estimatedLimit = Math.max(1, learnedLimit);
    this.#rate = this.#steadyRate(this.#estimatedLimit);
    this.#step = firstStep(this.#estimatedLimit);
  }

  setCeiling(ceiling: number): void {
    const isRaised = ceiling > this.ceiling;
    this.ceiling = ceiling;
    if (this.#estimatedLimit !== null) return;
    const minRate = isRaised ? initialRate(ceiling) : 0;
    this.#rate = Math.min(ceiling, Math.max(this.#rate, minRate));
  }

  get ratePerMinute(): number {
    return Math.max(1, Math.min(this.ceiling, this.#rate));
  }

  get observedLimit(): number | null {
    const limit = this.#estimatedLimit;
    return limit !== null && limit < this.ceiling ? limit : null;
  }

  /** How many requests may be sent in a minute, those on demand included. */
  get capacity(): number {
    const limit = Math.min(this.ceiling, this.#estimatedLimit ?? 0);
    return Math.max(Math.ceil(this.ratePerMinute), Math.floor(limit));
  }

  /** How many requests may go at once after a pause. */
  get burst(): number {
    return Math.max(MIN_BURST, Math.min(MAX_BURST, Math.floor(this.ratePerMinute * BURST_SHARE)));
  }

  recordRequest(now: number, sentLastMinute: number): void {
    this.#startedAt ??= now;
    const limit = this.#estimatedLimit;
    const steadyRate = limit === null ? this.ceiling : this.#steadyRate(limit);
    if (this.#isStarting && this.#rate < steadyRate) {
      const doublings = Math.max(0, now - this.#increasedAt) / SLOW_START_DOUBLING_MS;
      this.#rate = Math.min(steadyRate, this.#rate * 2 ** doublings);
    } else if (limit !== null) this.#increase(now, sentLastMinute, limit);
    this.#increasedAt = now;
  }

  /** Webex rejected a request with 429; `answeredCount` were answered in the minute before it. */
  recordRejection(now: number, answeredCount: number): void {
    const sinceLastMs = now - this.#rejectedAt;
    const isConfirmed =
      this.#estimatedLimit !== null && answeredCount >= this.#estimatedLimit * 0.8;
    this.#rejectedAt = now;
    if (now - (this.#startedAt ?? now) < MINUTE_MS) {
      // A previous worker may have used up the minute, so the number of answers is no estimate yet.
      this.#rate = Math.max(MIN_EARLY_RATE, this.#rate * EARLY_DECREASE_FACTOR);
      this.#increasedAt = now;
      return;
    }
    // After hardly any answers, only repeated rejections are evidence of a limit.
    const isRepeated = answeredCount > 0 && sinceLastMs <= REPEATED_REJECTION_MS;
    if (answeredCount < MIN_SAMPLE && !isRepeated) return;
    if (!isConfirmed) this.#probeIntervalMs = INITIAL_PROBE_INTERVAL_MS;
    else if (sinceLastMs >= SAME_REJECTION_MS) {
      this.#probeIntervalMs = Math.min(MAX_PROBE_INTERVAL_MS, this.#probeIntervalMs * 2);
    }
    const limit = Math.max(answeredCount, this.#minSample);
    this.#minSample =
      answeredCount < this.#minSample ? Math.max(1, this.#minSample / 2) : MIN_SAMPLE;
    this.#isStarting = false;
    this.#estimatedLimit = limit;
    this.#rate = Math.max(1, limit * DECREASE_FACTOR);
    this.#step = firstStep(limit);
    this.#scheduleProbe(now, this.#probeIntervalMs);
    this.#increasedAt = now;
  }

  /** Slightly below the estimate, so that Webex rejects nothing. */
  #steadyRate(limit: number): number {
    return Math.min(this.ceiling, limit - Math.max(1, limit * 0.02));
  }

  /** Adds jitter, so that workers rejected at the same moment do not probe at the same moment. */
  #scheduleProbe(now: number, delayMs: number): void {
    this.#probeAt = now + delayMs * jitter(this.#random, PROBE_JITTER);
  }

  #increase(now: number, sentLastMinute: number, limit: number): void {
    const target = this.#steadyRate(limit);
    if (this.#rate < target) {
      const increasePerMinute = Math.max(1, limit * 0.02, this.#step / 2);
      const increase = (increasePerMinute * (now - this.#increasedAt)) / MINUTE_MS;
      this.#rate = Math.min(target, this.#rate + increase);
      return;
    }
    // A rate that was not used up is no evidence.
    if (now < this.#probeAt || sentLastMinute < this.#rate * 0.85) return;
    if (target >= this.ceiling) {
      this.#estimatedLimit = null;
      this.#rate = this.ceiling;
      return;
    }
    this.#estimatedLimit = limit + this.#step;
    this.#step *= 2;
    this.#scheduleProbe(now, INITIAL_PROBE_INTERVAL_MS);
  }
}

function initialRate(ceiling: number): number {
  return Math.min(ceiling, Math.max(INITIAL_RATE, ceiling / 4));
}

/** Of the first probe above an estimate, in requests per minute. */
function firstStep(limit: number): number {
  return Math.max(1, limit * 0.03);
}
