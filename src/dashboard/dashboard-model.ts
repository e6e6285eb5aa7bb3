import type { Authorization } from "../authorization/grant.js";
import type { PresenceRecord } from "../presence/record.js";
import type { WorkerStatus } from "../supervisor/status.js";

// What the dashboard's page and the worker exchange, as JSON. Times are ISO 8601 UTC.

/** A message of the page's event stream (server-sent events, one JSON object each). */
export type DashboardEvent =
  | ({ readonly kind: "status" } & DashboardStatus)
  /** One more point of the plots. */
  | { readonly kind: "sample"; readonly sample: DashboardSample }
  /** People have changed; at most once a second. The page asks for what it shows again. */
  | { readonly kind: "people"; readonly version: number; readonly total: number };

/** Sent when the page connects, when something in it changes, and at most once a second. */
export interface DashboardStatus {
  /** The worker's clock, against which the page reckons ages. */
  readonly now: string;
  readonly status: WorkerStatus;
  readonly authorizations: readonly Authorization[];
  /** Where the open authorization continues: the page, or the address for a device code. */
  readonly flow: DashboardFlow | null;
}

export interface DashboardFlow {
  readonly method: "browser" | "device";
  readonly url: string;
  readonly userCode: string | null;
  readonly expiresAt: string;
}

/** One point in time of all plots. All organizations together; null = unknown. */
export interface DashboardSample {
  /** Seconds since 1970, as plots want it. */
  readonly at: number;
  readonly requestsPerMinute: number;
  readonly rateLimitedPerMinute: number;
  readonly watchedAgeP50: number | null;
  readonly watchedAgeP95: number | null;
  readonly sweepSeconds: number | null;
  readonly changesPerMinute: number;
}

/** `GET /history`: the last hour, the oldest sample first. */
export interface DashboardHistory {
  readonly intervalSeconds: number;
  readonly samples: readonly DashboardSample[];
}

export type PeopleSortKey = "name" | "address" | "state" | "since" | "age";

/**
 * `GET /people?search=&states=&sort=&order=&offset=&limit=`. Somebody's name and address
 * contain every word of `search`, without regard to case and accents; `states` is a comma-separated
 * list.
 */
export interface PeopleQuery {
  readonly search: string;
  readonly states: readonly PresenceRecord["state"][];
  readonly sort: PeopleSortKey;
  readonly order: "ascending" | "descending";
  readonly offset: number;
  /** 1 to 200. */
  readonly limit: number;
}

export interface PeoplePage {
  readonly version: number;
  /** Everyone known, and how many of them match. */
  readonly total: number;
  readonly matching: number;
  readonly offset: number;
  readonly people: readonly DashboardPerson[];
}

export type DashboardPerson = Pick<
  PresenceRecord,
  "uri" | "displayName" | "orgId" | "state" | "reason" | "webexStatus" | "since" | "observedAt"
>;
