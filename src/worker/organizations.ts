import type { Grant } from "../authorization/grant.js";
import { Emitter } from "../faults/emitter.js";
import { Fault } from "../faults/fault.js";
import type { OrganizationPoller } from "../polling/organization-poller.js";
import type { PollingReport, PollingSettings } from "../polling/polling-report.js";
import type { ObservedOrganization } from "../supervisor/desired-state.js";
import type { OrganizationStatus } from "../supervisor/status.js";

/** The access tokens of one organization, as far as the worker directs them. */
export interface OrganizationTokens {
  /** Gives up renewals that are under way, unless Webex may have answered already. */
  cancel(): void;
  /** Resolves when a renewal under way has ended and its result is stored. */
  whenIdle(): Promise<void>;
  /** Renewals that failed on the previous route are tried again. */
  routeChanged(): void;
  /** The next renewal is sent to Webex, even if Webex refused the last one just now. */
  retryRefused(): void;
}

/** One organization is one object: its tokens, and the poller with its budget and roster. */
export class Organization {
  readonly orgId: string;
  readonly poller: OrganizationPoller;
  readonly #tokens: OrganizationTokens;
  #isRunning = false;

  constructor(orgId: string, poller: OrganizationPoller, tokens: OrganizationTokens) {
    this.orgId = orgId;
    this.poller = poller;
    this.#tokens = tokens;
  }

  /** Idempotent. */
  start(): void {
    this.#isRunning = true;
    this.poller.start();
  }

  /**
   * Ends polling and renewals; resolves when a renewal that had to be awaited is stored.
   * Idempotent.
   */
  async stop(): Promise<void> {
    if (this.#isRunning) this.#tokens.cancel();
    this.#isRunning = false;
    await this.poller.stop();
    await this.#tokens.whenIdle();
  }

  /** As `OrganizationPoller.pollNow`; a grant that Webex refused is sent again, too. */
  pollNow(): ReturnType<OrganizationPoller["pollNow"]> {
    this.#tokens.retryRefused();
    return this.poller.pollNow();
  }

  /** The route to Webex changed: what failed on the previous one is tried again at once. */
  routeChanged(): void {
    this.#tokens.routeChanged();
    this.poller.routeChanged();
  }
}

export interface OrganizationsEvents {
  /** An organization's problems, its acceptance by Webex, or its number of persons has changed. */
  readonly organizationChanged: undefined;
}

interface Entry {
  readonly organization: Organization;
  readonly grant: Grant;
  readonly dispose: () => void;
}

/** The organizations that have a grant, in the order of authorization. */
export class Organizations {
  readonly events = new Emitter<OrganizationsEvents>();
  readonly #create: (orgId: string) => Organization;
  readonly #forget: (orgId: string) => void;
  #entries = new Map<string, Entry>();

  constructor(create: (orgId: string) => Organization, forget: (orgId: string) => void) {
    this.#create = create;
    this.#forget = forget;
  }

  get all(): readonly Organization[] {
    return [...this.#entries.values()].map(({ organization }) => organization);
  }

  get(orgId: string): Organization | undefined {
    return this.#entries.get(orgId)?.organization;
  }

  /** The scopes of the organization's grant; none without a grant. */
  grantedScopes(orgId: string): readonly string[] {
    return this.#entries.get(orgId)?.grant.scopes ?? [];
  }

  /**
   * Follows the grants: adds and removes organizations, and retries one that was authorized anew at
   * once.
   */
  sync(grants: readonly Grant[]): void {
    const present = new Set(grants.map(({ orgId }) => orgId));
    for (const orgId of [...this.#entries.keys()]) if (!present.has(orgId)) this.#remove(orgId);
    const ordered = new Map<string, Entry>();
    for (const grant of grants) {
      const known = this.#entries.get(grant.orgId);
      ordered.set(grant.orgId, known === undefined ? this.#add(grant) : { ...known, grant });
      if (known !== undefined && known.grant.grantedAt !== grant.grantedAt) {
        known.organization.poller.retryNow();
      }
    }
    this.#entries = ordered;
  }

  /** Removes all organizations: with another `ApiUrl`, the same ids are other organizations. */
  clear(): void {
    for (const orgId of [...this.#entries.keys()]) this.#remove(orgId);
  }

  applySettings(settings: PollingSettings): void {
    for (const { poller } of this.all) poller.apply(settings);
  }

  routeChanged(): void {
    for (const organization of this.all) organization.routeChanged();
  }

  /**
   * Requests a sweep of one organization, or of all (null), within the request budget.
   * `nextPossibleAt` is ISO 8601, or null if nothing can be polled. Fault: `unknownOrganization`.
   */
  pollNow(orgId: string | null): { accepted: boolean; nextPossibleAt: string | null } {
    if (orgId !== null && !this.#entries.has(orgId)) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.");
    }
    const answers = this.all
      .filter((organization) => orgId === null || organization.orgId === orgId)
      .map((organization) => organization.pollNow())
      .filter(({ accepted }) => accepted);
    const times = answers.flatMap(({ nextPossibleAt }) => nextPossibleAt ?? []);
    const nextPossibleAt = times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
    return { accepted: answers.length > 0, nextPossibleAt };
  }

  observe(): ObservedOrganization[] {
    return [...this.#entries.values()].map(({ organization: { orgId, poller }, grant }) => ({
      orgId,
      orgName: grant.orgName,
      isAccepted: poller.isAccepted,
      problems: poller.problems,
    }));
  }

  status(): OrganizationStatus[] {
    return [...this.#entries.values()].map(({ organization, grant }) => ({
      orgId: grant.orgId,
      orgName: grant.orgName,
      ...withRoundedAges(organization.poller.report()),
    }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((organization) => organization.stop()));
  }

  #add(grant: Grant): Entry {
    const organization = this.#create(grant.orgId);
    const emit = (): void => this.events.emit("organizationChanged");
    const { events } = organization.poller;
    const disposers = [events.on("stateChanged", emit), events.on("personsCounted", emit)];
    const dispose = (): void => {
      for (const each of disposers) each();
    };
    return { organization, grant, dispose };
  }

  #remove(orgId: string): void {
    const entry = this.#entries.get(orgId);
    if (entry === undefined) return;
    this.#entries.delete(orgId);
    entry.dispose();
    void entry.organization.stop();
    this.#forget(orgId);
  }
}

/** Ages to a tenth of a second: more digits would only look precise. */
function withRoundedAges(report: PollingReport): PollingReport {
  const { watchedP50, watchedP95 } = report.ageSeconds;
  const round = (seconds: number | null): number | null =>
    seconds === null ? null : Math.round(seconds * 10) / 10;
  return {
    ...report,
    ageSeconds: { watchedP50: round(watchedP50), watchedP95: round(watchedP95) },
  };
}
