import type { RefreshDemand } from "../presence/polled-roster.js";
import { requestsToUseRate } from "./concurrency-limit.js";

const MINUTE_MS = 60_000;
/** Beside requests for watched persons, the sweep gets one request in so many. */
export const REQUESTS_PER_SWEEP_PAGE = 20;
/** The same for a first sweep that ends soon with it: lists of everybody wait for it. */
const REQUESTS_PER_FIRST_SWEEP_PAGE = 5;
/** How long a first sweep may take to get that share. */
const MAX_FIRST_SWEEP_MS = 15 * MINUTE_MS;
/** How often the sweep gets its turn, if somebody waits for it. */
export const REQUESTS_PER_URGENT_SWEEP_PAGE = 2;
/** So many lookups, and this share of a minute's requests, delay a first sweep very little. */
const MAX_FEW_LOOKUPS = 10;
const MAX_FEW_LOOKUPS_SHARE = 1 / 10;
/** Pages of the first sweep that show how many there may be. */
const MIN_SAMPLE_PAGES = 4;
/** Requests for watched persons go first if their cycle is below this share of the sweeps'. */
const MAX_RELATIVE_CYCLE_TIME = 0.93;
/** The same during the first sweep, because it is what finds the pages for faster cycles. */
const MAX_RELATIVE_FIRST_CYCLE_TIME = 0.75;
/** The first sweep goes faster than necessary if the cycle after it is below this share of now. */
const MAX_RELATIVE_LATER_CYCLE_TIME = 0.9;
/** Older presence for a while must pay within this time: an operator looks at it now. */
const INVESTMENT_HORIZON_MS = 15 * MINUTE_MS;
/** Other requests fit between the pages of a sweep that last at least so many intervals. */
const MIN_INTERVALS_PER_PAGE = 1.5;

/** What the cycles depend on. A `PlannerInput` has all of it. */
export interface CycleInput {
  /** The configured rate, or the lower one that Webex was found to accept. */
  readonly requestsPerMinute: number;
  /** Average duration of a request; 0 if unknown. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  /** How many requests may be in flight. */
  readonly maxInFlight: number;
  readonly pollIntervalMs: number;
  readonly pages: {
    readonly count: number;
    readonly isComplete: boolean;
    readonly isRefetchable: boolean;
  };
  /** How many pages the list had before a restart; null if unknown. */
  readonly expectedPages: number | null;
  /** Watched addresses that match nobody and have no answer. */
  readonly unmatchedAddresses: readonly string[];
  readonly demand: Pick<
    RefreshDemand,
    "pageWeights" | "persons" | "effectivePersons" | "personsNotOnAnyPage"
  >;
}

/** How the watched persons are kept fresh, and how long that takes. */
export interface RefreshCycle {
  /** How to request watched persons outside sweeps, if at all. */
  readonly target: "refetch" | "lookup";
  /** Whether such requests go first, and the sweep has a share; otherwise, the sweep goes first. */
  readonly isTargetingFaster: boolean;
  /** The sweep goes first, but a page takes so long that other requests can go meanwhile. */
  readonly isTargetingBesideSweep: boolean;
  /** The time between two observations of a watched person; milliseconds. */
  readonly cycleMs: number;
}

/** How many requests of a kind may be in flight to use the rate. */
export function findConcurrency(
  input: Pick<CycleInput, "maxInFlight" | "requestsPerMinute" | "requestDurationMs">,
): { readonly refetches: number; readonly lookups: number } {
  const { maxInFlight, requestsPerMinute, requestDurationMs } = input;
  const { page, lookup } = requestDurationMs;
  return {
    refetches: Math.min(maxInFlight, requestsToUseRate(requestsPerMinute, page)),
    lookups: Math.min(maxInFlight, requestsToUseRate(requestsPerMinute, lookup)),
  };
}

/**
 * Compares sweeps alone with requests for the watched persons: refetches of the pages that they are
 * on, or lookups. Addresses without an answer count as persons to look up: who is watched waits for
 * them as well.
 */
