import type { Fault } from "../faults/fault.js";
import type { Clock, Random } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PageResult, PolledRoster } from "../presence/polled-roster.js";
import type { PageReference, PeopleApi, PeoplePage } from "../webex/people.js";
import { jitter } from "./backoff.js";
import type { LearnedFacts } from "./learned-facts.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import { PageSize } from "./page-size.js";
import type { PollingReport } from "./polling-report.js";
import type { RequestBudget } from "./request-budget.js";

const INTERVAL_JITTER = 0.1;
const MAX_PAGES = 10_000;
const MAX_PAGES_WITHOUT_NEW_PERSONS = 100;
/** In a row. One may be empty while persons are removed. */
const MAX_EMPTY_PAGES = 10;
const MAX_RESTARTS = 2;
const MAX_ATTEMPTS_PER_PAGE = 4;
/** After so long, doubled each time up to the maximum, a failed page is retried before others. */
const INITIAL_RETRY_MS = 1_000;
const MAX_RETRY_MS = 5_000;

export interface SweepRunnerOptions {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** What an earlier process has learned of the organization; the default is nothing. */
  readonly learned?: LearnedFacts | null;
}

/** Runs the sweeps over all pages of an organization's people, one after another, page by page. */
export class SweepRunner {
  readonly #options: SweepRunnerOptions;
  readonly #health: OrganizationHealth;
  readonly #pageMap: PageMap;
  readonly #pageSize: PageSize;
  #current: Sweep | null = null;
  #previous: { readonly startedAt: number; readonly jitter: number } | null = null;
  #lastCompleted: PollingReport["lastSweep"] = null;
  /** Of the last complete sweep, also if that was an earlier process's. */
  #expectedPages: number | null;
  #isRequested = false;
  #isMeDue = false;

  constructor(options: SweepRunnerOptions, health: OrganizationHealth, pageMap: PageMap) {
    this.#options = options;
    this.#health = health;
    this.#pageMap = pageMap;
    this.#pageSize = new PageSize(options.learned?.pageSize);
    this.#expectedPages = options.learned?.pages ?? null;
  }

