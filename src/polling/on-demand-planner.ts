import type { RefreshRequest } from "../presence/polled-roster.js";
import type { PollingRequest } from "./planner.js";
import type { RequestInFlight } from "./requests-in-flight.js";

/** A page that takes this many times as long as usual is not waited for any more. */
const MAX_RELATIVE_DURATION = 2;
/** A page pays off from this number of persons on it. */
const MIN_PERSONS_PER_PAGE = 2;

/** Everything that a plan depends on. Times are monotonic milliseconds. */
export interface OnDemandInput {
  readonly now: number;
  /** What callers wait for, the first caller's first. */
  readonly requests: readonly RefreshRequest[];
  /** Whether Webex may be requested at all: not while polling is stopped or refused. */
  readonly isAccepted: boolean;
  /** Whether one more request may be in flight. */
  readonly hasPlace: boolean;
  /** Earliest time of the next request, by the budget and after a failure. */
  readonly nextPossibleAt: number;
  /** After that, about the time between two requests. */
  readonly requestIntervalMs: number;
  /** Average duration of a request; 0 if unknown. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  readonly inFlight: readonly Pick<RequestInFlight, "request" | "sentAt" | "page">[];
  /** How many pages can be fetched again by an old link; 0 if Webex does not honor old links. */
  readonly refetchablePages: number;
  /** The latest answered request for a page, an address or an id. */
  readonly answered: AnsweredRequests;
}

/** When a request was sent, and when it was answered. */
export interface AnsweredRequest {
  readonly sentAt: number;
  readonly answeredAt: number;
}

export interface AnsweredRequests {
  readonly pages: ReadonlyMap<number, AnsweredRequest>;
  /** By address or id. */
  readonly keys: ReadonlyMap<string, AnsweredRequest>;
}

export interface OnDemandPlan {
  /** What cannot be had in time, or has been answered. */
  readonly dismissed: readonly RefreshRequest[];
  /** Infinity: until a request in flight has ended, or callers wait for something else. */
  readonly next: PollingRequest | { readonly kind: "wait"; readonly untilMs: number };
}

/**
 * Decides what to request for callers who wait. Pure: the same input gives the same plan.
 *
 * Nothing is requested that a request in flight will answer. Of several persons, those on one page
 * are requested with it if that can be answered in time, the page with most of them first; the
 * others by address, or by id if they have none.
 */
export function planOnDemand(input: OnDemandInput): OnDemandPlan {
  const { now, requests, isAccepted } = input;
  const until = (untilMs: number) => ({ kind: "wait", untilMs }) as const;
  if (!isAccepted) return { dismissed: requests, next: until(Number.POSITIVE_INFINITY) };
  const dismissed: RefreshRequest[] = [];
  const open: RefreshRequest[] = [];
  let reviewAt = Number.POSITIVE_INFINITY;
  for (const request of requests) {
    const coveredUntil = findCoverage(request, input);
    if (request.waitsUntil <= now) dismissed.push(request);
    else if (coveredUntil > now) reviewAt = Math.min(reviewAt, coveredUntil);
    else if (isAnswered(request, input)) dismissed.push(request);
    else open.push(request);
  }
  const late = new Set(findLate(open, input));
  dismissed.push(...late);
  const possible = open.filter((request) => !late.has(request));
  const [first] = possible;
  if (first === undefined || !input.hasPlace) return { dismissed, next: until(reviewAt) };
  if (input.nextPossibleAt > now) {
    return { dismissed, next: until(Math.min(reviewAt, input.nextPossibleAt)) };
  }
  return { dismissed, next: selectPage(possible, input) ?? lookUp(first) };
}

/** Returns until when a request in flight can be expected to answer; -Infinity if none can. */
function findCoverage(wanted: RefreshRequest, input: OnDemandInput): number {
  const pageMs = input.requestDurationMs.page;
  let coveredUntil = Number.NEGATIVE_INFINITY;
  for (const { request, sentAt, page } of input.inFlight) {
    if (sentAt < wanted.sentFrom) continue;
    const isLookup =
      ("address" in request && request.address === wanted.address) ||
      (request.kind === "person" && request.id === wanted.id);
    if (isLookup) return Number.POSITIVE_INFINITY;
    const isPage = page !== null && page === wanted.page && pageMs > 0;
    if (isPage && sentAt + pageMs <= wanted.waitsUntil) {
      coveredUntil = Math.max(coveredUntil, sentAt + pageMs * MAX_RELATIVE_DURATION);
    }
  }
  return coveredUntil;
}

/** Whether the person, or the address, was asked for in vain: another request finds no more. */
function isAnswered(wanted: RefreshRequest, { answered }: OnDemandInput): boolean {
  const key = wanted.address ?? wanted.id;
  return key !== null && answers(answered.keys.get(key), wanted);
}

function answers(answered: AnsweredRequest | undefined, wanted: RefreshRequest): boolean {
  if (answered === undefined) return false;
  return answered.sentAt >= wanted.sentFrom && answered.answeredAt >= wanted.calledAt;
}

/** Returns what the budget does not allow while somebody waits for it. */
function findLate(open: readonly RefreshRequest[], input: OnDemandInput): RefreshRequest[] {
  const { now, nextPossibleAt, refetchablePages, requestDurationMs, requestIntervalMs } = input;
  if (nextPossibleAt <= now) return [];
  const pages = new Set<number>();
  // Half of the usual duration: one that may come in time is worth the wait.
  let responseAt = nextPossibleAt + requestDurationMs.lookup / 2;
  return open.filter(({ page, waitsUntil }) => {
    // The persons of one page may take one request.
    if (page !== null && pages.has(page)) return false;
    if (responseAt >= waitsUntil) return true;
    responseAt += requestIntervalMs;
    if (page !== null && page < refetchablePages) pages.add(page);
    return false;
  });
}

function selectPage(open: readonly RefreshRequest[], input: OnDemandInput): PollingRequest | null {
  const { now, refetchablePages } = input;
  const pageMs = input.requestDurationMs.page;
  if (pageMs === 0) return null;
  const persons = new Map<number, number>();
  for (const wanted of open) {
    const { page, waitsUntil } = wanted;
    if (page === null || page >= refetchablePages || now + pageMs > waitsUntil) continue;
    // Whoever was not on it when it was read after that is somewhere else.
    if (answers(input.answered.pages.get(page), wanted)) continue;
    persons.set(page, (persons.get(page) ?? 0) + 1);
  }
  let best = null as PollingRequest | null;
  let most = MIN_PERSONS_PER_PAGE - 1;
  for (const [page, count] of persons) {
    if (count <= most) continue;
    best = { kind: "refetch", page };
    most = count;
  }
  return best;
}

function lookUp({ id, address }: RefreshRequest): PollingRequest {
  if (address !== null) return { kind: "lookup", address, isUnmatched: id === null };
  return { kind: "person", id: id ?? "" };
}
