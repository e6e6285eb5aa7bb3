import type { RefreshDemand } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people-api.js";
import type { KnownPages } from "./page-map.js";

/** One thing to do next. `untilMs` is a time of `clock.monotonic()`, later than now. */
export type PlannedAction =
  | { readonly kind: "page"; readonly page: PageReference }
  /** A page of the list read again out of turn; counted from 0. */
  | { readonly kind: "again"; readonly page: number }
  /** `stranger`: the address matches nobody yet. */
  | { readonly kind: "lookup"; readonly address: string; readonly isUnmatched: boolean }
  | { readonly kind: "wait"; readonly untilMs: number };

/** All that a plan is made from. Times are those of `clock.monotonic()`, in milliseconds. */
export interface PlannerInput {
  readonly now: number;
  /** No request before this time: the last one failed, or Webex refuses the organization. */
  readonly notBefore: number;
  /** When the request budget allows the next request. */
  readonly nextPossibleAt: number;
  /** What can be reckoned with: the setting, or what Webex was found to give. */
  readonly requestsPerMinute: number;
  /** How long they take, milliseconds, one at a time; 0 while that is not known. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  readonly pollIntervalMs: number;
  /** How many persons to ask for on a first page. */
  readonly pageSize: number;
  /** The sweep under way, its page to read next, and how many it has read. */
  readonly sweep: { readonly page: PageReference; readonly pages: number } | null;
  /** The sweep begun last, with the factor (about 1) drawn for the interval after it. */
  readonly previousSweep: { readonly startedAt: number; readonly jitter: number } | null;
  /** Somebody asked for a sweep now, or for the one under way. */
  readonly isSweepRequested: boolean;
  /** Watched addresses that match nobody and have no answer, as many as matter. */
  readonly unmatchedAddresses: readonly string[];
  /** Lookups of such addresses. */
  readonly unmatchedLookupsLastMinute: number;
  /** Something else was asked since a stranger was looked up. */
  readonly isUnmatchedLookupTurn: boolean;
  readonly pages: KnownPages;
  readonly demand: RefreshDemand;
  /** Requests since a page of a sweep was read. */
  readonly requestsSinceSweepPage: number;
}

/** Decides what to ask Webex next. Pure: the same situation gives the same plan. */
export interface Planner {
  next(input: PlannerInput): PlannedAction;
}