  /**
   * What a later process need not learn again. A sweep that has outgrown the last complete one
   * counts. The first sweep alone does not: few pages of many would be taken for all of them.
   */
  get learned(): Pick<LearnedFacts, "pageSize" | "pages"> {
    const fewest = this.#current?.pages ?? 0;
    const pages = this.#expectedPages === null ? null : Math.max(this.#expectedPages, fewest);
    return { pageSize: this.#pageSize.proven, pages };
  }

  get current(): Sweep | null {
    return this.#current;
  }

  get lastCompleted(): PollingReport["lastSweep"] {
    return this.#lastCompleted;
  }

  /** What planning depends on. */
  plannerInput() {
    return {
      pageSize: this.#pageSize.max,
      expectedPages: this.#expectedPages,
      sweep: this.#current,
      previousSweep: this.#previous,
      isSweepRequested: this.#isRequested,
      isMeDue: this.#isMeDue,
    };
  }

  /** Requests a sweep now; the current one counts. */
  request(): void {
    this.#isRequested = true;
  }

  /** Makes a sweep due now unless one is running. */
  makeNextDue(): void {
    if (this.#current === null) this.#previous = null;
  }

  reset(): void {
    this.#current = null;
    this.#previous = null;
    this.#isRequested = false;
    this.#isMeDue = false;
  }

  /**
   * Fetches a page and applies it to the roster; starts a sweep if none is running. `sentAt`: when
   * the request is sent, in monotonic milliseconds. Has no effect once the signal has fired or the
   * sweep has ended. Faults: those of `PeopleApi.listPage`.
   */
  async fetchPage(reference: PageReference, sentAt: number, signal: AbortSignal): Promise<void> {
    const { budget, clock, people, roster } = this.#options;
    const sweep = (this.#current ??= this.#begin(reference));
    const requestsBefore = budget.total;
    const page = await people.listPage(reference, signal).finally(() => {
      // Other requests count in between; one that failed before it was sent does not.
      if (budget.total > requestsBefore) sweep.requests += 1;
    });
    if (signal.aborted || sweep !== this.#current) return;
    if (sweep.probe === reference) {
      this.#applyProbe(sweep, page, sentAt);
      return;
    }
    const result = roster.applyPage(sweep.id, page.items, sweep.pages, sentAt);
    this.#pageMap.recordSweptPage(sweep.pages, reference, page.next, sentAt, clock.monotonic());
    const outcome = sweep.recordPage(page, result);
    const hasGrown = this.#pageSize.recordPage(page.items.length, page.next !== null);
    this.#health.recordResponse(sweep.pages, sentAt);
    if (sweep.sharesStatus) this.#health.recordStatusSharing(true);
    if (hasGrown && outcome === "more") {
      this.#restartWithOtherPages(sweep);
      return;
    }
    if (outcome === "endless") {
      // The links that it found lead to wrong pages. Refetches by them would seem to prove that
      // Webex does not honor old links, which ends refetching for half an hour.
      this.#pageMap.clear();
      this.#abandon(
        "Webex's links to further pages form a loop; people on later pages may be missing.",
      );
    }
    if (outcome !== "more") this.#logLeftOut(sweep);
    if (outcome !== "last") return;
    if (sweep.leftOut.items === 0) this.#complete(sweep);
    else {
      this.#abandon(
        "Webex's list of people exceeds the limits of the worker; some people are missing.",
      );
    }
  }

  /** Webex has answered a page of a sweep again. */
  recordRefetchedPage(): void {
    this.#pageSize.recordRefetchedPage();
  }

  /**
   * Checks whether the administrator shares their status. Has no effect once the signal has fired.
   * Faults: those of `PeopleApi.me`.
   */
  async fetchMe(sentAt: number, signal: AbortSignal): Promise<void> {
    this.#isMeDue = false;
    const { sharesStatus } = await this.#options.people.me(signal);
    if (signal.aborted) return;
    this.#health.recordResponse(null, sentAt);
    this.#health.recordStatusSharing(sharesStatus);
  }

  /**
   * Webex failed on the page. If it is the sweep's current one, it is retried unless a change may
   * help. Whether it does, a first page tells that is requested in between: after an outage, the
   * sweep goes on as before, instead of starting again, with many small pages.
   */
  handlePageFailure(page: PageReference, fault: Fault, isTooLarge: boolean): void {
    const sweep = this.#current;
    if (sweep?.page !== page) return;
    const isProbe = sweep.probe !== null;
    const { isAnswered } = this.#pageSize;
    sweep.postponeRetry(this.#options.clock.monotonic());
    if (isTooLarge && this.#pageSize.shrink()) {
      if (isProbe || isAnswered) sweep.probe = this.#firstPage();
      else this.#restartWithOtherPages(sweep);
      return;
    }
    if (isProbe) return;
    sweep.pageFailures += 1;
    if (sweep.page.kind !== "next" || sweep.pageFailures < MAX_ATTEMPTS_PER_PAGE) return;
    // A link that still fails when the first page does not must be to blame.
    if (sweep.isLinkSuspected) this.#replaceLink(sweep, fault);
    else {
      sweep.isLinkSuspected = true;
      sweep.probe = this.#firstPage();
    }
  }

  /**
   * Webex has answered the first page after it failed on another one. Not applied: its persons may
   * be on another page of the sweep.
   */
  #applyProbe(sweep: Sweep, { items, next }: PeoplePage, sentAt: number): void {
    this.#pageSize.recordPage(items.length, next !== null);
    this.#health.recordResponse(null, sentAt);
    sweep.probe = null;
    if (this.#pageSize.max !== sweep.pageSize) this.#restartWithOtherPages(sweep);
  }

  /** Webex rejected its own link to the page. Matters if it is the sweep's current one. */
  handleBrokenLink(page: PageReference, fault: Fault, pollIntervalMs: number): void {
    const sweep = this.#current;
    if (sweep?.page !== page) return;
    this.#pageMap.recordBrokenSweepLink(this.#options.clock.monotonic(), pollIntervalMs);
    this.#replaceLink(sweep, fault);
  }

  #replaceLink(sweep: Sweep, fault: Fault): void {
    sweep.brokenLinks += 1;
    if (sweep.brokenLinks <= MAX_RESTARTS) this.#restart(sweep);
    else {
      this.#abandon(
        "Webex rejects its own link to the next page; people on later pages may be missing.",
        fault,
      );
    }
  }

  #begin(first: PageReference): Sweep {
    const { random, clock, roster } = this.#options;
    const startedAt = clock.monotonic();
    this.#previous = { startedAt, jitter: jitter(random, INTERVAL_JITTER) };
    return new Sweep(roster.beginSweep(), first, startedAt, clock.now());
  }

  #firstPage(): PageReference {
    return { kind: "first", max: this.#pageSize.max };
  }

