import type { PageResult } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people.js";
import type { KnownPages } from "./planner.js";

const INITIAL_SUSPENSION_MS = 30 * 60_000;
const MAX_SUSPENSION_MS = 6 * 3_600_000;
/** People move between pages, so a single page with other people proves nothing. */
const MAX_CONSECUTIVE_MISMATCHES = 2;

/**
 * Remembers the link to each page of the people list, as seen by sweeps, and whether Webex still
 * honors old links. Pages count from 0; times are monotonic milliseconds.
 */
export class PageMap implements KnownPages {
  readonly fetchedAt: number[] = [];
  isComplete = false;
  isRefetchable = true;
  /** Unlike `isRefetchable`, stays false while the worker tries old links again. */
  #honorsOldLinks = true;
  #references: (PageReference | undefined)[] = [];
  /** By page: when the latest request was sent whose response was recorded. */
  #sentAt: number[] = [];
  #generation = 0;
  #consecutiveMismatches = 0;
  #hasRefetchedSinceFirstPage = false;
  #suspensionMs = INITIAL_SUSPENSION_MS;
  #suspendedUntil = Number.NEGATIVE_INFINITY;

  /** `honorsOldLinks`: what an earlier process has found out. */
  constructor(honorsOldLinks = true, now = 0) {
    if (!honorsOldLinks) this.suspendRefetching(now);
  }

  /** Whether Webex honors old links, as far as is known. */
  get honorsOldLinks(): boolean {
    return this.#honorsOldLinks;
  }

  get count(): number {
    return this.fetchedAt.length;
  }

  /** Differs after `clear`: a page number from before it means other persons. */
  get generation(): number {
    return this.#generation;
  }

  expireSuspension(now: number): void {
    if (now >= this.#suspendedUntil) this.isRefetchable = true;
  }

  referenceOf(page: number): PageReference | undefined {
    return this.#references[page];
  }

  /**
   * `next`: the link to the following page, or null on the last one. `sentAt`: when the page was
   * requested.
   */
  recordSweptPage(
    page: number,
    reference: PageReference,
    next: string | null,
    sentAt: number,
    now: number,
  ): void {
    if (page === 0) this.#hasRefetchedSinceFirstPage = false;
    this.#references[page] = reference;
    this.#sentAt[page] = sentAt;
    this.fetchedAt[page] = now;
    if (next !== null) {
      this.#references[page + 1] = { kind: "next", url: next };
      return;
    }
    this.#references.length = page + 1;
    this.fetchedAt.length = page + 1;
    this.#sentAt.length = page + 1;
    this.isComplete = true;
  }

  /** `next`, `sentAt`: as above. Changes nothing if a page that was requested later is recorded. */
  recordRefetchedPage(
    page: number,
    next: string | null,
    { persons, alreadyOnPage }: PageResult,
    sentAt: number,
    now: number,
  ): void {
    if (sentAt < (this.#sentAt[page] ?? 0)) return;
    this.#sentAt[page] = sentAt;
    this.fetchedAt[page] = now;
    this.#hasRefetchedSinceFirstPage = true;
    if (persons > 0 && alreadyOnPage * 2 >= persons) {
      this.#consecutiveMismatches = 0;
      this.#honorsOldLinks = true;
      if (next !== null && page + 1 < this.count) this.#recordNewLink(page + 1, next);
      return;
    }
    this.#consecutiveMismatches += 1;
    if (this.#consecutiveMismatches >= MAX_CONSECUTIVE_MISMATCHES) this.suspendRefetching(now);
  }

  /** Two pages with one link are a fault of the service: neither is where the link leads. */
  #recordNewLink(page: number, url: string): void {
    const isOther = (reference: PageReference | undefined, index: number): boolean =>
      reference?.kind === "next" && reference.url === url && index !== page;
    if (!this.#references.some(isOther)) this.#references[page] = { kind: "next", url };
  }

  /**
   * Webex rejected the link of the sweep's latest page. If a page was refetched during the sweep,
   * that may have invalidated the link, so refetching is suspended.
   */
  recordBrokenSweepLink(now: number): void {
    if (this.#hasRefetchedSinceFirstPage) this.suspendRefetching(now);
    this.#hasRefetchedSinceFirstPage = false;
  }

  /** Treats the page as just fetched, so that the planner selects other pages first. */
  defer(page: number, now: number): void {
    if (page < this.count) this.fetchedAt[page] = now;
  }

  suspendRefetching(now: number): void {
    this.#consecutiveMismatches = 0;
    // Several refetches in flight may fail for one reason.
    if (!this.isRefetchable) return;
    this.isRefetchable = false;
    this.#honorsOldLinks = false;
    this.#suspendedUntil = now + this.#suspensionMs;
    this.#suspensionMs = Math.min(MAX_SUSPENSION_MS, this.#suspensionMs * 2);
  }

  /** Forgets all pages, for example because a different page size moves their boundaries. */
  clear(): void {
    this.#generation += 1;
    this.fetchedAt.length = 0;
    this.#sentAt = [];
    this.#references = [];
    this.isComplete = false;
  }
}
