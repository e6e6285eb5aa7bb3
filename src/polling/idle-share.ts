/** Weight of the newest request in the average. */
const NEWEST_WEIGHT = 1 / 4;

/**
 * The share of the time in which nothing was in flight although it was allowed, as an average over
 * the latest requests: 0 to 1. Times are monotonic milliseconds.
 */
export class IdleShare {
  #value = 0;
  #latestRequestAt: number | null = null;
  #latestCompletionAt = Number.NEGATIVE_INFINITY;

  get value(): number {
    return this.#value;
  }

  /** `possibleAt`: when the request was allowed. `isAlone`: whether nothing else is in flight. */
  recordRequest(now: number, possibleAt: number, isAlone: boolean): void {
    const previousAt = this.#latestRequestAt ?? now;
    this.#latestRequestAt = now;
    if (now <= previousAt) return;
    const idleSince = Math.max(previousAt, possibleAt, isAlone ? this.#latestCompletionAt : now);
    const share = Math.max(0, now - idleSince) / (now - previousAt);
    this.#value += (share - this.#value) * NEWEST_WEIGHT;
  }

  recordCompletion(now: number): void {
    this.#latestCompletionAt = now;
  }
}
