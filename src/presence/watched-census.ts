import type { Clock } from "../ports/clock.js";
import type { WatchedAges } from "./polled-roster.js";
import type { RecentAddresses } from "./recent-addresses.js";
import type { Resolver, Sight } from "./resolver.js";
import { TEN_MINUTES_MS, type Roster } from "./roster.js";
import type { WatchList } from "./watch-list.js";

/**
 * Who is watched: named by a live subscription, or asked for in the last 10 minutes. Persons who were asked for are marked in
 * their roster, so that a query costs next to nothing; addresses that match nobody are in `unmatched`.
 */
export class WatchedCensus {
  readonly unmatched: RecentAddresses;
  readonly #clock: Clock;
  readonly #resolver: Resolver;
  readonly #watchList: WatchList<Sight>;
  #named = new Map<Roster, Uint8Array>();
  #namedUnmatched = new Set<string>();
  #takenOf: readonly Roster[] = [];
  #takenAt = "";

  constructor(clock: Clock, resolver: Resolver, watchList: WatchList<Sight>, unmatched: RecentAddresses) {
    this.#clock = clock;
    this.#resolver = resolver;
    this.#watchList = watchList;
    this.unmatched = unmatched;
  }

  /** Monotonic milliseconds. */
  get now(): number {
    return this.#clock.monotonic();
  }

  /** Somebody asked for this person at `time`, monotonic milliseconds. Returns whether nobody had in the time before that counts. */
  markQueried(roster: Roster, slot: number, time: number): boolean {
    const { queried } = roster.persons;
    const before = queried[slot] ?? 0;
    queried[slot] = Math.ceil(time / 1000) + 1;
    return before === 0 || before < (time - TEN_MINUTES_MS) / 1000 + 1;
  }

  /** Distinct watched persons of the roster, and watched addresses that match nobody. */
  count(roster: Roster): number {
    let count = 0;
    this.eachWatched(roster, () => (count += 1));
    return count + [...this.#unmatchedAddresses()].length;
  }

  /** Watched addresses that match nobody and have no answer from this roster, up to `max`. */
  unanswered(roster: Roster, max: number): readonly string[] {
    const now = this.#clock.monotonic();
    const found: string[] = [];
    if (roster.sweepAnswers(now)) return found;
    for (const address of this.#unmatchedAddresses()) {
      if (!roster.hasAnswered(address, now)) found.push(address);
      if (found.length >= max) break;
    }
    return found;
  }

  /** Ages in seconds by nearest rank. */
  ages(roster: Roster): WatchedAges {
    const now = this.#clock.monotonic();
    const { observedMono } = roster.persons;
    // A page of persons shares one time, so there are few distinct ones to be sorted.
    const counts = new Map<number, number>();
    let total = 0;
    this.eachWatched(roster, (slot) => {
      const time = observedMono[slot] ?? 0;
      counts.set(time, (counts.get(time) ?? 0) + 1);
      total += 1;
    });
    if (total === 0) return { watchedP50: null, watchedP95: null };
    const newestFirst = [...counts].sort(([a], [b]) => b - a);
    const percentile = (part: number): number => {
      let left = Math.ceil(part * total);
      const [time] = newestFirst.find(([, count]) => (left -= count) <= 0) ?? [now];
      return (now - time) / 1000;
    };
    return { watchedP50: percentile(0.5), watchedP95: percentile(0.95) };
  }

  /** Looks at everybody's mark, so it is not for each query. */
  eachWatched(roster: Roster, visit: (slot: number) => void): void {
    this.#take();
    const { text, queried, extent } = roster.persons;
    const all = this.#watchList.watchesAll;
    const named = this.#named.get(roster);
    const earliest = (this.#clock.monotonic() - TEN_MINUTES_MS) / 1000 + 1;
    for (let slot = 0; slot < extent; slot += 1) {
      const mark = queried[slot] ?? 0;
      if (text[slot] !== null && (all || named?.[slot] === 1 || (mark > 0 && mark >= earliest))) visit(slot);
    }
  }

  *#unmatchedAddresses(): Generator<string> {
    this.#take();
    const named = this.#namedUnmatched;
    yield* named;
    for (const address of this.unmatched.inside(this.#clock.monotonic())) if (!named.has(address)) yield address;
  }

  /** Looks up all that subscriptions named, if that may have changed since the last time. */
  #take(): void {
    const { rosters } = this.#resolver;
    const moment = [this.#watchList.version, ...rosters.map((roster) => roster.version)].join();
    if (moment === this.#takenAt && rosters === this.#takenOf) return;
    this.#takenOf = rosters;
    this.#takenAt = moment;
    this.#named = new Map(rosters.map((roster) => [roster, new Uint8Array(roster.persons.extent)]));
    this.#namedUnmatched = new Set();
    for (const address of this.#watchList.named()) {
      const { person } = this.#resolver.find(address);
      const marks = person === null ? undefined : this.#named.get(person.roster);
      if (person === null || marks === undefined) this.#namedUnmatched.add(address);
      else marks[person.slot] = 1;
    }
  }
}
