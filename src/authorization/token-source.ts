import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Random, Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient, TokenResponse } from "../webex/oauth.js";
import type { TokenSource } from "../webex/rest.js";
import type { AuthorizationSettings } from "./effective-client.js";
import { effectiveClient } from "./effective-client.js";
import type { Grant } from "./grant.js";
import type { GrantRefusals } from "./grant-refusals.js";
import { grantMismatch, missingGrantFault } from "./grant-status.js";
import { RenewalSchedule } from "./renewal-plan.js";
import { applyRefresh } from "./renewed-grant.js";
import { cancelled, type TaskContext, SharedTask, throwIfCancelled } from "./shared-task.js";
import type { GrantStore } from "./grant-store.js";

/** How long a refused grant is left alone, while neither the keychain nor the client has changed. */
const REFUSED_GRANT_DELAY_MS = 3_600_000;
/** How long a rejected token that Webex gave again is not asked for again. */
const SAME_TOKEN_DELAY_MS = 60_000;
const MAX_REJECTED_TOKENS = 8;
/**
 * How long Webex may still answer a refresh that nobody waits for any more. With the time it takes to notice an edit of the settings,
 * everything has ended within the second of the contract.
 */
const SHIELD_MS = 500;

export interface TokenSourceOptions {
  readonly orgId: string;
  readonly vault: GrantStore;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  readonly oauth: () => OAuthApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** One refresh: the grant, and whom it goes to. */
interface Renewal {
  readonly grant: Grant;
  readonly client: OAuthClient;
  readonly oauth: OAuthApi;
}

/**
 * Access tokens of one organization, from the grant in the vault. Renewed ahead of their expiry without holding up the request at
 * hand; after a 401, at once, one refresh for all who wait. The keychain is read before every refresh and after a refused one, since
 * another process may have been first, and what a refresh gives is stored before it is used. While it cannot be stored, it is held
 * and used only when the stored token is over. A refresh that Webex has already may end although nobody wants its token any more: its
 * answer may hold the only refresh token that is still good.
 */
export class OrganizationTokenSource implements TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #schedule: RenewalSchedule;
  readonly #refreshing: SharedTask<Secret>;
  /** Tokens that Webex has answered with 401 and not vouched for since; the last few. */
  #rejected: readonly Secret[] = [];
  #sameTokenUntil = -Infinity;
  /** The latest renewal ahead of time. It outlives the request that it was begun at. */
  #backgroundRenewal = { controller: new AbortController(), finished: Promise.resolve() };

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#schedule = new RenewalSchedule(options.clock, options.random);
    this.#refreshing = new SharedTask(options.clock, SHIELD_MS);
  }

  /** Nobody wants tokens any more: a renewal ahead of time is called off. */
  cancel(): void {
    this.#backgroundRenewal.controller.abort();
  }

  /** Resolves when nothing is under way any more of what was called off. */
  async whenIdle(): Promise<void> {
    await this.#backgroundRenewal.finished;
    await this.#refreshing.drained();
  }

  async getToken(signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    await this.#ensureRead(signal);
    const { client, grants } = this.#requireGrants();
    const usable = grants.find((g) => this.#isUsable(g));
    if (usable === undefined) return this.#refresh(signal);
    const newest = grants.at(-1) ?? usable;
    const refused = this.#findRecentRefusal(newest, client) !== null;
    // A grant that is held unsaved has just been renewed: first it has to be stored.
    if (grants.length === 1 && !refused && !this.#refreshing.isBusy && this.#schedule.isDue(newest))
      this.#startBackgroundRenewal(newest);
    return usable.accessToken;
  }

  async replace(rejected: Secret, signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    if (!this.#isRejected(rejected))
      this.#rejected = [rejected, ...this.#rejected].slice(0, MAX_REJECTED_TOKENS);
    await this.#ensureRead(signal);
    const other = this.#requireGrants().grants.find((g) => this.#isUsable(g));
    return other === undefined ? this.#refresh(signal) : other.accessToken;
  }

  /** A renewal that failed on the old way to Webex is not put off any longer, unless Webex itself asked for it. */
  routeChanged(): void {
    this.#schedule.retryFailed();
  }

  async #ensureRead(signal: AbortSignal): Promise<void> {
    if (this.#options.vault.state.kind === "ready") return;
    await this.#options.vault.reload();
    throwIfCancelled(signal);
  }

  /** The stored grant, then the one held unsaved, if there is one; both given for the client and the origin in use, whose `oauth` it is. */
  #requireGrants(): { client: OAuthClient; oauth: OAuthApi; grants: readonly Grant[] } {
    const { vault, settings, oauth, orgId } = this.#options;
    const storedClient = vault.state.kind === "ready" ? vault.state.client : null;
    const client = effectiveClient(settings(), storedClient);
    const { stored, unsaved: held } = vault.findGrant(orgId);
    if (stored === null) throw missingGrantFault(orgId);
    const reason = grantMismatch(stored, settings(), storedClient);
    if (reason !== null) throw reason;
    return { client, oauth: oauth(), grants: held === null ? [stored] : [stored, held] };
  }

  #isUsable(grant: Grant): boolean {
    if (this.#isRejected(grant.accessToken)) return false;
    return (
      grant.accessTokenExpiresAt === null || grant.accessTokenExpiresAt > this.#options.clock.now()
    );
  }

  #isRejected(token: Secret): boolean {
    return this.#rejected.some((r) => r.equals(token));
  }

  #findRecentRefusal(grant: Grant, client: OAuthClient): Fault | null {
    const refusal = this.#options.refusals.find(grant, client);
    return refusal !== null &&
      this.#options.clock.monotonic() - refusal.refusedAt < REFUSED_GRANT_DELAY_MS
      ? refusal.fault
      : null;
  }

  /** A working token by a refresh, this caller's or one under way. */
  async #refresh(signal: AbortSignal): Promise<Secret> {
    const secret = await this.#refreshing.join(signal, (task) =>
      this.#refreshOnce(task, (g) => this.#isUsable(g)),
    );
    if (this.#isRejected(secret)) {
      // Webex vouches for the token that it rejected: it gets another chance, but is not asked about again at every request.
      this.#rejected = this.#rejected.filter((r) => !r.equals(secret));
      this.#sameTokenUntil = this.#options.clock.monotonic() + SAME_TOKEN_DELAY_MS;
    }
    return secret;
  }

  #startBackgroundRenewal(grant: Grant): void {
    const controller = new AbortController();
    this.#backgroundRenewal = {
      controller,
      finished: this.#renewInBackground(grant, controller.signal),
    };
  }

  async #renewInBackground(grant: Grant, signal: AbortSignal): Promise<void> {
    const { logger, orgId } = this.#options;
    this.#schedule.recordStart();
    try {
      // Done already if another process has renewed it: then the keychain holds other tokens than those that were due.
      const isDone = (g: Grant): boolean =>
        this.#isUsable(g) && !g.accessToken.equals(grant.accessToken);
      const secret = await this.#refreshing.join(signal, (task) => this.#refreshOnce(task, isDone));
      this.#schedule.recordSuccess(secret.equals(grant.accessToken));
    } catch (error) {
      const fault = asFault(error);
      this.#schedule.recordFailure(fault.retryAfterMs ?? 0);
      if (fault.code === "cancelled") return;
      logger.warn(
        "The access token could not be renewed ahead of time; the present one goes on being used while Webex takes it.",
        {
          orgId,
          code: fault.code,
          status: fault.status,
          trackingId: fault.trackingId,
        },
      );
    }
  }

  /** One refresh. `done` tells a grant, found in the keychain meanwhile, that makes it unnecessary. */
  async #refreshOnce(task: TaskContext, isDone: (grant: Grant) => boolean): Promise<Secret> {
    const { vault, refusals, clock } = this.#options;
    await vault.reload().catch(() => undefined);
    throwIfCancelled(task.signal);
    const { client, oauth, grants } = this.#requireGrants();
    const found = grants.find(isDone);
    if (found !== undefined) return found.accessToken;
    const newest = grants.at(-1);
    if (newest === undefined) throw missingGrantFault(this.#options.orgId);
    const refusal = this.#findRecentRefusal(newest, client);
    if (refusal !== null) throw refusal;
    if (clock.monotonic() < this.#sameTokenUntil) throw sameTokenFault();
    try {
      return await this.#exchange({ grant: newest, client, oauth }, task);
    } catch (error) {
      const fault = asFault(error);
      if (fault.code !== "grantRefused") throw fault;
      const second = await this.#findNewerGrant(newest, task.signal);
      if (second !== null && isDone(second.grant)) return second.grant.accessToken;
      if (second !== null) return await this.#exchange(second, task, true);
      throw this.#recordRefusal(newest, client, fault, refusals);
    }
  }

  /** The keychain's grant, where it holds another refresh token than the one refused. */
  async #findNewerGrant(refused: Grant, signal: AbortSignal): Promise<Renewal | null> {
    await this.#options.vault.reload().catch(() => undefined);
    throwIfCancelled(signal);
    const { client, oauth, grants } = this.#requireGrants();
    const newest = grants.at(-1);
    return newest === undefined || newest.refreshToken.equals(refused.refreshToken)
      ? null
      : { grant: newest, client, oauth };
  }

  async #exchange(
    { grant, client, oauth }: Renewal,
    task: TaskContext,
    isLastAttempt = false,
  ): Promise<Secret> {
    const { vault, refusals, clock, logger, orgId } = this.#options;
    let answer: TokenResponse;
    try {
      answer = await task.shield((signal) => oauth.refresh(client, grant.refreshToken, signal));
    } catch (error) {
      const fault = task.signal.aborted ? cancelled() : asFault(error);
      throw isLastAttempt && fault.code === "grantRefused"
        ? this.#recordRefusal(grant, client, fault, refusals)
        : fault;
    }
    const renewed = applyRefresh(grant, answer, clock.now());
    const storedClient = await vault.storeRefreshed(grant, renewed);
    refusals.clear(orgId);
    if (storedClient === "held")
      logger.warn(
        "A renewed token could not be stored in the keychain yet: it is held in memory and tried again.",
        { orgId },
      );
    else logger.info("The access token was renewed.", { orgId });
    return renewed.accessToken;
  }

  #recordRefusal(grant: Grant, client: OAuthClient, fault: Fault, refusals: GrantRefusals): Fault {
    // Then nobody has to authorize again: the grant is good, the integration's secret is not.
    const isSecretRefused = fault.data.error === "invalid_client";
    const refused = new Fault(
      "grantRefused",
      isSecretRefused
        ? "Webex does not take the integration's client id and secret: the organization's presence cannot be read."
        : "Webex no longer accepts the organization's authorization: its presence cannot be read.",
      {
        cause: fault,
        hint: isSecretRefused
          ? 'Keep the integration\'s present secret, as developer.webex.com gives it, with the command "ucx-webex-presence secret client" in the account that the worker runs under. The authorization itself is kept, and goes on then.'
          : "A Webex administrator of the organization has to authorize the integration again.",
        ...(fault.status === undefined ? {} : { status: fault.status }),
        ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
        data: { orgId: grant.orgId, secretRefused: isSecretRefused },
      },
    );
    this.#options.logger.warn(refused.message, {
      orgId: grant.orgId,
      status: fault.status,
      trackingId: fault.trackingId,
    });
    refusals.record(grant, client, refused, this.#options.clock.monotonic());
    return refused;
  }
}

function sameTokenFault(): Fault {
  return new Fault(
    "unauthorized",
    "Webex rejects the organization's access token and gives no other one.",
    {
      hint: "If this goes on, a Webex administrator of the organization has to authorize the integration again.",
    },
  );
}
