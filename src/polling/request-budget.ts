import { Fault } from "../faults/fault.js";
import type { Clock, Random } from "../ports/clock.js";
import type { RequestLimiter } from "../webex/rest.js";
import { jitter } from "./backoff.js";
import type { PollingReport } from "./polling-report.js";

/** Slightly more than a minute, because Webex counts by its own clock. */
const WINDOW_MS = 60_250;
/** How long a request may take to arrive at Webex if its completion was not reported. */
const MAX_TRANSIT_MS = 10_000;
const MINUTE_MS = 60_000;
const INTERVAL_JITTER = 0.1;
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

/** `onDemand`: a caller waits for the response. */
export type RequestPriority = "background" | "onDemand";

interface CountedRequest {
  readonly admittedAt: number;
  /** Webex counts a request on arrival, at some time between admission and completion. */
  expiresAt: number;
  isCompleted: boolean;
  isRejected: boolean;
}

/**
 * Limits the requests for one organization: at most `perMinuteLimit` arrive at Webex in any sliding
 * 60 s, and none during a `Retry-After`. Below that, adapts to the limit that Webex enforces, and
 * spreads requests over the minute except for a small burst. Waiters are admitted in order. Times
 * are monotonic milliseconds.
 */
export class RequestBudget implements RequestLimiter {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #adaptiveLimit: AdaptiveRateLimit;
  /** Of the next request, by the generic cell rate algorithm (GCRA, ITU-T I.371). */
  #theoreticalArrivalAt = Number.NEGATIVE_INFINITY;
  #blockedUntil = Number.NEGATIVE_INFINITY;
  #window: CountedRequest[] = [];
  /** Each admits one request, in order. */
  readonly #waiters = new Set<() => void>();
  #cancelTimer: (() => void) | null = null;
  readonly #counts = { total: 0, rateLimited: 0, failed: 0 };

  /** `learnedLimit`: the limit that an earlier process found Webex to enforce. */
  constructor(
    clock: Clock,
    random: Random,
    requestsPerMinute: number,
    learnedLimit: number | null = null,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#adaptiveLimit = new AdaptiveRateLimit(requestsPerMinute, random, learnedLimit);
    // That process may have used up the minute, so there is no burst at the start.
    if (this.observedLimit !== null) {
      this.#theoreticalArrivalAt = clock.monotonic() + this.#burstToleranceMs;
    }
  }

  /** Returns the limiter of the requests of a priority. */
  limiter(_priority: RequestPriority): RequestLimiter {
    return this;
  }

  /** Waits for the budget and counts one request. Fault: `cancelled` if the signal fires. */
  acquire(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const admit = (): void => {
        signal.removeEventListener("abort", cancel);
        resolve();
      };
      const cancel = (): void => {
        this.#waiters.delete(admit);
        this.#admitWaiters();
        reject(new Fault("cancelled", "The request was cancelled before it was sent."));
      };
      if (signal.aborted) {
        cancel();
        return;
      }
      signal.addEventListener("abort", cancel, { once: true });
      this.#waiters.add(admit);
      this.#admitWaiters();
    });
  }

  /** Counts a request that did not wait for the budget. */
  countUngated(): void {
    this.#countRequest();
    this.complete("answered");
  }

  complete(outcome: "answered" | "rateLimited" | "failed"): void {
    if (outcome !== "answered") this.#counts[outcome] += 1;
    // Only the times matter, so it makes no difference which of several requests has completed.
    const request = this.#window.find((r) => !r.isCompleted);
    if (request === undefined) return;
    const now = this.#clock.monotonic();
    request.isCompleted = true;
    request.expiresAt = Math.min(request.expiresAt, now + WINDOW_MS);
    if (outcome === "rateLimited") {
      request.isRejected = true;
      const since = request.admittedAt - MINUTE_MS;
      const answered = this.#window.filter((r) => !r.isRejected && r.admittedAt > since);
      this.#adaptiveLimit.recordRejection(now, answered.length);
    }
    this.#admitWaiters();
  }

  /** Takes effect immediately, also for waiters. */
  setLimit(requestsPerMinute: number): void {
    this.#adaptiveLimit.setCeiling(requestsPerMinute);
    const latest = this.#clock.monotonic() + this.#burstToleranceMs;
    this.#theoreticalArrivalAt = Math.min(this.#theoreticalArrivalAt, latest);
    this.#admitWaiters();
  }

  /** Admits no request before this time. An earlier time does not shorten a block. */
  blockUntil(monotonic: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, monotonic);
    // Blocked time does not count towards the next burst.
    this.#theoreticalArrivalAt = Math.max(this.#theoreticalArrivalAt, this.#blockedUntil);
    this.#admitWaiters();
  }

  get blockedUntil(): number {
    return this.#blockedUntil;
  }

  /**
   * Returns the earliest time of the next request. If it may go now, that is -Infinity or a past
   * time, never the current one, because the clock moves on before the caller compares the two.
   */
  nextPossibleAt(_priority: RequestPriority = "background"): number {
    const now = this.#clock.monotonic();
    this.#window = this.#window.filter((r) => r.expiresAt > now);
    const excess = this.#window.length - Math.ceil(this.ratePerMinute);
    const expiries = excess < 0 ? [] : this.#window.map((r) => r.expiresAt).sort((a, b) => a - b);
    return Math.max(
      this.#blockedUntil,
      expiries[excess] ?? Number.NEGATIVE_INFINITY,
      this.#theoreticalArrivalAt - this.#burstToleranceMs,
    );
  }

  /** The current rate: the configured one, or less if Webex enforces a lower limit. */
  get ratePerMinute(): number {
    return this.#adaptiveLimit.ratePerMinute;
  }

  /** The limit that Webex was found to enforce, or null if it is not below the configured one. */
  get observedLimit(): number | null {
    return this.#adaptiveLimit.observedLimit;
  }

  /** Requests admitted in the last minute. */
  get lastMinute(): number {
    const since = this.#clock.monotonic() - MINUTE_MS;
    return this.#window.filter((r) => r.admittedAt > since).length;
  }

  /** Requests admitted so far. */
  get total(): number {
    return this.#counts.total;
  }

  report(): PollingReport["requests"] {
    return {
      perMinuteLimit: this.#adaptiveLimit.ceiling,
      lastMinute: this.lastMinute,
      ...this.#counts,
    };
  }

  #admitWaiters(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const now = this.#clock.monotonic();
    for (const admit of this.#waiters) {
      const at = this.nextPossibleAt();
      if (at > now) {
        this.#cancelTimer = this.#clock.schedule(Math.ceil(at - now), () => this.#admitWaiters());
        return;
      }
      this.#countRequest();
      this.#waiters.delete(admit);
      admit();
    }
  }

  #countRequest(): void {
    const admittedAt = this.#clock.monotonic();
    this.#adaptiveLimit.recordRequest(admittedAt, this.lastMinute);
    const intervalMs = this.#emissionIntervalMs * jitter(this.#random, INTERVAL_JITTER);
    this.#theoreticalArrivalAt = Math.max(admittedAt, this.#theoreticalArrivalAt) + intervalMs;
    const expiresAt = admittedAt + MAX_TRANSIT_MS + WINDOW_MS;
    this.#window.push({ admittedAt, expiresAt, isCompleted: false, isRejected: false });
    this.#counts.total += 1;
    const capacity = Math.ceil(this.ratePerMinute);
    if (this.#window.length < capacity || capacity <= this.#adaptiveLimit.burst) return;
    // Waiting for a full window does not count towards the next burst either, or the burst at its
    // start would repeat every minute.
    const freeAt = Math.min(...this.#window.map((r) => r.expiresAt));
    const earliest = freeAt + this.#burstToleranceMs;
    this.#theoreticalArrivalAt = Math.max(this.#theoreticalArrivalAt, earliest);
  }

  get #emissionIntervalMs(): number {
    return MINUTE_MS / this.ratePerMinute;
  }

  get #burstToleranceMs(): number {
    return this.#emissionIntervalMs * (this.#adaptiveLimit.burst - 1);
  }
}

