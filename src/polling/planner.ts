import type { LookupCandidate, RefreshDemand } from "../presence/polled-roster.js";
import type { PageReference } from "../webex/people.js";
import { requestsToUseRate } from "./concurrency-limit.js";
import type { InFlight } from "./requests-in-flight.js";

const MINUTE_MS = 60_000;
/** The share of the budget for lookups of unmatched addresses, which must not starve others. */
const UNMATCHED_LOOKUP_SHARE = 1 / 4;
/** The share for persons who are missing, of whom a failure of the service may cause many. */
const CONFIRMATION_SHARE = 1 / 8;
/** How often the sweep, which finds new persons and refreshes unwatched ones, gets its turn. */
const REQUESTS_PER_SWEEP_PAGE = 20;
const REQUESTS_PER_URGENT_SWEEP_PAGE = 2;
/** Targeted requests pay off only if their cycle is shorter than this share of a sweep. */
const MAX_RELATIVE_CYCLE_TIME = 0.93;
/** Minimum interval of sweeps that start early because they answer many unmatched addresses. */
const UNMATCHED_SWEEP_INTERVAL_MS = 5_000;
/** Pages of the first sweep that show whether it finds watched persons faster than lookups do. */
const MIN_SAMPLE_PAGES = 2;
/** Minimum age of a page that is refetched during the first sweep. */
const FIRST_SWEEP_MIN_AGE_MS = 30_000;
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
  /** The current sweep, its next page and the number of pages fetched so far. */
  readonly sweep: { readonly page: PageReference; readonly pages: number } | null;
  /** The sweep that started last; `jitter` (about 1) scales the interval after it. */
  readonly previousSweep: { readonly startedAt: number; readonly jitter: number } | null;
  /** Whether a caller requested a sweep that has not completed yet. */
  readonly isSweepRequested: boolean;
  /** Watched addresses that match nobody and have no answer; at most one more than pages. */
  readonly unmatchedAddresses: readonly string[];
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
  const { now, pageSize, sweep } = input;
  const sweepDueAt = canReadSweepPage(input) ? findSweepDueTime(input) : Number.POSITIVE_INFINITY;
  const firstPage = sweepDueAt <= now ? ({ kind: "first", max: pageSize } as const) : null;
  const page = sweepDueAt === Number.POSITIVE_INFINITY ? null : (sweep?.page ?? firstPage);
  const isTurnOf = (isTurn: boolean): boolean => page === null || (sweep !== null && isTurn);
  const confirmation = selectConfirmation(input);
  if (confirmation !== null && isTurnOf(input.isConfirmationTurn)) return confirmation;
  const address = selectUnmatchedAddress(input);
  if (address !== undefined && isTurnOf(input.isUnmatchedLookupTurn)) {
    return { kind: "lookup", address, isUnmatched: true };
  }
  // Without a sweep nothing is known, and after a refusal only a page proves that Webex accepts the
  // organization again.
  if (page !== null && input.previousSweep === null) return { kind: "page", page };
  const target = selectTarget(input);
  const mustWait = target.kind !== "wait" && !needsAnother(target.kind, input);
  if (page === null) {
    if (target.kind !== "wait" && !mustWait) return target;
    const targetAt = target.kind === "wait" ? target.untilMs : Number.POSITIVE_INFINITY;
    return { kind: "wait", untilMs: Math.min(sweepDueAt, targetAt) };
  }
  const sweepPageEvery = isSweepUrgent(input)
    ? REQUESTS_PER_URGENT_SWEEP_PAGE
    : REQUESTS_PER_SWEEP_PAGE;
  const isTargetTurn = input.requestsSinceSweepPage + 1 < sweepPageEvery;
  if (target.kind === "wait" || !isTargetTurn) return { kind: "page", page };
  // A page instead would take more than its share of the requests.
  return mustWait ? UNTIL_A_REQUEST_ENDS : target;
}

/** Whether one more of these requests helps to use the rate. */
function needsAnother(kind: "refetch" | "lookup", input: PlannerInput): boolean {
  const { refetches, lookups } = input.inFlight;
  const { refetches: maxRefetches, lookups: maxLookups } = findConcurrency(input);
  return kind === "refetch" ? refetches < maxRefetches : lookups < maxLookups;
}

