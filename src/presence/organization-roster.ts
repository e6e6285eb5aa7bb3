import { Feed, type Disposer } from "../faults/feed.js";
import { DemandScan, NO_DEMAND } from "./demand-scan.js";
import type { PersonSnapshot } from "./person.js";
import type { PolledRoster, WatchedAges, WatchedDemand } from "./polled-roster.js";
import type { Roster } from "./roster.js";
import type { WatchedCensus } from "./watched-census.js";

/** What happened in a roster, once it is over. */
export type RosterNews = "observed" | "answered";

/** A roster as polling sees it. Once closed it takes nothing more: results of a revoked grant must not bring anybody back. */
export class OrganizationRoster implements PolledRoster {
  readonly roster: Roster;
  readonly demand = new Feed<undefined>();
  readonly #census: WatchedCensus;
  readonly #scan: DemandScan;
  readonly #onNews: (news: RosterNews) => void;
  #closed = false;

  constructor(roster: Roster, census: WatchedCensus, onNews: (news: RosterNews) => void) {
    this.roster = roster;
    this.#census = census;
    this.#onNews = onNews;
    this.#scan = new DemandScan(roster, (visit) => census.eachWatched(roster, visit));
  }

  get personCount(): number {
    return this.#closed ? 0 : this.roster.persons.count;
  }

  get watchedCount(): number {
    return this.#closed ? 0 : this.#census.count(this.roster);
  }

  watchedAges(): WatchedAges {
    return this.#closed ? { watchedP50: null, watchedP95: null } : this.#census.ages(this.roster);
  }

  beginSweep(): number {
    return this.roster.beginSweep();
  }

  applyPage(sweep: number, persons: readonly PersonSnapshot[], page = 0): void {
    if (this.#closed) return;
    this.roster.applyPage(sweep, persons, page);
    this.#onNews("observed");
  }

  applyPageAgain(page: number, persons: readonly PersonSnapshot[]): number {
    if (this.#closed) return 0;
    const there = this.roster.applyPageAgain(page, persons);
    this.#onNews("observed");
    return there;
  }

  watchedDemand(pages: number, freshMs: number): WatchedDemand {
    return this.#closed ? NO_DEMAND : this.#scan.take(this.#census.now, pages, freshMs);
  }

  completeSweep(sweep: number): void {
    if (this.#closed) return;
    this.#onNews(this.roster.completeSweep(sweep) ? "answered" : "observed");
  }

  unansweredAddresses(max: number): readonly string[] {
    return this.#closed ? [] : this.#census.unanswered(this.roster, max);
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    if (this.#closed) return;
    this.roster.applyLookup(address, persons);
    this.#onNews("observed");
  }

  onDemand(listener: () => void): Disposer {
    return this.demand.subscribe(listener);
  }

  close(): void {
    this.#closed = true;
  }
}
