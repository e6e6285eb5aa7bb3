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
/** One rejection does not reduce a confirmed estimate by more. */
const MAX_CORRECTION_FACTOR = 0.9;
/** Of the rate, until it has recovered. */
const DECREASE_FACTOR = 0.95;
/** Of the estimate, if others have used up the limit. */
const SHARING_DECREASE_FACTOR = 0.96;
/** By how much the rate stays below the estimate, so that Webex rejects nothing. */
const MARGIN = 0.03;
const EARLY_DECREASE_FACTOR = 0.7;
/** Rejections in the first minute never reduce the rate below this. */
const MIN_EARLY_RATE = 3;
/** A second rejection within this time belongs to the first. */
const SAME_REJECTION_MS = 60_000;
const REPEATED_REJECTION_MS = 300_000;
const INITIAL_PROBE_INTERVAL_MS = 60_000;
/** From the start to the first probe above a learned limit. */
const LEARNED_LIMIT_PROBE_MS = 300_000;
/**
 * In minutes, at an estimate of one request per minute. The interval falls with the square root of
 * the estimate, so that a small rate is not rejected too often, and a large one adapts soon.
 */
const MAX_PROBE_INTERVAL = 55;
/** Of a probe's first step: a share of the estimate, or more if the estimate is small. */
const PROBE_STEP = 0.03;
const SMALL_PROBE_STEP = 0.16;
/** The slowest recovery, in requests per minute in each minute. */
const MIN_INCREASE = 0.2;
const PROBE_JITTER = 0.2;

