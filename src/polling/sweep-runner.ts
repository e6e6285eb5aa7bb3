import type { Fault } from "../faults/fault.js";
import type { Random, Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PageReference, PeopleApi } from "../webex/people-api.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";
import { jitter } from "./jitter.js";
import { PageSize } from "./page-size.js";
import type { PollingReport } from "./polling-report.js";
import type { RequestBudget } from "./request-budget.js";
import { Sweep } from "./sweep.js";

const INTERVAL_JITTER = 0.1;

export interface SweepRunnerOptions {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The walks over an organization's pages, one after another: reads a page when told, and knows what came before. */
export class SweepRunner {
  readonly #options: SweepRunnerOptions;
  readonly #health: OrganizationHealth;
  readonly #pageMap: PageMap;
  readonly #pageSize = new PageSize();
  #current: Sweep | null = null;
  #previous: { readonly startedAt: number; readonly jitter: number } | null = null;
  #lastCompleted: PollingReport["lastSweep"] = null;
  #isRequested = false;
  #hasFinishedOnce = false;

  constructor(options: SweepRunnerOptions, health: OrganizationHealth, pageMap: PageMap) {
    this.#options = options;
    this.#health = health;
    this.#pageMap = pageMap;
  }

  get current(): Sweep | null {
    return this.#current;
  }

  /** The sweep begun last, with the factor drawn for the interval after it; null: the next is due at once. */
  get previous(): { readonly startedAt: number; readonly jitter: number } | null {
    return this.#previous;
  }

  get lastCompleted(): PollingReport["lastSweep"] {
    return this.#lastCompleted;
  }

  /** Somebody asked for a sweep, or for the one under way. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  get pageSize(): number {
    return this.#pageSize.max;
  }

  /** Wants a sweep now; one under way counts. */
  request(): void {
    this.#isRequested = true;
  }

  /** Unless one is under way, the next sweep is due at once. */
  makeNextDue(): void {
    if (this.#current === null) this.#previous = null;
  }

  reset(): void {
    this.#current = null;
    this.#previous = null;
    this.#isRequested = false;
  }

  /**
   * Reads one page and tells the roster; a first page begins a sweep unless one is being begun. Nothing happens after the signal.
   * True once a complete sweep found persons but nobody's status.
   */
  async fetchPage(reference: PageReference, signal: AbortSignal): Promise<boolean> {
    const { budget, clock, people, roster } = this.#options;
    const sweep = (this.#current ??= this.#begin(reference));
    const requestsBefore = budget.total;
    const page = await people.listPage(reference, signal).finally(() => {
      sweep.requests += budget.total - requestsBefore;
    });
    if (signal.aborted) return false;
    const result = roster.applyPage(sweep.id, page.items, sweep.pages);
    this.#pageMap.recordSweptPage(sweep.pages, reference, page.next, clock.monotonic());
    const outcome = sweep.recordPage(page, result);
    this.#pageSize.recordPage(page.items.length, page.next !== null);
    this.#health.recordResponse(sweep.pages);
    if (sweep.sharesStatus) this.#health.recordStatusSharing(true);
    if (outcome === "endless") {
      this.#abandon(
        "Webex's links to further pages lead in a circle; people on later pages may be missing.",
      );
    }
    if (outcome !== "last") return false;
    this.#complete(sweep);
    return sweep.persons > 0 && !sweep.sharesStatus;
  }

  /** The page just asked for failed at Webex; the same is asked again, unless smaller pages or another way may help. */
  handlePageFailure(fault: Fault, isTooLarge: boolean): void {
    const sweep = this.#current;
    if (sweep === null) return;
    if (isTooLarge && this.#pageSize.shrink()) {
      this.#pageMap.clear();
      this.#restart(sweep);
    } else if (sweep.recordPageFailure()) this.handleBrokenLink(fault);
  }

  /** Webex does not take its own link to the present page. */
  handleBrokenLink(fault: Fault): void {
    if (this.#current === null) return;
    this.#pageMap.recordBrokenSweepLink(this.#options.clock.monotonic());
    if (this.#current.recordBrokenLink()) this.#restart(this.#current);
    else
      this.#abandon(
        "Webex does not answer its own link to the next page; people on later pages may be missing.",
        fault,
      );
  }

  #begin(first: PageReference): Sweep {
    const { random, clock, roster } = this.#options;
    const startedAt = clock.monotonic();
    this.#previous = { startedAt, jitter: jitter(random, INTERVAL_JITTER) };
    return new Sweep(roster.beginSweep(), first, startedAt, clock.now());
  }

  #restart(sweep: Sweep): void {
    sweep.restart(this.#options.roster.beginSweep(), { kind: "first", max: this.#pageSize.max });
  }

  #complete(sweep: Sweep): void {
    const { clock, logger, orgId, roster } = this.#options;
    roster.completeSweep(sweep.id);
    this.#pageSize.recordCompletedSweep();
    this.#health.recordCompletedSweep(roster.personCount);
    const startedAt = new Date(sweep.startedAtWall).toISOString();
    const seconds = Math.round(clock.monotonic() - sweep.startedAt) / 1_000;
    const { pages, persons, requests } = sweep;
    this.#lastCompleted = { startedAt, seconds, persons, requests };
    this.#current = null;
    this.#isRequested = false;
    if (this.#hasFinishedOnce)
      logger.debug("Sweep completed.", { orgId, seconds, persons, requests, pages });
    else logger.info("First sweep completed.", { orgId, seconds, persons, requests, pages });
    this.#hasFinishedOnce = true;
  }

  /** The sweep ends as it is: nobody is dropped for not having been seen, and the next begins an interval from now. */
  #abandon(sentence: string, fault?: Fault): void {
    const { clock, logger, orgId } = this.#options;
    this.#current = null;
    this.#isRequested = false;
    this.#hasFinishedOnce = true;
    this.#previous = { startedAt: clock.monotonic(), jitter: this.#previous?.jitter ?? 1 };
    this.#health.recordAbandonedSweep(sentence, fault);
    logger.warn("Sweep given up before its end.", { orgId, reason: sentence });
  }
}
