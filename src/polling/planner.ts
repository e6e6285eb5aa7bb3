import type { PlannedAction, Planner, Situation } from "./situation.js";
import { targetOf } from "./targets.js";

/** Lookups of addresses that match nobody may use this part of the budget, so that they never starve the rest. */
const LOOKUP_SHARE = 1 / 4;
/** Of this many requests one goes to the sweep, so that those whom nobody watches come round too, and newcomers are found. */
const SWEEP_TURN = 20;
/** The same while somebody waits for the sweep itself. */
const URGENT_SWEEP_TURN = 2;
/** A sweep begun because it answers for many strangers is not begun anew sooner than this. */
const STRANGERS_PAUSE_MS = 5_000;
/** How many pages of a first sweep show whether it finds the watched faster than lookups. */
const TELLING_PAGES = 2;

/**
 * Keeps the mean age of the watched persons least. Where a sweep through all pages fits into the interval, it is the cheapest way and
 * there is nothing else to do. Where it does not, pages with watched persons (or, where Webex does not honour old links, the
 * watched persons themselves) are asked more often, each as often as the square root of its worth (Cho and Garcia-Molina,
 * "Effective page refresh policies for Web crawlers", 2003), and the sweep goes on with its part of the requests.
 */
export const freshnessPlanner: Planner = {
  next(situation) {
    const possibleAt = Math.max(situation.notBefore, situation.nextPossibleAt);
    const wish = wishOf(situation);
    if (wish.kind === "wait") return { kind: "wait", untilMs: Math.max(wish.untilMs, possibleAt) };
    return possibleAt > situation.now ? { kind: "wait", untilMs: possibleAt } : wish;
  },
};

function wishOf(situation: Situation): PlannedAction {
  const { now, sweep, strangersTurn, sinceSweepPage } = situation;
  const sweepDueAt = sweepDue(situation);
  const sweepPage = sweep?.page ?? (sweepDueAt <= now ? ({ kind: "first", max: situation.pageSize } as const) : null);
  const address = strangerToLookUp(situation);
  if (address !== undefined && (sweepPage === null || (sweep !== null && strangersTurn)))
    return { kind: "lookup", address, stranger: true };
  // Nothing is known without a sweep, and after a refusal only a page of it proves that all is well.
  if (sweepPage !== null && situation.previousSweep === null) return { kind: "page", page: sweepPage };
  const target = targetOf(situation);
  const turn = isUrgent(situation) ? URGENT_SWEEP_TURN : SWEEP_TURN;
  const targeted = target?.action ?? null;
  if (targeted !== null && (sweepPage === null || sinceSweepPage + 1 < turn)) return targeted;
  if (sweepPage !== null) return { kind: "page", page: sweepPage };
  return { kind: "wait", untilMs: Math.min(sweepDueAt, target?.dueAt ?? sweepDueAt) };
}

function sweepDue(situation: Situation): number {
  const { previousSweep, pollIntervalMs, now } = situation;
  if (previousSweep === null || situation.sweepRequested) return now;
  const pauseMs = sweepIsCheaper(situation) ? Math.min(STRANGERS_PAUSE_MS, pollIntervalMs) : pollIntervalMs;
  return previousSweep.startedAt + pauseMs * previousSweep.jitter;
}

/** One sweep answers for all strangers at less than a lookup each. */
function sweepIsCheaper({ pages, strangers }: Situation): boolean {
  return pages.whole && strangers.length > pages.count;
}

/** Somebody waits for the sweep itself. */
function isUrgent(situation: Situation): boolean {
  return situation.sweepRequested || !situation.pages.whole || sweepIsCheaper(situation);
}

function strangerToLookUp(situation: Situation): string | undefined {
  const { strangersLastMinute, requestsPerMinute, pages, sweep, strangers, watched } = situation;
  if (strangersLastMinute >= Math.floor(requestsPerMinute * LOOKUP_SHARE)) return undefined;
  if (pages.whole) return sweepIsCheaper(situation) ? undefined : strangers[0];
  // A first sweep that finds somebody watched on each page is as good as lookups, and brings everybody else as well.
  const worthIt = sweep !== null && sweep.pages >= TELLING_PAGES && watched.persons < sweep.pages;
  return worthIt || (sweep === null && pages.count > 0) ? strangers[0] : undefined;
}
