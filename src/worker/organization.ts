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

/** What hands out an organization's tokens, and puts their renewal off where it fails. */
interface PatientTokens extends TokenSource {
  wayChanged(): void;
}

export interface OrganizationParts {
  readonly orgId: string;
  readonly apiUrl: string;
  readonly version: string;
  readonly tokens: PatientTokens;
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
  /** The way to Webex changed: nothing waits any more for what failed on the old one. */
  readonly wayChanged: () => void;
}

export function makeOrganization(parts: OrganizationParts): Organization {
  const { orgId, apiUrl, version, tokens, http, clock, chance, logger, roster, budget, grantedScopes } = parts;
  const people = new WebexPeople(new RestClient({ apiUrl, version, http, clock }, tokens, budget));
  const poller = new OrganizationPoller({ orgId, people, roster, budget, clock, chance, logger, grantedScopes });
  poller.apply(parts.settings);
  const wayChanged = (): void => {
    tokens.wayChanged();
    poller.wayChanged();
  };
  return { orgId, poller, wayChanged };
}
