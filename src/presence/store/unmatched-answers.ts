import { readingsOf, RecentAddresses } from "../address.js";
import type { FreshnessNeed, RecentResponses, ResponseTime } from "./recent-responses.js";

/** How long "not found" is a valid answer. */
const NOT_FOUND_TTL_MS = 600_000;

/**
 * Webex's answers about addresses that match nobody in one organization: those of lookups, and
 * complete sweeps, which answer for all addresses. `now` is in elapsed milliseconds.
 */
export class UnmatchedAnswers {
  readonly #responses: RecentResponses;
  readonly #notFound = new RecentAddresses(NOT_FOUND_TTL_MS);
  #sweepEndedAt = Number.NEGATIVE_INFINITY;
  #sweepStartedAt = Number.NEGATIVE_INFINITY;

  constructor(responses: RecentResponses) {
    this.#responses = responses;
  }

  /** Records that nobody has the address. */
  add(address: string, response: ResponseTime): void {
    this.#notFound.add(address, response.elapsed);
  }

  /** Records a complete sweep. */
  addSweep(startedAt: number, now: number): void {
    this.#sweepStartedAt = startedAt;
    this.#sweepEndedAt = now;
  }

  /** Returns whether the latest answer for an address key is still valid. */
  has(key: string, now: number): boolean {
    if (this.hasSweep(now)) return true;
    return readingsOf(key).every((address) => this.#notFound.has(address, now));
  }

  /** Returns whether a complete sweep answers for all addresses. */
  hasSweep(now: number): boolean {
    return now - this.#sweepEndedAt <= NOT_FOUND_TTL_MS;
  }

  /** Returns when the next answer expires; infinity if there is none. */
  nextExpiry(now: number): number {
    const start = this.hasSweep(now) ? this.#sweepEndedAt : this.#notFound.oldestTime(now);
    return start + NOT_FOUND_TTL_MS;
  }

  /** Returns whether a later request than the response's has found nobody at the address. */
  isOutdated(response: ResponseTime, address: string): boolean {
    return this.#responses.isOutdated(response, this.#notFound.timeOf(address));
  }

  /** Returns whether the answer for an address is fresh enough. */
  isFresh(address: string, need: FreshnessNeed): boolean {
    // The page that would have the address may have been the first of the sweep.
    const isSweepFresh = this.#sweepStartedAt >= Math.min(need.observedFrom, need.calledAt);
    return isSweepFresh || this.#responses.isFresh(this.#notFound.timeOf(address), need);
  }
}
