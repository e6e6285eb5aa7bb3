import type { Clock } from "../ports/clock.js";
import type { WatchedAges } from "./polled-roster.js";
import type { RecentAddresses } from "./recent-addresses.js";
import type { Resolver, Match } from "./resolver.js";
import { NOT_FOUND_TTL_MS, type PersonStore } from "./store/person-store.js";
import type { SubscriptionIndex } from "./subscription-index.js";

/**
 * Who is watched: named by a live subscription, or asked for in the last 10 minutes. Persons who were asked for are marked in
 * their roster, so that a query costs next to nothing; addresses that match nobody are in `unmatched`.
 */
export class WatchStatistics {
  readonly queriedUnmatched: RecentAddresses;
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #subscriptions: SubscriptionIndex<Match>;
  #subscribed = new Map<PersonStore, Uint8Array>();
  #subscribedUnmatched = new Set<string>();
  #storesSeen: readonly PersonStore[] = [];
  #versionsSeen = "";

  constructor(
    clock: Clock,
    resolver: Resolver,
    subscriptions: SubscriptionIndex<Match>,
    queriedUnmatched: RecentAddresses,
  ) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#subscriptions = subscriptions;
    this.queriedUnmatched = queriedUnmatched;
  }

  /** Monotonic milliseconds. */
  get now(): number {
    return this.#clock.monotonic();
  }

  /** Somebody asked for this person at `time`, monotonic milliseconds. Returns whether nobody had in the time before that counts. */
  markQueried(store: PersonStore, slot: number, time: number): boolean {
    const { lastQueried: queried } = store.persons;
    const before = queried[slot] ?? 0;
    queried[slot] = Math.ceil(time / 1000) + 1;
    return before === 0 || before < (time - NOT_FOUND_TTL_MS) / 1000 + 1;
  }

  /** Distinct watched persons of the roster, and watched addresses that match nobody. */
  countWatched(store: PersonStore): number {
    let countWatched = 0;
    this.forEachWatched(store, () => (countWatched += 1));
    return countWatched + [...this.#unmatchedAddresses()].length;
  }

  /** Watched addresses that match nobody and have no answer from this roster, up to `max`. */
  findUnanswered(store: PersonStore, max: number): readonly string[] {
    const now = this.#clock.monotonic();
    const found: string[] = [];
    if (store.hasSweepAnswer(now)) return found;
    for (const address of this.#unmatchedAddresses()) {
      if (!store.hasAnswerFor(address, now)) found.push(address);
      if (found.length >= max) break;
    }
    return found;
  }

  /** Ages in seconds by nearest rank. */
  computeAges(store: PersonStore): WatchedAges {
    const now = this.#clock.monotonic();
    const { observedElapsed } = store.persons;
    // A page of persons shares one time, so there are few distinct ones to be sorted.
    const counts = new Map<number, number>();
    let total = 0;
    this.forEachWatched(store, (slot) => {
      const time = observedElapsed[slot] ?? 0;
      counts.set(time, (counts.get(time) ?? 0) + 1);
      total += 1;
    });
    if (total === 0) return { watchedP50: null, watchedP95: null };
    const newestFirst = [...counts].sort(([a], [b]) => b - a);
    const percentile = (part: number): number => {
      let left = Math.ceil(part * total);
      const [time] = newestFirst.find(([, countWatched]) => (left -= countWatched) <= 0) ?? [now];
      return (now - time) / 1000;
    };
    return { watchedP50: percentile(0.5), watchedP95: percentile(0.95) };
  }

  /** Looks at everybody's mark, so it is not for each query. */
  forEachWatched(store: PersonStore, visit: (slot: number) => void): void {
    this.#refresh();
    const { text, lastQueried: queried, slotLimit } = store.persons;
    const all = this.#subscriptions.hasAllSubscription;
    const named = this.#subscribed.get(store);
    const earliest = (this.#clock.monotonic() - NOT_FOUND_TTL_MS) / 1000 + 1;
    for (let slot = 0; slot < slotLimit; slot += 1) {
      const mark = queried[slot] ?? 0;
      if (text[slot] !== null && (all || named?.[slot] === 1 || (mark > 0 && mark >= earliest)))
        visit(slot);
    }
  }

  *#unmatchedAddresses(): Generator<string> {
    this.#refresh();
    const named = this.#subscribedUnmatched;
    yield* named;
    for (const address of this.queriedUnmatched.within(this.#clock.monotonic()))
      if (!named.has(address)) yield address;
  }

  /** Looks up all that subscriptions named, if that may have changed since the last time. */
  #refresh(): void {
    const { stores } = this.#resolver;
    const moment = [this.#subscriptions.version, ...stores.map((store) => store.version)].join();
    if (moment === this.#versionsSeen && stores === this.#storesSeen) return;
    this.#storesSeen = stores;
    this.#versionsSeen = moment;
    this.#subscribed = new Map(
      stores.map((store) => [store, new Uint8Array(store.persons.slotLimit)]),
    );
    this.#subscribedUnmatched = new Set();
    for (const address of this.#subscriptions.subscribedAddresses()) {
      const { person } = this.#resolver.resolve(address);
      const marks = person === null ? undefined : this.#subscribed.get(person.store);
      if (person === null || marks === undefined) this.#subscribedUnmatched.add(address);
      else marks[person.slot] = 1;
    }
  }
}
