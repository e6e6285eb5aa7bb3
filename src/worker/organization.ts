import type { Chance, Clock } from "../ports/clock.js";
import type { Http } from "../ports/http.js";
import type { Logger } from "../ports/logger.js";
import { OrganizationPoller } from "../polling/organization-poller.js";
import type { PollingSettings } from "../polling/polling-settings.js";
import type { RequestBudget } from "../polling/request-budget.js";
import type { PolledRoster } from "../presence/polled-roster.js";
import { WebexPeople } from "../webex/people.js";
import type { TokenSource } from "../webex/people-api.js";
import { RestClient } from "../webex/rest.js";

export interface OrganizationParts {
  readonly orgId: string;
  readonly apiUrl: string;
  readonly version: string;
  readonly tokens: TokenSource;
  readonly grantedScopes: () => readonly string[];
  readonly roster: PolledRoster;
  readonly budget: RequestBudget;
  readonly settings: PollingSettings;
  readonly http: Http;
  readonly clock: Clock;
  readonly chance: Chance;
  readonly logger: Logger;
}

/** One organization is one object: its tokens, its budget, its roster and the poller that brings them together. */
export interface Organization {
  readonly orgId: string;
  readonly poller: OrganizationPoller;
}

export function makeOrganization(parts: OrganizationParts): Organization {
  const { orgId, apiUrl, version, http, clock, chance, logger, roster, budget, grantedScopes } = parts;
  const people = new WebexPeople(new RestClient({ apiUrl, version, http, clock }, parts.tokens, budget));
  const poller = new OrganizationPoller({ orgId, people, roster, budget, clock, chance, logger, grantedScopes });
  poller.apply(parts.settings);
  return { orgId, poller };
}
