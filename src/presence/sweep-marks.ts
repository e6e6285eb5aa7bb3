import type { PersonColumns } from "./person-columns.js";

/** A person whom so many complete sweeps running have missed is given up: people move between pages while one pages. */
const MISSED_TO_GO = 2;

/** The present walk over Webex's list: whom it has met, and whom the complete ones missed. */
export class SweepMarks {
  readonly #persons: PersonColumns;
  #sweep = 0;
  #underWay = false;
  /** Persons on the pages of the sweep. */
  #listed = 0;
  #seen = 0;

  constructor(persons: PersonColumns) {
    this.#persons = persons;
  }

  /** Distinct persons told of since the sweep began, on its pages or otherwise. */
  get seen(): number {
    return this.#seen;
  }

  /** Returns the sweep's number. */
  begin(): number {
    this.#sweep += 1;
    this.#underWay = true;
    this.#listed = 0;
    this.#seen = 0;
    return this.#sweep;
  }

  /** So many persons stood on a page of that sweep. */
  pageCame(sweep: number, persons: number): void {
    if (sweep === this.#sweep) this.#listed += persons;
  }

  /** Webex told of the person. */
  met(slot: number): void {
    const { sweep, missed } = this.#persons;
    missed[slot] = 0;
    if (!this.#underWay || sweep[slot] === this.#sweep) return;
    sweep[slot] = this.#sweep;
    this.#seen += 1;
  }

  /** Every page was seen. Returns those to be given up; null where another sweep is under way, or none. */
  complete(number: number): readonly number[] | null {
    if (number !== this.#sweep || !this.#underWay) return null;
    this.#underWay = false;
    // A list without anybody is a fault of the service (the administrator who asks is a person too): it says nothing of who left.
    if (this.#listed === 0) return [];
    const { sweep, missed, text, extent } = this.#persons;
    const gone: number[] = [];
    for (let slot = 0; slot < extent; slot += 1) {
      if (text[slot] === null || sweep[slot] === number) continue;
      const times = (missed[slot] ?? 0) + 1;
      missed[slot] = times;
      if (times >= MISSED_TO_GO) gone.push(slot);
    }
    return gone;
  }
}