/**
 * Estimates how many requests per minute Webex accepts, which it does not document. Increases and
 * decreases the rate as congestion control does (Chiu and Jain, 1989), after a slow start; keeps a
 * little below the rate at which a request was rejected, and probes above it at growing intervals,
 * because other workers may use the same limit at any time. Times are monotonic milliseconds.
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
  /** The estimate before the probes that have not been rejected so far. */
  #acceptedEstimate = 0;
  /** How many probes in a row were not rejected. */
  #successes = 0;
  /** Whether others were found to use the same limit. */
  #isShared = false;
  #minSample = MIN_SAMPLE;

  /**
   * `learnedLimit`: an earlier estimate to start from, or null. `acceptedRate`: without an
   * estimate, the slow start begins at this rate if it is higher than the usual one.
   */
  constructor(
    ceiling: number,
    random: Random,
    learnedLimit: number | null = null,
    acceptedRate: number | null = null,
  ) {
    this.ceiling = ceiling;
    this.#random = random;
    this.#rate = Math.min(ceiling, Math.max(initialRate(ceiling), acceptedRate ?? 0));
    if (learnedLimit === null || !(learnedLimit < ceiling)) return;
    this.#isStarting = false;
    this.#setEstimate(learnedLimit);
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

  /** The observed limit without a probe that may still be rejected; null as above. */
  get acceptedLimit(): number | null {
    const limit = this.observedLimit;
    return limit === null ? null : Math.min(limit, this.#acceptedEstimate);
  }

  /**
   * How many requests may be sent in a minute, those on demand included. Webex's limit is a whole
   * number, and an estimate is at most what it answered in a minute: what is left of one that is
   * not whole comes from averages, and the limit is the next whole number or more.
   */
  get capacity(): number {
    const accepted = this.#estimatedLimit === null ? 0 : this.#acceptedEstimate;
    return Math.max(Math.ceil(this.ratePerMinute), Math.ceil(Math.min(this.ceiling, accepted)));
  }

  /** How many requests may go at once after a pause. */
  get burst(): number {
    return Math.max(MIN_BURST, Math.min(MAX_BURST, Math.floor(this.ratePerMinute * BURST_SHARE)));
  }

  recordRequest(now: number, sentLastMinute: number): void {
    const limit = this.#estimatedLimit;
    if (this.#startedAt === null) {
      this.#startedAt = now;
      this.#increasedAt = now;
      // A learned limit has proven itself.
      if (limit !== null) this.#scheduleProbe(now, LEARNED_LIMIT_PROBE_MS);
    }
    this.#continueStart(now);
    if (limit !== null) this.#increase(now, sentLastMinute, limit);
    this.#increasedAt = now;
  }

  /**
   * Continues the slow start, which the first request begins, although nothing is sent. After a
   * rejection, only requests continue it, which show whether Webex accepts them.
   */
  grow(now: number): void {
    if (this.#growsByItself) this.#continueStart(now);
  }

  get #growsByItself(): boolean {
    return this.#isStarting && this.#startedAt !== null && !Number.isFinite(this.#rejectedAt);
  }

  #continueStart(now: number): void {
    if (!this.#isStarting) return;
    const doublings = Math.max(0, now - this.#increasedAt) / SLOW_START_DOUBLING_MS;
    this.#rate = Math.min(this.ceiling, this.#rate * 2 ** doublings);
    this.#increasedAt = now;
  }

  /** Returns when the slow start will have raised the capacity to a larger one; Infinity: never. */
  capacityAt(capacity: number): number {
    const isReached = capacity <= this.capacity;
    if (!this.#growsByItself || isReached || capacity > this.ceiling) {
      return Number.POSITIVE_INFINITY;
    }
    return this.#increasedAt + Math.log2(capacity / this.#rate) * SLOW_START_DOUBLING_MS;
  }

  /**
   * Webex rejected a request with 429; `answeredCount` were answered in the minute before it.
   * `isRateUsed`: whether requests were sent at about the rate.
   */
  recordRejection(now: number, answeredCount: number, isRateUsed = true): void {
    const sinceLastMs = now - this.#rejectedAt;
    this.#rejectedAt = now;
    if (now - (this.#startedAt ?? now) < MINUTE_MS) {
      // The pause is enough for what a previous worker has used up, if the limit is known.
      if (this.#estimatedLimit !== null && sinceLastMs === Number.POSITIVE_INFINITY) return;
      // A previous worker may have used up the minute, so the number of answers is no estimate yet.
      this.#rate = Math.max(MIN_EARLY_RATE, this.#rate * EARLY_DECREASE_FACTOR);
      this.#increasedAt = now;
      return;
    }
    const isConfirmed = this.#estimatedLimit !== null && answeredCount >= fewestAnswers(this.#rate);
    if (!isConfirmed && !isRateUsed) {
      // The number of answers is what was needed, not what Webex accepts.
      this.#rate = Math.max(answeredCount, MIN_EARLY_RATE, this.#rate * EARLY_DECREASE_FACTOR);
      this.#isStarting ||= this.#estimatedLimit === null;
      this.#increasedAt = now;
      return;
    }
    // After hardly any answers, only repeated rejections are evidence of a limit.
    const isRepeated = answeredCount > 0 && sinceLastMs <= REPEATED_REJECTION_MS;
    if (!isConfirmed && answeredCount < MIN_SAMPLE && !isRepeated) return;
    this.#isStarting = false;
    if (this.#estimatedLimit !== null && isConfirmed) {
      this.#confirmEstimate(this.#estimatedLimit, sinceLastMs, answeredCount);
    } else this.#replaceEstimate(answeredCount);
    this.#scheduleProbe(now, this.#probeIntervalMs);
    this.#increasedAt = now;
  }

  /** The rejection came at about the rate that the estimate allows. */
  #confirmEstimate(estimate: number, sinceLastMs: number, answeredCount: number): void {
    const rate = this.#rate;
    if (sinceLastMs < SAME_REJECTION_MS) {
      // The first decrease was not enough.
      this.#setEstimate(Math.min(estimate, rate));
      return;
    }
    const maxIntervalMs = (MAX_PROBE_INTERVAL / Math.sqrt(estimate)) * MINUTE_MS;
    this.#probeIntervalMs = Math.min(maxIntervalMs, this.#probeIntervalMs * 2);
    const isProbing = rate > steadyRate(this.#acceptedEstimate);
    if (isProbing) {
      this.#setEstimate(Math.min(rate, Math.max(answeredCount, rate * MAX_CORRECTION_FACTOR)));
      return;
    }
    // A rejection of a rate that was accepted before was caused by others. Who sends more is
    // rejected more often, and everybody probes by the same share: this makes their rates equal.
    this.#isShared = true;
    this.#setEstimate(rate * SHARING_DECREASE_FACTOR);
  }

  /** The rejection came at another rate than before, or it is the first one. */
  #replaceEstimate(answeredCount: number): void {
    this.#isShared = false;
    this.#probeIntervalMs = INITIAL_PROBE_INTERVAL_MS;
    const limit = Math.max(answeredCount, this.#minSample);
    this.#minSample =
      answeredCount < this.#minSample ? Math.max(1, this.#minSample / 2) : MIN_SAMPLE;
    this.#setEstimate(limit);
  }

  #setEstimate(limit: number): void {
    this.#estimatedLimit = Math.max(1, limit);
    this.#acceptedEstimate = this.#estimatedLimit;
    this.#successes = 0;
    this.#rate = Math.max(1, this.#estimatedLimit * DECREASE_FACTOR);
    this.#step = firstStep(this.#estimatedLimit);
  }

  /** Adds jitter, so that workers rejected at the same moment do not probe at the same moment. */
  #scheduleProbe(now: number, delayMs: number): void {
    this.#probeAt = now + delayMs * jitter(this.#random, PROBE_JITTER);
  }

  #increase(now: number, sentLastMinute: number, limit: number): void {
    const target = Math.min(this.ceiling, steadyRate(limit));
    if (this.#rate < target) {
      const increasePerMinute = Math.max(MIN_INCREASE, limit * 0.02, this.#step / 2);
      const increase = (increasePerMinute * (now - this.#increasedAt)) / MINUTE_MS;
      this.#rate = Math.min(target, this.#rate + increase);
      return;
    }
    // A rate that was not used up is no evidence. At a low rate, one more or less is chance.
    if (now < this.#probeAt || sentLastMinute + 1 < this.#rate * 0.85) return;
    if (target >= this.ceiling) {
      this.#estimatedLimit = null;
      this.#rate = this.ceiling;
      return;
    }
    this.#acceptedEstimate = limit;
    this.#estimatedLimit = limit + this.#step;
    // If others use the same limit, who happens to be accepted may not gain much by it.
    if (!this.#isShared) this.#step *= 2;
    this.#successes += 1;
    const isLifted = this.#successes >= 2;
    this.#scheduleProbe(now, isLifted ? INITIAL_PROBE_INTERVAL_MS : this.#probeIntervalMs / 2);
  }
}

function initialRate(ceiling: number): number {
  return Math.min(ceiling, Math.max(INITIAL_RATE, ceiling / 4));
}

/** Slightly below an estimate. */
function steadyRate(limit: number): number {
  return limit * (1 - MARGIN);
}

/** Of the first probe above an estimate, in requests per minute. */
function firstStep(limit: number): number {
  return Math.max(limit * PROBE_STEP, Math.sqrt(limit) * SMALL_PROBE_STEP);
}

/** The fewest answers in a minute that agree with a rate: four fifths, or within two deviations. */
function fewestAnswers(rate: number): number {
  return Math.min(0.8 * rate - 1, rate - 2 * Math.sqrt(rate));
}
