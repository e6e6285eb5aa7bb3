import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock, Random } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient, TokenResponse } from "../webex/oauth.js";
import type { TokenSource } from "../webex/rest.js";
import { applyRefresh, type Grant } from "./grant.js";
import { grantMismatch, missingGrantFault, type GrantRefusals } from "./grant-status.js";
import type { GrantStore } from "./grant-store.js";
import { effectiveClient, type AuthorizationSettings } from "./oauth-context.js";
import { cancelled, SharedTask, throwIfCancelled, type TaskContext } from "./shared-task.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/**
 * A refused grant is not sent again within this time, unless the keychain or the client changes.
 */
const REFUSED_GRANT_DELAY_MS = HOUR_MS;
/** If a refresh returns the token that Webex rejected, the next refresh waits this long. */
const SAME_TOKEN_DELAY_MS = 60_000;
const MAX_REJECTED_TOKENS = 8;
/**
 * How long Webex may take to respond to a refresh whose callers have left. Together with the time
 * to notice an edit of the settings, it stays below the second within which all requests have to
 * stop.
 */
const SHIELD_MS = 500;

export interface TokenSourceOptions {
  readonly orgId: string;
  readonly grantStore: GrantStore;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  readonly oauth: () => OAuthApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Refresh {
  readonly grant: Grant;
  readonly client: OAuthClient;
  readonly oauth: OAuthApi;
}

/**
 * Access tokens of one organization. A token is renewed in the background before it expires, and in
 * the foreground after a 401, with one refresh for all callers. The keychain is read before each
 * refresh and after a refused one, because another process may have refreshed the grant. Refreshed
 * tokens are stored before they are used. While the keychain is unavailable, they stay in memory
 * and are used only when the stored token is no longer usable. A refresh that has reached Webex
 * finishes even if all callers cancel, because its response may contain the only valid refresh
 * token.
 */
export class OrganizationTokenSource implements TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #schedule: RenewalSchedule;
  readonly #refreshing: SharedTask<Secret>;
  /** The latest tokens that Webex rejected with 401 and has not confirmed since. */
  #rejected: readonly Secret[] = [];
  #sameTokenUntil = -Infinity;
  /** Outlives the request that started it. */
  #backgroundRenewal = { controller: new AbortController(), finished: Promise.resolve() };

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#schedule = new RenewalSchedule(options.clock, options.random);
    this.#refreshing = new SharedTask(options.clock, SHIELD_MS);
  }

  /** Cancels a renewal in the background. */
  cancel(): void {
    this.#backgroundRenewal.controller.abort();
  }

  /** Resolves when all cancelled refreshes are over and their results are stored. */
  async whenIdle(): Promise<void> {
    await this.#backgroundRenewal.finished;
    await this.#refreshing.drained();
  }

  async getToken(signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    await this.#ensureRead(signal);
    const { client, grants } = this.#requireGrants();
    const usable = grants.find((grant) => this.#isUsable(grant));
    if (usable === undefined) return this.#refresh(signal);
    const newest = grants.at(-1) ?? usable;
    const isRefused = this.#findRecentRefusal(newest, client) !== null;
    // An unsaved grant has just been refreshed, and has to be stored before the next refresh.
    const isSaved = grants.length === 1;
    if (isSaved && !isRefused && !this.#refreshing.isBusy && this.#schedule.isDue(newest))
      this.#startBackgroundRenewal(newest);
    return usable.accessToken;
  }

  async replace(rejected: Secret, signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    if (!this.#isRejected(rejected))
      this.#rejected = [rejected, ...this.#rejected].slice(0, MAX_REJECTED_TOKENS);
    await this.#ensureRead(signal);
    const usable = this.#requireGrants().grants.find((grant) => this.#isUsable(grant));
    return usable === undefined ? this.#refresh(signal) : usable.accessToken;
  }

  /** Retries a failed renewal without further delay, unless Webex demanded the delay. */
  routeChanged(): void {
    this.#schedule.retryFailed();
  }

  async #ensureRead(signal: AbortSignal): Promise<void> {
    if (this.#options.grantStore.state.kind === "ready") return;
    await this.#options.grantStore.reload();
    throwIfCancelled(signal);
  }

  /**
   * Returns the stored grant, followed by the unsaved one if there is one. Throws if it is not
   * usable.
   */
  #requireGrants(): { client: OAuthClient; oauth: OAuthApi; grants: readonly Grant[] } {
    const { grantStore, settings, oauth, orgId } = this.#options;
    const storedClient = grantStore.content?.client ?? null;
    const client = effectiveClient(settings(), storedClient);
    const { stored, unsaved } = grantStore.findGrant(orgId);
    if (stored === null) throw missingGrantFault(orgId);
    const mismatch = grantMismatch(stored, settings(), storedClient);
    if (mismatch !== null) throw mismatch;
    return { client, oauth: oauth(), grants: unsaved === null ? [stored] : [stored, unsaved] };
  }

  #isUsable({ accessToken, accessTokenExpiresAt }: Grant): boolean {
    if (this.#isRejected(accessToken)) return false;
    return accessTokenExpiresAt === null || accessTokenExpiresAt > this.#options.clock.now();
  }

  #isRejected(token: Secret): boolean {
    return this.#rejected.some((rejected) => rejected.equals(token));
  }

  #findRecentRefusal(grant: Grant, client: OAuthClient): Fault | null {
    const { refusals, clock } = this.#options;
    const refusal = refusals.find(grant, client);
    if (refusal === null) return null;
    return clock.monotonic() - refusal.refusedAt < REFUSED_GRANT_DELAY_MS ? refusal.fault : null;
  }

  /** Refreshes, or joins the refresh in progress. */
  async #refresh(signal: AbortSignal): Promise<Secret> {
    const secret = await this.#refreshing.join(signal, (task) =>
      this.#refreshOnce(task, (grant) => this.#isUsable(grant)),
    );
    if (this.#isRejected(secret)) {
      // Webex confirms the token that it rejected. Use it again, but do not refresh at each
      // request.
      this.#rejected = this.#rejected.filter((rejected) => !rejected.equals(secret));
      this.#sameTokenUntil = this.#options.clock.monotonic() + SAME_TOKEN_DELAY_MS;
    }
    return secret;
  }

  #startBackgroundRenewal(grant: Grant): void {
    const controller = new AbortController();
    const finished = this.#renewInBackground(grant, controller.signal);
    this.#backgroundRenewal = { controller, finished };
  }

  async #renewInBackground(due: Grant, signal: AbortSignal): Promise<void> {
    this.#schedule.recordStart();
    try {
      // Another process has renewed the grant if the keychain contains another token than the due
      // one.
      const isDone = (grant: Grant): boolean =>
        this.#isUsable(grant) && !grant.accessToken.equals(due.accessToken);
      const secret = await this.#refreshing.join(signal, (task) => this.#refreshOnce(task, isDone));
      this.#schedule.recordSuccess(secret.equals(due.accessToken));
    } catch (error) {
      const { code, status, trackingId, retryAfterMs = 0 } = asFault(error);
      this.#schedule.recordFailure(retryAfterMs);
      if (code === "cancelled") return;
      this.#options.logger.warn(
        "The access token could not be renewed in advance. The current one is used while Webex accepts it.",
        { orgId: this.#options.orgId, code, status, trackingId },
      );
    }
  }

  /** `isDone`: whether a grant found in the keychain makes the refresh unnecessary. */
  async #refreshOnce(task: TaskContext, isDone: (grant: Grant) => boolean): Promise<Secret> {
    const { grantStore, clock, orgId } = this.#options;
    await grantStore.reload().catch(() => undefined);
    throwIfCancelled(task.signal);
    const { client, oauth, grants } = this.#requireGrants();
    const done = grants.find(isDone);
    if (done !== undefined) return done.accessToken;
    const newest = grants.at(-1);
    if (newest === undefined) throw missingGrantFault(orgId);
    const refusal = this.#findRecentRefusal(newest, client);
    if (refusal !== null) throw refusal;
    if (clock.monotonic() < this.#sameTokenUntil) throw sameTokenFault();
    try {
      return await this.#send({ grant: newest, client, oauth }, task);
    } catch (error) {
      const fault = asFault(error);
      if (fault.code !== "grantRefused") throw fault;
      const newer = await this.#findNewerGrant(newest, task.signal);
      if (newer === null) throw this.#recordRefusal(newest, client, fault);
      if (isDone(newer.grant)) return newer.grant.accessToken;
      return await this.#send(newer, task, true);
    }
  }

  /** Returns the grant in the keychain if its refresh token differs from the refused one. */
  async #findNewerGrant(refused: Grant, signal: AbortSignal): Promise<Refresh | null> {
    await this.#options.grantStore.reload().catch(() => undefined);
    throwIfCancelled(signal);
    const { client, oauth, grants } = this.#requireGrants();
    const grant = grants.at(-1);
    return grant === undefined || grant.refreshToken.equals(refused.refreshToken)
      ? null
      : { grant, client, oauth };
  }

  async #send(
    { grant, client, oauth }: Refresh,
    task: TaskContext,
    isLastAttempt = false,
  ): Promise<Secret> {
    const { grantStore, refusals, clock, logger, orgId } = this.#options;
    let tokens: TokenResponse;
    try {
      tokens = await task.shield((signal) => oauth.refresh(client, grant.refreshToken, signal));
    } catch (error) {
      const fault = task.signal.aborted ? cancelled() : asFault(error);
      throw isLastAttempt && fault.code === "grantRefused"
        ? this.#recordRefusal(grant, client, fault)
        : fault;
    }
    const refreshed = applyRefresh(grant, tokens, clock.now());
    const outcome = await grantStore.storeRefreshed(grant, refreshed);
    refusals.clear(orgId);
    if (outcome === "stored") logger.info("The access token was renewed.", { orgId });
    else
      logger.warn(
        "The renewed token could not be stored in the keychain yet. It stays in memory, and the worker tries again.",
        { orgId },
      );
    return refreshed.accessToken;
  }

  #recordRefusal(grant: Grant, client: OAuthClient, cause: Fault): Fault {
    // In this case the client secret is wrong and the grant is good, so nobody has to authorize
    // again.
    const isSecretRefused = cause.data.error === "invalid_client";
    const fault = new Fault(
      "grantRefused",
      isSecretRefused
        ? "Webex rejects the client id and secret of the integration."
        : "Webex no longer accepts the organization's authorization.",
      {
        cause,
        hint: isSecretRefused
          ? 'Get the current secret of the integration from developer.webex.com, and run "ucx-webex-presence secret client" in the account that the worker runs under. The authorization remains valid.'
          : "Have a Webex administrator of the organization authorize the integration again.",
        ...(cause.status === undefined ? {} : { status: cause.status }),
        ...(cause.trackingId === undefined ? {} : { trackingId: cause.trackingId }),
        data: { orgId: grant.orgId, secretRefused: isSecretRefused },
      },
    );
    const { logger, refusals, clock } = this.#options;
    logger.warn(fault.message, {
      orgId: grant.orgId,
      status: cause.status,
      trackingId: cause.trackingId,
    });
    refusals.record(grant, client, fault, clock.monotonic());
    return fault;
  }
}

