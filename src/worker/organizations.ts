import type { Grant } from "../authorization/grant.js";
import { Emitter } from "../faults/emitter.js";
import type { PollingReport } from "../polling/polling-report.js";
import type { PollingSettings } from "../polling/polling-settings.js";
import type { OrganizationStatus } from "../supervisor/status.js";
import type { Organization } from "./organization.js";

interface Entry {
  readonly organization: Organization;
  readonly grant: Grant;
  readonly dispose: () => void;
}

export interface OrganizationsEvents {
  /** An organization's problems have changed, or whether Webex answers for it at all. */
  readonly stateChanged: Organization;
  /** How many persons an organization has is known for the first time, or anew. */
  readonly personsCounted: undefined;
}

/** The organizations that there are grants for, in the order of authorization. */
export class Organizations {
  readonly events = new Emitter<OrganizationsEvents>();
  readonly #make: (grant: Grant) => Organization;
  readonly #forget: (orgId: string) => void;
  #entries = new Map<string, Entry>();

  constructor(make: (grant: Grant) => Organization, forget: (orgId: string) => void) {
    this.#make = make;
    this.#forget = forget;
  }

  get all(): readonly Organization[] {
    return [...this.#entries.values()].map(({ organization }) => organization);
  }

  get(orgId: string): Organization | undefined {
    return this.#entries.get(orgId)?.organization;
  }

  nameOf(orgId: string): string {
    return this.#entries.get(orgId)?.grant.orgName ?? "";
  }

  scopesOf(orgId: string): readonly string[] {
    return this.#entries.get(orgId)?.grant.scopes ?? [];
  }

  /** Makes the set what the vault says: new ones come, revoked ones go, and one authorized anew is asked again at once. */
  sync(grants: readonly Grant[]): void {
    const present = new Set(grants.map(({ orgId }) => orgId));
    for (const orgId of this.#entries.keys()) if (!present.has(orgId)) this.#remove(orgId);
    const ordered = new Map<string, Entry>();
    for (const grant of grants) {
      const known = this.#entries.get(grant.orgId);
      ordered.set(grant.orgId, known === undefined ? this.#add(grant) : { ...known, grant });
      if (known !== undefined && known.grant.grantedAt !== grant.grantedAt)
        known.organization.poller.retryNow();
    }
    this.#entries = ordered;
  }

  /** Forgets all of them: they belong to another service (`ApiUrl` changed). */
  clear(): void {
    for (const orgId of [...this.#entries.keys()]) this.#remove(orgId);
  }

  apply(settings: PollingSettings): void {
    for (const { poller } of this.all) poller.apply(settings);
  }

  wayChanged(): void {
    for (const organization of this.all) organization.routeChanged();
  }

  status(): OrganizationStatus[] {
    return [...this.#entries.values()].map(({ organization, grant }) => ({
      orgId: grant.orgId,
      orgName: grant.orgName,
      ...rounded(organization.poller.report()),
    }));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((organization) => organization.stop()));
  }

  #add(grant: Grant): Entry {
    const organization = this.#make(grant);
    const { events } = organization.poller;
    const disposers = [
      events.on("stateChanged", () => this.events.emit("stateChanged", organization)),
      events.on("personsCounted", () => this.events.emit("personsCounted")),
    ];
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

/** Ages to a tenth of a second: more would only look precise. */
function rounded(report: PollingReport): PollingReport {
  const { watchedP50, watchedP95 } = report.ageSeconds;
  const tenth = (seconds: number | null): number | null =>
    seconds === null ? null : Math.round(seconds * 10) / 10;
  return {
    ...report,
    ageSeconds: { watchedP50: tenth(watchedP50), watchedP95: tenth(watchedP95) },
  };
}