/** How many refetches or lookups may be in flight. */
function findConcurrency({ maxInFlight, requestsPerMinute, requestDurationMs }: PlannerInput): {
  readonly refetches: number;
  readonly lookups: number;
} {
  const { page, lookup } = requestDurationMs;
  return {
    refetches: Math.min(maxInFlight, requestsToUseRate(requestsPerMinute, page)),
    lookups: Math.min(maxInFlight, requestsToUseRate(requestsPerMinute, lookup)),
  };
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

/** Whether somebody waits for the sweep itself. */
function isSweepUrgent(input: PlannerInput): boolean {
  return input.isSweepRequested || !input.pages.isComplete || isSweepCheaper(input);
}

/** A watched person who is missing shows wrong presence, so this is among the next requests. */
function selectConfirmation(input: PlannerInput): PollingRequest | null {
  if (!needsAnother("lookup", input)) return null;
  const maxRequests = Math.ceil(input.requestsPerMinute * CONFIRMATION_SHARE);
  return input.confirmationsLastMinute < maxRequests ? input.confirmation : null;
}

function selectUnmatchedAddress(input: PlannerInput): string | undefined {
  const { pages, sweep, demand } = input;
  if (!needsAnother("lookup", input)) return undefined;
  const maxLookups = Math.floor(input.requestsPerMinute * UNMATCHED_LOOKUP_SHARE);
  if (input.unmatchedLookupsLastMinute >= maxLookups) return undefined;
  const address = input.unmatchedAddresses[0];
  if (pages.isComplete) return isSweepCheaper(input) ? undefined : address;
  if (sweep === null) return pages.count > 0 ? address : undefined;
  // A first sweep that finds a watched person on each page is as fast as lookups, and it refreshes
  // everybody else as well.
  return sweep.pages >= MIN_SAMPLE_PAGES && demand.persons < sweep.pages ? address : undefined;
}

type TargetedRequest = Extract<PollingRequest, { readonly kind: "refetch" | "lookup" }>;
type Target = TargetedRequest | { readonly kind: "wait"; readonly untilMs: number };

/**
 * Selects a request for watched persons, or waits until one is due. Newly watched persons come
 * first, then the highest weight times age squared, which requests each at a rate proportional to
 * the square root of its weight.
 */
function selectTarget(input: PlannerInput): Target {
  const { now, pages, pollIntervalMs, requestsPerMinute } = input;
  // The request after the next one may have to wait for the budget, so what is due by then is due
  // now.
  const newlyWatchedMinAge =
    pollIntervalMs - Math.min(pollIntervalMs / 4, MINUTE_MS / requestsPerMinute / 2);
  const otherMinAge = pages.isComplete
    ? newlyWatchedMinAge
    : Math.max(FIRST_SWEEP_MIN_AGE_MS, 2 * pollIntervalMs);
  let best = null as TargetedRequest | null;
  let bestScore = 0;
  let untilMs = Number.POSITIVE_INFINITY;
  offerCandidates(input, (request, weight, observedAt, isNewlyWatched) => {
    const age = now - observedAt;
    const minAge = isNewlyWatched ? newlyWatchedMinAge : otherMinAge;
    const score = weight * age * age * (isNewlyWatched ? NEWLY_WATCHED_BOOST : 1);
    untilMs = Math.min(untilMs, observedAt + minAge);
    if (age < minAge || (best !== null && score <= bestScore)) return;
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

/** Offers nothing if sweeps alone keep the watched persons as fresh. */
function offerCandidates(input: PlannerInput, offer: Offer): void {
  const { inFlight, pages, demand } = input;
  if (demand.persons === 0) return;
  const offerLookups = (
    candidates: readonly LookupCandidate[],
    onlyNewlyWatched: boolean,
  ): void => {
    for (const { address, weight, observedAt, isNewlyWatched } of candidates) {
      if ((onlyNewlyWatched && !isNewlyWatched) || inFlight.keys.has(address)) continue;
      offer({ kind: "lookup", address, isUnmatched: false }, weight, observedAt, isNewlyWatched);
    }
  };
  const lookupCycleMs = findCycleTime(input, 0, demand.effectivePersons);
  const pageCycleMs = pages.isRefetchable
    ? findCycleTime(input, effectiveCount(demand.pageWeights), demand.notOnAnyPage.length)
    : Number.POSITIVE_INFINITY;
  // Of two ways that are about equal, pages also refresh those whom nobody watches.
  if (lookupCycleMs < pageCycleMs * MAX_RELATIVE_CYCLE_TIME) {
    const isTargetingFaster = isFasterThanSweeps(input, lookupCycleMs);
    if (!isTargetingFaster && demand.newlyWatched * 2 > pages.count) return;
    offerLookups(demand.lookupCandidates, !isTargetingFaster);
    return;
  }
  const isTargetingFaster = isFasterThanSweeps(input, pageCycleMs);
  offerLookups(demand.notOnAnyPage, !isTargetingFaster);
  if (!isTargetingFaster && countPositive(demand.pageNewlyWatched) * 2 > pages.count) return;
  for (let page = 0; page < pages.count; page += 1) {
    const isNewlyWatched = (demand.pageNewlyWatched[page] ?? 0) > 0;
    const weight = demand.pageWeights[page] ?? 0;
    if (weight === 0 || !(isTargetingFaster || isNewlyWatched) || inFlight.pages.has(page))
      continue;
    offer({ kind: "refetch", page }, weight, pages.fetchedAt[page] ?? 0, isNewlyWatched);
  }
}

function countPositive(counts: Uint32Array): number {
  let positive = 0;
  for (const count of counts) if (count > 0) positive += 1;
  return positive;
}

/**
 * The times between two requests of a kind: each waits for the budget, and for the end of one
 * before it if as many as possible are in flight.
 */
function findRequestTimes(input: PlannerInput): {
  readonly sweepPageMs: number;
  readonly refetchMs: number;
  readonly lookupMs: number;
} {
  const { maxInFlight, requestsPerMinute, requestDurationMs } = input;
  const { refetches, lookups } = findConcurrency(input);
  const requestIntervalMs = MINUTE_MS / requestsPerMinute;
  return {
    // Beside the pages of the sweep, other requests go on.
    sweepPageMs: maxInFlight > 1 ? requestIntervalMs : findSweepPageTime(input),
    refetchMs: Math.max(requestIntervalMs, requestDurationMs.page / refetches),
    lookupMs: Math.max(requestIntervalMs, requestDurationMs.lookup / lookups),
  };
}

/** The time between two pages of a sweep: one follows another. */
function findSweepPageTime({ requestsPerMinute, requestDurationMs }: PlannerInput): number {
  return Math.max(MINUTE_MS / requestsPerMinute, requestDurationMs.page);
}

/**
 * The time between two observations of a watched person if so many requests, and the pages of the
 * sweep between them, are repeated.
 */
function findCycleTime(input: PlannerInput, pageCount: number, lookupCount: number): number {
  const { sweepPageMs, refetchMs, lookupMs } = findRequestTimes(input);
  const sweepPages = (pageCount + lookupCount) / (REQUESTS_PER_SWEEP_PAGE - 1);
  const cycleMs = pageCount * refetchMs + lookupCount * lookupMs + sweepPages * sweepPageMs;
  return Math.max(input.pollIntervalMs, cycleMs);
}

/** Whether a cycle of this time keeps the watched persons clearly fresher than sweeps do. */
function isFasterThanSweeps(input: PlannerInput, cycleMs: number): boolean {
  const { pages, pollIntervalMs } = input;
  if (!pages.isComplete) return true;
  const sweepCycleMs = Math.max(pollIntervalMs, pages.count * findSweepPageTime(input));
  return cycleMs < sweepCycleMs * MAX_RELATIVE_CYCLE_TIME;
}

/**
 * The effective number of items, (Σ√w)² / Σw: how many items of equal weight take as many requests
 * if each item is requested at a rate proportional to the square root of its weight.
 */
function effectiveCount(weights: Float64Array): number {
  let sum = 0;
  let rootSum = 0;
  for (const weight of weights) {
    sum += weight;
    rootSum += Math.sqrt(weight);
  }
  return sum === 0 ? 0 : (rootSum * rootSum) / sum;
}
