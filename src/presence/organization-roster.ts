import { Emitter } from "../faults/emitter.js";
import type { Clock } from "../ports/clock.js";
import { isInvalidUnlessMatched, readingsOf, RecentAddresses } from "./address.js";
import type {
  OnDemandCalls,
  PolledRoster,
  RefreshDemand,
  RefreshRequest,
  RosterEvents,
  WatchedAges,
} from "./polled-roster.js";
import { NO_DEMAND, RefreshDemandScanner } from "./refresh-demand.js";
import type { RefreshQueries } from "./refresh-queries.js";
import type { Resolver } from "./resolver.js";
import { PersonStore, QUERY_WATCH_MS, type PersonStoreListener } from "./store/person-store.js";
import type { SubscriptionIndex } from "./subscription-index.js";

const NO_MARKS = new Uint8Array(0);

/**
 * Who is watched: named by a live subscription, or queried within 10 minutes. Queried persons are
 * marked in their store, which costs a query next to nothing; queried addresses that match nobody
 * are in `queriedUnmatched`. `now` is `Clock.elapsed()`.
 */
export class WatchIndex {
  readonly queriedUnmatched = new RecentAddresses(QUERY_WATCH_MS);
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex;
  #subscribed = new Map<PersonStore, Uint8Array>();
  /** With the time of the oldest subscription that names the address. */
  #subscribedUnmatched = new Map<string, number>();
  #stores: readonly PersonStore[] = [];
  #versions = "";

  constructor(resolver: Resolver, subscriptions: SubscriptionIndex) {
    this.#resolver = resolver;
    this.#subscriptions = subscriptions;
  }

