import type { LookupCandidate, RefreshDemand } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people.js";
import {
  areLookupsSooner,
  findConcurrency,
  findFirstSweepTurn,
  findRefreshCycle,
  type RefreshCycle,
  REQUESTS_PER_SWEEP_PAGE,
  REQUESTS_PER_URGENT_SWEEP_PAGE,
} from "./refresh-cycle.js";

const MINUTE_MS = 60_000;
/** The share of the budget for lookups of unmatched addresses, which must not starve others. */
const UNMATCHED_LOOKUP_SHARE = 1 / 4;
/** The share for persons who are missing, of whom a failure of the service may cause many. */
const CONFIRMATION_SHARE = 1 / 8;
/** Minimum interval of sweeps that start early because they answer many unmatched addresses. */
const UNMATCHED_SWEEP_INTERVAL_MS = 5_000;
/** A page may take as long as so many lookups. */
const MAX_LOOKUPS_PER_PAGE = 10;
/** As long as the number of pages is unknown, it is estimated by up to so many addresses. */
const MIN_COUNTED_ADDRESSES = 1_000;
/** Ranks newly watched persons above all others. */
const NEWLY_WATCHED_BOOST = 1e12;
const UNTIL_A_REQUEST_ENDS = { kind: "wait", untilMs: Number.POSITIVE_INFINITY } as const;

/**
 * The next step of polling. `untilMs` is in monotonic milliseconds, later than now; Infinity: until
 * a request in flight has ended.
 */
export type PlannedAction = PollingRequest | { readonly kind: "wait"; readonly untilMs: number };

export type PollingRequest =
  | { readonly kind: "page"; readonly page: PageReference }
  /** Fetches a page of the list outside the sweep; `page` counts from 0. */
  | { readonly kind: "refetch"; readonly page: number }
  /** `isUnmatched`: the address does not match a known person. */
  | { readonly kind: "lookup"; readonly address: string; readonly isUnmatched: boolean }
  /** Looks up the address of a missing person, who may only be on another page now. */
  | { readonly kind: "confirm"; readonly address: string }
  /** Fetches a missing person whom a lookup did not find: renamed, or gone. */
  | { readonly kind: "person"; readonly id: string }
  /** Fetches the administrator's own record. */
  | { readonly kind: "me" };

/** The pages of the people list. Times are monotonic milliseconds. */
export interface KnownPages {
  readonly count: number;
  /** Whether a sweep has reached the last page. */
  readonly isComplete: boolean;
  /** Whether Webex, as far as is known, still answers the link to a page with the same page. */
  readonly isRefetchable: boolean;
  readonly fetchedAt: readonly number[];
}

/** What is in flight, as far as it affects the plan: none of it is requested twice. */
export interface InFlight {
  readonly isSweepPage: boolean;
  readonly isMe: boolean;
  /** All requests, without the one that callers may have in addition. */
  readonly count: number;
  readonly refetches: number;
  /** With confirmations. */
  readonly lookups: number;
  /** The pages that are being read, counting from 0. */
  readonly pages: ReadonlySet<number>;
  /** The addresses and ids that are being looked up. */
  readonly keys: ReadonlySet<string>;
}

