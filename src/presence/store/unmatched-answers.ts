import { readingsOf, RecentAddresses } from "../address.js";
import type { FreshnessNeed, RecentResponses, ResponseTime } from "./recent-responses.js";

/** How long "not found" is a valid answer. */
const NOT_FOUND_TTL_MS = 600_000;
const NEVER = Number.NEGATIVE_INFINITY;

/**
 * Webex's answers about addresses that match nobody in one organization: those of lookups, and
 * complete sweeps, which answer for all addresses. `now` is in elapsed milliseconds.
 */
export class UnmatchedAnswers {
  readonly #responses: RecentResponses;
  readonly #notFound = new RecentAddresses(NOT_FOUND_TTL_MS);
  /** When the latest complete sweep began. */
  #sweepStart = NEVER;
  #sweepEndedAt = NEVER;

  constructor(responses: RecentResponses) {
    this.#responses = responses;
  }

  /** Records that nobody has the address. */
  add(address: string, response: ResponseTime): void {
    this.#notFound.add(address, response.elapsed);
  }

  /** Records a complete sweep. `start`: when it began. */
  addSweep(start: number, now: number): void {
    this.#sweepStart = start;
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

  /** Returns whether there is an answer: one that is still valid, or of `since` or later. */
  isAnsweredSince(address: string, since: number, now: number): boolean {
    const answeredAt = Math.max(this.#timeOf(address), this.#sweepEndedAt);
    return answeredAt >= since || this.has(address, now);
  }

  /** Returns when the next answer expires; infinity if there is none. */
  nextExpiry(now: number): number {
    const start = this.hasSweep(now) ? this.#sweepEndedAt : this.#notFound.oldestTime(now);
    return start + NOT_FOUND_TTL_MS;
  }

  /** Returns whether a later request than the response's has found nobody at the address. */
  isOutdated(response: ResponseTime, address: string): boolean {
    return this.#responses.isOutdated(response, this.#timeOf(address));
  }

  /** Returns whether the answer for an address is fresh enough. */
  isFresh(address: string, need: FreshnessNeed): boolean {
    return this.#isSweepFresh(need) || this.#responses.isFresh(this.#timeOf(address), need);
  }

  /** A sweep is as old as its first page, which may be the one that would have the address. */
  #isSweepFresh({ calledAt, observedFrom, sweptFrom }: FreshnessNeed): boolean {
    if (this.#sweepEndedAt <= calledAt && this.#sweepStart >= observedFrom) return true;
    return this.#sweepEndedAt >= calledAt && this.#sweepStart >= sweptFrom;
  }

  /** Minus infinity if there is none. */
  #timeOf(address: string): number {
    return this.#notFound.latestTime(address) ?? NEVER;
  }
}
