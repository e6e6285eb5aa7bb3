/** Common for the unfiltered list; if Webex allows less, it silently returns smaller pages. */
const MAX_PAGE_SIZE = 1_000;
const MIN_PAGE_SIZE = 50;
const INITIAL_REQUIRED_SWEEPS = 3;
const MAX_REQUIRED_SWEEPS = 96;
/** If Webex fails on so many sizes in a row, the size is not to blame. */
const MIN_SIZES_OF_OUTAGE = 3;
/** So many pages in a row prove that a restored size works, so that it can be restored again. */
const MIN_PAGES_OF_PROOF = 5;

/** Adapts the number of persons requested per page: as many as Webex can deliver. */
export class PageSize {
  #max: number;
  /** The largest page before the last one: what Webex returns whatever is requested. 0: unknown. */
  #largestReceived = 0;
  /**
   * The largest size of a complete sweep, also if that was an earlier process's, unless Webex has
   * failed on it again since; 0: unknown.
   */
  #largestProven = 0;
  #successfulSweeps = 0;
  #requiredSweeps = INITIAL_REQUIRED_SWEEPS;
  /** The size before it was grown, until Webex fails; 0: it has not grown since. */
  #grownFrom = 0;
  /** The largest size with which Webex has answered a page, unless it failed soon afterwards. */
  #largestAnswered = 0;
  /** How many sizes Webex has failed on since it last answered. */
  #failedSizes = 0;
  /** How many pages Webex has answered since this size was restored after an outage. */
  #pagesSinceRestored = Number.POSITIVE_INFINITY;

  /** `proven`: what an earlier process has found out. */
  constructor(proven?: number) {
    this.#max = proven ?? MAX_PAGE_SIZE;
    this.#largestProven = proven ?? 0;
  }

  /**
   * What a later process may start with. Not the present size, which an outage may have reduced: a
   * first sweep with so many pages would take long, and growing takes several sweeps.
   */
  get proven(): number {
    return this.#largestProven || MAX_PAGE_SIZE;
  }

  get max(): number {
    return this.#max;
  }

  /** Whether Webex has answered pages of this size, so that a failure may be an outage. */
  get isAnswered(): boolean {
    return Math.max(this.#largestProven, this.#largestAnswered) >= this.#max;
  }

  /**
   * Returns whether the size has changed: an outage looks the same as too large a page, so the
   * first page afterwards restores the size that worked before it.
   */
  recordPage(itemCount: number, hasNext: boolean): boolean {
    const failedSizes = this.#failedSizes;
    this.#failedSizes = 0;
    const assumed = failedSizes >= MIN_SIZES_OF_OUTAGE ? this.proven : 0;
    const working = Math.max(this.#largestProven, this.#largestAnswered, assumed);
    // A restored size on which Webex soon fails again has to prove itself as any other.
    const canRestore = this.#pagesSinceRestored >= MIN_PAGES_OF_PROOF;
    if (failedSizes > 0 && canRestore && working > this.#max) {
      this.#pagesSinceRestored = 0;
      this.#successfulSweeps = 0;
      this.#max = working;
      return true;
    }
    this.#largestAnswered = Math.max(this.#largestAnswered, this.#max);
    this.#pagesSinceRestored += 1;
    if (hasNext) this.#largestReceived = Math.max(this.#largestReceived, itemCount);
    return false;
  }

  /** Webex has answered a page of this size outside a sweep. */
  recordRefetchedPage(): void {
    this.#pagesSinceRestored += 1;
  }

  /**
   * Halves the page size after a gateway timeout (502, 504), for which Cisco recommends a smaller
   * `max`. Starts from the size received, which may be smaller than the size requested. Returns
   * false if the size is at its minimum.
   */
  shrink(): boolean {
    this.#failedSizes += 1;
    if (this.#pagesSinceRestored < MIN_PAGES_OF_PROOF) this.#largestAnswered = 0;
    if (this.#grownFrom > 0) {
      // What it was grown from completed its sweeps, unlike a larger size that worked once.
      if (this.#largestProven >= this.#max) this.#largestProven = this.#grownFrom;
      this.#requiredSweeps = Math.min(MAX_REQUIRED_SWEEPS, this.#requiredSweeps * 2);
    }
    this.#grownFrom = 0;
    this.#successfulSweeps = 0;
    const received = Math.min(this.#max, this.#largestReceived || this.#max);
    this.#largestReceived = 0;
    const smaller = Math.max(MIN_PAGE_SIZE, Math.floor(received / 2));
    if (smaller >= this.#max) return false;
    this.#max = smaller;
    return true;
  }

  /**
   * Grows the page size after several complete sweeps. A size that worked before is restored at
   * once, because an outage looks the same as too large a page.
   */
  recordCompletedSweep(): void {
    this.#pagesSinceRestored = Number.POSITIVE_INFINITY;
    this.#largestProven = Math.max(this.#largestProven, this.#max);
    if (this.#max >= MAX_PAGE_SIZE) return;
    this.#successfulSweeps += 1;
    if (this.#successfulSweeps < this.#requiredSweeps) return;
    this.#successfulSweeps = 0;
    this.#grownFrom = this.#max;
    this.#max = Math.min(MAX_PAGE_SIZE, Math.max(this.#max * 2, this.#largestProven));
  }
}
