import type { ProblemDetail } from "../faults/problem-catalog.js";
import type { Fault } from "../faults/fault.js";
import type { Clock, Random } from "../ports/clock.js";
import { Backoff, jitter, RateLimitPause } from "./backoff.js";
import {
  type PollingProblem,
  type PollingProblemCode,
  REFUSAL_CODES,
  type RefusalCode,
  RETRYABLE_REFUSALS,
  type TransientCode,
} from "./polling-report.js";

/**
 * With the jitter, and the seconds before a refusal in which the keychain is read again, a refused
 * organization is retried within a minute.
 */
const REFUSED_RETRY_MS = 50_000;
const REFUSED_RETRY_JITTER = 0.1;
/**
 * Minimum interval of the retries that somebody requests: the renewal of a token, which may be what
 * fails, is not limited by the request budget.
 */
const REQUESTED_RETRY_MS = 2_000;
/** A single failure is not reported unless it lasts this long. */
const PENDING_FAILURE_MS = 10_000;
/** A server that has answered another request within this time is not silent. */
const SILENCE_MS = 10_000;
/** The problem shows the later end of a pause only if it is later by more than that. */
const SAME_END_MS = 1_000;
/** How often an unreachable keychain is retried at least (protocol: keychain). */
const KEYCHAIN_RETRY_MS = 10_000;
/** Cisco recommends polling for up to 1,000 persons. */
const RECOMMENDED_MAX_PERSONS = 1_000;

const CLEARED_BY_RESPONSE: readonly PollingProblemCode[] = [
  "rateLimited",
  "webexUnreachable",
  "keychainLocked",
  "keychainUnavailable",
];
/** While one of these keeps records from being updated, their age is no problem of its own. */
const CAUSES_OF_AGE: readonly PollingProblemCode[] = [
  ...REFUSAL_CODES,
  "rateLimited",
  "webexUnreachable",
  "webexError",
  "keychainLocked",
  "keychainUnavailable",
];

/**
 * Tracks the failures of one organization's polling: when to retry, and which problems to report.
 * Times are monotonic milliseconds.
 */
