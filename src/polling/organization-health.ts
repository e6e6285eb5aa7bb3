import type { Fault } from "../faults/fault.js";
import type { Random, Clock } from "../ports/clock.js";
import type { WatchedAges } from "../presence/polled-roster.js";
import { Backoff } from "./backoff.js";
import { PollingProblems } from "./polling-problems.js";
import type { PollingProblemCode, PollingProblemDetail } from "./polling-report.js";
import type { TransientCode, RefusalCode } from "./verdict.js";

/** How often an organization that Webex refuses is tried again, unless the interval is longer. */
const REFUSED_RETRY_MS = 60_000;
/** A single failure that is over sooner is not worth a word. */
const PENDING_FAILURE_MS = 10_000;
/** A keychain out of reach is tried again at least this often (contract: keychain). */
const KEYCHAIN_RETRY_MS = 10_000;
/** Cisco's recommendation for polling. */
const RECOMMENDED_MAX_PERSONS = 1_000;

const CLEARED_BY_PAGE: readonly PollingProblemCode[] = [
  "authorizationExpired",
  "authorizationRequired",
  "clientNotConfigured",
  "scopeMissing",
  "adminRoleLost",
];
const CLEARED_BY_RESPONSE: readonly PollingProblemCode[] = [
  "rateLimited",
  "webexUnreachable",
  "keychainLocked",
  "keychainUnavailable",
];

