import type { WatchedDemand } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people-api.js";
import type { KnownPages } from "./page-map.js";

/** One thing to do next. `untilMs` is a time of `clock.monotonic()`, later than now. */
export type PlannedAction =
  | { readonly kind: "page"; readonly page: PageReference }
  /** A page of the list read again out of turn; counted from 0. */
  | { readonly kind: "again"; readonly page: number }
  /** `stranger`: the address matches nobody yet. */
  | { readonly kind: "lookup"; readonly address: string; readonly stranger: boolean }
  | { readonly kind: "wait"; readonly untilMs: number };

/** All that a plan is made from. Times are those of `clock.monotonic()`, in milliseconds. */
export interface Situation {
  readonly now: number;
  /** No request before this time: the last one failed, or Webex refuses the organization. */
  readonly notBefore: number;
  /** When the request budget allows the next request. */
  readonly nextPossibleAt: number;
  /** What can be reckoned with: the setting, or what Webex was found to give. */
  readonly requestsPerMinute: number;
  /** How long they take, milliseconds, one at a time; 0 while that is not known. */
  readonly requestMs: { readonly page: number; readonly lookup: number };
  readonly pollIntervalMs: number;
  /** How many persons to ask for on a first page. */
  readonly pageSize: number;
  /** The sweep under way, its page to read next, and how many it has read. */
  readonly sweep: { readonly page: PageReference; readonly pages: number } | null;
  /** The sweep begun last, with the factor (about 1) drawn for the interval after it. */
  readonly previousSweep: { readonly startedAt: number; readonly jitter: number } | null;
  /** Somebody asked for a sweep now, or for the one under way. */
  readonly sweepRequested: boolean;
  /** Watched addresses that match nobody and have no answer, as many as matter. */
  readonly strangers: readonly string[];
  /** Lookups of such addresses. */
  readonly strangersLastMinute: number;
  /** Something else was asked since a stranger was looked up. */
  readonly strangersTurn: boolean;
  readonly pages: KnownPages;
  readonly watched: WatchedDemand;
  /** Requests since a page of a sweep was read. */
  readonly sinceSweepPage: number;
}

/** Decides what to ask Webex next. Pure: the same situation gives the same plan. */
export interface Planner {
  next(situation: Situation): PlannedAction;
}
