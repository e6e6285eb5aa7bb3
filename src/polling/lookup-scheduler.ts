import type { Clock } from "../ports/clock.js";
import type { LookupCandidate, PolledRoster, RefreshDemand } from "../presence/polled-roster.js";

/** An address whose lookup failed lets the others go first for this long. */
const FAILED_LOOKUP_DELAY_MS = 60_000;
/** An address that finds nobody although somebody has it (it is no e-mail) is not looked up again for this long. */
const FUTILE_LOOKUP_DELAY_MS = 3_600_000;

/** Which watched addresses to look up next. */
export class LookupScheduler {
  readonly #clock: Clock;
  readonly #roster: PolledRoster;
  readonly #deferredUntil = new Map<string, number>();
  /** Those of them that Webex was not heard about. */
  readonly #failedAddresses = new Set<string>();
  /** What the roster weighed a moment ago may be answered by now. */
  readonly #answeredAt = new Map<string, number>();

  constructor(clock: Clock, roster: PolledRoster) {
    this.#clock = clock;
    this.#roster = roster;
  }

  /** Watched addresses that match nobody and have no answer, up to `max`. */
  unmatchedAddresses(max: number): readonly string[] {
    this.#evictExpired();
    const unanswered = this.#roster.unansweredAddresses(this.#deferredUntil.size + max);
    return unanswered.filter((address) => !this.#deferredUntil.has(address)).slice(0, max);
  }

  /** The same demand without those whom a lookup does not help, or helped just now. */
  filterDemand(demand: RefreshDemand): RefreshDemand {
    if (this.#deferredUntil.size === 0 && this.#answeredAt.size === 0) return demand;
    return {
      ...demand,
      lookupCandidates: this.#filterCandidates(demand.lookupCandidates),
      notOnAnyPage: this.#filterCandidates(demand.notOnAnyPage),
    };
  }

  /** The address has been looked up; so many persons were found. */
  recordResult(address: string, persons: number): void {
    const now = this.#clock.monotonic();
    this.#failedAddresses.delete(address);
    if (persons === 0) this.#deferredUntil.set(address, now + FUTILE_LOOKUP_DELAY_MS);
    else this.#answeredAt.set(address, now);
  }

  recordFailure(address: string): void {
    this.#deferredUntil.set(address, this.#clock.monotonic() + FAILED_LOOKUP_DELAY_MS);
    this.#failedAddresses.add(address);
  }

  /** What made lookups fail may be over. */
  retryFailed(): void {
    for (const address of this.#failedAddresses) this.#deferredUntil.delete(address);
    this.#failedAddresses.clear();
  }

  #filterCandidates(candidates: readonly LookupCandidate[]): readonly LookupCandidate[] {
    return candidates.flatMap((candidate) => {
      if (this.#deferredUntil.has(candidate.address)) return [];
      const answeredAt = this.#answeredAt.get(candidate.address) ?? 0;
      return answeredAt > candidate.observedAt
        ? [{ ...candidate, observedAt: answeredAt }]
        : [candidate];
    });
  }

  #evictExpired(): void {
    const now = this.#clock.monotonic();
    for (const [address, until] of this.#deferredUntil) {
      if (until > now) continue;
      this.#deferredUntil.delete(address);
      this.#failedAddresses.delete(address);
    }
    for (const [address, answeredAt] of this.#answeredAt) {
      if (now - answeredAt < FAILED_LOOKUP_DELAY_MS) return;
      this.#answeredAt.delete(address);
    }
  }
}