/** Everything that a plan depends on. Times are monotonic milliseconds. */
export interface PlannerInput {
  readonly now: number;
  /** Earliest time of the next request after a failure or a refusal. */
  readonly notBefore: number;
  /** Earliest time of the next request that the request budget allows. */
  readonly nextPossibleAt: number;
  /** The configured rate, or the lower one that Webex was found to accept. */
  readonly requestsPerMinute: number;
  /** Average duration of a request; 0 if unknown. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  readonly pollIntervalMs: number;
  /** Whether the administrator's own record is to be requested next. */
  readonly isMeDue: boolean;
  /** How many persons to request per page. */
  readonly pageSize: number;
  /**
   * How many pages the list had in the last complete sweep, also if that was an earlier process's;
   * null if unknown.
   */
  readonly expectedPages: number | null;
  /** The current sweep, its next page and the number of pages fetched so far. */
  readonly sweep: {
    readonly page: PageReference;
    readonly pages: number;
    /** When the page is retried before other requests; absent or null if it has not failed. */
    readonly retryAt?: number | null;
  } | null;
  /** The sweep that started last; `jitter` (about 1) scales the interval after it. */
  readonly previousSweep: { readonly startedAt: number; readonly jitter: number } | null;
  /** Whether a caller requested a sweep that has not completed yet. */
  readonly isSweepRequested: boolean;
  /**
   * Watched addresses that match nobody and have no answer; at most `maxUnmatchedAddresses`.
   */
  readonly unmatchedAddresses: readonly string[];
  /**
   * Whether a lookup of a watched address found nobody. If it is a SIP address, the first sweep
   * finds it.
   */
  readonly hasUnfoundAddresses: boolean;
  readonly unmatchedLookupsLastMinute: number;
  /** Whether the last request was something other than a lookup of an unmatched address. */
  readonly isUnmatchedLookupTurn: boolean;
  /** The next request that tells whether a missing person still exists, or null. */
  readonly confirmation: PollingRequest | null;
  readonly confirmationsLastMinute: number;
  /** Whether the last request was something other than a confirmation. */
  readonly isConfirmationTurn: boolean;
  readonly pages: KnownPages;
  readonly demand: RefreshDemand;
  readonly requestsSinceSweepPage: number;
  readonly inFlight: InFlight;
  /** How many requests may be in flight. */
  readonly maxInFlight: number;
}

export type Planner = (input: PlannerInput) => PlannedAction;

/** More unmatched addresses than these make no difference to a plan. */
export function maxUnmatchedAddresses(
  { count, isComplete }: Pick<KnownPages, "count" | "isComplete">,
  expectedPages: number | null,
): number {
  if (isComplete) return count + 1;
  return Math.max(MIN_COUNTED_ADDRESSES, (expectedPages ?? count) * MAX_LOOKUPS_PER_PAGE);
}

/**
 * Decides what to request next. Pure: the same input gives the same plan.
 *
 * Minimizes the mean age of the watched persons. If a sweep over all pages fits into the poll
 * interval, sweeps alone are the cheapest way. Otherwise the pages with watched persons, or the
 * watched persons if that is faster or Webex does not honor old links, are requested more often,
 * each at a rate proportional to the square root of its weight (Cho and Garcia-Molina, "Effective
 * page refresh policies for Web crawlers", 2003), while the sweep continues with its share of
 * requests.
 */
export function planForFreshness(input: PlannerInput): PlannedAction {
  const { now, notBefore, nextPossibleAt } = input;
  if (input.inFlight.count >= input.maxInFlight) return UNTIL_A_REQUEST_ENDS;
  const isMeDue = input.isMeDue && !input.inFlight.isMe;
  const action = isMeDue ? ({ kind: "me" } as const) : selectAction(input);
  const desiredAt = action.kind === "wait" ? action.untilMs : now;
  const untilMs = Math.max(notBefore, nextPossibleAt, desiredAt);
  return action.kind === "wait" || untilMs > now ? { kind: "wait", untilMs } : action;
}

function selectAction(input: PlannerInput): PlannedAction {
  const { now, pageSize, pages, sweep } = input;
  const sweepDueAt = canReadSweepPage(input) ? findSweepDueTime(input) : Number.POSITIVE_INFINITY;
  const firstPage = sweepDueAt <= now ? ({ kind: "first", max: pageSize } as const) : null;
  const page = sweepDueAt === Number.POSITIVE_INFINITY ? null : (sweep?.page ?? firstPage);
  const isTurnOf = (isTurn: boolean): boolean => page === null || (sweep !== null && isTurn);
  const confirmation = selectConfirmation(input);
  if (confirmation !== null && isTurnOf(input.isConfirmationTurn)) return confirmation;
  const cycle = findRefreshCycle(input);
  const isRetryDue = (sweep?.retryAt ?? Number.POSITIVE_INFINITY) <= now;
  const isTargetTurn =
    !isRetryDue && input.requestsSinceSweepPage + 1 < findSweepTurn(input, cycle);
  const isUnmatchedTurn =
    !pages.isComplete && cycle.isTargetingFaster ? isTargetTurn : isLookupBesidePagesTurn(input);
  const address = selectUnmatchedAddress(input, cycle);
  if (address !== undefined && isTurnOf(isUnmatchedTurn)) {
    return needsAnother("lookup", input)
      ? { kind: "lookup", address, isUnmatched: true }
      : UNTIL_A_REQUEST_ENDS;
  }
  // Without a sweep nothing is known, and after a refusal only a page proves that Webex accepts the
  // organization again.
  if (page !== null && input.previousSweep === null) return { kind: "page", page };
  const canTargetAll = cycle.isTargetingFaster || (cycle.isTargetingBesideSweep && page === null);
  const target = selectTarget(input, cycle.target, canTargetAll);
  const mustWait = target.kind !== "wait" && !needsAnother(target.kind, input);
  if (page === null) {
    if (target.kind !== "wait" && !mustWait) return target;
    const targetAt = target.kind === "wait" ? target.untilMs : Number.POSITIVE_INFINITY;
    return { kind: "wait", untilMs: Math.min(sweepDueAt, targetAt) };
  }
  if (target.kind === "wait" || !isTargetTurn) return { kind: "page", page };
  // A page instead would take more than its share of the requests.
  return mustWait ? UNTIL_A_REQUEST_ENDS : target;
}