function sameTokenFault(): Fault {
  return new Fault(
    "unauthorized",
    "Webex rejects the organization's access token and returns the same token when it is refreshed.",
    {
      hint: "If the problem persists, have a Webex administrator of the organization authorize the integration again.",
    },
  );
}

/** An access token is renewed when this much, or a tenth of its remaining lifetime, is left. */
const ACCESS_LEAD_MS = HOUR_MS;
/** A refresh token that would expire unused is used this long before. */
const REFRESH_LEAD_MS = 14 * DAY_MS;
/** Webex returns the same token when refreshed too often, so an earlier attempt is pointless. */
const SAME_TOKEN_RENEWAL_DELAY_MS = HOUR_MS;
const FAILURE_DELAY_MS = 60_000;

/** Decides when the tokens of one organization are renewed in advance. */
class RenewalSchedule {
  readonly #clock: Clock;
  readonly #random: Random;
  #token: Secret | null = null;
  #leadMs = 0;
  #notBefore = -Infinity;
  #refreshTokenNotBefore = -Infinity;
  /** Whether the delay is the worker's own, and not demanded by Webex. */
  #hasFailed = false;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether a grant with a usable access token should be renewed now. */
  isDue(grant: Grant): boolean {
    this.#trackToken(grant);
    const { accessTokenExpiresAt, refreshTokenExpiresAt } = grant;
    const monotonic = this.#clock.monotonic();
    if (monotonic < this.#notBefore) return false;
    const now = this.#clock.now();
    if (accessTokenExpiresAt !== null && accessTokenExpiresAt - now <= this.#leadMs) return true;
    return (
      refreshTokenExpiresAt !== null &&
      refreshTokenExpiresAt - now <= REFRESH_LEAD_MS &&
      monotonic >= this.#refreshTokenNotBefore
    );
  }

  /** Unless the attempt fails, a refresh token close to its expiry is not used again for a day. */
  recordStart(): void {
    this.#refreshTokenNotBefore = this.#clock.monotonic() + DAY_MS;
  }

  recordSuccess(isSameToken: boolean): void {
    this.#hasFailed = false;
    this.#notBefore = isSameToken
      ? this.#clock.monotonic() + SAME_TOKEN_RENEWAL_DELAY_MS
      : -Infinity;
  }

  /** `retryAfterMs`: the delay that Webex demanded, or 0. */
  recordFailure(retryAfterMs: number): void {
    this.#hasFailed = retryAfterMs === 0;
    this.#notBefore = this.#clock.monotonic() + Math.max(FAILURE_DELAY_MS, retryAfterMs);
    this.#refreshTokenNotBefore = -Infinity;
  }

  retryFailed(): void {
    if (this.#hasFailed) this.#notBefore = -Infinity;
    this.#hasFailed = false;
  }

  #trackToken(grant: Grant): void {
    if (this.#token?.equals(grant.accessToken) === true) return;
    this.#token = grant.accessToken;
    if (grant.accessTokenExpiresAt === null) return;
    const left = grant.accessTokenExpiresAt - this.#clock.now();
    // The jitter keeps the nodes of a cluster, which share a grant, from refreshing it together.
    this.#leadMs = Math.min(ACCESS_LEAD_MS, left / 10) * (0.8 + 0.4 * this.#random.random());
  }
}
