import type { Chance } from "../ports/clock.js";
import { jitter } from "./jitter.js";

const MINUTE_MS = 60_000;
/** What may go at once after a pause, and at the start: a worker that ended a moment ago may have used up the minute. */
const BURST_SHARE = 1 / 12;
const LEAST_BURST = 3;
const LARGEST_BURST = 10;
/** Where a worker starts that may ask more often than that. */
const FIRST_PACE = 60;
const FIRST_DOUBLING_MS = 15_000;
/** Below this many requests in the minute before it, a refusal says more of other users of the limit than of the limit itself. */
const TELLING = 10;
const DECREASE = 0.9;
const EARLY_DECREASE = 0.7;
/** No refusal of the first minute slows down further than this. */
const LEAST_EARLY_PACE = 3;
/** The same refusal, met again by trying too early. */
const SAME_REFUSAL_MS = 60_000;
const SOON_AGAIN_MS = 300_000;
const FIRST_PROBE_MS = 60_000;
const LAST_PROBE_MS = 600_000;
const PROBE_JITTER = 0.2;

/**
 * How many requests a minute Webex really gives, which it tells nobody: found by additive increase and multiplicative decrease (Chiu
 * and Jain, 1989), with the number that went before a refusal remembered, kept a little under, and tried again at growing
 * intervals. Other workers may use up the same limit at any time. Times are monotonic milliseconds.
 */
export class LearnedLimit {
  readonly #chance: Pick<Chance, "random">;
  #ceiling: number;
  #allowed: number;
  /** What Webex refused to exceed; null while nothing below the ceiling is known. */
  #limit: number | null = null;
  #startedAt: number | null = null;
  #grownAt = Number.POSITIVE_INFINITY;
  #refusedAt = Number.NEGATIVE_INFINITY;
  #probeAt = 0;
  #probeEveryMs = FIRST_PROBE_MS;
  #step = 1;
  #floor = TELLING;

  /** `ceiling`: requests a minute that the settings allow. */
  constructor(ceiling: number, chance: Pick<Chance, "random">) {
    this.#ceiling = ceiling;
    this.#chance = chance;
    this.#allowed = firstPace(ceiling);
  }

  set ceiling(requestsPerMinute: number) {
    const raised = requestsPerMinute > this.#ceiling;
    this.#ceiling = requestsPerMinute;
    if (this.#limit !== null) return;
    this.#allowed = Math.min(requestsPerMinute, raised ? Math.max(this.#allowed, firstPace(requestsPerMinute)) : this.#allowed);
  }

  /** Requests a minute that may go now, at least 1. */
  get perMinute(): number {
    return Math.max(1, Math.min(this.#ceiling, this.#allowed));
  }

  /** What Webex gives where that is less than the ceiling, else null. */
  get refusedAbove(): number | null {
    return this.#limit !== null && this.#limit < this.#ceiling ? this.#limit : null;
  }

  /** How many may go at once after a pause. */
  get burst(): number {
    return Math.max(LEAST_BURST, Math.min(LARGEST_BURST, Math.floor(this.perMinute * BURST_SHARE)));
  }

  /** A request goes; `lastMinute` went in the minute before. */
  sent(now: number, lastMinute: number): void {
    this.#startedAt ??= now;
    if (this.#limit !== null) this.#grow(now, lastMinute, this.#limit);
    else if (this.#allowed < this.#ceiling) {
      const doublings = Math.max(0, now - this.#grownAt) / FIRST_DOUBLING_MS;
      this.#allowed = Math.min(this.#ceiling, this.#allowed * 2 ** doublings);
    }
    this.#grownAt = now;
  }

  /** Webex refused a request for being one too many; `answered` were answered in the minute before. */
  refused(now: number, answered: number): void {
    const sinceLast = now - this.#refusedAt;
    const confirmed = this.#limit !== null && answered >= this.#limit * 0.8;
    this.#refusedAt = now;
    if (now - (this.#startedAt ?? now) < MINUTE_MS) {
      // A worker before this one may have used up the minute, so the number of answers says nothing yet.
      this.#allowed = Math.max(LEAST_EARLY_PACE, this.#allowed * EARLY_DECREASE);
      this.#grownAt = now;
      return;
    }
    // Where hardly anything went before it, a refusal is obeyed, but only several of them say how much is too much.
    if (answered < TELLING && (answered === 0 || sinceLast > SOON_AGAIN_MS)) return;
    if (!(confirmed && sinceLast < SAME_REFUSAL_MS)) {
      this.#probeEveryMs = confirmed ? Math.min(LAST_PROBE_MS, this.#probeEveryMs * 2) : FIRST_PROBE_MS;
    }
    const limit = Math.max(answered, this.#floor);
    this.#floor = answered < this.#floor ? Math.max(1, this.#floor / 2) : TELLING;
    this.#limit = limit;
    this.#allowed = Math.max(1, limit * DECREASE);
    this.#step = Math.max(1, limit * 0.03);
    this.#probeAfter(now, this.#probeEveryMs);
    this.#grownAt = now;
  }

  /** Several workers that were refused at one moment must not all try again at another. */
  #probeAfter(now: number, ms: number): void {
    this.#probeAt = now + ms * jitter(this.#chance, PROBE_JITTER);
  }

  #grow(now: number, lastMinute: number, limit: number): void {
    const target = Math.min(this.#ceiling, limit - Math.max(1, limit * 0.02));
    if (this.#allowed < target) {
      const perMinute = Math.max(1, limit * 0.02, this.#step / 2);
      this.#allowed = Math.min(target, this.#allowed + (perMinute * (now - this.#grownAt)) / MINUTE_MS);
      return;
    }
    // A pace that nobody used up proves nothing.
    if (now < this.#probeAt || lastMinute < this.#allowed * 0.85) return;
    if (target >= this.#ceiling) {
      this.#limit = null;
      this.#allowed = this.#ceiling;
      return;
    }
    this.#limit = limit + this.#step;
    this.#step *= 2;
    this.#probeAfter(now, FIRST_PROBE_MS);
  }
}

function firstPace(ceiling: number): number {
  return Math.min(ceiling, Math.max(FIRST_PACE, ceiling / 4));
}