  /** Another page size moves the boundaries of all pages. */
  #restartWithOtherPages(sweep: Sweep): void {
    this.#pageMap.clear();
    this.#health.recordOtherPages();
    this.#restart(sweep);
  }

  #restart(sweep: Sweep): void {
    const id = this.#options.roster.beginSweep();
    const restarted = new Sweep(id, this.#firstPage(), sweep.startedAt, sweep.startedAtWall);
    restarted.requests = sweep.requests;
    restarted.brokenLinks = sweep.brokenLinks;
    this.#current = restarted;
  }

  #complete(sweep: Sweep): void {
    const { clock, logger, orgId, roster } = this.#options;
    roster.completeSweep(sweep.id);
    this.#pageSize.recordCompletedSweep();
    this.#health.recordCompletedSweep(roster.personCount);
    const startedAt = new Date(sweep.startedAtWall).toISOString();
    const seconds = Math.round(clock.monotonic() - sweep.startedAt) / 1_000;
    const { pages, persons, requests } = sweep;
    const isFirst = this.#lastCompleted === null;
    this.#expectedPages = pages;
    this.#lastCompleted = { startedAt, seconds, persons, requests };
    this.#current = null;
    this.#isRequested = false;
    // An administrator who does not share their status does not receive anybody's. Only their own
    // record tells that from an organization in which nobody has a status.
    this.#isMeDue = persons > 0 && !sweep.sharesStatus;
    const fields = { orgId, seconds, persons, requests, pages };
    if (isFirst) logger.info("Completed the first sweep.", fields);
    else logger.debug("Completed a sweep.", fields);
  }

  #logLeftOut({ leftOut }: Sweep): void {
    if (leftOut.items === 0 && leftOut.values === 0) return;
    const { logger, orgId } = this.#options;
    const message = "Left out what exceeds the limits of the worker in Webex's list of people.";
    logger.warn(message, { orgId, ...leftOut });
  }

  /** Ends the sweep without dropping unseen persons. The next one starts an interval from now. */
  #abandon(reason: string, fault?: Fault): void {
    const { clock, logger, orgId } = this.#options;
    this.#current = null;
    this.#isRequested = false;
    this.#previous = { startedAt: clock.monotonic(), jitter: this.#previous?.jitter ?? 1 };
    this.#health.recordAbandonedSweep(reason, fault);
    logger.debug("Abandoned a sweep before its end.", { orgId, reason });
  }
}

/** The progress of one sweep. */
export class Sweep {
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  /** Epoch milliseconds. */
  readonly startedAtWall: number;
  /** The roster's number for this sweep; a restart gets a new one. */
  readonly id: number;
  /** How many persons it requests per page. */
  readonly pageSize: number;
  /** A first page that shows whether Webex works, before `page` is retried. */
  probe: PageReference | null = null;
  /** When a page that failed is retried before other requests; null if none has failed. */
  retryAt: number | null = null;
  pages = 0;
  requests = 0;
  /** Distinct persons seen. */
  persons = 0;
  /** Whether any person had a status. */
  sharesStatus = false;
  /** How often the current page failed. */
  pageFailures = 0;
  /** Whether the current page failed so often that a probe was needed. */
  isLinkSuspected = false;
  brokenLinks = 0;
  readonly leftOut = { items: 0, values: 0 };
  readonly #visited = new Set<string>();
  #page: PageReference;
  #retries = 0;
  #pagesWithoutNewPersons = 0;
  #emptyPages = 0;

  constructor(id: number, page: PageReference, startedAt: number, startedAtWall: number) {
    this.id = id;
    this.#page = page;
    this.pageSize = page.kind === "first" ? page.max : 0;
    this.startedAt = startedAt;
    this.startedAtWall = startedAtWall;
  }

  /** What to request next. */
  get page(): PageReference {
    return this.probe ?? this.#page;
  }

  postponeRetry(now: number): void {
    this.retryAt = now + Math.min(MAX_RETRY_MS, INITIAL_RETRY_MS * 2 ** this.#retries);
    this.#retries += 1;
  }

  /** Counts a page and moves on to the next. Returns `endless` if the links do not seem to end. */
  recordPage(page: PeoplePage, result: PageResult): "more" | "last" | "endless" {
    this.pages += 1;
    this.pageFailures = 0;
    this.isLinkSuspected = false;
    this.retryAt = null;
    this.#retries = 0;
    const personsBefore = this.persons;
    this.persons = result.seenInSweep;
    this.sharesStatus ||= result.sharesStatus;
    this.leftOut.items += page.leftOut?.items ?? 0;
    this.leftOut.values += page.leftOut?.values ?? 0;
    if (page.next === null) return "last";
    // A page with only bots is not a sign of a loop.
    const hasOnlyBots = result.persons === 0 && page.items.length > 0;
    if (this.persons > personsBefore) this.#pagesWithoutNewPersons = 0;
    else if (!hasOnlyBots) this.#pagesWithoutNewPersons += 1;
    this.#emptyPages = page.items.length === 0 ? this.#emptyPages + 1 : 0;
    const isEndless =
      this.#emptyPages >= MAX_EMPTY_PAGES ||
      this.#visited.has(page.next) ||
      this.pages >= MAX_PAGES ||
      this.#pagesWithoutNewPersons >= MAX_PAGES_WITHOUT_NEW_PERSONS;
    if (isEndless) return "endless";
    this.#visited.add(page.next);
    this.#page = { kind: "next", url: page.next };
    return "more";
  }
}
