import { refreshWeight } from "./change-rate.js";
import type { LookupCandidate, RefreshDemand } from "./polled-roster.js";

/** What a scan reads of a roster: columns with a slot for each person. */
export interface ScannedStore {
  readonly persons: {
    readonly observedElapsed: Float64Array;
    readonly changeRate: Uint16Array;
    readonly page: Uint16Array;
    readonly slotLimit: number;
  };
  addressesOf(slot: number): readonly string[];
}

/** A scan looks at everybody's mark: never for each request. */
const SCAN_INTERVAL_MS = 1_000;
const MAX_CANDIDATES = 16;
const WATCHED = 1;
const NEWLY_WATCHED = 2;

export const NO_DEMAND: RefreshDemand = {
  pageWeights: new Float64Array(0),
  pageNewlyWatched: new Uint32Array(0),
  persons: 0,
  newlyWatched: 0,
  effectivePersons: 0,
  lookupCandidates: [],
  notOnAnyPage: [],
};

/** Weighs the watched persons of one roster for polling. */
export class RefreshDemandScanner {
  readonly #store: ScannedStore;
  readonly #forEachWatched: (visit: (slot: number) => void) => void;
  #marks = new Uint8Array(0);
  #lastDemand = NO_DEMAND;
  #scannedAt = Number.NEGATIVE_INFINITY;
  #scannedPages = -1;

  constructor(store: ScannedStore, forEachWatched: (visit: (slot: number) => void) => void) {
    this.#store = store;
    this.#forEachWatched = forEachWatched;
  }

  /** See `PolledRoster.watchedDemand`; `now` is monotonic milliseconds. */
  currentDemand(now: number, pages: number, freshMs: number): RefreshDemand {
    if (now - this.#scannedAt < SCAN_INTERVAL_MS && pages === this.#scannedPages)
      return this.#lastDemand;
    this.#scannedAt = now;
    this.#scannedPages = pages;
    this.#lastDemand = this.#scan(now, pages, freshMs);
    return this.#lastDemand;
  }

  #scan(now: number, pages: number, freshMs: number): RefreshDemand {
    const { observedElapsed, changeRate, page, slotLimit } = this.#store.persons;
    const before = this.#marks;
    const marks = new Uint8Array(slotLimit);
    const pageWeights = new Float64Array(pages);
    const pageNewlyWatched = new Uint32Array(pages);
    const lookupCandidates = new TopCandidates(now);
    const notOnAnyPage = new TopCandidates(now);
    let persons = 0;
    let newlyWatched = 0;
    let sum = 0;
    let roots = 0;
    this.#forEachWatched((slot) => {
      const observedAt = observedElapsed[slot] ?? 0;
      const mark = before[slot] ?? 0;
      const isNewlyWatched =
        now - observedAt > freshMs && (mark === 0 || (mark & NEWLY_WATCHED) !== 0);
      const weight = refreshWeight(changeRate[slot] ?? 0);
      const at = (page[slot] ?? 0) - 1;
      marks[slot] = isNewlyWatched ? WATCHED | NEWLY_WATCHED : WATCHED;
      persons += 1;
      sum += weight;
      roots += Math.sqrt(weight);
      if (isNewlyWatched) newlyWatched += 1;
      lookupCandidates.add(slot, weight, observedAt, isNewlyWatched);
      if (at < 0 || at >= pages) notOnAnyPage.add(slot, weight, observedAt, isNewlyWatched);
      else {
        pageWeights[at] = (pageWeights[at] ?? 0) + weight;
        if (isNewlyWatched) pageNewlyWatched[at] = (pageNewlyWatched[at] ?? 0) + 1;
      }
    });
    this.#marks = marks;
    const addressOf = (slot: number): string | undefined => this.#store.addressesOf(slot)[0];
    return {
      pageWeights,
      pageNewlyWatched,
      persons,
      newlyWatched,
      effectivePersons: sum === 0 ? 0 : (roots * roots) / sum,
      lookupCandidates: lookupCandidates.candidates(addressOf),
      notOnAnyPage: notOnAnyPage.candidates(addressOf),
    };
  }
}

interface ScoredSlot {
  readonly slot: number;
  readonly weight: number;
  readonly observedAt: number;
  readonly isNewlyWatched: boolean;
  readonly score: number;
}

/** The few best of many, newcomers first; then by worth times age squared, which visits each as often as the root of its worth. */
class TopCandidates {
  readonly #now: number;
  readonly #slots: ScoredSlot[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  add(slot: number, weight: number, observedAt: number, isNewlyWatched: boolean): void {
    const age = this.#now - observedAt;
    const score = isNewlyWatched ? Number.MAX_VALUE : weight * age * age;
    const worst = this.#slots.at(-1);
    if (worst !== undefined && this.#slots.length === MAX_CANDIDATES && worst.score >= score)
      return;
    let at = this.#slots.length;
    while (at > 0 && (this.#slots[at - 1]?.score ?? 0) < score) at -= 1;
    this.#slots.splice(at, 0, { slot, weight, observedAt, isNewlyWatched, score });
    if (this.#slots.length > MAX_CANDIDATES) this.#slots.pop();
  }

  candidates(addressOf: (slot: number) => string | undefined): readonly LookupCandidate[] {
    return this.#slots.flatMap(({ slot, weight, observedAt, isNewlyWatched }) => {
      const address = addressOf(slot);
      return address === undefined ? [] : [{ address, weight, observedAt, isNewlyWatched }];
    });
  }
}