  /** Visits the slots of the watched persons. Too expensive for each query. */
  forEachPerson(store: PersonStore, now: number, visit: (slot: number) => void): void {
    this.#refresh(now);
    const isEveryone = this.#subscriptions.hasAllSubscription;
    const subscribed = isEveryone ? "all" : (this.#subscribed.get(store) ?? NO_MARKS);
    store.forEachWatched(subscribed, now, visit);
  }

  /** The watched addresses that match nobody, and since when each has been watched. */
  *unmatchedAddresses(now: number): Generator<readonly [address: string, since: number]> {
    this.#refresh(now);
    const subscribed = this.#subscribedUnmatched;
    for (const [address, since] of subscribed) {
      yield [address, Math.min(since, this.queriedUnmatched.firstTime(address, now) ?? since)];
    }
    for (const entry of this.queriedUnmatched.active(now)) {
      if (!subscribed.has(entry[0])) yield entry;
    }
  }

  isUnmatched(address: string, now: number): boolean {
    this.#refresh(now);
    if (this.#subscribedUnmatched.has(address)) return true;
    return this.queriedUnmatched.firstTime(address, now) !== undefined;
  }

  /** Resolves all subscribed addresses, if the results may have changed since the last time. */
  #refresh(now: number): void {
    const { stores } = this.#resolver;
    const versions = [this.#subscriptions.version, ...stores.map((store) => store.version)].join();
    if (versions === this.#versions && stores === this.#stores) return;
    this.#stores = stores;
    this.#versions = versions;
    this.#subscribed = new Map(stores.map((store) => [store, new Uint8Array(store.slotLimit)]));
    this.#subscribedUnmatched = new Map();
    for (const key of this.#subscriptions.subscribedKeys()) {
      const { store, slot } = this.#resolver.resolve(key, now);
      const marks = store === null ? undefined : this.#subscribed.get(store);
      if (marks !== undefined) marks[slot] = 1;
      else this.#addUnmatched(key);
    }
  }

  #addUnmatched(key: string): void {
    const addresses = this.#subscribedUnmatched;
    const since = this.#subscriptions.subscribedSince(key);
    for (const address of unmatchedAddressesOf(key)) {
      addresses.set(address, Math.min(since, addresses.get(address) ?? since));
    }
  }
}

/** Returns the addresses that are watched if nobody matches the key. */
export function unmatchedAddressesOf(key: string): readonly string[] {
  return isInvalidUnlessMatched(key) ? [] : readingsOf(key);
}

/** The persons of one organization, and who of them is watched. */
export class OrganizationRoster extends PersonStore implements PolledRoster {
  readonly events = new Emitter<RosterEvents>();
  readonly #watches: WatchIndex;
  readonly #refreshQueries: RefreshQueries;
  readonly #demandScanner: RefreshDemandScanner;
  /** Elapsed milliseconds. */
  readonly #addedAt: number;

  constructor(
    orgId: string,
    clock: Clock,
    staleAfterMs: number,
    listener: PersonStoreListener,
    watches: WatchIndex,
    refreshQueries: RefreshQueries,
  ) {
    super(orgId, clock, staleAfterMs, listener);
    this.#watches = watches;
    this.#addedAt = clock.elapsed();
    this.#refreshQueries = refreshQueries;
    this.#demandScanner = new RefreshDemandScanner(clock, this, (visit) =>
      watches.forEachPerson(this, clock.elapsed(), visit),
    );
  }

  get watchedCount(): number {
    if (this.isClosed) return 0;
    const now = this.clock.elapsed();
    let count = [...this.#watches.unmatchedAddresses(now)].length;
    this.#watches.forEachPerson(this, now, () => (count += 1));
    return count;
  }

  /** Computes percentiles by nearest rank. */
  watchedAges(): WatchedAges {
    const now = this.clock.elapsed();
    // The persons of a page, and the addresses of a subscription, share one time, so there are few
    // distinct times to sort.
    const counts = new Map<number, number>();
    let total = 0;
    const count = (time: number): void => {
      counts.set(time, (counts.get(time) ?? 0) + 1);
      total += 1;
    };
    this.#watches.forEachPerson(this, now, (slot) => count(this.observedElapsedOf(slot)));
    for (const [address, since] of this.#watches.unmatchedAddresses(now)) {
      // This organization cannot have answered before it was added.
      if (!this.isAnsweredSince(address, since, now)) count(Math.max(since, this.#addedAt));
    }
    if (this.isClosed || total === 0) return { watchedP50: null, watchedP95: null };
    const newestFirst = [...counts].sort(([a], [b]) => b - a);
    const percentile = (fraction: number): number => {
      let remaining = Math.ceil(fraction * total);
      const [time] = newestFirst.find(([, count]) => (remaining -= count) <= 0) ?? [now];
      return (now - time) / 1000;
    };
    return { watchedP50: percentile(0.5), watchedP95: percentile(0.95) };
  }

  unansweredAddresses(max: number): readonly string[] {
    const found: string[] = [];
    const now = this.clock.elapsed();
    if (this.isClosed || this.hasSweepAnswer(now)) return found;
    for (const [address] of this.#watches.unmatchedAddresses(now)) {
      if (!this.hasAnswerFor(address, now)) found.push(address);
      if (found.length >= max) break;
    }
    return found;
  }

  isUnmatched(address: string): boolean {
    return !this.isClosed && this.#watches.isUnmatched(address, this.clock.elapsed());
  }

  override completeSweep(sweep: number): void {
    super.completeSweep(sweep);
    this.#demandScanner.invalidate();
  }

  refreshDemand(pages: number, freshMs: number): RefreshDemand {
    return this.isClosed ? NO_DEMAND : this.#demandScanner.currentDemand(pages, freshMs);
  }

  refreshRequests(): readonly RefreshRequest[] {
    return this.#refreshQueries.requestsOf(this);
  }

  dismissRefreshRequests(requests: readonly RefreshRequest[]): void {
    this.#refreshQueries.dismiss(this, requests);
  }

  onDemandCalls(): OnDemandCalls {
    return this.#refreshQueries.callsOf(this);
  }
}
