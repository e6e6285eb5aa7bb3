import type { PlannedAction, Planner, PlannerInput } from "./situation.js";
import { selectTarget } from "./targets.js";

/** Lookups of addresses that match nobody may use this part of the budget, so that they never starve the rest. */
const UNMATCHED_LOOKUP_SHARE = 1 / 4;
/** Of this many requests one goes to the sweep, so that those whom nobody watches come round too, and newcomers are found. */
const REQUESTS_PER_SWEEP_PAGE = 20;
/** The same while somebody waits for the sweep itself. */
const REQUESTS_PER_URGENT_SWEEP_PAGE = 2;
/** A sweep begun because it answers for many strangers is not begun anew sooner than this. */
const UNMATCHED_SWEEP_INTERVAL_MS = 5_000;
/** How many pages of a first sweep show whether it finds the watched faster than lookups. */
const MIN_SAMPLE_PAGES = 2;

/**
 * Keeps the mean age of the watched persons least. Where a sweep through all pages fits into the interval, it is the cheapest way and
 * there is nothing else to do. Where it does not, pages with watched persons (or, where Webex does not honour old links, the
 * watched persons themselves) are asked more often, each as often as the square root of its worth (Cho and Garcia-Molina,
 * "Effective page refresh policies for Web crawlers", 2003), and the sweep goes on with its part of the requests.
 */
export const freshnessPlanner: Planner = {
  next(input) {
    const allowedAt = Math.max(input.notBefore, input.nextPossibleAt);
    const action = selectAction(input);
    if (action.kind === "wait")
      return { kind: "wait", untilMs: Math.max(action.untilMs, allowedAt) };
    return allowedAt > input.now ? { kind: "wait", untilMs: allowedAt } : action;
  },
};

function selectAction(input: PlannerInput): PlannedAction {
  const { now, sweep, isUnmatchedLookupTurn, requestsSinceSweepPage } = input;
  const sweepDueAt = findSweepDueTime(input);
  const sweepPage =
    sweep?.page ?? (sweepDueAt <= now ? ({ kind: "first", max: input.pageSize } as const) : null);
  const address = selectUnmatchedAddress(input);
  if (address !== undefined && (sweepPage === null || (sweep !== null && isUnmatchedLookupTurn)))
    return { kind: "lookup", address, isUnmatched: true };
  // Nothing is known without a sweep, and after a refusal only a page of it proves that all is well.
  if (sweepPage !== null && input.previousSweep === null) return { kind: "page", page: sweepPage };
  const target = selectTarget(input);
  const requestsPerSweepPage = isSweepUrgent(input)
    ? REQUESTS_PER_URGENT_SWEEP_PAGE
    : REQUESTS_PER_SWEEP_PAGE;
  const targetAction = target?.action ?? null;
  if (
    targetAction !== null &&
    (sweepPage === null || requestsSinceSweepPage + 1 < requestsPerSweepPage)
  )
    return targetAction;
  if (sweepPage !== null) return { kind: "page", page: sweepPage };
  return { kind: "wait", untilMs: Math.min(sweepDueAt, target?.dueAt ?? sweepDueAt) };
}

function findSweepDueTime(input: PlannerInput): number {
  const { previousSweep, pollIntervalMs, now } = input;
  if (previousSweep === null || input.isSweepRequested) return now;
  const intervalMs = isSweepCheaper(input)
    ? Math.min(UNMATCHED_SWEEP_INTERVAL_MS, pollIntervalMs)
    : pollIntervalMs;
  return previousSweep.startedAt + intervalMs * previousSweep.jitter;
}

/** One sweep answers for all strangers at less than a lookup each. */
function isSweepCheaper({ pages, unmatchedAddresses }: PlannerInput): boolean {
  return pages.isComplete && unmatchedAddresses.length > pages.count;
}

/** Somebody waits for the sweep itself. */
function isSweepUrgent(input: PlannerInput): boolean {
  return input.isSweepRequested || !input.pages.isComplete || isSweepCheaper(input);
}

function selectUnmatchedAddress(input: PlannerInput): string | undefined {
  const {
    unmatchedLookupsLastMinute,
    requestsPerMinute,
    pages,
    sweep,
    unmatchedAddresses,
    demand,
  } = input;
  if (unmatchedLookupsLastMinute >= Math.floor(requestsPerMinute * UNMATCHED_LOOKUP_SHARE))
    return undefined;
  if (pages.isComplete) return isSweepCheaper(input) ? undefined : unmatchedAddresses[0];
  // A first sweep that finds somebody watched on each page is as good as lookups, and brings everybody else as well.
  const isLookupFaster =
    sweep !== null && sweep.pages >= MIN_SAMPLE_PAGES && demand.persons < sweep.pages;
  return isLookupFaster || (sweep === null && pages.count > 0) ? unmatchedAddresses[0] : undefined;
}
