import type { Fault } from "../faults/fault.js";
import type { Chance, Clock } from "../ports/clock.js";
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

export interface RosterSweepsParts {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly logger: Logger;
}

/** The walks over an organization's pages, one after another: reads a page when told, and knows what came before. */
export class RosterSweeps {
  readonly #parts: RosterSweepsParts;
  readonly #health: OrganizationHealth;
  readonly #map: PageMap;
  readonly #pageSize = new PageSize();
  #current: Sweep | null = null;
  #previous: { readonly startedAt: number; readonly jitter: number } | null = null;
  #lastComplete: PollingReport["lastSweep"] = null;
  #requested = false;
  #everThrough = false;

  constructor(parts: RosterSweepsParts, health: OrganizationHealth, map: PageMap) {
    this.#parts = parts;
    this.#health = health;
    this.#map = map;
  }

  get current(): Sweep | null {
    return this.#current;
  }

  /** The sweep begun last, with the factor drawn for the interval after it; null: the next is due at once. */
  get previous(): { readonly startedAt: number; readonly jitter: number } | null {
    return this.#previous;
  }

  get lastComplete(): PollingReport["lastSweep"] {
    return this.#lastComplete;
  }

  /** Somebody asked for a sweep, or for the one under way. */
  get requested(): boolean {
    return this.#requested;
  }

  get pageSize(): number {
    return this.#pageSize.max;
  }

  /** Wants a sweep now; one under way counts. */
  request(): void {
    this.#requested = true;
  }

  /** Unless one is under way, the next sweep is due at once. */
  makeDue(): void {
    if (this.#current === null) this.#previous = null;
  }

  abandon(): void {
    this.#current = null;
    this.#previous = null;
    this.#requested = false;
  }

  /**
   * Reads one page and tells the roster; a first page begins a sweep unless one is being begun. Nothing happens after the signal.
   * True once a complete sweep found persons but nobody's status.
   */
  async readPage(reference: PageReference, signal: AbortSignal): Promise<boolean> {
    const { budget, clock, people, roster } = this.#parts;
    const sweep = (this.#current ??= this.#begin(reference));
    const requestsBefore = budget.total;
    const page = await people.listPage(reference, signal).finally(() => {
      sweep.requests += budget.total - requestsBefore;
    });
    if (signal.aborted) return false;
    const told = roster.applyPage(sweep.number, page.items, sweep.pages);
    this.#map.swept(sweep.pages, reference, page.next, clock.monotonic());
    const course = sweep.take(page, told);
    this.#pageSize.pageCame(page.items.length, page.next !== null);
    this.#health.answered(sweep.pages);
    if (sweep.sharesStatus) this.#health.statusShared(true);
    if (course === "endless") {
      this.#giveUp("Webex's links to further pages lead in a circle; people on later pages may be missing.");
    }
    if (course !== "last") return false;
    this.#complete(sweep);
    return sweep.persons > 0 && !sweep.sharesStatus;
  }

  /** The page just asked for failed at Webex; the same is asked again, unless smaller pages or another way may help. */
  pageFailed(fault: Fault, tooLarge: boolean): void {
    const sweep = this.#current;
    if (sweep === null) return;
    if (tooLarge && this.#pageSize.shrink()) {
      this.#map.forget();
      this.#beginAgain(sweep);
    } else if (sweep.pageFailed()) this.linkBroken(fault);
  }

  /** Webex does not take its own link to the present page. */
  linkBroken(fault: Fault): void {
    if (this.#current === null) return;
    this.#map.sweepLost(this.#parts.clock.monotonic());
    if (this.#current.linkBroken()) this.#beginAgain(this.#current);
    else this.#giveUp("Webex does not answer its own link to the next page; people on later pages may be missing.", fault);
  }

  #begin(first: PageReference): Sweep {
    const { chance, clock, roster } = this.#parts;
    const startedAt = clock.monotonic();
    this.#previous = { startedAt, jitter: jitter(chance, INTERVAL_JITTER) };
    return new Sweep(roster.beginSweep(), first, startedAt, clock.now());
  }

  #beginAgain(sweep: Sweep): void {
    sweep.beginAgain(this.#parts.roster.beginSweep(), { kind: "first", max: this.#pageSize.max });
  }

  #complete(sweep: Sweep): void {
    const { clock, logger, orgId, roster } = this.#parts;
    roster.completeSweep(sweep.number);
    this.#pageSize.sweepCompleted();
    this.#health.sweepCompleted(roster.personCount);
    const startedAt = new Date(sweep.startedAtWall).toISOString();
    const seconds = Math.round(clock.monotonic() - sweep.startedAt) / 1_000;
    const { pages, persons, requests } = sweep;
    this.#lastComplete = { startedAt, seconds, persons, requests };
    this.#current = null;
    this.#requested = false;
    if (this.#everThrough) logger.debug("Sweep completed.", { orgId, seconds, persons, requests, pages });
    else logger.info("First sweep completed.", { orgId, seconds, persons, requests, pages });
    this.#everThrough = true;
  }

  /** The sweep ends as it is: nobody is dropped for not having been seen, and the next begins an interval from now. */
  #giveUp(sentence: string, fault?: Fault): void {
    const { clock, logger, orgId } = this.#parts;
    this.#current = null;
    this.#requested = false;
    this.#everThrough = true;
    this.#previous = { startedAt: clock.monotonic(), jitter: this.#previous?.jitter ?? 1 };
    this.#health.sweepGivenUp(sentence, fault);
    logger.warn("Sweep given up before its end.", { orgId, reason: sentence });
  }
}
