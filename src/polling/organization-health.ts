import type { Fault } from "../faults/fault.js";
import type { Chance, Clock } from "../ports/clock.js";
import type { WatchedAges } from "../presence/polled-roster.js";
import { Backoff } from "./backoff.js";
import { PollingProblems } from "./polling-problems.js";
import type { PollingProblemCode, PollingProblemDetail } from "./polling-report.js";
import type { PassingCode, RefusalCode } from "./verdict.js";

/** How often an organization that Webex refuses is tried again, unless the interval is longer. */
const REFUSED_RETRY_MS = 60_000;
/** A single failure that is over sooner is not worth a word. */
const BLIP_MS = 10_000;
/** A keychain out of reach is tried again at least this often (contract: keychain). */
const KEYCHAIN_RETRY_MS = 10_000;
/** Cisco's recommendation for polling. */
const MOST_PERSONS = 1_000;

const OVER_WITH_A_PAGE: readonly PollingProblemCode[] = [
  "authorizationExpired",
  "authorizationRequired",
  "clientNotConfigured",
  "scopeMissing",
  "adminRoleLost",
];
const OVER_WITH_AN_ANSWER: readonly PollingProblemCode[] = [
  "rateLimited",
  "webexUnreachable",
  "keychainLocked",
  "keychainUnavailable",
];

/** How it goes with one organization: what failed, when to try again, and which problems to show. Times are monotonic milliseconds. */
export class OrganizationHealth {
  readonly problems = new PollingProblems();
  readonly #clock: Clock;
  readonly #chance: Chance;
  readonly #backoff: Backoff;
  #refused = false;
  #notBefore = 0;
  #failures = 0;
  #blip: { readonly code: PassingCode; readonly detail: PollingProblemDetail; readonly since: number } | null = null;
  /** How far into a sweep an answer has to come before `webexError` is over; infinite: to its end. */
  #errorAtPage = 0;

  constructor(clock: Clock, chance: Chance) {
    this.#clock = clock;
    this.#chance = chance;
    this.#backoff = new Backoff(chance);
  }

  get refused(): boolean {
    return this.#refused;
  }

  /** No request before this time. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Webex answered; `page` counts the sweep's pages, the answered one included, or is null where it was none. */
  answered(page: number | null): void {
    this.#backoff.reset();
    this.#failures = 0;
    this.#blip = null;
    this.#notBefore = 0;
    this.problems.clear(...OVER_WITH_AN_ANSWER);
    if ((page ?? 0) >= this.#errorAtPage) this.problems.clear("webexError");
    if (page === null) return;
    this.#refused = false;
    this.problems.clear(...OVER_WITH_A_PAGE);
  }

  sweepCompleted(persons: number): void {
    this.#errorAtPage = 0;
    this.problems.clear("webexError");
    if (persons > MOST_PERSONS) this.problems.raise("organizationTooLarge", { persons });
    else this.problems.clear("organizationTooLarge");
  }

  /** A sweep could not be brought to its end. */
  sweepGivenUp(sentence: string, fault?: Fault): void {
    this.#errorAtPage = Number.POSITIVE_INFINITY;
    this.#blip = null;
    this.problems.raise("webexError", { ...(fault === undefined ? {} : detailOf(fault)), sentence });
  }

  /** Returns until when Webex wants no request. */
  rateLimited(fault: Fault): number {
    const delayMs = this.#backoff.next(fault.retryAfterMs);
    this.#failures = 0;
    this.#blip = null;
    this.problems.clear("webexUnreachable");
    this.problems.raise("rateLimited", { ...detailOf(fault), until: new Date(this.#clock.now() + delayMs).toISOString() });
    return this.#clock.monotonic() + delayMs;
  }

  refusedBy(code: RefusalCode, fault: Fault, scopesMissing: readonly string[], pollIntervalMs: number): void {
    this.#refused = true;
    this.#failures = 0;
    this.#blip = null;
    this.problems.clear(...OVER_WITH_A_PAGE.filter((other) => other !== code), ...OVER_WITH_AN_ANSWER, "webexError");
    const detail = code === "scopeMissing" ? { ...detailOf(fault), missingScopes: scopesMissing } : detailOf(fault);
    this.problems.raise(code, detail);
    const everyMs = Math.max(REFUSED_RETRY_MS, pollIntervalMs);
    this.#notBefore = this.#clock.monotonic() + everyMs * (0.9 + 0.2 * this.#chance.random());
  }

  /** `askedAt`: when the question was put; `page`: the sweep's page that failed, counted from 1, or null where it was none. */
  failed(code: PassingCode, fault: Fault, askedAt: number, page: number | null): void {
    const keychain = code === "keychainLocked" || code === "keychainUnavailable";
    this.tryLater(keychain ? KEYCHAIN_RETRY_MS : undefined);
    this.#failures += 1;
    this.#blip = { code, detail: detailOf(fault), since: this.#blip?.since ?? askedAt };
    if (code === "webexError") {
      this.#errorAtPage = Math.max(this.#errorAtPage, page ?? 0);
      this.problems.clear("webexUnreachable");
    }
    if (this.#failures > 1) this.#showBlip();
    this.lookAtTheClock();
  }

  /** The next request comes after the usual delay that grows with each failure. */
  tryLater(capMs?: number): void {
    this.#notBefore = this.#clock.monotonic() + this.#backoff.next(undefined, capMs);
  }

  /** A failure that lasts is shown also while its second try is still under way. */
  lookAtTheClock(): void {
    if (this.#blip !== null && this.#clock.monotonic() - this.#blip.since >= BLIP_MS) this.#showBlip();
  }

  /** `remedyFor`: what would help where the 95th percentile is that many seconds. */
  ages({ watchedP95 }: WatchedAges, staleAfterSeconds: number, remedyFor: (watchedP95: number) => string | undefined): void {
    if (watchedP95 !== null && watchedP95 > staleAfterSeconds) {
      const remedy = remedyFor(watchedP95);
      this.problems.raise("freshnessMissed", { watchedP95, staleAfterSeconds, ...(remedy === undefined ? {} : { remedy }) });
    } else this.problems.clear("freshnessMissed");
  }

  statusShared(shared: boolean): void {
    if (shared) this.problems.clear("statusSharingOff");
    else this.problems.raise("statusSharingOff", {});
  }

  /** The next request need not wait for an earlier failure's sake. */
  tryNow(): void {
    this.#backoff.reset();
    this.#notBefore = 0;
  }

  /** What was refused or failed was so under another grant. */
  forget(): void {
    this.tryNow();
    this.#refused = false;
    this.#failures = 0;
    this.#blip = null;
    this.problems.clear(...OVER_WITH_A_PAGE, "keychainLocked", "keychainUnavailable", "webexUnreachable");
  }

  /** Nobody asks Webex any more, so nothing is known to be wrong. */
  reset(): void {
    this.forget();
    this.#errorAtPage = 0;
    this.problems.clearAll();
  }

  #showBlip(): void {
    if (this.#blip !== null) this.problems.raise(this.#blip.code, this.#blip.detail);
  }
}

function detailOf(fault: Fault): PollingProblemDetail {
  return {
    ...(fault.status === undefined ? {} : { status: fault.status }),
    ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
  };
}
