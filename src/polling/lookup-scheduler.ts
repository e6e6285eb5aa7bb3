import type { Clock } from "../ports/clock.js";
import type {
  LookupCandidate,
  MissingPerson,
  PolledRoster,
  RefreshDemand,
} from "../presence/polled-roster.js";
import type { PollingRequest } from "./planner.js";

/**
 * How long an address is skipped whose lookup failed, so that it does not delay the others; after
 * the first failure, which may be everybody's, at most one poll interval.
 */
const FAILED_LOOKUP_DELAY_MS = 60_000;
/** How long an address is skipped that finds nobody, such as a person's SIP address. */
const FUTILE_LOOKUP_DELAY_MS = 3_600_000;
/** Outlasts the interval at which the roster computes its demand. */
const RESULT_RETENTION_MS = 60_000;
/** Bounds the memory; whoever exceeds it is missing from the next sweep as well. */
const MAX_UNCONFIRMED = 1_000;
/** Bounds the memory; whoever exceeds it is only requested sooner. */
const MAX_FAILED = 1_000;

interface Deferral {
  readonly until: number;
  /** The request failed; the lookup of the address found nobody; Webex does not accept the id. */
  readonly reason: "failed" | "unfound" | "rejected";
}

/**
 * Selects the watched addresses to look up next, and the missing persons to confirm. Times are
 * monotonic milliseconds. An address or, for requests by id, an id identifies a request.
 */
export class LookupScheduler {
  readonly #clock: Clock;
  readonly #roster: PolledRoster;
  /** Ids of persons whom a lookup of their address did not find. */
  readonly #unconfirmedIds = new Set<string>();
  readonly #deferred = new Map<string, Deferral>();
  /** The roster computes its demand once a second; these addresses may have been answered since. */
  readonly #answeredAt = new Map<string, number>();
  /** Addresses and ids whose latest request failed. */
  readonly #failed = new Set<string>();

  constructor(clock: Clock, roster: PolledRoster) {
    this.#clock = clock;
    this.#roster = roster;
  }

  /**
   * Returns up to `max` watched addresses that match nobody and have no answer. `inFlight`: the
   * addresses and ids that are being requested.
   */
  unmatchedAddresses(max: number, inFlight: ReadonlySet<string>): readonly string[] {
    this.#evictExpired();
    const skipped = this.#deferred.size + inFlight.size;
    const unanswered = this.#roster.unansweredAddresses(skipped + max);
    return unanswered
      .filter((address) => !this.#deferred.has(address) && !inFlight.has(address))
      .slice(0, max);
  }

  /** Whether lookups found nobody for a watched address, and it still matches nobody. */
  get hasUnfoundAddresses(): boolean {
    for (const [address, { reason }] of this.#deferred) {
      if (reason === "unfound" && this.#roster.isUnmatched(address)) return true;
    }
    return false;
  }

  /**
   * Returns the next request that tells whether a missing person still exists, or null. `inFlight`
   * as above.
   */
  nextConfirmation(
    missing: readonly MissingPerson[],
    inFlight: ReadonlySet<string>,
  ): PollingRequest | null {
    for (const id of this.#unconfirmedIds) {
      if (!this.#deferred.has(id) && !inFlight.has(id)) return { kind: "person", id };
    }
    for (const { id, address, observedAt } of missing) {
      if (inFlight.has(id) || (address !== null && inFlight.has(address))) continue;
      const isAnswered = (key: string): boolean => (this.#answeredAt.get(key) ?? 0) > observedAt;
      if (this.#deferred.has(id) || isAnswered(id)) continue;
      const deferral = address === null ? undefined : this.#deferred.get(address);
      // A lookup of the address finds nobody, for example because it is a SIP address.
      if (address === null || deferral?.reason === "unfound") return { kind: "person", id };
      if (deferral === undefined && !isAnswered(address)) return { kind: "confirm", address };
    }
    return null;
  }

  /** A lookup of their address did not find these persons. */
  recordUnconfirmed(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#unconfirmedIds.size < MAX_UNCONFIRMED) this.#unconfirmedIds.add(id);
    }
  }

  /** Webex has said whether the person exists. */
  recordConfirmation(id: string): void {
    this.#unconfirmedIds.delete(id);
    this.#failed.delete(id);
    this.#answeredAt.set(id, this.#clock.monotonic());
  }

  /** Webex does not accept this id; sweeps have to decide. */
  recordRejectedId(id: string): void {
    this.#unconfirmedIds.delete(id);
    this.#failed.delete(id);
    this.#defer(id, FUTILE_LOOKUP_DELAY_MS, "rejected");
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
    this.#failed.delete(address);
    if (persons === 0) this.#defer(address, FUTILE_LOOKUP_DELAY_MS, "unfound");
    else this.#answeredAt.set(address, this.#clock.monotonic());
  }

  /** The request for this address or id failed. */
  recordFailure(key: string, pollIntervalMs: number): void {
    const isFirst = !this.#failed.has(key);
    const delayMs = isFirst
      ? Math.min(pollIntervalMs, FAILED_LOOKUP_DELAY_MS)
      : FAILED_LOOKUP_DELAY_MS;
    if (this.#failed.size >= MAX_FAILED) this.#failed.clear();
    this.#failed.add(key);
    this.#defer(key, delayMs, "failed");
  }

  /** Stops skipping what failed. */
  retryFailed(): void {
    for (const [address, { reason }] of this.#deferred) {
      if (reason === "failed") this.#deferred.delete(address);
    }
  }

  #defer(key: string, delayMs: number, reason: Deferral["reason"]): void {
    this.#deferred.set(key, { until: this.#clock.monotonic() + delayMs, reason });
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
