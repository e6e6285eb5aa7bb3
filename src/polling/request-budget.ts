import { Fault } from "../faults/fault.js";
import type { Chance, Clock } from "../ports/clock.js";
import type { RequestGate } from "../webex/people-api.js";
import { jitter } from "./jitter.js";
import { LearnedLimit } from "./learned-limit.js";

/** A little more than the minute that Webex counts in, because it counts by its own clock. */
const WINDOW_MS = 60_250;
/** How long a request nobody reported the end of may still have been on its way. */
const TRAVEL_MS = 10_000;
const MINUTE_MS = 60_000;
const GAP_JITTER = 0.1;

interface CountedRequest {
  readonly admittedAt: number;
  /** When it no longer counts. Webex counts a request on arrival, which is some time between its admission and its end. */
  leavesAt: number;
  ended: boolean;
  refused: boolean;
}

interface Waiter {
  readonly go: () => void;
}

/**
 * One organization's share of Webex: at most `perMinuteLimit` requests arrive there in any sliding 60 s, and none while Webex
 * has asked for silence. Below that it keeps to what Webex was found to give, and spreads requests over the minute but for a few
 * that may go at once. Waiters go in the order they came. Times are those of `clock.monotonic()`.
 */
export class RequestBudget implements RequestGate {
  readonly #clock: Clock;
  readonly #chance: Pick<Chance, "random">;
  readonly #learned: LearnedLimit;
  #limit: number;
  /** When the requests so far would have gone, had each waited for its place in the minute (the generic cell rate algorithm of ITU-T I.371). */
  #paidUntil = Number.NEGATIVE_INFINITY;
  #blockedUntil = Number.NEGATIVE_INFINITY;
  #counted: CountedRequest[] = [];
  readonly #waiters: Waiter[] = [];
  #callOffTimer: (() => void) | null = null;
  #total = 0;
  #rateLimited = 0;
  #failed = 0;

  constructor(clock: Clock, chance: Pick<Chance, "random">, requestsPerMinute: number) {
    this.#clock = clock;
    this.#chance = chance;
    this.#limit = requestsPerMinute;
    this.#learned = new LearnedLimit(requestsPerMinute, chance);
  }

  /** Waits for the budget and counts one request. Fault: `cancelled`, and the waiter has left the queue. */
  async admit(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw cancelled();
    if (this.#waiters.length === 0 && this.nextPossibleAt() <= this.#clock.monotonic()) {
      this.#count();
      return;
    }
    await this.#turn(signal);
  }

  /** A request that did not wait for the budget: it counts all the same. */
  countPast(): void {
    this.#count();
    this.ended("answered");
  }

  ended(outcome: "answered" | "rateLimited" | "failed"): void {
    if (outcome === "rateLimited") this.#rateLimited += 1;
    if (outcome === "failed") this.#failed += 1;
    // Which of several under way has ended does not matter: only the times count, not whose they are.
    const request = this.#counted.find((r) => !r.ended);
    if (request === undefined) return;
    const now = this.#clock.monotonic();
    request.ended = true;
    request.leavesAt = Math.min(request.leavesAt, now + WINDOW_MS);
    if (outcome === "rateLimited") {
      request.refused = true;
      const since = request.admittedAt - MINUTE_MS;
      this.#learned.refused(now, this.#counted.filter((r) => !r.refused && r.admittedAt > since).length);
    }
    this.#letGo();
  }

  /** In force at once: a waiter that the new limit allows goes now. */
  setLimit(requestsPerMinute: number): void {
    this.#limit = requestsPerMinute;
    this.#learned.ceiling = requestsPerMinute;
    this.#paidUntil = Math.min(this.#paidUntil, this.#clock.monotonic() + this.#tolerance);
    this.#letGo();
  }

  /** No request before this time: Webex said so. A shorter block never shortens a longer one. */
  blockUntil(monotonic: number): void {
    this.#blockedUntil = Math.max(this.#blockedUntil, monotonic);
    // A silence is no time saved up for a burst after it.
    this.#paidUntil = Math.max(this.#paidUntil, this.#blockedUntil);
    this.#letGo();
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
    this.#counted = this.#counted.filter((r) => r.leavesAt > now);
    const tooMany = this.#counted.length - this.#mostInWindow;
    const slotAt = tooMany < 0 ? undefined : this.#counted.map((r) => r.leavesAt).sort((a, b) => a - b)[tooMany];
    return Math.max(this.#blockedUntil, slotAt ?? Number.NEGATIVE_INFINITY, this.#paidUntil - this.#tolerance);
  }

  /** Requests a minute that may be reckoned with now: what the settings allow, or less where Webex gives less. */
  get pace(): number {
    return this.#learned.perMinute;
  }

  /** What Webex was found to give a minute where that is less than the settings allow, else null. */
  get refusedAbove(): number | null {
    return this.#learned.refusedAbove;
  }

  get perMinuteLimit(): number {
    return this.#limit;
  }

  get lastMinute(): number {
    const since = this.#clock.monotonic() - MINUTE_MS;
    return this.#counted.filter((r) => r.admittedAt > since).length;
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

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        this.#letGo();
        reject(cancelled());
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiters.push(waiter);
      this.#letGo();
    });
  }

  #letGo(): void {
    this.#callOffTimer?.();
    this.#callOffTimer = null;
    const now = this.#clock.monotonic();
    while (this.#waiters.length > 0) {
      const at = this.nextPossibleAt();
      if (at > now) {
        this.#callOffTimer = this.#clock.timer(Math.ceil(at - now), () => {
          this.#letGo();
        });
        return;
      }
      this.#count();
      this.#waiters.shift()?.go();
    }
  }

  #count(): void {
    const admittedAt = this.#clock.monotonic();
    this.#learned.sent(admittedAt, this.lastMinute);
    this.#paidUntil = Math.max(admittedAt, this.#paidUntil) + this.#gap * jitter(this.#chance, GAP_JITTER);
    this.#counted.push({ admittedAt, leavesAt: admittedAt + TRAVEL_MS + WINDOW_MS, ended: false, refused: false });
    this.#total += 1;
    if (this.#counted.length < this.#mostInWindow || this.#mostInWindow <= this.#learned.burst) return;
    // Nor is the time that a full minute costs, else the burst at its beginning would come again with each minute.
    const freeAt = Math.min(...this.#counted.map((r) => r.leavesAt));
    this.#paidUntil = Math.max(this.#paidUntil, freeAt + this.#tolerance);
  }

  get #mostInWindow(): number {
    return Math.min(this.#limit, Math.ceil(this.pace));
  }

  get #gap(): number {
    return MINUTE_MS / this.pace;
  }

  get #tolerance(): number {
    return this.#gap * (this.#learned.burst - 1);
  }
}

function cancelled(): Fault {
  return new Fault("cancelled", "The request was called off before it was sent.");
}