export function findRefreshCycle(input: CycleInput): RefreshCycle {
  const { pages, demand, unmatchedAddresses } = input;
  if (!isListSampled(input)) {
    const cycleMs = Number.POSITIVE_INFINITY;
    const isTargeting = { isTargetingFaster: false, isTargetingBesideSweep: false };
    return { target: "refetch", ...isTargeting, cycleMs };
  }
  // Of a complete list, an address that matches nobody is on no page.
  const unanswered = pages.isComplete ? 0 : unmatchedAddresses.length;
  const lookupMs = findTargetCycleTime(input, 0, demand.effectivePersons + unanswered);
  const refetchMs = pages.isRefetchable
    ? findTargetCycleTime(
        input,
        effectiveCount(demand.pageWeights),
        demand.personsNotOnAnyPage + unanswered,
      )
    : Number.POSITIVE_INFINITY;
  // Of two ways that are about equal, pages also refresh those whom nobody watches.
  const target = lookupMs < refetchMs * MAX_RELATIVE_CYCLE_TIME ? "lookup" : "refetch";
  const targetMs = target === "lookup" ? lookupMs : refetchMs;
  const sweepMs = findSweepCycleTime(input);
  const besideMs = findCycleTimeBesideSweep(input, unanswered);
  const isBeside = besideMs < sweepMs * MAX_RELATIVE_CYCLE_TIME;
  const sweepFirstMs = isBeside ? besideMs : sweepMs;
  const maxRelative = pages.isComplete ? MAX_RELATIVE_CYCLE_TIME : MAX_RELATIVE_FIRST_CYCLE_TIME;
  const isFaster = targetMs < sweepMs * maxRelative && targetMs <= besideMs;
  if (isFaster && !isAnsweredBySweep(input, unanswered)) {
    return { target, isTargetingFaster: true, isTargetingBesideSweep: false, cycleMs: targetMs };
  }
  return {
    target: isBeside ? "lookup" : target,
    isTargetingFaster: false,
    isTargetingBesideSweep: isBeside,
    cycleMs: sweepFirstMs,
  };
}

/**
 * Whether lookups answer the unanswered addresses clearly sooner than the rest of the first sweep.
 * A few watched persons on the pages read so far say little of the length of the list, so a few
 * addresses are looked up unless its length is known.
 */
export function areLookupsSooner(input: CycleInput): boolean {
  const { expectedPages, pages, requestsPerMinute, unmatchedAddresses } = input;
  const unanswered = unmatchedAddresses.length;
  if (unanswered === 0) return false;
  const isLengthKnown = expectedPages !== null && pages.count < expectedPages;
  const few = Math.max(1, Math.min(MAX_FEW_LOOKUPS, requestsPerMinute * MAX_FEW_LOOKUPS_SHARE));
  if (!isLengthKnown && pages.count > 0 && unanswered <= few) return true;
  return isListSampled(input) && !isAnsweredBySweep(input, unanswered);
}

/** Whether the rest of the first sweep answers the unanswered addresses as soon as lookups. */
function isAnsweredBySweep(input: CycleInput, unanswered: number): boolean {
  if (unanswered === 0) return false;
  const lookupsMs = findTargetCycleTime({ ...input, pollIntervalMs: 0 }, 0, unanswered);
  const pages = estimatePageCount(input) - input.pages.count;
  return lookupsMs >= pages * findSweepPageTime(input) * MAX_RELATIVE_FIRST_CYCLE_TIME;
}

/**
 * How many pages the list has. As long as no sweep is complete: as many as before a restart, or as
 * many as it takes to find all watched persons if each page has as many as those before it, and one
 * more has been found, because few pages may have none by chance.
 */
function estimatePageCount(input: CycleInput): number {
  const { pages, demand, expectedPages, unmatchedAddresses } = input;
  if (pages.isComplete) return pages.count;
  if (expectedPages !== null) return Math.max(expectedPages, pages.count + 1);
  const found = demand.persons - demand.personsNotOnAnyPage;
  const watched = demand.persons + unmatchedAddresses.length;
  return Math.max(pages.count + 1, (pages.count * watched) / (found + 1));
}

/** How many persons lookups observe once in this time, beside the sweep's share of requests. */
export function countLookupsWithin(input: CycleInput, cycleMs: number): number {
  const perLookupMs = findTargetCycleTime({ ...input, pollIntervalMs: 0 }, 0, 1);
  return Math.floor(cycleMs / perLookupMs);
}

/**
 * The first sweep gets one request in how many, while requests for watched persons go first. Once
 * all of them have an answer, everybody else has a turn.
 */
export function findFirstSweepTurn(input: CycleInput, cycle: RefreshCycle): number {
  const turn = findTurnForLaterCycle(input, cycle);
  if (input.unmatchedAddresses.length > 0) return turn;
  const pages = estimatePageCount(input) - input.pages.count;
  const perPageMs = (REQUESTS_PER_FIRST_SWEEP_PAGE * MINUTE_MS) / input.requestsPerMinute;
  const isSoon = pages * perPageMs <= MAX_FIRST_SWEEP_MS;
  return isSoon ? Math.min(turn, REQUESTS_PER_FIRST_SWEEP_PAGE) : turn;
}

/**
 * The first sweep's turn for the sake of the watched persons. It
 * finds the pages, and once they are known, the cycle may be shorter than now: by the factor a.
 * Until then, a share s of the requests makes the cycle longer by 1 / (1 - s), and takes a time in
 * proportion to 1 / s. The ages above those with all pages known, summed over that time, are lowest
 * for s = r / (1 + r), r = √(1 - a). A page of the sweep also observes watched persons, but of any
 * age: in cycles c, it is worth c / 2 / (pages × interval) of another request, so only the rest of
 * it is a cost.
 */
