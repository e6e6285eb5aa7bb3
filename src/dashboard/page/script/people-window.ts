import { Emitter } from "../../../faults/emitter.js";
import type { DashboardPerson, PeoplePage, PeopleQuery } from "../../dashboard-model.js";

/** What the reader has chosen. */
export type PeopleChoice = Omit<PeopleQuery, "offset" | "limit">;

export interface PeopleWindowEvents {
  readonly changed: undefined;
}

/** Fetches a page of people. Rejects if the worker does not answer. */
export type FetchPeople = (query: PeopleQuery) => Promise<PeoplePage>;

const WINDOW_SIZE = 200;
/** The next window is fetched when the reader comes this near to the end of the present one. */
const MARGIN = 40;

/**
 * The part of the list of people that the page holds: at most 200 of them, around what is shown.
 * There is one request at a time, so that a worker with a large organization keeps its time for the
 * host; of what was chosen meanwhile, only the latest is asked for.
 */
export class PeopleWindow {
  readonly events = new Emitter<PeopleWindowEvents>();
  readonly #fetch: FetchPeople;
  #choice: PeopleChoice = { search: "", states: [], sort: "name", order: "ascending" };
  #first = 0;
  #last = 0;
  #page: PeoplePage | null = null;
  /** Whether the page is of another choice, or older than what the worker has announced. */
  #isStale = true;
  #isFetching = false;
  #isActive = false;

  constructor(fetchPeople: FetchPeople) {
    this.#fetch = fetchPeople;
  }

  /** Everyone known, and how many of them match; null before the first answer. */
  get counts(): { readonly total: number; readonly matching: number } | null {
    return this.#page;
  }

  get choice(): PeopleChoice {
    return this.#choice;
  }

  /** The person in a row, counted from 0; null if the page does not hold the row yet. */
  personAt(index: number): DashboardPerson | null {
    const { offset, people } = this.#page ?? { offset: 0, people: [] };
    return people[index - offset] ?? null;
  }

  /** Nothing is fetched while nobody looks. */
  setActive(isActive: boolean): void {
    this.#isActive = isActive;
    this.#update();
  }

  choose(choice: Partial<PeopleChoice>): void {
    this.#choice = { ...this.#choice, ...choice };
    this.#isStale = true;
    this.#update();
  }

  /** The first and the last row that is shown. */
  show(first: number, last: number): void {
    this.#first = first;
    this.#last = last;
    this.#update();
  }

  /** People have changed, or the connection is back. */
  refresh(): void {
    this.#isStale = true;
    this.#update();
  }

  #update(): void {
    if (this.#isFetching || !this.#isActive) return;
    const middle = Math.floor((this.#first + this.#last) / 2);
    const offset = Math.max(0, middle - WINDOW_SIZE / 2);
    const isHeld = this.#holdsWhatIsShown() || this.#page?.offset === offset;
    if (isHeld && !this.#isStale) return;
    this.#isFetching = true;
    this.#isStale = false;
    const choice = this.#choice;
    this.#fetch({ ...choice, offset, limit: WINDOW_SIZE }).then(
      (page) => {
        this.#isFetching = false;
        // A page of an earlier choice would show rows that the reader has already left.
        if (choice === this.#choice) {
          this.#page = page;
          this.events.emit("changed");
        }
        this.#update();
      },
      () => {
        // The next message of the worker, or the end of the lost connection, leads to a new try.
        this.#isFetching = false;
        this.#isStale = true;
      },
    );
  }

  #holdsWhatIsShown(): boolean {
    if (this.#page === null) return false;
    const { offset, people, matching } = this.#page;
    const end = offset + people.length;
    const isStartHeld = this.#first >= offset + (offset === 0 ? 0 : MARGIN);
    const isEndHeld = this.#last < end - (end >= matching ? 0 : MARGIN) || end >= matching;
    return isStartHeld && isEndHeld;
  }
}
