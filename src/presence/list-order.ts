import type { PersonColumns } from "./store/person-columns.js";

/**
 * Who stood where in Webex's list the last time. The list mostly comes in the same order with the same texts, so whoever comes next is
 * known before being read. A guess that fails costs no more than the reading.
 */
export class ListIndex {
  readonly #persons: PersonColumns;
  /** For each page, who came first, as slot + 1. */
  readonly #firstOnPage: number[] = [];
  #page = 0;
  /** Who came last, or -1. */
  #previous = -1;
  #expected = -1;

  constructor(persons: PersonColumns) {
    this.#persons = persons;
  }

  /** A page begins. */
  beginPage(page: number): void {
    this.#page = page;
    this.#previous = -1;
    this.#expected = (this.#firstOnPage[page] ?? 0) - 1;
  }

  /** The slot of who is told again as before, or -1. */
  findUnchanged(fingerprint: number): number {
    return this.#persons.fingerprint[this.#expected] === fingerprint ? this.#expected : -1;
  }

  /** That person stands here. */
  recordPosition(slot: number, fingerprint: number): void {
    this.#persons.fingerprint[slot] = fingerprint;
    if (this.#previous === -1) this.#firstOnPage[this.#page] = slot + 1;
    else this.#persons.nextInList[this.#previous] = slot + 1;
    this.#previous = slot;
    this.#expected = (this.#persons.nextInList[slot] ?? 0) - 1;
  }
}
