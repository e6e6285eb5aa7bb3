import { Fault } from "../faults/fault.js";
import type { Clock, Random } from "../ports/clock.js";
import type { RequestLimiter } from "../webex/rest.js";
import { AcceptedRate } from "./accepted-rate.js";
import { AdaptiveRateLimit } from "./adaptive-rate-limit.js";
import { jitter } from "./backoff.js";
import { IdleShare } from "./idle-share.js";
import { type RateLimitPeriod, remainingPauseMs } from "./learned-facts.js";
import { onDemandReserve } from "./on-demand-reserve.js";
import type { PollingReport } from "./polling-report.js";
import { type CountedRequest, type RequestPriority, RequestWindow } from "./request-window.js";

export type { RequestPriority } from "./request-window.js";

const MINUTE_MS = 60_000;
const INTERVAL_JITTER = 0.1;
/** Between requests at the start of a worker that does not know the limit. */
const START_INTERVAL_MS = 1_000;
/** The share of a free minute's requests that may go at that pace although the limit is lower. */
const START_SHARE = 1 / 2;
/** The largest share of the limit that requests on demand may use. */
const ON_DEMAND_SHARE = 1 / 2;
/** How long requests on demand count in what the background leaves free for them. */
const RESERVE_MEMORY_MS = 600_000;
/** After a rejection, requests on demand are spread as well. */
const CAUTION_MS = 60_000;
/** If nothing was in flight for longer, requests were not sent as fast as is allowed. */
const MAX_IDLE_SHARE = 1 / 2;

/** What else an earlier worker has found out. */
export interface BudgetStart {
  /** How many requests Webex answered in a minute, or null; matters if no limit was observed. */
  readonly acceptedPerMinute?: number | null;
  /**
   * Whether the last minute is known to be without requests of an earlier worker. Default: if that
   * worker has found out nothing.
   */
  readonly isMinuteFree?: boolean;
  /** Webex's last demand to wait, as far as it may not be over. */
  readonly pause?: RateLimitPeriod | null;
}

type Admit = (request: CountedRequest) => void;

/**
 * Limits the requests for one organization: at most `perMinuteLimit` arrive at Webex in any sliding
 * 60 s, and none during a `Retry-After`. Below that, adapts to the limit that Webex enforces.
 *
 * Spreads the background's requests over the minute except for a small burst. Requests on demand
 * need not follow that: they go at once as long as they are at most half of what may be sent in a
 * minute, go ahead of the background, and put its next request off by one interval each, until it
 * has less than its own half. So that they find a place, the background leaves a few free. Waiters
 * of a priority are admitted in order.
 *
 * As a limiter, it is that of the background. Times are monotonic milliseconds.
 */
