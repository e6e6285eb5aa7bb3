import type { PageReference } from "../webex/people-api.js";

/** One thing to do next. `untilMs` is a time of `clock.monotonic()`, later than now. */
export type PlannedAction =
  | { readonly kind: "page"; readonly page: PageReference }
  | { readonly kind: "lookup"; readonly address: string }
  | { readonly kind: "wait"; readonly untilMs: number };

/** All that a plan is made from. Times are those of `clock.monotonic()`, in milliseconds. */
export interface Situation {
  readonly now: number;
  /** No request before this time: the last one failed, or Webex refuses the organization. */
  readonly notBefore: number;
  /** When the request budget allows the next request. */
  readonly nextPossibleAt: number;
  readonly requestsPerMinute: number;
  readonly pollIntervalMs: number;
  /** How many persons to ask for on a first page. */
  readonly pageSize: number;
  /** The sweep under way and its page to read next. */
  readonly sweep: { readonly page: PageReference } | null;
  /** The sweep begun last, with the factor (about 1) drawn for the interval after it. */
  readonly previousSweep: { readonly startedAt: number; readonly jitter: number } | null;
  /** Somebody asked for a sweep now. */
  readonly sweepRequested: boolean;
  /** Watched addresses worth a lookup; none before a first sweep is through. */
  readonly unanswered: readonly string[];
  readonly lookupsLastMinute: number;
  /** A page was read since the last lookup. */
  readonly lookupsTurn: boolean;
}

/** Decides what to ask Webex next. Pure: the same situation gives the same plan. */
export interface Planner {
  next(situation: Situation): PlannedAction;
}

/** Lookups may use this part of the budget, so that they never starve the sweeps. */
const LOOKUP_SHARE = 1 / 4;

/**
 * Reads every page each interval, start to start, whether or not anybody watches; a sweep that takes longer is followed by the
 * next at once. Watched addresses that matched nobody are looked up between sweeps, and one at a time between pages.
 */
export const sweepPlanner: Planner = {
  next(situation) {
    const { now } = situation;
    const possibleAt = Math.max(situation.notBefore, situation.nextPossibleAt);
    const address = lookupAllowed(situation) ? situation.unanswered[0] : undefined;
    const dueAt = sweepDueAt(situation);
    const busy = situation.sweep !== null || dueAt <= now || address !== undefined;
    if (!busy) return { kind: "wait", untilMs: Math.max(dueAt, possibleAt) };
    if (possibleAt > now) return { kind: "wait", untilMs: possibleAt };
    if (situation.sweep !== null) {
      const lookupsTurn = situation.lookupsTurn && address !== undefined;
      return lookupsTurn ? { kind: "lookup", address } : { kind: "page", page: situation.sweep.page };
    }
    if (dueAt > now && address !== undefined) return { kind: "lookup", address };
    return { kind: "page", page: { kind: "first", max: situation.pageSize } };
  },
};

function sweepDueAt({ previousSweep, sweepRequested, pollIntervalMs, now }: Situation): number {
  if (previousSweep === null || sweepRequested) return now;
  return previousSweep.startedAt + pollIntervalMs * previousSweep.jitter;
}

function lookupAllowed({ lookupsLastMinute, requestsPerMinute }: Situation): boolean {
  return lookupsLastMinute < Math.floor(requestsPerMinute * LOOKUP_SHARE);
}
