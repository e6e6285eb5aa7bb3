import type { Clock } from "../ports/clock.js";
import type { LookupCandidate, PolledRoster, RefreshDemand } from "../presence/polled-roster.js";

/** How long an address is skipped whose lookup failed, so that it does not delay the others. */
const FAILED_LOOKUP_DELAY_MS = 60_000;
/** How long an address is skipped that finds nobody, such as a person's SIP address. */
const FUTILE_LOOKUP_DELAY_MS = 3_600_000;
/** Outlasts the interval at which the roster computes its demand. */
const RESULT_RETENTION_MS = 60_000;

/** Selects the watched addresses to look up next. Times are monotonic milliseconds. */
export class LookupScheduler {
  readonly #clock: Clock;
  readonly #roster: PolledRoster;
  /** `hasFailed`: the lookup failed, as opposed to finding nobody. */
  readonly #deferred = new Map<string, { readonly until: number; readonly hasFailed: boolean }>();
  /** The roster computes its demand once a second; these addresses may have been answered since. */
  readonly #answeredAt = new Map<string, number>();

  constructor(clock: Clock, roster: PolledRoster) {
    this.#clock = clock;
    this.#roster = roster;
  }

  /** Returns up to `max` watched addresses that match nobody and have no answer. */
  unmatchedAddresses(max: number): readonly string[] {
    this.#evictExpired();
    const unanswered = this.#roster.unansweredAddresses(this.#deferred.size + max);
    return unanswered.filter((address) => !this.#deferred.has(address)).slice(0, max);
  }

  /** Returns the demand without deferred addresses, and with the times of the latest lookups. */
  filterDemand(demand: RefreshDemand): RefreshDemand {
    if (this.#deferred.size === 0 && this.#answeredAt.size === 0) return demand;
    return {
      ...demand,
      lookupCandidates: this.#filterCandidates(demand.lookupCandidates),
      notOnAnyPage: this.#filterCandidates(demand.notOnAnyPage),
    };
  }

  /** `persons`: how many persons the lookup found. */
  recordResult(address: string, persons: number): void {
    if (persons === 0) this.#defer(address, FUTILE_LOOKUP_DELAY_MS, false);
    else this.#answeredAt.set(address, this.#clock.monotonic());
  }

  recordFailure(address: string): void {
    this.#defer(address, FAILED_LOOKUP_DELAY_MS, true);
  }

  /** Stops skipping the addresses whose lookup failed. */
  retryFailed(): void {
    for (const [address, { hasFailed }] of this.#deferred) {
      if (hasFailed) this.#deferred.delete(address);
    }
  }

  #defer(address: string, delayMs: number, hasFailed: boolean): void {
    this.#deferred.set(address, { until: this.#clock.monotonic() + delayMs, hasFailed });
  }

  #filterCandidates(candidates: readonly LookupCandidate[]): readonly LookupCandidate[] {
    return candidates.flatMap((candidate) => {
      if (this.#deferred.has(candidate.address)) return [];
      const observedAt = this.#answeredAt.get(candidate.address) ?? 0;
      return observedAt > candidate.observedAt ? [{ ...candidate, observedAt }] : [candidate];
    });
  }

  #evictExpired(): void {
    const now = this.#clock.monotonic();
    for (const [address, { until }] of this.#deferred) {
      if (until <= now) this.#deferred.delete(address);
    }
    for (const [address, answeredAt] of this.#answeredAt) {
      if (now - answeredAt >= RESULT_RETENTION_MS) this.#answeredAt.delete(address);
    }
  }
}
