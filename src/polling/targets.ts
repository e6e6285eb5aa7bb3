import type { LookupCandidate } from "../presence/polled-roster.js";
import type { PlannedAction, PlannerInput } from "./situation.js";

/** What to ask for the sake of watched persons: now (`action`), or else when somebody is due. */
export interface Target {
  readonly action: PlannedAction | null;
  readonly dueAt: number;
}

const MINUTE_MS = 60_000;
/** What the sweep leaves over (see the planner). */
const TARGETED_SHARE = 19 / 20;
/** A gain smaller than this is not worth a second way of asking. */
const MAX_RELATIVE_CYCLE_TIME = 0.93;
/** While the first sweep is under way, what it has read already can wait a little. */
const FIRST_SWEEP_MIN_AGE_MS = 30_000;

/** Something to ask again: its worth, and when Webex last told of it. */
interface RefreshCandidate {
  readonly action: PlannedAction;
  readonly worth: number;
  readonly observedAt: number;
  readonly newcomer: boolean;
}

/** Null where sweeps alone keep the watched as fresh. */
export function selectTarget(input: PlannerInput): Target | null {
  const { pages, demand } = input;
  if (demand.persons === 0) return null;
  if (!pages.isRefetchable) return selectLookupTarget(input);
  const isTargetingFaster = isFasterThanSweeps(input, {
    page: effectivePageCount(demand.pageWeights),
    lookup: demand.notOnAnyPage.length,
  });
  const prefersNewlyWatched =
    isTargetingFaster || countPagesWithNewlyWatched(input) * 2 <= pages.count;
  const selection = new CandidateSelection(input);
  for (const candidate of demand.notOnAnyPage)
    if (isTargetingFaster || candidate.isNewlyWatched)
      selection.offer(toRefreshCandidate(candidate));
  if (!isTargetingFaster && !prefersNewlyWatched) return selection.target;
  for (let page = 0; page < pages.count; page += 1) {
    const newcomer = prefersNewlyWatched && (demand.pageNewlyWatched[page] ?? 0) > 0;
    const worth = demand.pageWeights[page] ?? 0;
    if (worth === 0 || !(isTargetingFaster || newcomer)) continue;
    selection.offer({
      action: { kind: "again", page },
      worth,
      observedAt: pages.readAt[page] ?? 0,
      newcomer,
    });
  }
  return selection.target;
}

function selectLookupTarget(input: PlannerInput): Target | null {
  const { pages, demand } = input;
  const isTargetingFaster = isFasterThanSweeps(input, { page: 0, lookup: demand.effectivePersons });
  const selection = new CandidateSelection(input);
  const prefersNewlyWatched = isTargetingFaster || demand.newlyWatched * 2 <= pages.count;
  for (const candidate of demand.lookupCandidates) {
    if (isTargetingFaster || (prefersNewlyWatched && candidate.isNewlyWatched))
      selection.offer(toRefreshCandidate(candidate));
  }
  return selection.target;
}

function toRefreshCandidate({
  address,
  weight: worth,
  observedAt,
  isNewlyWatched: newcomer,
}: LookupCandidate): RefreshCandidate {
  return {
    action: { kind: "lookup", address, isUnmatched: false },
    worth,
    observedAt: observedAt,
    newcomer,
  };
}

/** Whether so many requests, over and over, keep the watched clearly fresher than sweep after sweep. */
function isFasterThanSweeps(
  input: PlannerInput,
  requests: { readonly page: number; readonly lookup: number },
): boolean {
  const { pages, pollIntervalMs, requestsPerMinute, requestDurationMs } = input;
  if (!pages.isComplete) return true;
  // One request goes at a time: the next has to wait for its turn in the minute, and for the end of the one before.
  const requestIntervalMs = MINUTE_MS / requestsPerMinute;
  const pageMs = Math.max(requestIntervalMs, requestDurationMs.page);
  const lookupMs = Math.max(requestIntervalMs, requestDurationMs.lookup);
  const sweepCycleMs = Math.max(pollIntervalMs, pages.count * pageMs);
  const targetCycleMs = Math.max(
    pollIntervalMs,
    (requests.page * pageMs + requests.lookup * lookupMs) / TARGETED_SHARE,
  );
  return targetCycleMs < sweepCycleMs * MAX_RELATIVE_CYCLE_TIME;
}

/** As many pages of equal worth these come to, when each is visited as often as the square root of its worth. */
function effectivePageCount(worth: Float64Array): number {
  let sum = 0;
  let rootSum = 0;
  for (const pageWeight of worth) {
    sum += pageWeight;
    rootSum += Math.sqrt(pageWeight);
  }
  return sum === 0 ? 0 : (rootSum * rootSum) / sum;
}

function countPagesWithNewlyWatched({ demand }: PlannerInput): number {
  let count = 0;
  for (const newcomers of demand.pageNewlyWatched) if (newcomers > 0) count += 1;
  return count;
}

/** Of all that is due, newcomers first, then the most by worth times age squared: so each comes as often as the root of its worth. */
class CandidateSelection {
  readonly #now: number;
  readonly #minAge: number;
  readonly #newlyWatchedMinAge: number;
  #best: RefreshCandidate | null = null;
  #bestScore = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor({ now, pages, pollIntervalMs, requestsPerMinute }: PlannerInput) {
    this.#now = now;
    // The next request may have to wait its turn: what is due by then goes now.
    this.#newlyWatchedMinAge =
      pollIntervalMs - Math.min(pollIntervalMs / 4, MINUTE_MS / requestsPerMinute / 2);
    this.#minAge = pages.isComplete
      ? this.#newlyWatchedMinAge
      : Math.max(FIRST_SWEEP_MIN_AGE_MS, 2 * pollIntervalMs);
  }

  offer(candidate: RefreshCandidate): void {
    const age = this.#now - candidate.observedAt;
    const minAge = candidate.newcomer ? this.#newlyWatchedMinAge : this.#minAge;
    this.#dueAt = Math.min(this.#dueAt, candidate.observedAt + minAge);
    if (age < minAge) return;
    const score = candidate.worth * age * age * (candidate.newcomer ? 1e12 : 1);
    if (this.#best !== null && score <= this.#bestScore) return;
    this.#best = candidate;
    this.#bestScore = score;
  }

  get target(): Target | null {
    return Number.isFinite(this.#dueAt)
      ? { action: this.#best?.action ?? null, dueAt: this.#dueAt }
      : null;
  }
}
