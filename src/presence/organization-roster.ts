import { Emitter } from "../faults/emitter.js";
import { DemandScan, NO_DEMAND } from "./demand-scan.js";
import type { ListedPerson, PersonSnapshot } from "./person.js";
import type { PageTold, PolledRoster, WatchedAges, WatchedDemand, RosterEvents } from "./polled-roster.js";
import type { Roster } from "./roster.js";
import type { WatchedCensus } from "./watched-census.js";

/** What happened in a roster, once it is over. */
export type RosterNews = "observed" | "answered";

const NOTHING_TOLD: PageTold = { persons: 0, there: 0, sharesStatus: false, seenInSweep: 0 };

/** A roster as polling sees it. Once closed it takes nothing more: results of a revoked grant must not bring anybody back. */
export class OrganizationRoster implements PolledRoster {
  readonly roster: Roster;
  readonly events = new Emitter<RosterEvents>();
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

  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageTold {
    return this.#apply(() => this.roster.applyPage(sweep, items, page));
  }

  applyPageAgain(page: number, items: readonly ListedPerson[]): PageTold {
    return this.#apply(() => this.roster.applyPageAgain(page, items));
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

  close(): void {
    this.#closed = true;
  }

  #apply(page: () => PageTold): PageTold {
    if (this.#closed) return NOTHING_TOLD;
    try {
      return page();
    } finally {
      this.#onNews("observed");
    }
  }
}
