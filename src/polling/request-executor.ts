import type { PageReference, PeopleApi } from "../webex/people-api.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import type { PollingRequest } from "./failure-handler.js";
import type { LookupScheduler } from "./lookup-scheduler.js";
import type { OrganizationHealth } from "./organization-health.js";
import type { PageRefetcher } from "./page-refetcher.js";
import type { RequestHistory } from "./requests-made.js";
import type { SweepRunner } from "./sweep-runner.js";

export interface RequestExecutorOptions {
  readonly people: PeopleApi;
  readonly roster: PolledRoster;
  readonly health: OrganizationHealth;
  readonly lookups: LookupScheduler;
  readonly made: RequestHistory;
  readonly refetcher: PageRefetcher;
  readonly sweeps: SweepRunner;
}

/** Puts the questions that polling has to Webex, and passes the answers on. Nothing happens after a signal. */
export class RequestExecutor {
  readonly #options: RequestExecutorOptions;
  #isMeDue = false;

  constructor(options: RequestExecutorOptions) {
    this.#options = options;
  }

  /** The administrator's own record is to be asked for next. */
  get isMeDue(): boolean {
    return this.#isMeDue;
  }

  reset(): void {
    this.#isMeDue = false;
  }

  /** Faults: those of `PeopleApi`. */
  async execute(action: PollingRequest, signal: AbortSignal): Promise<void> {
    const { made, refetcher } = this.#options;
    switch (action.kind) {
      case "page":
        made.record("sweep");
        return this.#fetchSweepPage(action.page, signal);
      case "again":
        made.record("watched");
        return refetcher.refetch(action.page, signal);
      case "lookup":
        made.record(action.isUnmatched ? "stranger" : "watched");
        return this.#lookUpAddress(action.address, signal);
      case "me":
        return this.#fetchMe(signal);
    }
  }

  async #fetchSweepPage(reference: PageReference, signal: AbortSignal): Promise<void> {
    const { sweeps } = this.#options;
    const lacksStatus = await sweeps.fetchPage(reference, signal);
    // An administrator who shares no status gets nobody's; only their own record tells that from a quiet organization.
    if (!signal.aborted && sweeps.current === null) this.#isMeDue = lacksStatus;
  }

  async #lookUpAddress(address: string, signal: AbortSignal): Promise<void> {
    const { health, lookups, people, roster } = this.#options;
    const persons = await people.findByEmail(address, signal);
    if (signal.aborted) return;
    roster.applyLookup(address, persons);
    lookups.recordResult(address, persons.length);
    health.recordResponse(null);
  }

  async #fetchMe(signal: AbortSignal): Promise<void> {
    const { health, people } = this.#options;
    this.#isMeDue = false;
    const me = await people.me(signal);
    if (signal.aborted) return;
    health.recordResponse(null);
    health.recordStatusSharing(me.sharesStatus);
  }
}
