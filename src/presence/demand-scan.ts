import { worthOf } from "./change-rate.js";
import type { LookupCandidate, WatchedDemand } from "./polled-roster.js";

/** What a scan reads of a roster: columns with a slot for each person. */
export interface ScannedRoster {
  readonly persons: {
    readonly observedMono: Float64Array;
    readonly changeRate: Uint16Array;
    readonly page: Uint16Array;
    readonly extent: number;
  };
  addressesOf(slot: number): readonly string[];
}

/** A scan looks at everybody's mark: never for each request. */
const SCAN_EVERY_MS = 1_000;
const MOST_CANDIDATES = 16;
const WATCHED = 1;
const NEWCOMER = 2;

export const NO_DEMAND: WatchedDemand = {
  pageWorth: new Float64Array(0),
  pageNewcomers: new Uint32Array(0),
  persons: 0,
  newcomers: 0,
  personsEffort: 0,
  lookups: [],
  homeless: [],
};

/** Weighs the watched persons of one roster for polling. */
export class DemandScan {
  readonly #roster: ScannedRoster;
  readonly #eachWatched: (visit: (slot: number) => void) => void;
  #marks = new Uint8Array(0);
  #last = NO_DEMAND;
  #takenAt = Number.NEGATIVE_INFINITY;
  #takenOver = -1;

  constructor(roster: ScannedRoster, eachWatched: (visit: (slot: number) => void) => void) {
    this.#roster = roster;
    this.#eachWatched = eachWatched;
  }

  /** See `PolledRoster.watchedDemand`; `now` is monotonic milliseconds. */
  take(now: number, pages: number, freshMs: number): WatchedDemand {
    if (now - this.#takenAt < SCAN_EVERY_MS && pages === this.#takenOver) return this.#last;
    this.#takenAt = now;
    this.#takenOver = pages;
    this.#last = this.#scan(now, pages, freshMs);
    return this.#last;
  }

  #scan(now: number, pages: number, freshMs: number): WatchedDemand {
    const { observedMono, changeRate, page, extent } = this.#roster.persons;
    const before = this.#marks;
    const marks = new Uint8Array(extent);
    const pageWorth = new Float64Array(pages);
    const pageNewcomers = new Uint32Array(pages);
    const lookups = new Best(now);
    const homeless = new Best(now);
    let persons = 0;
    let newcomers = 0;
    let sum = 0;
    let roots = 0;
    this.#eachWatched((slot) => {
      const observedAt = observedMono[slot] ?? 0;
      const mark = before[slot] ?? 0;
      const isNewcomer = now - observedAt > freshMs && (mark === 0 || (mark & NEWCOMER) !== 0);
      const worth = worthOf(changeRate[slot] ?? 0);
      const at = (page[slot] ?? 0) - 1;
      marks[slot] = isNewcomer ? WATCHED | NEWCOMER : WATCHED;
      persons += 1;
      sum += worth;
      roots += Math.sqrt(worth);
      if (isNewcomer) newcomers += 1;
      lookups.offer(slot, worth, observedAt, isNewcomer);
      if (at < 0 || at >= pages) homeless.offer(slot, worth, observedAt, isNewcomer);
      else {
        pageWorth[at] = (pageWorth[at] ?? 0) + worth;
        if (isNewcomer) pageNewcomers[at] = (pageNewcomers[at] ?? 0) + 1;
      }
    });
    this.#marks = marks;
    const addressOf = (slot: number): string | undefined => this.#roster.addressesOf(slot)[0];
    return {
      pageWorth,
      pageNewcomers,
      persons,
      newcomers,
      personsEffort: sum === 0 ? 0 : (roots * roots) / sum,
      lookups: lookups.candidates(addressOf),
      homeless: homeless.candidates(addressOf),
    };
  }
}

interface Offer {
  readonly slot: number;
  readonly worth: number;
  readonly observedAt: number;
  readonly newcomer: boolean;
  readonly score: number;
}

/** The few best of many, newcomers first; then by worth times age squared, which visits each as often as the root of its worth. */
class Best {
  readonly #now: number;
  readonly #best: Offer[] = [];

  constructor(now: number) {
    this.#now = now;
  }

  offer(slot: number, worth: number, observedAt: number, newcomer: boolean): void {
    const age = this.#now - observedAt;
    const score = newcomer ? Number.MAX_VALUE : worth * age * age;
    const worst = this.#best.at(-1);
    if (worst !== undefined && this.#best.length === MOST_CANDIDATES && worst.score >= score) return;
    let at = this.#best.length;
    while (at > 0 && (this.#best[at - 1]?.score ?? 0) < score) at -= 1;
    this.#best.splice(at, 0, { slot, worth, observedAt, newcomer, score });
    if (this.#best.length > MOST_CANDIDATES) this.#best.pop();
  }

  candidates(addressOf: (slot: number) => string | undefined): readonly LookupCandidate[] {
    return this.#best.flatMap(({ slot, worth, observedAt, newcomer }) => {
      const address = addressOf(slot);
      return address === undefined ? [] : [{ address, worth, observedAt, newcomer }];
    });
  }
}
