/** What is common practice for the plain list; Webex clips it without a word where it allows less. */
const MAX_PAGE_SIZE = 1_000;
const MIN_PAGE_SIZE = 50;
const INITIAL_REQUIRED_SWEEPS = 3;
const MAX_REQUIRED_SWEEPS = 96;

/** How many persons to ask for in one page: as many as Webex can take. */
export class PageSize {
  #max = MAX_PAGE_SIZE;
  /** The largest page that had a next one: what Webex gives however much is asked for. 0 = not known. */
  #largestReceived = 0;
  /** The largest `max` that carried a whole sweep and has not been refused since it was tried again. */
  #largestProven = 0;
  #successfulSweeps = 0;
  #requiredSweeps = INITIAL_REQUIRED_SWEEPS;
  #hasGrown = false;

  get max(): number {
    return this.#max;
  }

  recordPage(itemCount: number, hasNext: boolean): void {
    if (hasNext) this.#largestReceived = Math.max(this.#largestReceived, itemCount);
  }

  /**
   * A gateway gave up on a page (502, 504): Cisco's advice is a smaller `max`. False if it is the smallest already. Halves what
   * really came, since less than was asked for may have been given.
   */
  shrink(): boolean {
    if (this.#hasGrown) {
      this.#largestProven = 0;
      this.#requiredSweeps = Math.min(MAX_REQUIRED_SWEEPS, this.#requiredSweeps * 2);
    }
    this.#hasGrown = false;
    this.#successfulSweeps = 0;
    const received =
      this.#largestReceived > 0 ? Math.min(this.#max, this.#largestReceived) : this.#max;
    this.#largestReceived = 0;
    const smaller = Math.max(MIN_PAGE_SIZE, Math.floor(received / 2));
    if (smaller >= this.#max) return false;
    this.#max = smaller;
    return true;
  }

  /** After a run of good sweeps a larger page is tried; at once the size that has worked before, since an outage also looks like too large a page. */
  recordCompletedSweep(): void {
    this.#largestProven = Math.max(this.#largestProven, this.#max);
    if (this.#max >= MAX_PAGE_SIZE) return;
    this.#successfulSweeps += 1;
    if (this.#successfulSweeps < this.#requiredSweeps) return;
    this.#successfulSweeps = 0;
    this.#max = Math.min(MAX_PAGE_SIZE, Math.max(this.#max * 2, this.#largestProven));
    this.#hasGrown = true;
  }
}
