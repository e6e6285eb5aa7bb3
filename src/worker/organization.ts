import type { Random, Clock } from "../ports/clock.js";
import type { Http } from "../ports/http.js";
import type { Logger } from "../ports/logger.js";
import { OrganizationPoller } from "../polling/organization-poller.js";
import type { PollingSettings } from "../polling/polling-settings.js";
import type { RequestBudget } from "../polling/request-budget.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import { WebexPeople } from "../webex/people.js";
import type { TokenSource } from "../webex/people-api.js";
import { RestClient } from "../webex/rest.js";

/**
 * Tokens that can be called off; `settled` resolves when a refresh that was under way then is over, and stored. Renewals that failed are put off
 * until `wayChanged`.
 */
export interface OrganizationTokens extends TokenSource {
  cancel(): void;
  whenIdle(): Promise<void>;
  routeChanged(): void;
}

export interface OrganizationOptions {
  readonly orgId: string;
  readonly apiUrl: string;
  readonly version: string;
  readonly tokens: OrganizationTokens;
  readonly grantedScopes: () => readonly string[];
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly settings: PollingSettings;
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One organization is one object: its tokens, its budget, its roster and the poller that brings them together. */
export interface Organization {
  readonly orgId: string;
  readonly poller: OrganizationPoller;
  /** Ends the polling and the renewals ahead of time; resolves when a refresh that was under way is over, too. */
  stop(): Promise<void>;
  /** The way to Webex changed: nothing waits any more for what failed on the old one. */
  routeChanged(): void;
}

export function createOrganization(parts: OrganizationOptions): Organization {
  const {
    orgId,
    apiUrl,
    version,
    tokens,
    http,
    clock,
    random,
    logger,
    roster,
    budget,
    grantedScopes,
  } = parts;
  const people = new WebexPeople(new RestClient({ apiUrl, version, http, clock }, tokens, budget));
  const poller = new OrganizationPoller({
    orgId,
    people,
    roster,
    budget,
    clock,
    random,
    logger,
    grantedScopes,
  });
  poller.apply(parts.settings);
  const stop = async (): Promise<void> => {
    tokens.cancel();
    await poller.stop();
    await tokens.whenIdle();
  };
  const routeChanged = (): void => {
    tokens.routeChanged();
    poller.routeChanged();
  };
  return { orgId, poller, stop, routeChanged };
}
