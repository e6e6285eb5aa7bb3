import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PeopleApi } from "../webex/people-api.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";

export interface PageRefetcherOptions {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads pages of the list again out of turn, by the links that sweeps met, for the watched persons on them. */
export class PageRefetcher {
  readonly #options: PageRefetcherOptions;
  readonly #health: OrganizationHealth;
  readonly #pageMap: PageMap;

  constructor(options: PageRefetcherOptions, health: OrganizationHealth, pageMap: PageMap) {
    this.#options = options;
    this.#health = health;
    this.#pageMap = pageMap;
  }

  /** Nothing happens after the signal. Faults: those of `PeopleApi.listPage`. */
  async refetch(page: number, signal: AbortSignal): Promise<void> {
    const { clock, people, roster } = this.#options;
    const reference = this.#pageMap.referenceOf(page);
    if (reference === undefined) return;
    const content = await people.listPage(reference, signal);
    if (signal.aborted) return;
    const result = roster.applyRefetchedPage(page, content.items);
    if (!this.#pageMap.recordRefetchedPage(page, content.next, result, clock.monotonic()))
      this.#logSuspension();
    this.#health.recordResponse(null);
  }

  /** Webex does not take the link any more. */
  handleBrokenLink(page: number): void {
    this.defer(page);
    this.#pageMap.suspendRefetching(this.#options.clock.monotonic());
    this.#logSuspension();
  }

  /** Others go first. */
  defer(page: number): void {
    this.#pageMap.readAt[page] = this.#options.clock.monotonic();
  }

  #logSuspension(): void {
    const { logger, orgId } = this.#options;
    logger.info(
      "Webex does not repeat a page of the list on request; whole sweeps and lookups are used for a while.",
      { orgId },
    );
  }
}
