import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PageResult, PolledRoster } from "../presence/polled-roster.js";
import type { PageReference, PeopleApi } from "../webex/people.js";
import type { OrganizationHealth } from "./organization-health.js";
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
  #references: (PageReference | undefined)[] = [];
  #consecutiveMismatches = 0;
  #hasRefetchedSinceFirstPage = false;
  #suspensionMs = INITIAL_SUSPENSION_MS;
  #suspendedUntil = Number.NEGATIVE_INFINITY;
  #isSuspended = false;

  get count(): number {
    return this.fetchedAt.length;
  }

  get isRefetchable(): boolean {
    return !this.#isSuspended;
  }

  expireSuspension(now: number): void {
    if (now >= this.#suspendedUntil) this.#isSuspended = false;
  }

  referenceOf(page: number): PageReference | undefined {
    return this.#references[page];
  }

  /** `next`: the link to the following page, or null on the last one. */
  recordSweptPage(page: number, reference: PageReference, next: string | null, now: number): void {
    if (page === 0) this.#hasRefetchedSinceFirstPage = false;
    this.#references[page] = reference;
    this.fetchedAt[page] = now;
    if (next !== null) {
      this.#references[page + 1] = { kind: "next", url: next };
      return;
    }
    this.#references.length = page + 1;
    this.fetchedAt.length = page + 1;
    this.isComplete = true;
  }

  /** Returns whether pages can still be refetched. `next`: the link to the following page. */
  recordRefetchedPage(
    page: number,
    next: string | null,
    { persons, alreadyOnPage }: PageResult,
    now: number,
  ): boolean {
    this.fetchedAt[page] = now;
    this.#hasRefetchedSinceFirstPage = true;
    if (persons > 0 && alreadyOnPage * 2 >= persons) {
      this.#consecutiveMismatches = 0;
      const hasNext = next !== null && page + 1 < this.count;
      if (hasNext) this.#references[page + 1] = { kind: "next", url: next };
      return true;
    }
    this.#consecutiveMismatches += 1;
    if (this.#consecutiveMismatches >= MAX_CONSECUTIVE_MISMATCHES) this.suspendRefetching(now);
    return this.isRefetchable;
  }

  /**
   * Webex rejected the link of the sweep's latest page. If a page was refetched during the sweep,
   * that may have invalidated the link, so refetching is suspended.
   */
  recordBrokenSweepLink(now: number): void {
    if (this.#hasRefetchedSinceFirstPage) this.suspendRefetching(now);
    this.#hasRefetchedSinceFirstPage = false;
  }

  suspendRefetching(now: number): void {
    this.#consecutiveMismatches = 0;
    this.#isSuspended = true;
    this.#suspendedUntil = now + this.#suspensionMs;
    this.#suspensionMs = Math.min(MAX_SUSPENSION_MS, this.#suspensionMs * 2);
  }

  /** Forgets all pages, for example because a different page size moves their boundaries. */
  clear(): void {
    this.fetchedAt.length = 0;
    this.#references = [];
    this.isComplete = false;
  }
}

/** Fetches single pages outside the sweep for the sake of the watched persons on them. */
export class PageRefetcher {
  readonly #options;
  readonly #health: OrganizationHealth;
  readonly #pageMap: PageMap;

  constructor(
    options: {
      readonly orgId: string;
      readonly people: PeopleApi;
      readonly roster: PolledRoster;
      readonly clock: Clock;
      readonly logger: Logger;
    },
    health: OrganizationHealth,
    pageMap: PageMap,
  ) {
    this.#options = options;
    this.#health = health;
    this.#pageMap = pageMap;
  }

  /** Has no effect once the signal has fired. Faults: those of `PeopleApi.listPage`. */
  async refetch(page: number, signal: AbortSignal): Promise<void> {
    const { clock, people, roster } = this.#options;
    const reference = this.#pageMap.referenceOf(page);
    if (reference === undefined) return;
    const { items, next } = await people.listPage(reference, signal);
    if (signal.aborted) return;
    const result = roster.applyRefetchedPage(page, items);
    const isRefetchable = this.#pageMap.recordRefetchedPage(page, next, result, clock.monotonic());
    if (!isRefetchable) this.#logSuspension();
    this.#health.recordResponse(null);
  }

  /** Webex rejected the old link to the page. */
  handleBrokenLink(page: number): void {
    this.defer(page);
    this.#pageMap.suspendRefetching(this.#options.clock.monotonic());
    this.#logSuspension();
  }

  /** Treats the page as just fetched, so that the planner selects other pages first. */
  defer(page: number): void {
    this.#pageMap.fetchedAt[page] = this.#options.clock.monotonic();
  }

  #logSuspension(): void {
    const { logger, orgId } = this.#options;
    logger.info(
      "Webex does not return the same page for an old link; using full sweeps and lookups for now.",
      { orgId },
    );
  }
}
