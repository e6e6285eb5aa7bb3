import type { PersonColumns } from "./store/person-columns.js";

/** A person whom so many complete sweeps running have missed is given up: people move between pages while one pages. */
const MAX_MISSED_SWEEPS = 2;

/** The present walk over Webex's list: whom it has met, and whom the complete ones missed. */
export class SweepTracker {
  readonly #persons: PersonColumns;
  #sweep = 0;
  #isActive = false;
  /** Persons on the pages of the sweep. */
  #listedPersons = 0;
  #seenPersons = 0;

  constructor(persons: PersonColumns) {
    this.#persons = persons;
  }

  /** Distinct persons told of since the sweep began, on its pages or otherwise. */
  get seenPersons(): number {
    return this.#seenPersons;
  }

  /** Returns the sweep's number. */
  begin(): number {
    this.#sweep += 1;
    this.#isActive = true;
    this.#listedPersons = 0;
    this.#seenPersons = 0;
    return this.#sweep;
  }

  /** So many persons stood on a page of that sweep. */
  addPage(sweep: number, persons: number): void {
    if (sweep === this.#sweep) this.#listedPersons += persons;
  }

  /** Webex told of the person. */
  markSeen(slot: number): void {
    const { lastSweep: sweep, missedSweeps: missed } = this.#persons;
    missed[slot] = 0;
    if (!this.#isActive || sweep[slot] === this.#sweep) return;
    sweep[slot] = this.#sweep;
    this.#seenPersons += 1;
  }

  /** Every page was seen. Returns those to be given up; null where another sweep is under way, or none. */
  complete(number: number): readonly number[] | null {
    if (number !== this.#sweep || !this.#isActive) return null;
    this.#isActive = false;
    // A list without anybody is a fault of the service (the administrator who asks is a person too): it says nothing of who left.
    if (this.#listedPersons === 0) return [];
    const { lastSweep: sweep, missedSweeps: missed, text, slotLimit: extent } = this.#persons;
    const missing: number[] = [];
    for (let slot = 0; slot < extent; slot += 1) {
      if (text[slot] === null || sweep[slot] === number) continue;
      const missedCount = (missed[slot] ?? 0) + 1;
      missed[slot] = missedCount;
      if (missedCount >= MAX_MISSED_SWEEPS) missing.push(slot);
    }
    return missing;
  }
}
