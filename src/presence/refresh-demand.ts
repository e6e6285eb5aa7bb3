import type { Clock } from "../ports/clock.js";
import type { LookupCandidate, MissingPerson, RefreshDemand } from "./polled-roster.js";

// A change rate is a number of changes per hour, encoded in 16 bits on a logarithmic scale, so that
// exponential decay is a subtraction.
const DECAY_MS = 2 * 3_600_000;
const MIN_PER_HOUR = 1 / 50;
const STEPS_PER_E = 8_192;
const MAX_CODE = 65_535;
const FULL_WEIGHT_PER_HOUR = 1;
const MIN_WEIGHT = 1 / 4;

/** A person with an unknown history counts as busy. */
export const INITIAL_CHANGE_RATE = encodeRate(FULL_WEIGHT_PER_HOUR);

const WEIGHTS: readonly number[] = Array.from({ length: 256 }, (_, high) => {
  const perHour = MIN_PER_HOUR * Math.exp((high * 256 + 255) / STEPS_PER_E);
  return Math.max(MIN_WEIGHT, Math.min(1, perHour / FULL_WEIGHT_PER_HOUR));
});

/** Returns the rate after an observation of the person, `elapsedMs` after the previous one. */
export function updateChangeRate(rate: number, elapsedMs: number, changed: boolean): number {
  const decayed = Math.max(0, rate - Math.round((elapsedMs / DECAY_MS) * STEPS_PER_E));
  if (!changed) return decayed;
  return encodeRate(MIN_PER_HOUR * Math.exp(decayed / STEPS_PER_E) + 3_600_000 / DECAY_MS);
}

/**
 * Returns the value of refreshing a person, 1/4 to 1. If requests follow its square root, nobody
 * waits more than twice as long as anybody else.
 */
export function refreshWeight(rate: number): number {
  return WEIGHTS[rate >> 8] ?? 1;
}

function encodeRate(perHour: number): number {
  const code = Math.round(Math.log(perHour / MIN_PER_HOUR) * STEPS_PER_E);
  return Math.max(0, Math.min(MAX_CODE, code));
}

/** What a scan reads of a store. */
export interface ScannedStore {
  readonly slotLimit: number;
  /** Elapsed milliseconds. */
  observedElapsedOf(slot: number): number;
  changeRateOf(slot: number): number;
  /** Counted from 1; 0 if unknown. */
  pageOf(slot: number): number;
  addressesOf(slot: number): readonly string[];
  idOf(slot: number): string;
  /** Whether Webex's list lacks the person where they were before. */
  isMissing(slot: number): boolean;
}

/** A scan visits every person, so it is too expensive for each request. */
const SCAN_INTERVAL_MS = 1_000;
const MAX_CANDIDATES = 16;
const NEWLY_WATCHED_SCORE = Number.MAX_VALUE;

export const NO_DEMAND: RefreshDemand = {
  pageWeights: new Float64Array(0),
  pageNewlyWatched: new Uint32Array(0),
  persons: 0,
  newlyWatched: 0,
  personsNotOnAnyPage: 0,
  effectivePersons: 0,
  lookupCandidates: [],
  notOnAnyPage: [],
  missing: [],
};

/** Computes the refresh demand of one store. */
export class RefreshDemandScanner {
  readonly #clock: Clock;
  readonly #store: ScannedStore;
  readonly #forEachWatched: (visit: (slot: number) => void) => void;
  #demand = NO_DEMAND;
  #scannedAt = Number.NEGATIVE_INFINITY;
  /** By slot: 1 for a person who was watched in the latest scan, but not newly. */
  #settled = new Uint8Array(0);

  constructor(
    clock: Clock,
    store: ScannedStore,
    forEachWatched: (visit: (slot: number) => void) => void,
  ) {
    this.#clock = clock;
    this.#store = store;
    this.#forEachWatched = forEachWatched;
  }

  /** Makes the next demand include what has changed since the latest scan. */
  invalidate(): void {
    this.#scannedAt = Number.NEGATIVE_INFINITY;
  }

