import type { PersonColumns } from "./person-columns.js";

/**
 * Predicts the next person of Webex's list. The order and most items of the list stay the same, so
 * a matching fingerprint identifies a person without decoding. A wrong prediction costs one
 * decoding.
 */
export class ListIndex {
  readonly #columns: PersonColumns;
  /** By page: the slot of the first person, plus one. */
  readonly #firstOnPage: number[] = [];
  #page = 0;
  #previous = -1;
  #expected = -1;

  constructor(columns: PersonColumns) {
    this.#columns = columns;
  }

  beginPage(page: number): void {
    this.#page = page;
    this.#previous = -1;
    this.#expected = (this.#firstOnPage[page] ?? 0) - 1;
  }

  /** Returns the slot of the person whose item has not changed, or -1. */
  findUnchanged(fingerprint: number): number {
    return this.#columns.fingerprint[this.#expected] === fingerprint ? this.#expected : -1;
  }

  addItem(slot: number, fingerprint: number): void {
    const { fingerprint: fingerprints, nextInList } = this.#columns;
    fingerprints[slot] = fingerprint;
    if (this.#previous === -1) this.#firstOnPage[this.#page] = slot + 1;
    else nextInList[this.#previous] = slot + 1;
    this.#previous = slot;
    this.#expected = (nextInList[slot] ?? 0) - 1;
  }
}

/** Persons move between pages while they are read, so one sweep may miss somebody. */
const MAX_MISSED_SWEEPS = 2;

/** Finds the persons who are no longer in Webex's list. */
export class SweepTracker {
  readonly #columns: PersonColumns;
  #sweep = 0;
  #isActive = false;
  #listedPersons = 0;
  #seenPersons = 0;

  constructor(columns: PersonColumns) {
    this.#columns = columns;
  }

  /** Distinct persons reported since the sweep began, on its pages or in other answers. */
  get seenPersons(): number {
    return this.#seenPersons;
  }

  begin(): number {
    this.#sweep += 1;
    this.#isActive = true;
    this.#listedPersons = 0;
    this.#seenPersons = 0;
    return this.#sweep;
  }

  addPage(sweep: number, persons: number): void {
    if (sweep === this.#sweep) this.#listedPersons += persons;
  }

  markSeen(slot: number): void {
    const { lastSweep, missedSweeps } = this.#columns;
    missedSweeps[slot] = 0;
    if (!this.#isActive || lastSweep[slot] === this.#sweep) return;
    lastSweep[slot] = this.#sweep;
    this.#seenPersons += 1;
  }

  /**
   * Returns the slots to remove, or null if the sweep proves nothing: it was superseded, or it
   * listed no person, although every organization has an administrator.
   */
  complete(sweep: number): readonly number[] | null {
    if (sweep !== this.#sweep || !this.#isActive) return null;
    this.#isActive = false;
    if (this.#listedPersons === 0) return null;
    const { lastSweep, missedSweeps, text, slotLimit } = this.#columns;
    const missing: number[] = [];
    for (let slot = 0; slot < slotLimit; slot += 1) {
      if (text[slot] === null || lastSweep[slot] === sweep) continue;
      const missedCount = (missedSweeps[slot] ?? 0) + 1;
      missedSweeps[slot] = missedCount;
      if (missedCount >= MAX_MISSED_SWEEPS) missing.push(slot);
    }
    return missing;
  }
}