/**
 * Estimates how many requests per minute Webex accepts, which it does not document. Uses additive
 * increase and multiplicative decrease (Chiu and Jain, 1989) after a slow start; keeps a little
 * below the rate at which a request was rejected, and probes above it at growing intervals, because
 * other workers may use the same limit at any time. Times are monotonic milliseconds.
 */
class AdaptiveRateLimit {
  /** The configured limit in requests per minute. */
  ceiling: number;
  readonly #random: Random;
  #rate: number;
  /** Null while nothing below the ceiling was rejected. */
  #estimatedLimit: number | null = null;
  #startedAt: number | null = null;
  #increasedAt = Number.POSITIVE_INFINITY;
  #rejectedAt = Number.NEGATIVE_INFINITY;
  #probeAt = 0;
  #probeIntervalMs = INITIAL_PROBE_INTERVAL_MS;
  #step = 1;
  #minSample = MIN_SAMPLE;

  constructor(ceiling: number, random: Random, learnedLimit: number | null) {
    this.ceiling = ceiling;
    this.#random = random;
    this.#rate = initialRate(ceiling);
    if (learnedLimit === null || learnedLimit >= ceiling) return;
    this.#estimatedLimit = learnedLimit;
    this.#rate = Math.max(1, learnedLimit * DECREASE_FACTOR);
    this.#step = Math.max(1, learnedLimit * 0.03);
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

  /** How many requests may go at once after a pause. */
  get burst(): number {
    return Math.max(MIN_BURST, Math.min(MAX_BURST, Math.floor(this.ratePerMinute * BURST_SHARE)));
  }

  recordRequest(now: number, sentLastMinute: number): void {
    if (this.#startedAt === null) {
      this.#startedAt = now;
      this.#increasedAt = now;
      // A learned limit has proven itself.
      if (this.#estimatedLimit !== null) this.#scheduleProbe(now, MAX_PROBE_INTERVAL_MS / 2);
    }
    if (this.#estimatedLimit !== null) this.#increase(now, sentLastMinute, this.#estimatedLimit);
    else if (this.#rate < this.ceiling) {
      const doublings = Math.max(0, now - this.#increasedAt) / SLOW_START_DOUBLING_MS;
      this.#rate = Math.min(this.ceiling, this.#rate * 2 ** doublings);
    }
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
    this.#estimatedLimit = limit;
    this.#rate = Math.max(1, limit * DECREASE_FACTOR);
    this.#step = Math.max(1, limit * 0.03);
    this.#scheduleProbe(now, this.#probeIntervalMs);
    this.#increasedAt = now;
  }

  /** Adds jitter, so that workers rejected at the same moment do not probe at the same moment. */
  #scheduleProbe(now: number, delayMs: number): void {
    this.#probeAt = now + delayMs * jitter(this.#random, PROBE_JITTER);
  }

  #increase(now: number, sentLastMinute: number, limit: number): void {
    const target = Math.min(this.ceiling, limit - Math.max(1, limit * 0.02));
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
