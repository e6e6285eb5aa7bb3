import type { Clock, Random } from "../ports/clock.js";
import type { OAuthClient } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import type { RenewalAnnouncements } from "./renewal-announcements.js";
import { delay } from "./shared-task.js";

/**
 * Another process may have used the refresh token a moment ago and not have stored the new one yet.
 * The keychain is read at once and after each of these delays before a refusal is reported, and
 * then every second while another process has announced a renewal and not ended it.
 */
const READING_DELAYS_MS = [200, 600, 1_200] as const;
const LATER_READING_DELAY_MS = 1_000;
/**
 * While another process has announced its renewal within this time, it is better to wait for its
 * result than to send the refresh token twice: some servers end a grant for that (RFC 9700).
 */
const RECENT_ANNOUNCEMENT_MS = 3_000;
const EARLIER_RENEWAL_READING_DELAY_MS = 200;
const MAX_EARLIER_RENEWAL_READINGS = RECENT_ANNOUNCEMENT_MS / EARLIER_RENEWAL_READING_DELAY_MS;

/** What a refresh is sent with. */
export interface UsedGrant {
  readonly client: OAuthClient;
  readonly newest: Grant;
}

interface ConcurrentRenewalOptions<T extends UsedGrant> {
  readonly orgId: string;
  readonly renewals: RenewalAnnouncements;
  /** Reads the keychain. */
  readonly read: (signal: AbortSignal) => Promise<T>;
  readonly clock: Clock;
  readonly random: Random;
}

/** The renewal of one organization's grant beside other processes with the same keychain. */
export class ConcurrentRenewal<T extends UsedGrant> {
  readonly #options: ConcurrentRenewalOptions<T>;
  /** What distinguishes this process in announcements. */
  readonly #renewer: string;

  constructor(options: ConcurrentRenewalOptions<T>) {
    this.#options = options;
    this.#renewer = options.random.random().toString(36).slice(2);
  }

  announce(): Promise<void> {
    return this.#options.renewals.announce(this.#options.orgId, this.#renewer);
  }

  end(): Promise<void> {
    return this.#options.renewals.end(this.#options.orgId, this.#renewer);
  }

  /** Returns what a process has stored that began to renew the same grant before, or null. */
  async awaitEarlierRenewal(current: T, signal: AbortSignal): Promise<T | null> {
    const isRecentlyAnnounced = (): Promise<boolean> =>
      this.#isRenewedByOther(RECENT_ANNOUNCEMENT_MS);
    if (!(await isRecentlyAnnounced())) return null;
    return this.#awaitReplacement(current, signal, async (readings) =>
      readings < MAX_EARLIER_RENEWAL_READINGS && (await isRecentlyAnnounced())
        ? EARLIER_RENEWAL_READING_DELAY_MS
        : null,
    );
  }

  /** Returns what another process has stored in place of what Webex refused, or null. */
  findReplacement(refused: T, isWorthWaiting: boolean, signal: AbortSignal): Promise<T | null> {
    return this.#awaitReplacement(refused, signal, async (readings) => {
      if (!isWorthWaiting) return null;
      const delayMs = READING_DELAYS_MS[readings];
      if (delayMs !== undefined) return delayMs;
      return (await this.#isRenewedByOther()) ? LATER_READING_DELAY_MS : null;
    });
  }

  #isRenewedByOther(announcedWithinMs?: number): Promise<boolean> {
    const { renewals, orgId } = this.#options;
    return renewals.isAnnouncedByOther(orgId, this.#renewer, announcedWithinMs);
  }

  /**
   * Reads the keychain until it contains another refresh token or client secret than `used`, or
   * until `nextDelay` returns null instead of the time to the next reading.
   */
  async #awaitReplacement(
    used: T,
    signal: AbortSignal,
    nextDelay: (readings: number) => Promise<number | null>,
  ): Promise<T | null> {
    for (let readings = 0; ; readings += 1) {
      const latest = await this.#options.read(signal);
      const isSame =
        latest.newest.refreshToken.equals(used.newest.refreshToken) &&
        latest.client.clientSecret.equals(used.client.clientSecret);
      if (!isSame) return latest;
      const delayMs = await nextDelay(readings);
      if (delayMs === null) return null;
      await delay(this.#options.clock, delayMs, signal);
    }
  }
}
