import type { RefreshRequest } from "../presence/polled-roster.js";
import type { PollingRequest } from "./planner.js";
import type { RequestInFlight } from "./requests-in-flight.js";

/** A page that takes this many times as long as usual is not waited for any more. */
const MAX_RELATIVE_DURATION = 2;
/** A page pays off from this number of persons on it. */
const MIN_PERSONS_PER_PAGE = 2;
/** A request that nobody waits for keeps its place for so many times its usual duration. */
const MAX_RELATIVE_SILENCE = 5;
const MIN_SILENCE_MS = 2_000;
/** So many requests in flight give back their place at most. */
const MAX_GIVEN_BACK = 2;

/** Everything that a plan depends on. Times are monotonic milliseconds. */
export interface OnDemandInput {
  readonly now: number;
  /** What callers wait for, the first caller's first. */
  readonly requests: readonly RefreshRequest[];
  /** Whether Webex may be requested at all: not while polling is stopped or refused. */
  readonly isAccepted: boolean;
  /** How many more requests may be in flight; less than 1 if none. */
  readonly freePlaces: number;
  /** Earliest time of the next request, by the budget and after a failure. */
  readonly nextPossibleAt: number;
  /** After that, about the time between two requests. */
  readonly requestIntervalMs: number;
  /** Average duration of a request; 0 if unknown. */
  readonly requestDurationMs: { readonly page: number; readonly lookup: number };
  readonly inFlight: readonly Pick<RequestInFlight, "request" | "sentAt" | "page" | "isOnDemand">[];
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
 * Nothing is requested that a request in flight will answer. The calls that lack the fewest answers
 * come first, so that a call for many addresses does not delay one for a single person. Of several
 * persons of such calls, those on one page are requested with it if that can be answered in time,
 * the page with most of them first; the others by address, or by id if they have none.
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
  // Stable: then in the order of the calls.
  open.sort((a, b) => a.outstanding - b.outstanding);
  const late = new Set(findLate(open, input));
  dismissed.push(...late);
  const possible = open.filter((request) => !late.has(request));
  const [first] = possible;
  if (first === undefined) return { dismissed, next: until(reviewAt) };
  const possibleAt = Math.max(input.nextPossibleAt, findPlaceAt(input));
  if (possibleAt > now) return { dismissed, next: until(Math.min(reviewAt, possibleAt)) };
  const ofFirstCalls = possible.filter(({ outstanding }) => outstanding === first.outstanding);
  return { dismissed, next: selectPage(ofFirstCalls, input) ?? lookUp(first) };
}

/**
 * Returns when one more request may be in flight; Infinity: when one of them has ended. A few that
 * Webex does not answer while nobody waits for them any more give back their place, or they would
 * delay what callers wait for until they time out. They stay in flight: an answer still counts.
 */
function findPlaceAt(input: OnDemandInput): number {
  const missing = 1 - input.freePlaces;
  if (missing < 1) return Number.NEGATIVE_INFINITY;
  if (missing > MAX_GIVEN_BACK) return Number.POSITIVE_INFINITY;
  const releasedAt = input.inFlight.filter(({ isOnDemand }) => isOnDemand).map(findRelease(input));
  return releasedAt.sort((a, b) => a - b)[missing - 1] ?? Number.POSITIVE_INFINITY;
}

/** Returns a function that returns when a request in flight gives back its place. */
function findRelease({ requests, requestDurationMs }: OnDemandInput) {
  return (sent: OnDemandInput["inFlight"][number]): number => {
    const usualMs = requestDurationMs[sent.page === null ? "lookup" : "page"];
    const waiting = requests.filter((wanted) => isServedBy(wanted, sent));
    return Math.max(
      sent.sentAt + Math.max(MIN_SILENCE_MS, usualMs * MAX_RELATIVE_SILENCE),
      ...waiting.map(({ waitsUntil }) => waitsUntil),
    );
  };
}

function isServedBy(wanted: RefreshRequest, sent: OnDemandInput["inFlight"][number]): boolean {
  if (sent.sentAt < wanted.sentFrom) return false;
  return isLookupOf(wanted, sent.request) || (sent.page !== null && sent.page === wanted.page);
}

function isLookupOf(wanted: RefreshRequest, request: PollingRequest): boolean {
  if ("address" in request) return request.address === wanted.address;
  return request.kind === "person" && request.id === wanted.id;
}

/** Returns until when a request in flight can be expected to answer; -Infinity if none can. */
function findCoverage(wanted: RefreshRequest, input: OnDemandInput): number {
  const { page: pageMs, lookup: lookupMs } = input.requestDurationMs;
  let coveredUntil = Number.NEGATIVE_INFINITY;
  for (const { request, sentAt, page, isOnDemand } of input.inFlight) {
    if (sentAt < wanted.sentFrom) continue;
    if (isLookupOf(wanted, request)) return Number.POSITIVE_INFINITY;
    const isPage = page !== null && page === wanted.page && pageMs > 0;
    // For a single person, the lookup is quicker than most of the pages that polling reads.
    const isWorthWaiting = isOnDemand || wanted.outstanding > 1;
    const acceptedUntil = isWorthWaiting ? wanted.waitsUntil : input.now + 2 * lookupMs;
    if (isPage && sentAt + pageMs <= acceptedUntil) {
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
