import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PeopleApi } from "../webex/people-api.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageMap } from "./page-map.js";

export interface RereadsParts {
  readonly orgId: string;
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads pages of the list again out of turn, by the links that sweeps met, for the watched persons on them. */
export class Rereads {
  readonly #parts: RereadsParts;
  readonly #health: OrganizationHealth;
  readonly #map: PageMap;

  constructor(parts: RereadsParts, health: OrganizationHealth, map: PageMap) {
    this.#parts = parts;
    this.#health = health;
    this.#map = map;
  }

  /** Nothing happens after the signal. Faults: those of `PeopleApi.listPage`. */
  async read(page: number, signal: AbortSignal): Promise<void> {
    const { clock, people, roster } = this.#parts;
    const reference = this.#map.referenceOf(page);
    if (reference === undefined) return;
    const content = await people.listPage(reference, signal);
    if (signal.aborted) return;
    const told = roster.applyPageAgain(page, content.items);
    if (!this.#map.readAgain(page, content.next, told, clock.monotonic())) this.#tellOfDistrust();
    this.#health.answered(null);
  }

  /** Webex does not take the link any more. */
  linkBroken(page: number): void {
    this.failed(page);
    this.#map.distrust(this.#parts.clock.monotonic());
    this.#tellOfDistrust();
  }

  /** Others go first. */
  failed(page: number): void {
    this.#map.readAt[page] = this.#parts.clock.monotonic();
  }

  #tellOfDistrust(): void {
    const { logger, orgId } = this.#parts;
    logger.info("Webex does not repeat a page of the list on request; whole sweeps and lookups are used for a while.", { orgId });
  }
}
