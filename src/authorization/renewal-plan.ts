import type { Random, Clock } from "../ports/clock.js";
import type { Secret } from "../faults/secret.js";
import type { Grant } from "./grant.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** An access token is renewed when this, or a tenth of what it had left when first seen, is all that remains. */
const ACCESS_LEAD_MS = HOUR_MS;
/** A refresh token that would expire unused is used this long before. */
const REFRESH_LEAD_MS = 14 * DAY_MS;
/** Webex gives the same token again when asked often: then there is no sense in asking soon. */
const SAME_TOKEN_DELAY_MS = HOUR_MS;
const FAILURE_DELAY_MS = 60_000;

/** When the tokens of one organization are renewed ahead of time, and when not yet again. */
export class RenewalSchedule {
  readonly #clock: Clock;
  readonly #random: Random;
  #token: Secret | null = null;
  #leadMs = 0;
  #notBefore = -Infinity;
  #refreshTokenNotBefore = -Infinity;
  /** Whether the pause is our own, after a failure. */
  #hasFailed = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether the grant, whose access token still works, should be renewed now. */
  isDue(grant: Grant): boolean {
    this.#trackToken(grant);
    const monotonic = this.#clock.monotonic();
    if (monotonic < this.#notBefore) return false;
    const now = this.#clock.now();
    if (grant.accessTokenExpiresAt !== null && grant.accessTokenExpiresAt - now <= this.#leadMs)
      return true;
    return (
      grant.refreshTokenExpiresAt !== null &&
      grant.refreshTokenExpiresAt - now <= REFRESH_LEAD_MS &&
      monotonic >= this.#refreshTokenNotBefore
    );
  }

  /** An attempt starts: whatever comes of it, a refresh token near its end is not used again within a day but after a failure. */
  recordStart(): void {
    this.#refreshTokenNotBefore = this.#clock.monotonic() + DAY_MS;
  }

  recordSuccess(isSameToken: boolean): void {
    this.#hasFailed = false;
    this.#notBefore = isSameToken ? this.#clock.monotonic() + SAME_TOKEN_DELAY_MS : -Infinity;
  }

  /** `waitMs`: what Webex asked for, or 0. */
  recordFailure(waitMs: number): void {
    this.#hasFailed = waitMs === 0;
    this.#notBefore = this.#clock.monotonic() + Math.max(FAILURE_DELAY_MS, waitMs);
    this.#refreshTokenNotBefore = -Infinity;
  }

  /** What made an attempt fail may be over. */
  retryFailed(): void {
    if (this.#hasFailed) this.#notBefore = -Infinity;
    this.#hasFailed = false;
  }

  #trackToken(grant: Grant): void {
    if (this.#token?.equals(grant.accessToken) === true) return;
    this.#token = grant.accessToken;
    if (grant.accessTokenExpiresAt === null) return;
    const left = grant.accessTokenExpiresAt - this.#clock.now();
    // Jitter, because the nodes of a cluster share one organization.
    this.#leadMs = Math.min(ACCESS_LEAD_MS, left / 10) * (0.8 + 0.4 * this.#random.random());
  }
}
