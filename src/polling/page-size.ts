/** What is common practice for the plain list; Webex clips it without a word where it allows less. */
const LARGEST = 1_000;
const SMALLEST = 50;
const FIRST_RUN = 3;
const LONGEST_RUN = 96;

/** How many persons to ask for in one page: as many as Webex can take. */
export class PageSize {
  #max = LARGEST;
  /** The largest page that had a next one: what Webex gives however much is asked for. 0 = not known. */
  #largestGiven = 0;
  /** The largest `max` that carried a whole sweep and has not been refused since it was tried again. */
  #proven = 0;
  #goodSweeps = 0;
  #runNeeded = FIRST_RUN;
  #grew = false;

  get max(): number {
    return this.#max;
  }

  pageCame(itemCount: number, hasNext: boolean): void {
    if (hasNext) this.#largestGiven = Math.max(this.#largestGiven, itemCount);
  }

  /**
   * A gateway gave up on a page (502, 504): Cisco's advice is a smaller `max`. False if it is the smallest already. Halves what
   * really came, since less than was asked for may have been given.
   */
  shrink(): boolean {
    if (this.#grew) {
      this.#proven = 0;
      this.#runNeeded = Math.min(LONGEST_RUN, this.#runNeeded * 2);
    }
    this.#grew = false;
    this.#goodSweeps = 0;
    const given = this.#largestGiven > 0 ? Math.min(this.#max, this.#largestGiven) : this.#max;
    this.#largestGiven = 0;
    const smaller = Math.max(SMALLEST, Math.floor(given / 2));
    if (smaller >= this.#max) return false;
    this.#max = smaller;
    return true;
  }

  /** After a run of good sweeps a larger page is tried; at once the size that has worked before, since an outage also looks like too large a page. */
  sweepCompleted(): void {
    this.#proven = Math.max(this.#proven, this.#max);
    if (this.#max >= LARGEST) return;
    this.#goodSweeps += 1;
    if (this.#goodSweeps < this.#runNeeded) return;
    this.#goodSweeps = 0;
    this.#max = Math.min(LARGEST, Math.max(this.#max * 2, this.#proven));
    this.#grew = true;
  }
}