function findTurnForLaterCycle(input: CycleInput, { cycleMs }: RefreshCycle): number {
  const { demand, pages, requestDurationMs, requestsPerMinute, unmatchedAddresses } = input;
  const intervalMs = MINUTE_MS / requestsPerMinute;
  const pageCount = estimatePageCount(input);
  const watched = demand.persons + unmatchedAddresses.length;
  // So many pages have somebody if the watched persons are anywhere in the list.
  const watchedPages = pageCount * -Math.expm1(-watched / pageCount);
  const laterMs = pages.isRefetchable ? findTargetCycleTime(input, watchedPages, 0) : cycleMs;
  if (!(laterMs < cycleMs * MAX_RELATIVE_LATER_CYCLE_TIME)) return REQUESTS_PER_SWEEP_PAGE;
  const root = Math.sqrt(1 - laterMs / cycleMs);
  const cost = 1 - Math.min(1, cycleMs / 2 / (pageCount * intervalMs));
  const turn = Math.max(REQUESTS_PER_URGENT_SWEEP_PAGE, cost * (1 + 1 / root));
  const excessAt = (turn: number): number => 1 / (1 - cost / turn) - laterMs / cycleMs;
  const sweepMs = (pageCount - pages.count) * Math.max(turn * intervalMs, requestDurationMs.page);
  const isWorthwhile =
    sweepMs * excessAt(turn) < INVESTMENT_HORIZON_MS * excessAt(REQUESTS_PER_SWEEP_PAGE);
  return isWorthwhile ? Math.min(turn, REQUESTS_PER_SWEEP_PAGE) : REQUESTS_PER_SWEEP_PAGE;
}

/** Whether the length of the list, or a sample of its pages, is known. */
function isListSampled({ pages, expectedPages }: CycleInput): boolean {
  return pages.isComplete || expectedPages !== null || pages.count >= MIN_SAMPLE_PAGES;
}

/** The time between two pages of a sweep: one follows another. */
function findSweepPageTime({ requestsPerMinute, requestDurationMs }: CycleInput): number {
  return Math.max(MINUTE_MS / requestsPerMinute, requestDurationMs.page);
}

function findSweepCycleTime(input: CycleInput): number {
  return Math.max(input.pollIntervalMs, estimatePageCount(input) * findSweepPageTime(input));
}

/**
 * The time between two observations of a watched person if so many refetches and lookups, and the
 * pages of the sweep between them, are repeated. Each waits for the budget, and for the end of one
 * before it if as many as possible are in flight.
 */
function findTargetCycleTime(input: CycleInput, refetches: number, lookups: number): number {
  const { maxInFlight, pollIntervalMs, requestsPerMinute, requestDurationMs } = input;
  const concurrency = findConcurrency(input);
  const intervalMs = MINUTE_MS / requestsPerMinute;
  const refetchMs = Math.max(intervalMs, requestDurationMs.page / concurrency.refetches);
  const lookupMs = Math.max(intervalMs, requestDurationMs.lookup / concurrency.lookups);
  // Beside the pages of the sweep, other requests go on.
  const sweepPageMs = maxInFlight > 1 ? intervalMs : findSweepPageTime(input);
  const sweepPages = (refetches + lookups) / (REQUESTS_PER_SWEEP_PAGE - 1);
  const cycleMs = refetches * refetchMs + lookups * lookupMs + sweepPages * sweepPageMs;
  return Math.max(pollIntervalMs, cycleMs);
}

/**
 * The time between two observations of a watched person if sweeps go on as fast as they can, and
 * lookups use the requests that are left while Webex takes time for a page; the next page then
 * waits half an interval for the budget. This is twice the mean age if sweeps observe people at
 * random times, once in 1/s, and lookups whoever has reached the age A. A follows from the lookups
 * per person l: ln(1 + s/l) / s. The mean age is (1 - l A) / s.
 */
function findCycleTimeBesideSweep(input: CycleInput, unanswered: number): number {
  const { demand, maxInFlight, pollIntervalMs, requestsPerMinute, requestDurationMs } = input;
  const intervalMs = MINUTE_MS / requestsPerMinute;
  if (maxInFlight < 2 || requestDurationMs.page < MIN_INTERVALS_PER_PAGE * intervalMs) {
    return Number.POSITIVE_INFINITY;
  }
  const pageMs = requestDurationMs.page + intervalMs / 2;
  const sweepMs = estimatePageCount(input) * pageMs;
  const lookupMs =
    Math.max(1, demand.effectivePersons + unanswered) / (1 / intervalMs - 1 / pageMs);
  const maxAgeMs = Math.log1p(lookupMs / sweepMs) * sweepMs;
  return Math.max(pollIntervalMs, 2 * sweepMs * (1 - maxAgeMs / lookupMs));
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
