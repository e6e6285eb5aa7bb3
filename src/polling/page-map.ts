import type { PageTold } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people-api.js";

const FIRST_DISTRUST_MS = 30 * 60_000;
const LAST_DISTRUST_MS = 6 * 3_600_000;
/** People move between pages: a single page of others proves nothing. */
const ODD_PAGES_RUNNING = 2;

/** The pages of the list as polling plans with them. Times are monotonic milliseconds. */
export interface KnownPages {
  readonly count: number;
  /** A sweep came through to the last one. */
  readonly whole: boolean;
  /** Webex answers a link of an earlier page with the same page as before, as far as is known. */
  readonly rereadable: boolean;
  /** When each was read last. */
  readonly readAt: readonly number[];
}

/** Where the pages of the list begin, learned from the links that sweeps meet, and whether Webex still honours an old link. */
export class PageMap implements KnownPages {
  readonly readAt: number[] = [];
  whole = false;
  #references: (PageReference | undefined)[] = [];
  #oddRunning = 0;
  #readAgainLately = false;
  #distrustMs = FIRST_DISTRUST_MS;
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  #distrusted = false;

  get count(): number {
    return this.readAt.length;
  }

  get rereadable(): boolean {
    return !this.#distrusted;
  }

  /** Tries old links again once they have been left alone for long enough. */
  lookAtTheClock(now: number): void {
    if (now >= this.#distrustedUntil) this.#distrusted = false;
  }

  referenceOf(page: number): PageReference | undefined {
    return this.#references[page];
  }

  /** A sweep read the page; `next` is the link it met there. */
  swept(page: number, reference: PageReference, next: string | null, now: number): void {
    if (page === 0) this.#readAgainLately = false;
    this.#references[page] = reference;
    this.readAt[page] = now;
    if (next !== null) {
      this.#references[page + 1] = { kind: "next", url: next };
      return;
    }
    this.#references.length = page + 1;
    this.readAt.length = page + 1;
    this.whole = true;
  }

  /** The page was read out of turn; `next` is the link it met there. Returns whether links are still trusted. */
  readAgain(page: number, next: string | null, { persons, there }: PageTold, now: number): boolean {
    this.readAt[page] = now;
    this.#readAgainLately = true;
    if (persons > 0 && there * 2 >= persons) {
      this.#oddRunning = 0;
      if (next !== null && page + 1 < this.count) this.#references[page + 1] = { kind: "next", url: next };
      return true;
    }
    this.#oddRunning += 1;
    if (this.#oddRunning >= ODD_PAGES_RUNNING) this.distrust(now);
    return this.rereadable;
  }

  /** Webex does not take the link that a sweep had just met: perhaps because another page was read in between. */
  sweepLost(now: number): void {
    if (this.#readAgainLately) this.distrust(now);
    this.#readAgainLately = false;
  }

  /** Webex does not take an old link, or answers it with something else: sweeps and lookups have to do for a while. */
  distrust(now: number): void {
    this.#oddRunning = 0;
    this.#distrusted = true;
    this.#distrustedUntil = now + this.#distrustMs;
    this.#distrustMs = Math.min(LAST_DISTRUST_MS, this.#distrustMs * 2);
  }

  /** Pages of another size, or of another grant, begin elsewhere. */
  forget(): void {
    this.readAt.length = 0;
    this.#references = [];
    this.whole = false;
  }
}
