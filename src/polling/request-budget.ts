import { Fault } from "../faults/fault.js";
import type { Random, Clock } from "../ports/clock.js";
import type { RequestLimiter } from "../webex/people-api.js";
import { jitter } from "./jitter.js";
import { AdaptiveRateLimit } from "./learned-limit.js";

/** A little more than the minute that Webex counts in, because it counts by its own clock. */
const WINDOW_MS = 60_250;
/** How long a request nobody reported the end of may still have been on its way. */
const MAX_TRANSIT_MS = 10_000;
const MINUTE_MS = 60_000;
const INTERVAL_JITTER = 0.1;

interface CountedRequest {
  readonly admittedAt: number;
  /** When it no longer counts. Webex counts a request on arrival, which is some time between its admission and its end. */
  expiresAt: number;
  ended: boolean;
  isRejected: boolean;
}

interface Waiter {
  readonly proceed: () => void;
}

/**
 * One organization's share of Webex: at most `perMinuteLimit` requests arrive there in any sliding 60 s, and none while Webex
 * has asked for silence. Below that it keeps to what Webex was found to give, and spreads requests over the minute but for a few
 * that may go at once. Waiters go in the order they came. Times are those of `clock.monotonic()`.
 */
export class RequestBudget implements RequestLimiter {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #adaptiveLimit: AdaptiveRateLimit;
  #perMinuteLimit: number;
  /** When the requests so far would have gone, had each waited for its place in the minute (the generic cell rate algorithm of ITU-T I.371). */
  #theoreticalArrivalAt = Number.NEGATIVE_INFINITY;
  #blockedUntil = Number.NEGATIVE_INFINITY;
  #window: CountedRequest[] = [];
  readonly #waiters: Waiter[] = [];
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

  /** Waits for the budget and counts one request. Fault: `cancelled`, and the waiter has left the queue. */
  async acquire(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.#waiters.length === 0 && this.nextPossibleAt() <= this.#clock.monotonic()) {
      this.#countRequest();
      return;
    }
    await this.#enqueue(signal);
  }

  /** A request that did not wait for the budget: it counts all the same. */
  countUngated(): void {
    this.#countRequest();
    this.complete("answered");
  }

  complete(outcome: "answered" | "rateLimited" | "failed"): void {
    if (outcome === "rateLimited") this.#rateLimited += 1;
    if (outcome === "failed") this.#failed += 1;
    // Which of several under way has ended does not matter: only the times count, not whose they are.
    const request = this.#window.find((r) => !r.ended);
    if (request === undefined) return;
    const now = this.#clock.monotonic();
    request.ended = true;
    request.expiresAt = Math.min(request.expiresAt, now + WINDOW_MS);
    if (outcome === "rateLimited") {
      request.isRejected = true;
      const since = request.admittedAt - MINUTE_MS;
      this.#adaptiveLimit.recordRejection(
        now,
        this.#window.filter((r) => !r.isRejected && r.admittedAt > since).length,
      );
    }
    this.#admitWaiters();
  }

  /** In force at once: a waiter that the new limit allows goes now. */
  setLimit(requestsPerMinute: number): void {
    this.#perMinuteLimit = requestsPerMinute;
    this.#adaptiveLimit.ceiling = requestsPerMinute;
    this.#theoreticalArrivalAt = Math.min(
      this.#theoreticalArrivalAt,
      this.#clock.monotonic() + this.#burstToleranceMs,
    );
    this.#admitWaiters();
  }

  /** No request before this time: Webex said so. A shorter block never shortens a longer one. */
  blockUntil(monotonic: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, monotonic);
    // A silence is no time saved up for a burst after it.
    this.#theoreticalArrivalAt = Math.max(this.#theoreticalArrivalAt, this.#blockedUntil);
    this.#admitWaiters();
  }

  get blockedUntil(): number {
    return this.#blockedUntil;
  }

  /**
   * From when on one more request may go: in the past (-Infinity where nothing ever stood against it) if it may go now. Never "now"
   * itself: by the time the caller compares it with the clock, the clock has moved on.
   */
  nextPossibleAt(): number {
    const now = this.#clock.monotonic();
    this.#window = this.#window.filter((r) => r.expiresAt > now);
    const excess = this.#window.length - this.#windowCapacity;
    const slotAt =
      excess < 0 ? undefined : this.#window.map((r) => r.expiresAt).sort((a, b) => a - b)[excess];
    return Math.max(
      this.#blockedUntil,
      slotAt ?? Number.NEGATIVE_INFINITY,
      this.#theoreticalArrivalAt - this.#burstToleranceMs,
    );
  }

  /** Requests a minute that may be reckoned with now: what the settings allow, or less where Webex gives less. */
  get ratePerMinute(): number {
    return this.#adaptiveLimit.ratePerMinute;
  }

  /** What Webex was found to give a minute where that is less than the settings allow, else null. */
  get observedLimit(): number | null {
    return this.#adaptiveLimit.observedLimit;
  }

  get perMinuteLimit(): number {
    return this.#perMinuteLimit;
  }

  get lastMinute(): number {
    const since = this.#clock.monotonic() - MINUTE_MS;
    return this.#window.filter((r) => r.admittedAt > since).length;
  }

  /** Requests admitted, ever. */
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
      const waiter: Waiter = {
        proceed: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
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
      this.#waiters.shift()?.proceed();
    }
  }

  #countRequest(): void {
    const admittedAt = this.#clock.monotonic();
    this.#adaptiveLimit.recordRequest(admittedAt, this.lastMinute);
    this.#theoreticalArrivalAt =
      Math.max(admittedAt, this.#theoreticalArrivalAt) +
      this.#emissionIntervalMs * jitter(this.#random, INTERVAL_JITTER);
    this.#window.push({
      admittedAt,
      expiresAt: admittedAt + MAX_TRANSIT_MS + WINDOW_MS,
      ended: false,
      isRejected: false,
    });
    this.#total += 1;
    if (
      this.#window.length < this.#windowCapacity ||
      this.#windowCapacity <= this.#adaptiveLimit.burst
    )
      return;
    // Nor is the time that a full minute costs, else the burst at its beginning would come again with each minute.
    const freeAt = Math.min(...this.#window.map((r) => r.expiresAt));
    this.#theoreticalArrivalAt = Math.max(
      this.#theoreticalArrivalAt,
      freeAt + this.#burstToleranceMs,
    );
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
  return new Fault("cancelled", "The request was called off before it was sent.");
}