export class RequestBudget implements RequestLimiter {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #adaptiveLimit: AdaptiveRateLimit;
  readonly #acceptedRate: AcceptedRate;
  readonly #window = new RequestWindow();
  /** Of the next request, by the generic cell rate algorithm (GCRA, ITU-T I.371). */
  readonly #theoreticalArrivalAt: Record<RequestPriority, number> = {
    background: Number.NEGATIVE_INFINITY,
    onDemand: Number.NEGATIVE_INFINITY,
  };
  /** How many requests of a free minute may still go at the pace of a start. */
  #startRequests = 0;
  #blockedUntil = Number.NEGATIVE_INFINITY;
  /** The time of `#blockedUntil` by the wall clock. */
  #pause: RateLimitPeriod | null = null;
  readonly #idleShare = new IdleShare();
  /** When the latest rejection came. */
  #rejectedAt = Number.NEGATIVE_INFINITY;
  #cautiousUntil = Number.NEGATIVE_INFINITY;
  #latestBackgroundAt = Number.NEGATIVE_INFINITY;
  /** When the last requests on demand were admitted. */
  #onDemandAt: number[] = [];
  /** Each admits one request, in order. */
  readonly #waiters = { onDemand: new Set<Admit>(), background: new Set<Admit>() };
  #cancelTimer: (() => void) | null = null;
  readonly #counts = { total: 0, rateLimited: 0, failed: 0 };

  /**
   * `requestsPerMinute`: the configured limit. `learnedLimit`: the limit that an earlier worker
   * found Webex to enforce, or null; the budget starts slightly below it.
   */
  constructor(
    clock: Clock,
    random: Random,
    requestsPerMinute: number,
    learnedLimit: number | null = null,
    start: BudgetStart = {},
  ) {
    const { acceptedPerMinute = null, pause = null } = start;
    const { isMinuteFree = learnedLimit === null && acceptedPerMinute === null } = start;
    this.#clock = clock;
    this.#random = random;
    const limits = [requestsPerMinute, random, learnedLimit, acceptedPerMinute] as const;
    this.#adaptiveLimit = new AdaptiveRateLimit(...limits);
    this.#acceptedRate = new AcceptedRate(acceptedPerMinute);
    const pauseMs = remainingPauseMs(pause, clock.now());
    if (pauseMs > 0) this.blockUntil(clock.monotonic() + pauseMs);
    if (isMinuteFree && this.observedLimit === null) return;
    let delayMs = this.#burstToleranceMs;
    if (isMinuteFree) {
      // Not more slowly than without knowing the limit, which costs the first sweep a rejection.
      this.#startRequests = Math.floor(this.ratePerMinute * START_SHARE);
      delayMs -= (this.#adaptiveLimit.burst - 1) * this.#backgroundIntervalMs;
    }
    // Otherwise, that worker may have used up the minute, so there is no burst at the start.
    const arrivals = this.#theoreticalArrivalAt;
    arrivals.background = Math.max(arrivals.background, clock.monotonic() + delayMs);
  }

  /** Returns the limiter of the requests of a priority. */
  limiter(priority: RequestPriority): RequestLimiter {
    return {
      acquire: (signal) => this.#acquire(priority, signal),
      complete: (outcome, admission) => this.complete(outcome, admission),
    };
  }

  /** Waits for the budget and counts one request. Fault: `cancelled` if the signal fires. */
  acquire(signal: AbortSignal): Promise<unknown> {
    return this.#acquire("background", signal);
  }

  /** Counts a request that did not wait for the budget. */
  countUngated(): void {
    this.complete("answered", this.#countRequest("background"));
  }

  /**
   * `admission`: what `acquire` resolved to. Without it, the request that has been in flight
   * longest is taken for the completed one.
   */
  complete(outcome: "answered" | "rateLimited" | "failed", admission?: unknown): void {
    if (outcome !== "answered") this.#counts[outcome] += 1;
    const request = this.#window.findInFlight(admission);
    if (request === undefined) return;
    const now = this.#clock.monotonic();
    this.#window.complete(request, outcome === "rateLimited", now);
    if (outcome === "answered") this.#acceptedRate.recordAnswer(now);
    this.#idleShare.recordCompletion(now);
    if (outcome === "rateLimited") {
      this.#acceptedRate.recordRejection();
      this.#startRequests = 0;
      this.#cautiousUntil = Math.max(this.#cautiousUntil, now + CAUTION_MS);
      // Those in flight together are rejected for the same reason.
      if (request.admittedAt > this.#rejectedAt) {
        const answered = this.#window.answeredLastMinute(request.admittedAt);
        const isRateUsed = this.#idleShare.value < MAX_IDLE_SHARE;
        this.#adaptiveLimit.recordRejection(now, answered, isRateUsed);
      }
      this.#rejectedAt = now;
    }
    this.#admitWaiters();
  }

  /** Takes effect immediately, also for waiters. */
  setLimit(requestsPerMinute: number): void {
    this.#adaptiveLimit.setCeiling(requestsPerMinute);
    const latest = this.#clock.monotonic() + this.#burstToleranceMs;
    for (const priority of ["background", "onDemand"] as const) {
      const arrivalAt = this.#theoreticalArrivalAt[priority];
      this.#theoreticalArrivalAt[priority] = Math.min(arrivalAt, latest);
    }
    this.#admitWaiters();
  }

  /** Admits no request before this time. An earlier time does not shorten a block. */
  blockUntil(monotonic: number): void {
    const now = this.#clock.now();
    if (monotonic > this.#blockedUntil)
      this.#pause = { beganAt: now, endsAt: now + monotonic - this.#clock.monotonic() };
    this.#blockedUntil = Math.max(this.#blockedUntil, monotonic);
    this.#cautiousUntil = Math.max(this.#cautiousUntil, this.#blockedUntil + CAUTION_MS);
    // Blocked time does not count towards the next burst.
    this.#delayArrivals(this.#blockedUntil);
    this.#admitWaiters();
  }

  get blockedUntil(): number {
    return this.#blockedUntil;
  }

  /** What `blockUntil` demands, unless it is over. */
  get pause(): RateLimitPeriod | null {
    return this.#blockedUntil > this.#clock.monotonic() ? this.#pause : null;
  }

  /**
   * Returns the earliest time of the next request of a priority. If it may go now, that is
   * -Infinity or a past time, never the current one, because the clock moves on before the caller
   * compares the two.
   */
  nextPossibleAt(priority: RequestPriority = "background"): number {
    const now = this.#clock.monotonic();
    this.#window.removeExpired(now);
    this.#adaptiveLimit.grow(now);
    // Rounded, because the sum and the product of the same interval differ by rounding errors.
    const pacedAt = Math.floor(this.#theoreticalArrivalAt[priority] - this.#burstToleranceMs);
    if (priority === "background") {
      const possibleAt = Math.min(pacedAt, this.#halfPossibleAt());
      return Math.max(this.#blockedUntil, this.#backgroundFreeAt(), possibleAt);
    }
    return Math.max(
      this.#blockedUntil,
      this.#freeAt(this.#capacity, this.#window.count() + 1),
      this.#shareFreeAt(),
      now < this.#cautiousUntil ? Math.min(pacedAt, this.#cautiousUntil) : Number.NEGATIVE_INFINITY,
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

  /** The observed limit without a probe that may still be rejected; null as above. */
  get acceptedLimit(): number | null {
    return this.#adaptiveLimit.acceptedLimit;
  }

  /** The most requests answered in a minute since the last rejection; null if not above 60. */
  get acceptedPerMinute(): number | null {
    return this.#acceptedRate.perMinute;
  }

  /** Requests admitted in the last minute. */
  get lastMinute(): number {
    return this.#window.admittedLastMinute(this.#clock.monotonic());
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

  #acquire(priority: RequestPriority, signal: AbortSignal): Promise<CountedRequest> {
    const waiters = this.#waiters[priority];
    return new Promise<CountedRequest>((resolve, reject) => {
      const admit = (request: CountedRequest): void => {
        signal.removeEventListener("abort", cancel);
        resolve(request);
      };
      const cancel = (): void => {
        waiters.delete(admit);
        this.#admitWaiters();
        reject(new Fault("cancelled", "The request was cancelled before it was sent."));
      };
      if (signal.aborted) {
        cancel();
        return;
      }
      signal.addEventListener("abort", cancel, { once: true });
      waiters.add(admit);
      this.#admitWaiters();
    });
  }

  #admitWaiters(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    for (;;) {
      const now = this.#clock.monotonic();
      let nextAt = Number.POSITIVE_INFINITY;
      for (const priority of ["onDemand", "background"] as const) {
        const [admit] = this.#waiters[priority];
        if (admit === undefined) continue;
        const at = this.nextPossibleAt(priority);
        nextAt = Math.min(nextAt, at);
        if (at > now) continue;
        this.#waiters[priority].delete(admit);
        admit(this.#countRequest(priority));
        break;
      }
      if (nextAt === Number.POSITIVE_INFINITY) return;
      if (nextAt > now) {
        const delayMs = Math.ceil(nextAt - now);
        this.#cancelTimer = this.#clock.schedule(delayMs, () => this.#admitWaiters());
        return;
      }
    }
  }

  #countRequest(priority: RequestPriority): CountedRequest {
    const now = this.#clock.monotonic();
    this.#adaptiveLimit.recordRequest(now, this.lastMinute);
    const intervalMs = this.#backgroundIntervalMs * jitter(this.#random, INTERVAL_JITTER);
    this.#startRequests = Math.max(0, this.#startRequests - 1);
    const arrivals = this.#theoreticalArrivalAt;
    if (priority === "background") {
      const pacedAt = arrivals.background - this.#burstToleranceMs;
      const possibleAt = Math.max(this.#blockedUntil, pacedAt);
      this.#idleShare.recordRequest(now, possibleAt, !this.#window.isAnyInFlight);
    }
    // The background gives up one of its requests for each on demand.
    arrivals.background = Math.max(now, arrivals.background) + intervalMs;
    if (priority === "onDemand") {
      arrivals.onDemand = Math.max(now, arrivals.onDemand) + intervalMs;
      this.#onDemandAt = [...this.#onDemandAt.filter((at) => at > now - RESERVE_MEMORY_MS), now];
    } else this.#latestBackgroundAt = now;
    const request = this.#window.add(priority, now);
    this.#counts.total += 1;
    if (this.#backgroundCapacity > this.#adaptiveLimit.burst) {
      // Waiting for a full window does not count towards the next burst either, or the burst at its
      // start would repeat every minute.
      const earliest = this.#backgroundFreeAt() + this.#burstToleranceMs;
      arrivals.background = Math.max(arrivals.background, earliest);
    }
    return request;
  }

  #delayArrivals(earliest: number): void {
    for (const priority of ["background", "onDemand"] as const) {
      const arrivalAt = this.#theoreticalArrivalAt[priority];
      this.#theoreticalArrivalAt[priority] = Math.max(arrivalAt, earliest);
    }
  }

  /** When requests on demand use less than their share of a minute. */
  #shareFreeAt(): number {
    const share = Math.floor(this.#capacity * ON_DEMAND_SHARE);
    if (share >= 1) {
      const needed = Math.ceil((this.#window.count("onDemand") + 1) / ON_DEMAND_SHARE);
      return this.#freeAt(share, needed, "onDemand");
    }
    // Half of one request per minute is one in two minutes.
    return (this.#onDemandAt.at(-1) ?? Number.NEGATIVE_INFINITY) + MINUTE_MS / ON_DEMAND_SHARE;
  }

  /**
   * When the background may go although requests on demand have put it off: it gets its half of a
   * minute, evenly spread.
   */
  #halfPossibleAt(): number {
    const half = Math.floor(this.#capacity * (1 - ON_DEMAND_SHARE));
    if (half < 1 || this.#window.count("onDemand") === 0) return Number.POSITIVE_INFINITY;
    const intervalMs = this.#emissionIntervalMs / (1 - ON_DEMAND_SHARE);
    const freeAt = this.#window.freeAt(half, "background");
    return Math.floor(Math.max(freeAt, this.#latestBackgroundAt + intervalMs));
  }

  /** When the window has a place for the background. */
  #backgroundFreeAt(): number {
    const freeAt = this.#window.freeAt(this.#backgroundCapacity);
    if (freeAt === Number.NEGATIVE_INFINITY) return freeAt;
    const count = this.#window.count() + 1;
    const onDemandPerMinute = this.#onDemandPerMinute;
    let needed = count;
    while (needed - onDemandReserve(needed, onDemandPerMinute) < count) needed += 1;
    return this.#freeAt(this.#backgroundCapacity, needed);
  }

  /**
   * When fewer than `places` requests count, or the capacity has grown to what one more needs: at
   * the start it grows long before a full window has a free place.
   */
  #freeAt(places: number, neededCapacity: number, priority?: RequestPriority): number {
    const freeAt = this.#window.freeAt(places, priority);
    return Math.min(freeAt, this.#adaptiveLimit.capacityAt(neededCapacity));
  }

  /** Requests that may be in the window. */
  get #capacity(): number {
    return this.#adaptiveLimit.capacity;
  }

  get #backgroundCapacity(): number {
    const capacity = this.#capacity - onDemandReserve(this.#capacity, this.#onDemandPerMinute);
    return Math.max(1, Math.min(Math.ceil(this.ratePerMinute), capacity));
  }

  /** How often requests were sent on demand, from the first one of the last 10 minutes on. */
  get #onDemandPerMinute(): number {
    const now = this.#clock.monotonic();
    const recent = this.#onDemandAt.filter((at) => at > now - RESERVE_MEMORY_MS);
    const [first] = recent;
    if (first === undefined) return 0;
    return recent.length / Math.max(1, (now - first) / MINUTE_MS);
  }

  get #emissionIntervalMs(): number {
    return MINUTE_MS / Math.min(this.ratePerMinute, this.#backgroundCapacity);
  }

  get #backgroundIntervalMs(): number {
    const intervalMs = this.#emissionIntervalMs;
    return this.#startRequests > 0 ? Math.min(START_INTERVAL_MS, intervalMs) : intervalMs;
  }

  get #burstToleranceMs(): number {
    return this.#emissionIntervalMs * (this.#adaptiveLimit.burst - 1);
  }
}
