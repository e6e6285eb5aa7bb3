import { Emitter } from "../faults/emitter.js";
import { RefreshDemandScanner, NO_DEMAND } from "./refresh-demand.js";
import type { ListedPerson, PersonSnapshot } from "./person.js";
import type {
  PageResult,
  PolledRoster,
  WatchedAges,
  RefreshDemand,
  RosterEvents,
} from "./polled-roster.js";
import type { PersonStore } from "./store/person-store.js";
import type { WatchStatistics } from "./watch-statistics.js";

/** What happened in a roster, once it is over. */
export type RosterUpdate = "observed" | "answered";

const EMPTY_RESULT: PageResult = {
  persons: 0,
  alreadyOnPage: 0,
  sharesStatus: false,
  seenInSweep: 0,
};

/** A roster as polling sees it. Once closed it takes nothing more: results of a revoked grant must not bring anybody back. */
export class OrganizationRoster implements PolledRoster {
  readonly store: PersonStore;
  readonly events = new Emitter<RosterEvents>();
  readonly #statistics: WatchStatistics;
  readonly #demandScanner: RefreshDemandScanner;
  readonly #onUpdate: (update: RosterUpdate) => void;
  #isClosed = false;

  constructor(
    store: PersonStore,
    statistics: WatchStatistics,
    onUpdate: (update: RosterUpdate) => void,
  ) {
    this.store = store;
    this.#statistics = statistics;
    this.#onUpdate = onUpdate;
    this.#demandScanner = new RefreshDemandScanner(store, (visit) =>
      statistics.forEachWatched(store, visit),
    );
  }

  get personCount(): number {
    return this.#isClosed ? 0 : this.store.persons.personCount;
  }

  get watchedCount(): number {
    return this.#isClosed ? 0 : this.#statistics.countWatched(this.store);
  }

  watchedAges(): WatchedAges {
    return this.#isClosed
      ? { watchedP50: null, watchedP95: null }
      : this.#statistics.computeAges(this.store);
  }

  beginSweep(): number {
    return this.store.beginSweep();
  }

  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageResult {
    return this.#apply(() => this.store.applyPage(sweep, items, page));
  }

  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult {
    return this.#apply(() => this.store.applyRefetchedPage(page, items));
  }

  refreshDemand(pages: number, freshMs: number): RefreshDemand {
    return this.#isClosed
      ? NO_DEMAND
      : this.#demandScanner.currentDemand(this.#statistics.now, pages, freshMs);
  }

  completeSweep(sweep: number): void {
    if (this.#isClosed) return;
    this.#onUpdate(this.store.completeSweep(sweep) ? "answered" : "observed");
  }

  unansweredAddresses(max: number): readonly string[] {
    return this.#isClosed ? [] : this.#statistics.findUnanswered(this.store, max);
  }

  applyLookup(address: string, persons: readonly PersonSnapshot[]): void {
    if (this.#isClosed) return;
    this.store.applyLookup(address, persons);
    this.#onUpdate("observed");
  }

  close(): void {
    this.#isClosed = true;
  }

  #apply(page: () => PageResult): PageResult {
    if (this.#isClosed) return EMPTY_RESULT;
    try {
      return page();
    } finally {
      this.#onUpdate("observed");
    }
  }
}