/** Whether an unmatched address gets the turn of a page of the sweep. */
function isLookupBesidePagesTurn(input: PlannerInput): boolean {
  if (!input.isUnmatchedLookupTurn) return false;
  return input.pages.isComplete || (areLookupsSooner(input) && needsAnother("lookup", input));
}

/** Whether one more of these requests helps to use the rate. */
function needsAnother(kind: "refetch" | "lookup", input: PlannerInput): boolean {
  const { refetches, lookups } = input.inFlight;
  const { refetches: maxRefetches, lookups: maxLookups } = findConcurrency(input);
  return kind === "refetch" ? refetches < maxRefetches : lookups < maxLookups;
}

/**
 * Whether a page of the sweep may be requested now. Pages hang together: one follows another. A
 * page that is just being refetched waits for its turn, or it would be read twice.
 */
function canReadSweepPage({ inFlight, sweep }: PlannerInput): boolean {
  return !inFlight.isSweepPage && !inFlight.pages.has(sweep?.pages ?? 0);
}

function findSweepDueTime(input: PlannerInput): number {
  const { previousSweep, pollIntervalMs, now } = input;
  if (previousSweep === null || input.isSweepRequested) return now;
  const intervalMs = isSweepCheaper(input)
    ? Math.min(UNMATCHED_SWEEP_INTERVAL_MS, pollIntervalMs)
    : pollIntervalMs;
  return previousSweep.startedAt + intervalMs * previousSweep.jitter;
}

/** Whether a sweep answers all unmatched addresses with fewer requests than lookups. */
function isSweepCheaper({ pages, unmatchedAddresses }: PlannerInput): boolean {
  return pages.isComplete && unmatchedAddresses.length > pages.count;
}

/** The sweep gets one request in how many, while requests for watched persons go first. */
function findSweepTurn(input: PlannerInput, cycle: RefreshCycle): number {
  const { isSweepRequested, hasUnfoundAddresses, pages } = input;
  const isFirstUrgent = !pages.isComplete && (!cycle.isTargetingFaster || hasUnfoundAddresses);
  if (isSweepRequested || isSweepCheaper(input) || isFirstUrgent) {
    return REQUESTS_PER_URGENT_SWEEP_PAGE;
  }
  return pages.isComplete ? REQUESTS_PER_SWEEP_PAGE : findFirstSweepTurn(input, cycle);
}

/** A watched person who is missing shows wrong presence, so this is among the next requests. */
function selectConfirmation(input: PlannerInput): PollingRequest | null {
  if (!needsAnother("lookup", input)) return null;
  const maxRequests = Math.ceil(input.requestsPerMinute * CONFIRMATION_SHARE);
  return input.confirmationsLastMinute < maxRequests ? input.confirmation : null;
}

/**
 * During the first sweep, watched addresses are looked up if that answers them clearly sooner than
 * the sweep, and they go first: nothing is known of these persons yet. Later, an address that
 * matches nobody is an exception and must not delay the others.
 */
