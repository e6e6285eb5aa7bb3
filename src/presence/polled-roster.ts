import type { Subscribable } from "../faults/emitter.js";

/** One Webex user, reduced to the members that presence needs. Texts are verbatim. */
export interface PersonSnapshot {
  readonly id: string;
  readonly displayName: string | null;
  readonly userName: string | null;
  readonly emails: readonly string[];
  readonly sipAddresses: readonly string[];
  /** The `status` member; null if absent. */
  readonly status: string | null;
  /** The `lastActivity` member (ISO 8601); null if absent. */
  readonly lastActivity: string | null;
}

/** An item of a page of Webex's list. Decoding is deferred, because most items have not changed. */
export interface ListedPerson {
  /** A hash of the item's bytes: equal for an item that has not changed. NaN if not computed. */
  readonly fingerprint: number;
  /**
   * Returns null for a bot, a guest, a person of another organization and an item without an id.
   * Throws `Fault` `webexError`.
   */
  read(): PersonSnapshot | null;
}

/**
 * Ages, in seconds, of what is known of the watched persons: median and 95th percentile. A watched
 * address without an answer so far counts with the time since it began to be watched. An address
 * that Webex does not know, and somebody who is gone, have no age. Null if nobody has one.
 */
export interface WatchedAges {
  readonly watchedP50: number | null;
  readonly watchedP95: number | null;
}

/** A watched person whom a lookup by e-mail would refresh. */
export interface LookupCandidate {
  readonly address: string;
  /** The value of refreshing the person: 1/4 to 1, by how often the status changes. */
  readonly weight: number;
  /** When Webex last reported the person, in monotonic milliseconds. */
  readonly observedAt: number;
  /** Was not fresh when a watch began, and has not been observed since. */
  readonly isNewlyWatched: boolean;
}

/** A watched person whom Webex's list lacks where they were before: moved, renamed or gone. */
export interface MissingPerson {
  readonly id: string;
  /** The address to look up; null if the person has none. */
  readonly address: string | null;
  /** When Webex last reported the person, in monotonic milliseconds. */
  readonly observedAt: number;
}

/** The known persons who are watched, weighted for the planner of the requests. */
export interface RefreshDemand {
  /** By page of the list: the sum of the weights of the watched persons on it. */
  readonly pageWeights: Float64Array;
  /** By page of the list: the number of newly watched persons on it. */
  readonly pageNewlyWatched: Uint32Array;
  readonly persons: number;
  readonly newlyWatched: number;
  /** Those of the persons that have not been on any of the pages. */
  readonly personsNotOnAnyPage: number;
  /**
   * The number of equally weighted persons that would cost as many requests, if each is refreshed
   * in proportion to the square root of the weight: (Σ√w)² / Σw.
   */
  readonly effectivePersons: number;
  /** The few persons with the greatest need of a lookup, in order. */
  readonly lookupCandidates: readonly LookupCandidate[];
  /** The same, of the persons that have not been on any page. */
  readonly notOnAnyPage: readonly LookupCandidate[];
  /** The few persons that have been missing for the longest time, in order. */
  readonly missing: readonly MissingPerson[];
}

/** What applying one page found. */
export interface PageResult {
  /** Persons on the page, without bots, guests and persons of other organizations. */
  readonly persons: number;
  /** Those of them that were on this page the last time. */
  readonly alreadyOnPage: number;
  readonly sharesStatus: boolean;
  /** Distinct persons that Webex has reported since the current sweep began, in whatever answer. */
  readonly seenInSweep: number;
}

export interface RosterEvents {
  /** A watch began of a person or address that needs a request. */
  readonly demandChanged: undefined;
  /** `refreshRequests` has a new request, or one that needs a later response. */
  readonly refreshRequested: undefined;
}

/** A person, or an address that matches nobody, whom callers need to know of now. */
export interface RefreshRequest {
  /** The person's id; null for an address that matches nobody. */
  readonly id: string | null;
  /** The address to look up; null if the person has none. */
  readonly address: string | null;
  /** The person's page of the list, from 0; null if unknown. */
  readonly page: number | null;
  /** Only the response to a request sent then or later counts. Monotonic milliseconds. */
  readonly sentFrom: number;
  /** When the last caller came: what was answered before does not count. Monotonic milliseconds. */
  readonly calledAt: number;
  /** When the last caller stops waiting. Monotonic milliseconds. */
  readonly waitsUntil: number;
  /** How many requests the caller still waits for who waits for the fewest, this one included. */
  readonly outstanding: number;
}

/** The calls of the last minute that had to ask Webex of one organization, to be fresh enough. */
export interface OnDemandCalls {
  readonly lastMinute: number;
  /** Those that have ended with all answers that they needed. */
  readonly answeredInTime: number;
  /** Those that have ended without. Cancelled ones count as neither. */
  readonly late: number;
}

/**
 * The roster of one organization, for polling: takes what Webex reports, and says who is watched.
 * `sentAt`: when the request was sent, in monotonic milliseconds; the default is now.
 */
export interface PolledRoster {
  readonly events: Subscribable<RosterEvents>;
  readonly personCount: number;
  /** Distinct watched persons of this organization, and watched addresses that match nobody. */
  readonly watchedCount: number;
  watchedAges(): WatchedAges;

  /** Begins a walk over all pages and returns its number. */
  beginSweep(): number;
  /**
   * Applies a page of the sweep; `page` counts from 0. Throws what `ListedPerson.read` throws; the
   * items before it are applied.
   */
  applyPage(
    sweep: number,
    items: readonly ListedPerson[],
    page: number,
    sentAt?: number,
  ): PageResult;
  /** Applies a page that was fetched again outside a sweep. */
  applyRefetchedPage(page: number, items: readonly ListedPerson[], sentAt?: number): PageResult;
  /**
   * Ends a sweep that has read every page. Removes persons missing from two consecutive sweeps;
   * addresses that match nobody are `notFound`. A sweep without any person proves nothing, because
   * the administrator who authorized the worker is a person: it changes nothing.
   */
  completeSweep(sweep: number): void;
  /**
   * Applies the answer to a lookup of `address`. Returns the ids of known persons whose list
   * address it is but whom the answer lacks: they have another address now, or are gone.
   */
  applyLookup(
    address: string,
    persons: readonly PersonSnapshot[],
    sentAt?: number,
  ): readonly string[];
  /**
   * Applies the answer to a request for the person with this id. Null means that the organization
   * does not have the person any more: the person is removed, and addresses that match nobody now
   * are `notFound`.
   */
  applyPerson(id: string, person: PersonSnapshot | null, sentAt?: number): void;

  /**
   * Returns up to `max` watched addresses that match nobody and have no valid answer ("not found"
   * is valid for 10 minutes). Each has the form `local@domain`.
   */
  unansweredAddresses(max: number): readonly string[];
  /** Whether such an address is watched and matches nobody. */
  isUnmatched(address: string): boolean;
  /**
   * Returns the demand over `pages` pages, computed at most once a second. A person is fresh up to
   * an age of `freshMs`.
   */
  refreshDemand(pages: number, freshMs: number): RefreshDemand;

  /** Returns what callers wait for, the first caller's first. */
  refreshRequests(): readonly RefreshRequest[];
  /** Gives these up, because they cannot be answered in time: callers get what is known. */
  dismissRefreshRequests(requests: readonly RefreshRequest[]): void;
  onDemandCalls(): OnDemandCalls;
}