export class OrganizationHealth {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  readonly #rateLimitPause: RateLimitPause;
  readonly #problems = new Map<PollingProblemCode, PollingProblem>();
  #haveProblemsChanged = false;
  #notBefore = 0;
  /** Of the latest failure, unless a request that was sent later has been answered. */
  #failedAt = Number.NEGATIVE_INFINITY;
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** When the latest of the answered requests was sent. */
  #answeredSentAt = Number.NEGATIVE_INFINITY;
  /** The latest pause after a response that limits the rate. */
  #pause = { beganAt: Number.NEGATIVE_INFINITY, until: Number.NEGATIVE_INFINITY };
  /** Of the last retry that somebody requested; later than now while it waits. */
  #requestedRetryAt = Number.NEGATIVE_INFINITY;
  /** Somebody requested a retry while a request was in flight. */
  #isRetryRequested = false;
  #failures = 0;
  /** `page`: as of `recordFailure`; 0 for other requests, and for what any response ends. */
  #pendingFailure: (PollingProblem & { readonly since: number; readonly page: number }) | null =
    null;
  /** When watched persons were last observed less often than usual. */
  #unsteadyAt: number;
  /** A response clears `webexError` from this page of a sweep on; Infinity: only its end does. */
  #webexErrorPage = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = new Backoff(random);
    this.#rateLimitPause = new RateLimitPause(random);
    this.#unsteadyAt = clock.monotonic();
  }

  get problems(): readonly PollingProblem[] {
    return [...this.#problems.values()];
  }

  /** Whether Webex refuses the organization as a whole. */
  get isRefused(): boolean {
    return REFUSAL_CODES.some((code) => this.#problems.has(code));
  }

  /** Whether a retry can succeed: unless there is no grant or no client to retry with. */
  get isRetryable(): boolean {
    const refusals = REFUSAL_CODES.filter((code) => this.#problems.has(code));
    return refusals.every((code) => RETRYABLE_REFUSALS.includes(code));
  }

  /** Whether Webex cannot be reached, or fails, with problem or not yet. */
  get isFailing(): boolean {
    return this.#pendingFailure !== null || this.#problems.has("webexUnreachable");
  }

  /** Earliest time of the next request. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** When Webex last failed, refused or limited, if no request sent later was answered. */
  get failedAt(): number {
    return this.#failedAt;
  }

  /** Returns whether a problem was raised or cleared since the last call. */
  drainProblemsChanged(): boolean {
    const haveChanged = this.#haveProblemsChanged;
    this.#haveProblemsChanged = false;
    return haveChanged;
  }

  /**
   * `page`: the number of the sweep's page, from 1, or null for other responses. The response to a
   * request that was sent before the latest failure proves nothing about the time after it, and a
   * response to a lookup nothing about pages, which may all fail.
   */
  recordResponse(page: number | null, sentAt: number): void {
    this.#answeredAt = this.#clock.monotonic();
    this.#answeredSentAt = Math.max(this.#answeredSentAt, sentAt);
    if (sentAt < this.#failedAt) return;
    this.clearBackoff();
    this.#rateLimitPause.reset();
    if ((page ?? 0) >= (this.#pendingFailure?.page ?? 0)) this.#forgetPendingFailure();
    this.#clear(...CLEARED_BY_RESPONSE);
    if ((page ?? 0) >= this.#webexErrorPage) {
      this.#webexErrorPage = 0;
      this.#clear("webexError");
    }
    if (page !== null) this.#clear(...REFUSAL_CODES);
  }

  recordCompletedSweep(persons: number): void {
    this.#webexErrorPage = 0;
    this.#forgetPendingFailure();
    this.#clear("webexError");
    if (persons > RECOMMENDED_MAX_PERSONS) this.#raise("organizationTooLarge", { persons });
    else this.#clear("organizationTooLarge");
  }

  /** The sweep starts again with pages of another size, so that the failed page is none of them. */
  recordOtherPages(): void {
    if (Number.isFinite(this.#webexErrorPage)) this.#webexErrorPage = 0;
    if (this.#pendingFailure !== null) this.#pendingFailure = { ...this.#pendingFailure, page: 0 };
  }

  /** `reason` tells the administrator why the sweep did not complete. */
  recordAbandonedSweep(reason: string, fault?: Fault): void {
    this.#webexErrorPage = Number.POSITIVE_INFINITY;
    this.#pendingFailure = null;
    const detail = fault === undefined ? {} : failureDetail(fault);
    this.#raise("webexError", { ...detail, reason });
  }

  /**
   * Returns the time before which Webex must not be requested. Several requests in flight may be
   * rejected together: that is one pause.
   */
  recordRateLimit(fault: Fault, sentAt: number): number {
    const now = this.#clock.monotonic();
    this.#forgetPendingFailure();
    this.#clear("webexUnreachable");
    if (sentAt < this.#pause.beganAt && now < this.#pause.until) {
      const until = now + (fault.retryAfterMs ?? 0);
      if (until <= this.#pause.until + SAME_END_MS) return Math.max(until, this.#pause.until);
    }
    const delayMs = this.#rateLimitPause.next(fault.retryAfterMs);
    const until = new Date(this.#clock.now() + delayMs).toISOString();
    this.#raise("rateLimited", { ...detailOf(fault), until });
    this.#failedAt = now;
    this.#pause = { beganAt: now, until: now + delayMs };
    return this.#pause.until;
  }

  /** Webex limited the rate before this run; `until`: epoch milliseconds of the pause's end. */
  resumePause(until: number): void {
    this.#failedAt = this.#clock.monotonic();
    this.#raise("rateLimited", { until: new Date(until).toISOString() });
  }

  recordRefusal(
    code: RefusalCode,
    fault: Fault,
    missingScopes: readonly string[],
    pollIntervalMs: number,
  ): void {
    this.#failedAt = this.#clock.monotonic();
    this.#forgetPendingFailure();
    this.#clear(...REFUSAL_CODES.filter((other) => other !== code));
    this.#webexErrorPage = 0;
    this.#clear(...CLEARED_BY_RESPONSE, "webexError");
    this.#raise(code, { ...detailOf(fault), ...(code === "scopeMissing" && { missingScopes }) });
    // An ended authorization costs one request for a token, and has its own schedule.
    const isRetriedWithinAMinute = code === "authorizationExpired";
    const retryMs = isRetriedWithinAMinute
      ? REFUSED_RETRY_MS
      : Math.max(REFUSED_RETRY_MS, pollIntervalMs);
    this.#postpone(retryMs * jitter(this.#random, REFUSED_RETRY_JITTER));
  }

  /** `page`: the number of the sweep's page, from 1, or null for other requests. */
  recordFailure(
    code: TransientCode,
    fault: Fault,
    sentAt: number,
    page: number | null,
    pollIntervalMs: number,
  ): void {
    const maxDelayMs = isKeychainCode(code)
      ? Math.min(KEYCHAIN_RETRY_MS, pollIntervalMs)
      : pollIntervalMs;
    if (this.backOff(sentAt, maxDelayMs)) this.#failures += 1;
    const since = this.#pendingFailure?.since ?? Math.max(sentAt, this.#answeredAt);
    const failedPage =
      code === "webexError" ? Math.max(this.#pendingFailure?.page ?? 0, page ?? 0) : 0;
    this.#pendingFailure = { code, detail: failureDetail(fault), since, page: failedPage };
    if (code === "webexError") {
      this.#webexErrorPage = Math.max(this.#webexErrorPage, page ?? 0);
      this.#clear("webexUnreachable");
    }
    this.checkPendingFailure();
  }

  /** A request in flight has had no byte of a response for a while; a response clears this. */
  recordSilence(fault: Fault): void {
    if (this.#clock.monotonic() - this.#answeredAt < SILENCE_MS) return;
    this.#raise("webexUnreachable", failureDetail(fault));
  }

  /**
   * Delays the next request, longer after each failure, but not beyond `maxDelayMs` after this one
   * was sent. Returns false, and changes nothing, if the request was sent before the latest
   * failure, because several in flight may fail for one reason, or before one that was answered,
   * because Webex works.
   */
  backOff(sentAt: number, maxDelayMs: number): boolean {
    if (sentAt < Math.max(this.#failedAt, this.#answeredSentAt)) return false;
    const now = this.#clock.monotonic();
    this.#failedAt = now;
    // What callers request meanwhile fails as well, and must not put off the next attempt.
    const isWaiting = sentAt < this.#notBefore && now < this.#notBefore;
    if (!isWaiting) this.#postpone(this.#backoff.nextDelay(maxDelayMs, now - sentAt));
    return true;
  }

  /** Reports a failure that was repeated or that lasts, even while its retry is in flight. */
  checkPendingFailure(): void {
    const failure = this.#pendingFailure;
    if (failure === null) return;
    const hasLasted = this.#clock.monotonic() - failure.since >= PENDING_FAILURE_MS;
    if (this.#failures > 1 || hasLasted) this.#raise(failure.code, failure.detail);
  }

  /**
   * `watchedP95`: the age of the watched persons' presence, 95th percentile, seconds. `readHint`:
   * tells what would help; null if that is unknown. `steadyMs`: since the list became complete, and
   * since the latest of the problems that explain ages.
   */
  checkAges(
    watchedP95: number | null,
    staleAfterSeconds: number,
    isListComplete: boolean,
    readHint: (watchedP95: number, steadyMs: number) => string | null,
  ): void {
    const hasCause = CAUSES_OF_AGE.some((code) => this.#problems.has(code));
    const now = this.#clock.monotonic();
    if (hasCause || !isListComplete) this.#unsteadyAt = now;
    if (watchedP95 === null || watchedP95 <= staleAfterSeconds || hasCause) {
      this.#clear("freshnessMissed");
      return;
    }
    const hint = readHint(watchedP95, now - this.#unsteadyAt);
    this.#raise("freshnessMissed", {
      watchedP95,
      staleAfterSeconds,
      ...(hint !== null && { hint }),
    });
  }

  recordStatusSharing(isShared: boolean): void {
    if (isShared) this.#clear("statusSharingOff");
    else this.#raise("statusSharingOff", {});
  }

  /** Allows the next request now, whatever failed before. */
  clearBackoff(): void {
    this.#backoff.reset();
    this.#failedAt = Number.NEGATIVE_INFINITY;
    this.#notBefore = 0;
    this.#isRetryRequested = false;
  }

  /**
   * Somebody requests a retry, perhaps because they put right what failed. It is possible now, or
   * 2 s after the last one that was requested; if a request is in flight that was sent after the
   * latest failure, once that has failed. `latestSentAt`: of the requests in flight, or null.
   */
  requestRetry(latestSentAt: number | null): void {
    const now = this.#clock.monotonic();
    const isRequestInFlight = latestSentAt !== null && latestSentAt >= this.#failedAt;
    this.#isRetryRequested = isRequestInFlight;
    if (isRequestInFlight || this.#notBefore <= now || this.#requestedRetryAt > now) return;
    this.#notBefore = this.#nextRequestedRetry();
  }

  #nextRequestedRetry(): number {
    const earliest = this.#requestedRetryAt + REQUESTED_RETRY_MS;
    this.#requestedRetryAt = Math.max(this.#clock.monotonic(), earliest);
    return this.#requestedRetryAt;
  }

  #postpone(delayMs: number): void {
    const until = this.#clock.monotonic() + delayMs;
    this.#notBefore = this.#isRetryRequested ? Math.min(until, this.#nextRequestedRetry()) : until;
    this.#isRetryRequested = false;
  }

  /** Forgets failures that may be due to an earlier grant. */
  forgetFailures(): void {
    this.clearBackoff();
    this.#forgetPendingFailure();
    this.#clear(...REFUSAL_CODES, "keychainLocked", "keychainUnavailable", "webexUnreachable");
  }

  reset(): void {
    this.forgetFailures();
    this.#webexErrorPage = 0;
    this.#clear(...this.#problems.keys());
  }

  #forgetPendingFailure(): void {
    this.#failures = 0;
    this.#pendingFailure = null;
  }

  /** Updates the details of a known problem silently, unless its end or its cause has changed. */
  #raise(code: PollingProblemCode, detail: ProblemDetail): void {
    const existing = this.#problems.get(code)?.detail;
    const { until, cause } = detail;
    if (existing === undefined || existing.until !== until || existing.cause !== cause) {
      this.#haveProblemsChanged = true;
    }
    this.#problems.set(code, { code, detail });
    if (CAUSES_OF_AGE.includes(code)) this.#clear("freshnessMissed");
  }

  #clear(...codes: readonly PollingProblemCode[]): void {
    for (const code of codes) if (this.#problems.delete(code)) this.#haveProblemsChanged = true;
  }
}

function detailOf({ status, trackingId }: Fault): ProblemDetail {
  return {
    ...(status !== undefined && { status }),
    ...(trackingId !== undefined && { trackingId }),
  };
}

function isKeychainCode(code: string): boolean {
  return code === "keychainLocked" || code === "keychainUnavailable";
}

/** With the cause in words, and its remedy if there is a specific one. */
function failureDetail(fault: Fault): ProblemDetail {
  const { data, hint, message } = fault;
  return {
    ...detailOf(fault),
    cause: message,
    ...(hint !== undefined && { hint }),
    ...(isKeychainCode(fault.code) && typeof data.reason === "string" && { reason: data.reason }),
  };
}
