import type { LookupCandidate } from "../presence/polled-roster.js";
import type { PlannedAction, Situation } from "./situation.js";

/** What to ask for the sake of watched persons: now (`action`), or else when somebody is due. */
export interface Target {
  readonly action: PlannedAction | null;
  readonly dueAt: number;
}

const MINUTE_MS = 60_000;
/** What the sweep leaves over (see the planner). */
const TARGETED_SHARE = 19 / 20;
/** A gain smaller than this is not worth a second way of asking. */
const WORTH_THE_TROUBLE = 0.93;
/** While the first sweep is under way, what it has read already can wait a little. */
const FIRST_SWEEP_PATIENCE_MS = 30_000;

/** Something to ask again: its worth, and when Webex last told of it. */
interface Item {
  readonly action: PlannedAction;
  readonly worth: number;
  readonly readAt: number;
  readonly newcomer: boolean;
}

/** Null where sweeps alone keep the watched as fresh. */
export function targetOf(situation: Situation): Target | null {
  const { pages, watched } = situation;
  if (watched.persons === 0) return null;
  if (!pages.rereadable) return lookupTarget(situation);
  const useful = beatsSweeps(situation, { page: pagesEffort(watched.pageWorth), lookup: watched.homeless.length });
  const newcomersFirst = useful || pagesWithNewcomers(situation) * 2 <= pages.count;
  const items = new Choice(situation);
  for (const candidate of watched.homeless) if (useful || candidate.newcomer) items.offer(personItem(candidate));
  if (!useful && !newcomersFirst) return items.target;
  for (let page = 0; page < pages.count; page += 1) {
    const newcomer = newcomersFirst && (watched.pageNewcomers[page] ?? 0) > 0;
    const worth = watched.pageWorth[page] ?? 0;
    if (worth === 0 || !(useful || newcomer)) continue;
    items.offer({ action: { kind: "again", page }, worth, readAt: pages.readAt[page] ?? 0, newcomer });
  }
  return items.target;
}

function lookupTarget(situation: Situation): Target | null {
  const { pages, watched } = situation;
  const useful = beatsSweeps(situation, { page: 0, lookup: watched.personsEffort });
  const items = new Choice(situation);
  const newcomersFirst = useful || watched.newcomers * 2 <= pages.count;
  for (const candidate of watched.lookups) {
    if (useful || (newcomersFirst && candidate.newcomer)) items.offer(personItem(candidate));
  }
  return items.target;
}

function personItem({ address, worth, observedAt, newcomer }: LookupCandidate): Item {
  return { action: { kind: "lookup", address, stranger: false }, worth, readAt: observedAt, newcomer };
}

/** Whether so many requests, over and over, keep the watched clearly fresher than sweep after sweep. */
function beatsSweeps(situation: Situation, effort: { readonly page: number; readonly lookup: number }): boolean {
  const { pages, pollIntervalMs, requestsPerMinute, requestMs } = situation;
  if (!pages.whole) return true;
  // One request goes at a time: the next has to wait for its turn in the minute, and for the end of the one before.
  const every = MINUTE_MS / requestsPerMinute;
  const pageMs = Math.max(every, requestMs.page);
  const lookupMs = Math.max(every, requestMs.lookup);
  const bySweeps = Math.max(pollIntervalMs, pages.count * pageMs);
  const byTargets = Math.max(pollIntervalMs, (effort.page * pageMs + effort.lookup * lookupMs) / TARGETED_SHARE);
  return byTargets < bySweeps * WORTH_THE_TROUBLE;
}

/** As many pages of equal worth these come to, when each is visited as often as the square root of its worth. */
function pagesEffort(worth: Float64Array): number {
  let sum = 0;
  let roots = 0;
  for (const one of worth) {
    sum += one;
    roots += Math.sqrt(one);
  }
  return sum === 0 ? 0 : (roots * roots) / sum;
}

function pagesWithNewcomers({ watched }: Situation): number {
  let count = 0;
  for (const newcomers of watched.pageNewcomers) if (newcomers > 0) count += 1;
  return count;
}

/** Of all that is due, newcomers first, then the most by worth times age squared: so each comes as often as the root of its worth. */
class Choice {
  readonly #now: number;
  readonly #leastAge: number;
  readonly #newcomerAge: number;
  #best: Item | null = null;
  #bestScore = 0;
  #dueAt = Number.POSITIVE_INFINITY;

  constructor({ now, pages, pollIntervalMs, requestsPerMinute }: Situation) {
    this.#now = now;
    // The next request may have to wait its turn: what is due by then goes now.
    this.#newcomerAge = pollIntervalMs - Math.min(pollIntervalMs / 4, MINUTE_MS / requestsPerMinute / 2);
    this.#leastAge = pages.whole ? this.#newcomerAge : Math.max(FIRST_SWEEP_PATIENCE_MS, 2 * pollIntervalMs);
  }

  offer(item: Item): void {
    const age = this.#now - item.readAt;
    const leastAge = item.newcomer ? this.#newcomerAge : this.#leastAge;
    this.#dueAt = Math.min(this.#dueAt, item.readAt + leastAge);
    if (age < leastAge) return;
    const score = item.worth * age * age * (item.newcomer ? 1e12 : 1);
    if (this.#best !== null && score <= this.#bestScore) return;
    this.#best = item;
    this.#bestScore = score;
  }

  get target(): Target | null {
    return Number.isFinite(this.#dueAt) ? { action: this.#best?.action ?? null, dueAt: this.#dueAt } : null;
  }
}
