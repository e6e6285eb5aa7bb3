import type { Disposer } from "../faults/feed.js";
import type { PersonSnapshot } from "./person.js";

/** How old (in seconds) what is known of the watched persons is: the median and the 95th percentile; null when nobody is watched. */
export interface WatchedAges {
  readonly watchedP50: number | null;
  readonly watchedP95: number | null;
}

/** One organization's roster as polling sees it: what Webex told goes in, who is looked at comes out. */
export interface PolledRoster {
  readonly personCount: number;
  /** Distinct watched persons of this organization, and watched addresses that match nobody. */
  readonly watchedCount: number;
  watchedAges(): WatchedAges;

  /** A walk over all pages begins; the number names it in the calls below. */
  beginSweep(): number;
  /** Persons of one page, as of now. Subscribers hear of changes soon after. */
  applyPage(sweep: number, persons: readonly PersonSnapshot[]): void;
  /** Every page was seen: a person missed by two complete sweeps running is dropped, and what matched nobody is `notFound`. */
  completeSweep(sweep: number): void;

  /**
   * Up to `max` watched addresses that match nobody and whose last answer ("not found", kept 10 minutes) is missing or too old;
   * only such as Webex can look up (`local@domain`).
   */
  unansweredAddresses(max: number): readonly string[];
  /** Webex's answer to a lookup of `address`, as of now: the persons found, or none. */
  applyLookup(address: string, persons: readonly PersonSnapshot[]): void;
  /** Calls when somebody not known or not yet answered begins to be watched. */
  onDemand(listener: () => void): Disposer;
}
