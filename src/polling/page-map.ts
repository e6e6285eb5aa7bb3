import type { PageResult } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people-api.js";

const INITIAL_SUSPENSION_MS = 30 * 60_000;
const MAX_SUSPENSION_MS = 6 * 3_600_000;
/** People move between pages: a single page of others proves nothing. */
const MAX_CONSECUTIVE_MISMATCHES = 2;

/** The pages of the list as polling plans with them. Times are monotonic milliseconds. */
export interface KnownPages {
  readonly count: number;
  /** A sweep came through to the last one. */
  readonly isComplete: boolean;
  /** Webex answers a link of an earlier page with the same page as before, as far as is known. */
  readonly isRefetchable: boolean;
  /** When each was read last. */
  readonly readAt: readonly number[];
}

/** Where the pages of the list begin, learned from the links that sweeps meet, and whether Webex still honours an old link. */
export class PageMap implements KnownPages {
  readonly readAt: number[] = [];
  isComplete = false;
  #references: (PageReference | undefined)[] = [];
  #consecutiveMismatches = 0;
  #hasRefetched = false;
  #suspensionMs = INITIAL_SUSPENSION_MS;
  #suspendedUntil = Number.NEGATIVE_INFINITY;
  #isSuspended = false;

  get count(): number {
    return this.readAt.length;
  }

  get isRefetchable(): boolean {
    return !this.#isSuspended;
  }

  /** Tries old links again once they have been left alone for long enough. */
  expireSuspension(now: number): void {
    if (now >= this.#suspendedUntil) this.#isSuspended = false;
  }

  referenceOf(page: number): PageReference | undefined {
    return this.#references[page];
  }

  /** A sweep read the page; `next` is the link it met there. */
  recordSweptPage(page: number, reference: PageReference, next: string | null, now: number): void {
    if (page === 0) this.#hasRefetched = false;
    this.#references[page] = reference;
    this.readAt[page] = now;
    if (next !== null) {
      this.#references[page + 1] = { kind: "next", url: next };
      return;
    }
    this.#references.length = page + 1;
    this.readAt.length = page + 1;
    this.isComplete = true;
  }

  /** The page was read out of turn; `next` is the link it met there. Returns whether links are still trusted. */
  recordRefetchedPage(
    page: number,
    next: string | null,
    { persons, alreadyOnPage: there }: PageResult,
    now: number,
  ): boolean {
    this.readAt[page] = now;
    this.#hasRefetched = true;
    if (persons > 0 && there * 2 >= persons) {
      this.#consecutiveMismatches = 0;
      if (next !== null && page + 1 < this.count)
        this.#references[page + 1] = { kind: "next", url: next };
      return true;
    }
    this.#consecutiveMismatches += 1;
    if (this.#consecutiveMismatches >= MAX_CONSECUTIVE_MISMATCHES) this.suspendRefetching(now);
    return this.isRefetchable;
  }

  /** Webex does not take the link that a sweep had just met: perhaps because another page was read in between. */
  recordBrokenSweepLink(now: number): void {
    if (this.#hasRefetched) this.suspendRefetching(now);
    this.#hasRefetched = false;
  }

  /** Webex does not take an old link, or answers it with something else: sweeps and lookups have to do for a while. */
  suspendRefetching(now: number): void {
    this.#consecutiveMismatches = 0;
    this.#isSuspended = true;
    this.#suspendedUntil = now + this.#suspensionMs;
    this.#suspensionMs = Math.min(MAX_SUSPENSION_MS, this.#suspensionMs * 2);
  }

  /** Pages of another size, or of another grant, begin elsewhere. */
  clear(): void {
    this.readAt.length = 0;
    this.#references = [];
    this.isComplete = false;
  }
}
