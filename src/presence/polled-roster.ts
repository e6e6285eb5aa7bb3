import type { Subscribable } from "../faults/emitter.js";
import type { ListedPerson, PersonSnapshot } from "./person.js";

/** How old (in seconds) what is known of the watched persons is: the median and the 95th percentile; null when nobody is watched. */
export interface WatchedAges {
  readonly watchedP50: number | null;
  readonly watchedP95: number | null;
}

/** A watched person whom a lookup by e-mail would refresh. */
export interface LookupCandidate {
  readonly address: string;
  /** See `WatchedDemand.pageWorth`. */
  readonly weight: number;
  /** When Webex last told of the person, monotonic milliseconds. */
  readonly observedAt: number;
  /** Began to be watched while not fresh, and was not confirmed since. */
  readonly isNewlyWatched: boolean;
}

/**
 * The watched persons that are known, as polling weighs them. What a fresh look at somebody is worth (1/4 to 1) follows from how
 * often their status changes.
 */
export interface RefreshDemand {
  /** For each page of the list: the worth of the watched persons on it. */
  readonly pageWeights: Float64Array;
  /** For each page: how many on it began to be watched while not fresh, and were not confirmed since. */
  readonly pageNewlyWatched: Uint32Array;
  readonly persons: number;
  readonly newlyWatched: number;
  /** How many persons of equal worth they come to for one who visits each as often as the square root of their worth: (sum of roots)² / sum. */
  readonly effectivePersons: number;
  /** A few that are most worth a lookup, best first. */
  readonly lookupCandidates: readonly LookupCandidate[];
  /** The same of those alone who were on no page yet. */
  readonly notOnAnyPage: readonly LookupCandidate[];
}

/** What a page told. */
export interface PageResult {
  /** Persons on it, bots and guests left out. */
  readonly persons: number;
  /** Of them, those who were known to stand on this page. */
  readonly alreadyOnPage: number;
  readonly sharesStatus: boolean;
  /** Distinct persons that Webex told of since the present sweep began, on this page or otherwise. */
  readonly seenInSweep: number;
}

export interface RosterEvents {
  /** What is watched and lacks an answer may have changed. */
  readonly demandChanged: undefined;
}

/** One organization's roster as polling sees it: what Webex told goes in, who is looked at comes out. */
export interface PolledRoster {
  readonly personCount: number;
  /** Distinct watched persons of this organization, and watched addresses that match nobody. */
  readonly watchedCount: number;
  watchedAges(): WatchedAges;

  /** A walk over all pages begins; the number names it in the calls below. */
  beginSweep(): number;
  /**
   * What stands on one page, as of now; `page` is its number in the walk, counted from 0. Subscribers hear of changes soon after. Fault: that of
   * `ListedPerson.read`; those before it are applied.
   */
  applyPage(sweep: number, items: readonly ListedPerson[], page: number): PageResult;
  /** The same of a page read again out of turn. */
  applyRefetchedPage(page: number, items: readonly ListedPerson[]): PageResult;
  /** Every page was seen: a person missed by two complete sweeps running is dropped, and what matched nobody is `notFound`. */
  completeSweep(sweep: number): void;

  /**
   * Up to `max` watched addresses that match nobody and whose last answer ("not found", kept 10 minutes) is missing or too old;
   * only such as Webex can look up (`local@domain`).
   */
  unansweredAddresses(max: number): readonly string[];
  /** Over `pages` pages; made anew at most once a second. Somebody is fresh up to an age of `freshMs`. */
  refreshDemand(pages: number, freshMs: number): RefreshDemand;
  /** Webex's answer to a lookup of `address`, as of now: the persons found, or none. */
  applyLookup(address: string, persons: readonly PersonSnapshot[]): void;
  /** Calls when somebody not known or not yet answered begins to be watched, or somebody known whom nobody watched. */
  readonly events: Subscribable<RosterEvents>;
}