function selectUnmatchedAddress(input: PlannerInput, cycle: RefreshCycle): string | undefined {
  const { pages, sweep } = input;
  const address = input.unmatchedAddresses[0];
  if (pages.isComplete) {
    const maxLookups = Math.floor(input.requestsPerMinute * UNMATCHED_LOOKUP_SHARE);
    if (input.unmatchedLookupsLastMinute >= maxLookups || isSweepCheaper(input)) return undefined;
    return needsAnother("lookup", input) ? address : undefined;
  }
  if (sweep === null) return pages.count > 0 ? address : undefined;
  const isTargeting = cycle.isTargetingFaster || cycle.isTargetingBesideSweep;
  return isTargeting || areLookupsSooner(input) ? address : undefined;
}

type TargetedRequest = Extract<PollingRequest, { readonly kind: "refetch" | "lookup" }>;
type Target = TargetedRequest | { readonly kind: "wait"; readonly untilMs: number };

/**
 * Selects a request for watched persons, or waits until one is due. Newly watched persons come
 * first, then the highest weight times age squared, which requests each at a rate proportional to
 * the square root of its weight.
 */
function selectTarget(
  input: PlannerInput,
  target: RefreshCycle["target"],
  canTargetAll: boolean,
): Target {
  const { now, pollIntervalMs, requestDurationMs, requestsPerMinute } = input;
  // The request after the next one may have to wait for the budget, so what is due by then is due
  // now. Ages count from responses, and the interval, as that of sweeps, from request to request.
  const waitMs = Math.min(pollIntervalMs / 4, MINUTE_MS / requestsPerMinute / 2);
  const minAgeAfter = (durationMs: number): number =>
    pollIntervalMs - Math.min(pollIntervalMs / 2, waitMs + durationMs);
  const minAge = {
    refetch: minAgeAfter(requestDurationMs.page),
    lookup: minAgeAfter(requestDurationMs.lookup),
  };
  let best = null as TargetedRequest | null;
  let bestScore = 0;
  let untilMs = Number.POSITIVE_INFINITY;
  offerCandidates(input, target, canTargetAll, (request, weight, observedAt, isNewlyWatched) => {
    const age = now - observedAt;
    const dueAt = observedAt + minAge[request.kind];
    const score = weight * age * age * (isNewlyWatched ? NEWLY_WATCHED_BOOST : 1);
    untilMs = Math.min(untilMs, dueAt);
    if (dueAt > now || (best !== null && score <= bestScore)) return;
    best = request;
    bestScore = score;
  });
  return best ?? { kind: "wait", untilMs };
}

type Offer = (
  request: TargetedRequest,
  weight: number,
  observedAt: number,
  isNewlyWatched: boolean,
) => void;

/** Offers newly watched persons, unless a sweep answers them as soon, and maybe all others. */
function offerCandidates(
  input: PlannerInput,
  target: RefreshCycle["target"],
  canTargetAll: boolean,
  offer: Offer,
): void {
  const { inFlight, pages, demand } = input;
  if (demand.persons === 0) return;
  const offerLookups = (candidates: readonly LookupCandidate[]): void => {
    for (const { address, weight, observedAt, isNewlyWatched } of candidates) {
      if (!(canTargetAll || isNewlyWatched) || inFlight.keys.has(address)) continue;
      offer({ kind: "lookup", address, isUnmatched: false }, weight, observedAt, isNewlyWatched);
    }
  };
  if (target === "lookup") {
    if (canTargetAll || demand.newlyWatched * 2 <= pages.count) {
      offerLookups(demand.lookupCandidates);
    }
    return;
  }
  offerLookups(demand.notOnAnyPage);
  if (!canTargetAll && countPositive(demand.pageNewlyWatched) * 2 > pages.count) return;
  for (let page = 0; page < pages.count; page += 1) {
    const isNewlyWatched = (demand.pageNewlyWatched[page] ?? 0) > 0;
    const weight = demand.pageWeights[page] ?? 0;
    if (weight === 0 || !(canTargetAll || isNewlyWatched) || inFlight.pages.has(page)) continue;
    offer({ kind: "refetch", page }, weight, pages.fetchedAt[page] ?? 0, isNewlyWatched);
  }
}

function countPositive(counts: Uint32Array): number {
  let positive = 0;
  for (const count of counts) if (count > 0) positive += 1;
  return positive;
}
