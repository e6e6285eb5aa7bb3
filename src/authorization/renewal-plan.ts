import type { Chance, Clock } from "../ports/clock.js";
import type { Secret } from "../faults/secret.js";
import type { Grant } from "./grant.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** An access token is renewed when this, or a tenth of what it had left when first seen, is all that remains. */
const ACCESS_LEAD_MS = HOUR_MS;
/** A refresh token that would expire unused is used this long before. */
const REFRESH_LEAD_MS = 14 * DAY_MS;
/** Webex gives the same token again when asked often: then there is no sense in asking soon. */
const SAME_TOKEN_PAUSE_MS = HOUR_MS;
const FAILURE_PAUSE_MS = 60_000;

/** When the tokens of one organization are renewed ahead of time, and when not yet again. */
export class RenewalPlan {
  readonly #clock: Clock;
  readonly #chance: Chance;
  #token: Secret | null = null;
  #leadMs = 0;
  #notBefore = -Infinity;
  #refreshTokenNotBefore = -Infinity;
  /** Whether the pause is our own, after a failure. */
  #failed = false;

  constructor(clock: Clock, chance: Chance) {
    this.#clock = clock;
    this.#chance = chance;
  }

  /** Whether the grant, whose access token still works, should be renewed now. */
  isDue(grant: Grant): boolean {
    this.#meet(grant);
    const monotonic = this.#clock.monotonic();
    if (monotonic < this.#notBefore) return false;
    const now = this.#clock.now();
    if (grant.accessTokenExpiresAt !== null && grant.accessTokenExpiresAt - now <= this.#leadMs) return true;
    return (
      grant.refreshTokenExpiresAt !== null &&
      grant.refreshTokenExpiresAt - now <= REFRESH_LEAD_MS &&
      monotonic >= this.#refreshTokenNotBefore
    );
  }

  /** An attempt starts: whatever comes of it, a refresh token near its end is not used again within a day but after a failure. */
  began(): void {
    this.#refreshTokenNotBefore = this.#clock.monotonic() + DAY_MS;
  }

  succeeded(sameToken: boolean): void {
    this.#failed = false;
    this.#notBefore = sameToken ? this.#clock.monotonic() + SAME_TOKEN_PAUSE_MS : -Infinity;
  }

  /** `waitMs`: what Webex asked for, or 0. */
  failed(waitMs: number): void {
    this.#failed = waitMs === 0;
    this.#notBefore = this.#clock.monotonic() + Math.max(FAILURE_PAUSE_MS, waitMs);
    this.#refreshTokenNotBefore = -Infinity;
  }

  /** What made an attempt fail may be over. */
  tryFailedAgain(): void {
    if (this.#failed) this.#notBefore = -Infinity;
    this.#failed = false;
  }

  #meet(grant: Grant): void {
    if (this.#token?.equals(grant.accessToken) === true) return;
    this.#token = grant.accessToken;
    if (grant.accessTokenExpiresAt === null) return;
    const left = grant.accessTokenExpiresAt - this.#clock.now();
    // Jitter, because the nodes of a cluster share one organization.
    this.#leadMs = Math.min(ACCESS_LEAD_MS, left / 10) * (0.8 + 0.4 * this.#chance.random());
  }
}
