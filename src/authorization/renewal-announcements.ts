import type { Clock } from "../ports/clock.js";
import type { SecretStore } from "../ports/secret-store.js";
import {
  decodeRenewals,
  encodeRenewals,
  type Renewal,
  renewalAccount,
} from "./keychain-records.js";

/**
 * Longer than Webex may take to respond to a refresh, and the keychain to store the result: after
 * that, a process that has announced a renewal has failed or ended.
 */
const LONGEST_RENEWAL_MS = 35_000;

/**
 * Which processes of this account are about to renew a grant. Of two that send the same refresh
 * token, Webex may refuse one before the other has the new tokens; the refused one has to know that
 * they may still come. This is no lock: it keeps nobody from renewing, and a process that ends in
 * between blocks nobody. Without it, at worst a refusal is reported that ends by itself, so that
 * failures of the keychain are ignored here. The next reading reports them.
 */
export class RenewalAnnouncements {
  readonly #store: SecretStore;
  readonly #clock: Clock;
  /** What was last read, by organization: still true while the keychain is unavailable. */
  readonly #known = new Map<string, readonly Renewal[]>();

  constructor(store: SecretStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** `renewer`: who renews, different in each process. */
  async announce(orgId: string, renewer: string): Promise<void> {
    await this.#replace(orgId, renewer, [{ renewer, announcedAt: this.#clock.now() }]);
  }

  async end(orgId: string, renewer: string): Promise<void> {
    await this.#replace(orgId, renewer, []);
  }

  /** Whether somebody else is renewing the grant, and has announced it `withinMs`. */
  async isAnnouncedByOther(
    orgId: string,
    renewer: string,
    withinMs = LONGEST_RENEWAL_MS,
  ): Promise<boolean> {
    await this.#read(orgId).catch(() => undefined);
    return this.#others(orgId, renewer).some(
      ({ announcedAt }) => this.#clock.now() - announcedAt < withinMs,
    );
  }

  async #replace(orgId: string, renewer: string, own: readonly Renewal[]): Promise<void> {
    try {
      await this.#read(orgId);
      const renewals = [...this.#others(orgId, renewer), ...own];
      const account = renewalAccount(orgId);
      if (renewals.length > 0) await this.#store.set(account, encodeRenewals(renewals));
      else await this.#store.delete(account);
    } catch {
      // See above.
    }
  }

  async #read(orgId: string): Promise<void> {
    const text = await this.#store.get(renewalAccount(orgId));
    this.#known.set(orgId, text === null ? [] : decodeRenewals(text));
  }

  #others(orgId: string, renewer: string): readonly Renewal[] {
    const now = this.#clock.now();
    return (this.#known.get(orgId) ?? []).filter(
      ({ renewer: other, announcedAt }) =>
        // A time in the future: the wall clock has been set back.
        other !== renewer && announcedAt <= now && now - announcedAt < LONGEST_RENEWAL_MS,
    );
  }
}
