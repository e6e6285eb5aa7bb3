import type { PageReference, PeopleApi } from "../webex/people-api.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { RequestedAction } from "./failures.js";
import type { Lookups } from "./lookups.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { Rereads } from "./rereads.js";
import type { RequestsMade } from "./requests-made.js";
import type { RosterSweeps } from "./roster-sweeps.js";

export interface QuestionsParts {
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly health: OrganizationHealth;
  readonly lookups: Lookups;
  readonly made: RequestsMade;
  readonly rereads: Rereads;
  readonly sweeps: RosterSweeps;
}

/** Puts the questions that polling has to Webex, and passes the answers on. Nothing happens after a signal. */
export class Questions {
  readonly #parts: QuestionsParts;
  #meDue = false;

  constructor(parts: QuestionsParts) {
    this.#parts = parts;
  }

  /** The administrator's own record is to be asked for next. */
  get meDue(): boolean {
    return this.#meDue;
  }

  forget(): void {
    this.#meDue = false;
  }

  /** Faults: those of `PeopleApi`. */
  async ask(action: RequestedAction, signal: AbortSignal): Promise<void> {
    const { made, rereads } = this.#parts;
    switch (action.kind) {
      case "page":
        made.add("sweep");
        return this.#readPage(action.page, signal);
      case "again":
        made.add("watched");
        return rereads.read(action.page, signal);
      case "lookup":
        made.add(action.stranger ? "stranger" : "watched");
        return this.#lookUp(action.address, signal);
      case "me":
        return this.#askAboutMe(signal);
    }
  }

  async #readPage(reference: PageReference, signal: AbortSignal): Promise<void> {
    const { sweeps } = this.#parts;
    const nobodysStatus = await sweeps.readPage(reference, signal);
    // An administrator who shares no status gets nobody's; only their own record tells that from a quiet organization.
    if (!signal.aborted && sweeps.current === null) this.#meDue = nobodysStatus;
  }

  async #lookUp(address: string, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#parts;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return;
    roster.applyLookup(address, persons);
    lookups.found(address, persons.length);
    health.answered(null);
  }

  async #askAboutMe(signal: AbortSignal): Promise<void> {
    const { health, people } = this.#parts;
    this.#meDue = false;
    const me = await people.me(signal);
    if (signal.aborted) return;
    health.answered(null);
    health.statusShared(me.sharesStatus);
  }
}
