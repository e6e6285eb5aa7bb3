import type { PageResult } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people.js";
import type { KnownPages } from "./planner.js";

/** Of a suspension for which there is more than one piece of evidence. */
const MIN_PROVEN_SUSPENSION_MS = 30 * 60_000;
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
  /** Whether a refetch since the sweep's first page has shown the same page. */
  #hasMatchedSinceFirstPage = false;
  /** The latest one; 0: none since old links were last known to be honored. */
  #suspensionMs = 0;
  #suspendedAt = Number.NEGATIVE_INFINITY;
  #suspendedUntil = Number.NEGATIVE_INFINITY;
  /** To undo the suspension; null once a page was answered that was requested after it began. */
  #beforeSuspension: {
    readonly suspensionMs: number;
    readonly honorsOldLinks: boolean;
  } | null = null;

  /** `honorsOldLinks`: what an earlier process has found out. */
  constructor(honorsOldLinks = true, now = 0) {
    if (honorsOldLinks) return;
    this.#suspend(now, MIN_PROVEN_SUSPENSION_MS);
    this.#beforeSuspension = null;
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
    this.#recordAnswer(sentAt);
    if (page === 0) {
      this.#hasRefetchedSinceFirstPage = false;
      this.#hasMatchedSinceFirstPage = false;
    }
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
    // Refetches during the sweep were answered, and did not end it.
    if (this.#hasMatchedSinceFirstPage && this.isRefetchable) this.#suspensionMs = 0;
  }

  /**
   * `next`, `sentAt`: as above; `pollIntervalMs`: as of `suspendRefetching`. Changes nothing if a
   * page that was requested later is recorded.
   */
  recordRefetchedPage(
    page: number,
    next: string | null,
    { persons, alreadyOnPage }: PageResult,
    sentAt: number,
    now: number,
    pollIntervalMs: number,
  ): void {
    this.#recordAnswer(sentAt);
    if (sentAt < (this.#sentAt[page] ?? 0)) return;
    this.#sentAt[page] = sentAt;
    this.fetchedAt[page] = now;
    this.#hasRefetchedSinceFirstPage = true;
    if (persons > 0 && alreadyOnPage * 2 >= persons) {
      this.#consecutiveMismatches = 0;
      this.#honorsOldLinks = true;
      this.#hasMatchedSinceFirstPage = true;
      if (next !== null && page + 1 < this.count) this.#recordNewLink(page + 1, next);
      return;
    }
    this.#consecutiveMismatches += 1;
    if (this.#consecutiveMismatches >= MAX_CONSECUTIVE_MISMATCHES) {
      this.suspendRefetching(sentAt, now, pollIntervalMs);
    }
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
  recordBrokenSweepLink(now: number, pollIntervalMs: number): void {
    if (this.#hasRefetchedSinceFirstPage) this.suspendRefetching(now, now, pollIntervalMs);
    this.#hasRefetchedSinceFirstPage = false;
    this.#hasMatchedSinceFirstPage = false;
  }

  /** Treats the page as just fetched, so that the planner selects other pages first. */
  defer(page: number, now: number): void {
    if (page < this.count) this.fetchedAt[page] = now;
  }

  /**
   * Webex seems not to honor an old link. One may fail for another reason, so the first suspension
   * lasts one poll interval; if the next attempt fails as well, for half an hour, and then longer.
   * `sentAt`: when the attempt was sent; several in flight may fail for one reason.
   */
  suspendRefetching(sentAt: number, now: number, pollIntervalMs: number): void {
    this.#consecutiveMismatches = 0;
    if (!this.isRefetchable || sentAt < this.#suspendedAt) return;
    const isFirst = this.#suspensionMs === 0;
    const longer = Math.max(MIN_PROVEN_SUSPENSION_MS, this.#suspensionMs * 2);
    const suspensionMs = isFirst ? Math.min(MIN_PROVEN_SUSPENSION_MS, pollIntervalMs) : longer;
    this.#suspend(now, Math.min(MAX_SUSPENSION_MS, suspensionMs));
  }

  /**
   * Webex refuses the organization. If it has answered no page since it seemed not to honor an old
   * link, that was this refusal: a lost role shows as a 400.
   */
  recordRefusal(): void {
    const before = this.#beforeSuspension;
    this.#beforeSuspension = null;
    if (before === null) return;
    this.isRefetchable = true;
    this.#suspendedUntil = Number.NEGATIVE_INFINITY;
    this.#suspensionMs = before.suspensionMs;
    this.#honorsOldLinks = before.honorsOldLinks;
  }

  #suspend(now: number, suspensionMs: number): void {
    this.#beforeSuspension = {
      suspensionMs: this.#suspensionMs,
      honorsOldLinks: this.#honorsOldLinks,
    };
    this.isRefetchable = false;
    if (suspensionMs >= MIN_PROVEN_SUSPENSION_MS) this.#honorsOldLinks = false;
    this.#suspendedAt = now;
    this.#suspendedUntil = now + suspensionMs;
    this.#suspensionMs = suspensionMs;
  }

  #recordAnswer(sentAt: number): void {
    if (sentAt >= this.#suspendedAt) this.#beforeSuspension = null;
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
