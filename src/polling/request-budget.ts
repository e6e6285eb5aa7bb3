import { Fault } from "../faults/fault.js";
import type { Clock, Random } from "../ports/clock.js";
import type { RequestLimiter } from "../webex/rest.js";
import { AdaptiveRateLimit } from "./adaptive-rate-limit.js";
import { jitter } from "./backoff.js";

/** Slightly more than a minute, because Webex counts by its own clock. */
const WINDOW_MS = 60_250;
/** How long a request may take to arrive at Webex if its completion was not reported. */
const MAX_TRANSIT_MS = 10_000;
const MINUTE_MS = 60_000;
const INTERVAL_JITTER = 0.1;

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
  #perMinuteLimit: number;
  /** Of the next request, by the generic cell rate algorithm (GCRA, ITU-T I.371). */
  #theoreticalArrivalAt = Number.NEGATIVE_INFINITY;
  #blockedUntil = Number.NEGATIVE_INFINITY;
  #window: CountedRequest[] = [];
  readonly #waiters: (() => void)[] = [];
  #cancelTimer: (() => void) | null = null;
  #total = 0;
  #rateLimited = 0;
  #failed = 0;

  constructor(clock: Clock, random: Random, requestsPerMinute: number) {
    this.#clock = clock;
    this.#random = random;
    this.#perMinuteLimit = requestsPerMinute;
    this.#adaptiveLimit = new AdaptiveRateLimit(requestsPerMinute, random);
  }

  /** Waits for the budget and counts one request. Fault: `cancelled` if the signal fires. */
  async acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.#waiters.length === 0 && this.nextPossibleAt() <= this.#clock.monotonic()) {
      this.#countRequest();
      return;
    }
    await this.#enqueue(signal);
  }

  /** Counts a request that did not wait for the budget. */
  countUngated(): void {
    this.#countRequest();
    this.complete("answered");
  }

  complete(outcome: "answered" | "rateLimited" | "failed"): void {
    if (outcome === "rateLimited") this.#rateLimited += 1;
    if (outcome === "failed") this.#failed += 1;
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
    this.#perMinuteLimit = requestsPerMinute;
    this.#adaptiveLimit.ceiling = requestsPerMinute;
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
  nextPossibleAt(): number {
    const now = this.#clock.monotonic();
    this.#window = this.#window.filter((r) => r.expiresAt > now);
    const excess = this.#window.length - this.#windowCapacity;
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

  get perMinuteLimit(): number {
    return this.#perMinuteLimit;
  }

  /** Requests admitted in the last minute. */
  get lastMinute(): number {
    const since = this.#clock.monotonic() - MINUTE_MS;
    return this.#window.filter((r) => r.admittedAt > since).length;
  }

  /** Requests admitted so far. */
  get total(): number {
    return this.#total;
  }

  get rateLimited(): number {
    return this.#rateLimited;
  }

  get failed(): number {
    return this.#failed;
  }

  #enqueue(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiter = (): void => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      };
      const onAbort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#admitWaiters();
        reject(cancelled());
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.push(waiter);
      this.#admitWaiters();
    });
  }

  #admitWaiters(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    const now = this.#clock.monotonic();
    while (this.#waiters.length > 0) {
      const at = this.nextPossibleAt();
      if (at > now) {
        this.#cancelTimer = this.#clock.schedule(Math.ceil(at - now), () => {
          this.#admitWaiters();
        });
        return;
      }
      this.#countRequest();
      this.#waiters.shift()?.();
    }
  }

  #countRequest(): void {
    const admittedAt = this.#clock.monotonic();
    this.#adaptiveLimit.recordRequest(admittedAt, this.lastMinute);
    const intervalMs = this.#emissionIntervalMs * jitter(this.#random, INTERVAL_JITTER);
    this.#theoreticalArrivalAt = Math.max(admittedAt, this.#theoreticalArrivalAt) + intervalMs;
    const expiresAt = admittedAt + MAX_TRANSIT_MS + WINDOW_MS;
    this.#window.push({ admittedAt, expiresAt, isCompleted: false, isRejected: false });
    this.#total += 1;
    const capacity = this.#windowCapacity;
    if (this.#window.length < capacity || capacity <= this.#adaptiveLimit.burst) return;
    // Waiting for a full window does not count towards the next burst either, or the burst at its
    // start would repeat every minute.
    const freeAt = Math.min(...this.#window.map((r) => r.expiresAt));
    const earliest = freeAt + this.#burstToleranceMs;
    this.#theoreticalArrivalAt = Math.max(this.#theoreticalArrivalAt, earliest);
  }

  get #windowCapacity(): number {
    return Math.min(this.#perMinuteLimit, Math.ceil(this.ratePerMinute));
  }

  get #emissionIntervalMs(): number {
    return MINUTE_MS / this.ratePerMinute;
  }

  get #burstToleranceMs(): number {
    return this.#emissionIntervalMs * (this.#adaptiveLimit.burst - 1);
  }
}

function cancelled(): Fault {
  return new Fault("cancelled", "The request was cancelled before it was sent.");
}
