/** Of one organization, without the one that callers may have in addition. */
export const MAX_IN_FLIGHT = 4;
const MINUTE_MS = 60_000;

/**
 * How many requests have to be in flight to use a rate (Little's law): at least 1, at most
 * `MAX_IN_FLIGHT`. `durationMs`: of such a request; 0 if unknown.
 */
export function requestsToUseRate(requestsPerMinute: number, durationMs: number): number {
  const inFlight = Math.ceil((requestsPerMinute / MINUTE_MS) * durationMs);
  return Math.min(MAX_IN_FLIGHT, Math.max(1, inFlight));
}

/**
 * How many requests of one organization may be in flight: one after Webex has limited the rate,
 * and one more each time as many in a row were answered as may be in flight. Times are monotonic
 * milliseconds.
 */
export class ConcurrencyLimit {
  #max = MAX_IN_FLIGHT;
  #answers = 0;
  #rejectedAt = Number.NEGATIVE_INFINITY;

  get max(): number {
    return this.#max;
  }

  /** A request that was sent at this time was answered. */
  recordAnswer(sentAt: number): void {
    // What was sent before the rejection says nothing about the time after it.
    if (this.#max >= MAX_IN_FLIGHT || sentAt < this.#rejectedAt) return;
    this.#answers += 1;
    if (this.#answers < this.#max) return;
    this.#max += 1;
    this.#answers = 0;
  }

  recordRejection(now: number): void {
    this.#max = 1;
    this.#answers = 0;
    this.#rejectedAt = now;
  }
}
