import { RecentAddresses } from "./address.js";
import type { WatchedAges } from "./polled-roster.js";
import type { Match, Resolver } from "./resolver.js";
import { QUERY_WATCH_MS, type PersonStore } from "./store/person-store.js";
import type { SubscriptionIndex } from "./subscription-index.js";

const NO_MARKS = new Uint8Array(0);

/**
 * Who is watched: named by a live subscription, or queried within 10 minutes. Queried persons are
 * marked in their store, which costs a query next to nothing; queried addresses that match nobody
 * are in `queriedUnmatched`. `now` is `Clock.elapsed()`.
 */
export class WatchStatistics {
  readonly queriedUnmatched = new RecentAddresses(QUERY_WATCH_MS);
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex<Match>;
  #subscribed = new Map<PersonStore, Uint8Array>();
  #subscribedUnmatched = new Set<string>();
  #stores: readonly PersonStore[] = [];
  #versions = "";

  constructor(resolver: Resolver, subscriptions: SubscriptionIndex<Match>) {
    this.#resolver = resolver;
    this.#subscriptions = subscriptions;
  }

  /** Counts distinct watched persons of the store, and watched addresses that match nobody. */
  countWatched(store: PersonStore, now: number): number {
    let count = 0;
    this.forEachWatched(store, now, () => (count += 1));
    return count + [...this.#unmatchedAddresses(now)].length;
  }

  /** Returns up to `max` watched addresses that match nobody and have no answer from this store. */
  findUnanswered(store: PersonStore, now: number, max: number): readonly string[] {
    const found: string[] = [];
    if (store.hasSweepAnswer(now)) return found;
    for (const address of this.#unmatchedAddresses(now)) {
      if (!store.hasAnswerFor(address, now)) found.push(address);
      if (found.length >= max) break;
    }
    return found;
  }

  /** Computes percentiles by nearest rank. */
  computeAges(store: PersonStore, now: number): WatchedAges {
    // The persons of a page share one time, so there are few distinct times to sort.
    const counts = new Map<number, number>();
    let total = 0;
    this.forEachWatched(store, now, (slot) => {
      const time = store.observedElapsedOf(slot);
      counts.set(time, (counts.get(time) ?? 0) + 1);
      total += 1;
    });
    if (total === 0) return { watchedP50: null, watchedP95: null };
    const newestFirst = [...counts].sort(([a], [b]) => b - a);
    const percentile = (fraction: number): number => {
      let remaining = Math.ceil(fraction * total);
      const [time] = newestFirst.find(([, count]) => (remaining -= count) <= 0) ?? [now];
      return (now - time) / 1000;
    };
    return { watchedP50: percentile(0.5), watchedP95: percentile(0.95) };
  }

  /** Visits the slots of the watched persons. Too expensive for each query. */
  forEachWatched(store: PersonStore, now: number, visit: (slot: number) => void): void {
    this.#refresh(now);
    const isEveryone = this.#subscriptions.hasAllSubscription;
    store.forEachWatched(
      isEveryone ? "all" : (this.#subscribed.get(store) ?? NO_MARKS),
      now,
      visit,
    );
  }

  *#unmatchedAddresses(now: number): Generator<string> {
    this.#refresh(now);
    const subscribed = this.#subscribedUnmatched;
    yield* subscribed;
    for (const address of this.queriedUnmatched.active(now)) {
      if (!subscribed.has(address)) yield address;
    }
  }

  /** Resolves all subscribed addresses, if the results may have changed since the last time. */
  #refresh(now: number): void {
    const { stores } = this.#resolver;
    const versions = [this.#subscriptions.version, ...stores.map((store) => store.version)].join();
    if (versions === this.#versions && stores === this.#stores) return;
    this.#stores = stores;
    this.#versions = versions;
    this.#subscribed = new Map(stores.map((store) => [store, new Uint8Array(store.slotLimit)]));
    this.#subscribedUnmatched = new Set();
    for (const address of this.#subscriptions.subscribedAddresses()) {
      const { person } = this.#resolver.resolve(address, now);
      const marks = person === null ? undefined : this.#subscribed.get(person.store);
      if (person === null || marks === undefined) this.#subscribedUnmatched.add(address);
      else marks[person.slot] = 1;
    }
  }
}
