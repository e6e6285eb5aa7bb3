import type { PersonColumns } from "./person-columns.js";

/**
 * Who stood where in Webex's list the last time. The list mostly comes in the same order with the same texts, so whoever comes next is
 * known before being read. A guess that fails costs no more than the reading.
 */
export class ListOrder {
  readonly #persons: PersonColumns;
  /** For each page, who came first, as slot + 1. */
  readonly #first: number[] = [];
  #page = 0;
  /** Who came last, or -1. */
  #last = -1;
  #expected = -1;

  constructor(persons: PersonColumns) {
    this.#persons = persons;
  }

  /** A page begins. */
  turnTo(page: number): void {
    this.#page = page;
    this.#last = -1;
    this.#expected = (this.#first[page] ?? 0) - 1;
  }

  /** The slot of who is told again as before, or -1. */
  sameAsBefore(fingerprint: number): number {
    return this.#persons.fingerprint[this.#expected] === fingerprint ? this.#expected : -1;
  }

  /** That person stands here. */
  met(slot: number, fingerprint: number): void {
    this.#persons.fingerprint[slot] = fingerprint;
    if (this.#last === -1) this.#first[this.#page] = slot + 1;
    else this.#persons.next[this.#last] = slot + 1;
    this.#last = slot;
    this.#expected = (this.#persons.next[slot] ?? 0) - 1;
  }
}