/** How it goes with one organization: what failed, when to try again, and which problems to show. Times are monotonic milliseconds. */
export class OrganizationHealth {
  readonly problems = new PollingProblems();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #backoff: Backoff;
  #isRefused = false;
  #notBefore = 0;
  #failures = 0;
  #pendingFailure: {
    readonly code: TransientCode;
    readonly detail: PollingProblemDetail;
    readonly since: number;
  } | null = null;
  /** How far into a sweep an answer has to come before `webexError` is over; infinite: to its end. */
  #webexErrorPage = 0;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
    this.#backoff = new Backoff(random);
  }

  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** No request before this time. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Webex answered; `page` counts the sweep's pages, the answered one included, or is null where it was none. */
  recordResponse(page: number | null): void {
    this.#backoff.reset();
    this.#failures = 0;
    this.#pendingFailure = null;
    this.#notBefore = 0;
    this.problems.clear(...CLEARED_BY_RESPONSE);
    if ((page ?? 0) >= this.#webexErrorPage) this.problems.clear("webexError");
    if (page === null) return;
    this.#isRefused = false;
    this.problems.clear(...CLEARED_BY_PAGE);
  }

  recordCompletedSweep(persons: number): void {
    this.#webexErrorPage = 0;
    this.problems.clear("webexError");
    if (persons > RECOMMENDED_MAX_PERSONS) this.problems.raise("organizationTooLarge", { persons });
    else this.problems.clear("organizationTooLarge");
  }

  /** A sweep could not be brought to its end. */
  recordAbandonedSweep(sentence: string, fault?: Fault): void {
    this.#webexErrorPage = Number.POSITIVE_INFINITY;
    this.#pendingFailure = null;
    this.problems.raise("webexError", {
      ...(fault === undefined ? {} : detailOf(fault)),
      sentence,
    });
  }

  /** Returns until when Webex wants no request. */
  recordRateLimit(fault: Fault): number {
    const delayMs = this.#backoff.nextDelay(fault.retryAfterMs);
    this.#failures = 0;
    this.#pendingFailure = null;
    this.problems.clear("webexUnreachable");
    this.problems.raise("rateLimited", {
      ...detailOf(fault),
      until: new Date(this.#clock.now() + delayMs).toISOString(),
    });
    return this.#clock.monotonic() + delayMs;
  }

  recordRefusal(
    code: RefusalCode,
    fault: Fault,
    missingScopes: readonly string[],
    pollIntervalMs: number,
  ): void {
    this.#isRefused = true;
    this.#failures = 0;
    this.#pendingFailure = null;
    this.problems.clear(
      ...CLEARED_BY_PAGE.filter((other) => other !== code),
      ...CLEARED_BY_RESPONSE,
      "webexError",
    );
    const detail =
      code === "scopeMissing"
        ? { ...detailOf(fault), missingScopes: missingScopes }
        : detailOf(fault);
    this.problems.raise(code, detail);
    const retryMs = Math.max(REFUSED_RETRY_MS, pollIntervalMs);
    this.#notBefore = this.#clock.monotonic() + retryMs * (0.9 + 0.2 * this.#random.random());
  }

  /** `askedAt`: when the question was put; `page`: the sweep's page that failed, counted from 1, or null where it was none. */
  recordFailure(code: TransientCode, fault: Fault, sentAt: number, page: number | null): void {
    const isKeychainFailure = code === "keychainLocked" || code === "keychainUnavailable";
    this.backOff(isKeychainFailure ? KEYCHAIN_RETRY_MS : undefined);
    this.#failures += 1;
    this.#pendingFailure = {
      code,
      detail: detailOf(fault),
      since: this.#pendingFailure?.since ?? sentAt,
    };
    if (code === "webexError") {
      this.#webexErrorPage = Math.max(this.#webexErrorPage, page ?? 0);
      this.problems.clear("webexUnreachable");
    }
    if (this.#failures > 1) this.#reportPendingFailure();
    this.checkPendingFailure();
  }

  /** The next request comes after the usual delay that grows with each failure. */
  backOff(maxDelayMs?: number): void {
    this.#notBefore = this.#clock.monotonic() + this.#backoff.nextDelay(undefined, maxDelayMs);
  }

  /** A failure that lasts is shown also while its second try is still under way. */
  checkPendingFailure(): void {
    if (
      this.#pendingFailure !== null &&
      this.#clock.monotonic() - this.#pendingFailure.since >= PENDING_FAILURE_MS
    )
      this.#reportPendingFailure();
  }

  /** `remedyFor`: what would help where the 95th percentile is that many seconds. */
  checkAges(
    { watchedP95 }: WatchedAges,
    staleAfterSeconds: number,
    remedyFor: (watchedP95: number) => string | undefined,
  ): void {
    if (watchedP95 !== null && watchedP95 > staleAfterSeconds) {
      const remedy = remedyFor(watchedP95);
      this.problems.raise("freshnessMissed", {
        watchedP95,
        staleAfterSeconds,
        ...(remedy === undefined ? {} : { remedy }),
      });
    } else this.problems.clear("freshnessMissed");
  }

  recordStatusSharing(isShared: boolean): void {
    if (isShared) this.problems.clear("statusSharingOff");
    else this.problems.raise("statusSharingOff", {});
  }

  /** The next request need not wait for an earlier failure's sake. */
  clearBackoff(): void {
    this.#backoff.reset();
    this.#notBefore = 0;
  }

  /** What was refused or failed was so under another grant. */
  forgetFailures(): void {
    this.clearBackoff();
    this.#isRefused = false;
    this.#failures = 0;
    this.#pendingFailure = null;
    this.problems.clear(
      ...CLEARED_BY_PAGE,
      "keychainLocked",
      "keychainUnavailable",
      "webexUnreachable",
    );
  }

  /** Nobody asks Webex any more, so nothing is known to be wrong. */
  reset(): void {
    this.forgetFailures();
    this.#webexErrorPage = 0;
    this.problems.clearAll();
  }

  #reportPendingFailure(): void {
    if (this.#pendingFailure !== null)
      this.problems.raise(this.#pendingFailure.code, this.#pendingFailure.detail);
  }
}

function detailOf(fault: Fault): PollingProblemDetail {
  return {
    ...(fault.status === undefined ? {} : { status: fault.status }),
    ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
  };
}