  /** See `PolledRoster.refreshDemand`. */
  currentDemand(pages: number, freshMs: number): RefreshDemand {
    const now = this.#clock.elapsed();
    const isRecent = now - this.#scannedAt < SCAN_INTERVAL_MS;
    if (!isRecent || pages !== this.#demand.pageWeights.length) {
      this.#scannedAt = now;
      this.#demand = this.#scan(now, pages, freshMs);
    }
    return this.#demand;
  }

  #scan(now: number, pages: number, freshMs: number): RefreshDemand {
    const store = this.#store;
    const settled = new Uint8Array(store.slotLimit);
    const pageWeights = new Float64Array(pages);
    const pageNewlyWatched = new Uint32Array(pages);
    const candidates: ScoredSlot[] = [];
    const notOnAnyPage: ScoredSlot[] = [];
    const missing: ScoredSlot[] = [];
    let persons = 0;
    let newlyWatched = 0;
    let personsNotOnAnyPage = 0;
    let sum = 0;
    let roots = 0;
    this.#forEachWatched((slot) => {
      const age = now - store.observedElapsedOf(slot);
      const isNewlyWatched = age > freshMs && this.#settled[slot] !== 1;
      const weight = refreshWeight(store.changeRateOf(slot));
      // This refreshes each person in proportion to the square root of the weight.
      const score = isNewlyWatched ? NEWLY_WATCHED_SCORE : weight * age * age;
      const page = store.pageOf(slot) - 1;
      persons += 1;
      sum += weight;
      roots += Math.sqrt(weight);
      if (isNewlyWatched) newlyWatched += 1;
      else settled[slot] = 1;
      addIfAmongBest(candidates, slot, score);
      if (store.isMissing(slot)) addIfAmongBest(missing, slot, age);
      if (page < 0 || page >= pages) {
        personsNotOnAnyPage += 1;
        addIfAmongBest(notOnAnyPage, slot, score);
      } else {
        pageWeights[page] = (pageWeights[page] ?? 0) + weight;
        if (isNewlyWatched) pageNewlyWatched[page] = (pageNewlyWatched[page] ?? 0) + 1;
      }
    });
    this.#settled = settled;
    return {
      pageWeights,
      pageNewlyWatched,
      persons,
      newlyWatched,
      personsNotOnAnyPage,
      effectivePersons: sum === 0 ? 0 : (roots * roots) / sum,
      lookupCandidates: this.#toLookupCandidates(candidates, now),
      notOnAnyPage: this.#toLookupCandidates(notOnAnyPage, now),
      missing: missing.map(({ slot }) => this.#toMissingPerson(slot, now)),
    };
  }

  #toMissingPerson(slot: number, now: number): MissingPerson {
    const store = this.#store;
    const address = store.addressesOf(slot)[0] ?? null;
    return { id: store.idOf(slot), address, observedAt: this.#toMonotonic(slot, now) };
  }

  /** Polling compares times of observation with its own, which are monotonic. */
  #toMonotonic(slot: number, now: number): number {
    return this.#store.observedElapsedOf(slot) - (now - this.#clock.monotonic());
  }

  #toLookupCandidates(slots: readonly ScoredSlot[], now: number): readonly LookupCandidate[] {
    const store = this.#store;
    return slots.flatMap(({ slot, score }) => {
      const [address] = store.addressesOf(slot);
      if (address === undefined) return [];
      const weight = refreshWeight(store.changeRateOf(slot));
      const observedAt = this.#toMonotonic(slot, now);
      return [{ address, weight, observedAt, isNewlyWatched: score === NEWLY_WATCHED_SCORE }];
    });
  }
}

interface ScoredSlot {
  readonly slot: number;
  readonly score: number;
}

/** Keeps the slots with the highest scores, in order. */
function addIfAmongBest(best: ScoredSlot[], slot: number, score: number): void {
  if (best.length === MAX_CANDIDATES && (best.at(-1)?.score ?? 0) >= score) return;
  let index = best.length;
  while (index > 0 && (best[index - 1]?.score ?? 0) < score) index -= 1;
  best.splice(index, 0, { slot, score });
  if (best.length > MAX_CANDIDATES) best.pop();
}
