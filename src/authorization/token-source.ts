import { asFault, Fault, faultFields } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock, Random } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient, TokenResponse } from "../webex/oauth.js";
import type { TokenSource } from "../webex/rest.js";
import { ConcurrentRenewal, type UsedGrant } from "./concurrent-renewal.js";
import { applyRefresh, type Grant } from "./grant.js";
import {
  authorizationRequired,
  causeDetails,
  grantMismatch,
  refreshRefused,
  type GrantRefusals,
} from "./grant-status.js";
import type { GrantStore } from "./grant-store.js";
import { effectiveClient, type AuthorizationSettings } from "./oauth-context.js";
import type { RenewalAnnouncements } from "./renewal-announcements.js";
import type { RenewalPacing } from "./renewal-pacing.js";
import { cancelled, delay, SharedTask, throwIfCancelled, type TaskContext } from "./shared-task.js";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** If a refresh returns the token that Webex rejected, the next refresh waits this long. */
const SAME_TOKEN_DELAY_MS = 60_000;
/** After a 429 without a usable `Retry-After`, the next refresh waits this long. */
const RATE_LIMIT_DELAY_MS = 5_000;
const MAX_REJECTED_TOKENS = 8;
/** How soon a renewal that waits its turn notices another grant or client secret. */
const TURN_CHECK_MS = 500;
/**
 * How long Webex may take to respond to a refresh whose callers have left. Together with the time
 * to notice an edit of the settings, it stays below the second within which all requests have to
 * stop.
 */
const SHIELD_MS = 500;

export interface TokenSourceOptions {
  readonly orgId: string;
  readonly grantStore: GrantStore;
  readonly renewals: RenewalAnnouncements;
  readonly refusals: GrantRefusals;
  readonly pacing: RenewalPacing;
  readonly settings: () => AuthorizationSettings;
  readonly oauth: () => OAuthApi;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The grants of the organization, and what a refresh of the newest one is sent with. */
interface CurrentGrants extends UsedGrant {
  readonly client: OAuthClient;
  readonly oauth: OAuthApi;
  /** The stored grant, followed by the unsaved one if there is one. */
  readonly grants: readonly Grant[];
  readonly newest: Grant;
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
  readonly #concurrent: ConcurrentRenewal<CurrentGrants>;
  /** The latest tokens that Webex rejected with 401 and has not confirmed since. */
  #rejected: readonly Secret[] = [];
  #sameTokenUntil = -Infinity;
  /** The last 429 of the token endpoint. It holds for renewals in advance and for callers. */
  #rateLimit: { readonly fault: Fault; readonly until: number } | null = null;
  /** Outlives the request that started it. */
  #backgroundRenewal = { controller: new AbortController(), finished: Promise.resolve() };

  constructor(options: TokenSourceOptions) {
    this.#options = options;
    this.#schedule = new RenewalSchedule(options);
    this.#refreshing = new SharedTask(options.clock, SHIELD_MS);
    this.#concurrent = new ConcurrentRenewal({
      ...options,
      read: (signal) => this.#rereadGrants(signal),
    });
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
    if (this.#options.grantStore.state.kind !== "ready") {
      await this.#options.grantStore.reload();
      throwIfCancelled(signal);
    }
    const { client, grants, newest } = this.#currentGrants();
    const usable = grants.find((grant) => this.#isUsable(grant));
    if (usable === undefined) return this.#refresh(signal);
    const isRefused = this.#findRecentRefusal(newest, client) !== null;
    // An unsaved grant has just been refreshed, and has to be stored before the next refresh.
    const isSaved = grants.length === 1;
    if (isSaved && !isRefused && !this.#refreshing.isBusy && this.#schedule.isDue(newest)) {
      const controller = new AbortController();
      const finished = this.#renewInBackground(newest, controller.signal);
      this.#backgroundRenewal = { controller, finished };
    }
    return usable.accessToken;
  }

  async replace(rejected: Secret, signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    if (!this.#isRejected(rejected))
      this.#rejected = [rejected, ...this.#rejected].slice(0, MAX_REJECTED_TOKENS);
    return this.getToken(signal);
  }

  /** Retries a failed renewal without further delay, unless Webex demanded the delay. */
  routeChanged(): void {
    this.#schedule.retryFailed();
    this.#options.pacing.routeChanged(this.#options.orgId);
  }

  /** Sends the next refresh to Webex, even if Webex refused the last one just now. */
  retryRefused(): void {
    this.#sameTokenUntil = -Infinity;
    this.#options.refusals.endPause(this.#options.orgId);
  }

  /** Throws if the settings or the keychain do not allow the use of the grant. */
  #currentGrants(): CurrentGrants {
    const { grantStore, settings, oauth, orgId } = this.#options;
    const storedClient = grantStore.content?.client ?? null;
    const client = effectiveClient(settings(), storedClient);
    const { stored, unsaved } = grantStore.findGrant(orgId);
    if (stored === null) throw authorizationRequired(orgId, "missing");
    const mismatch = grantMismatch(stored, settings(), storedClient);
    if (mismatch !== null) throw mismatch;
    const grants = unsaved === null ? [stored] : [stored, unsaved];
    return { client, oauth: oauth(), grants, newest: unsaved ?? stored };
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
    const { fault = null, retryAt = -Infinity } = refusals.find(grant, client) ?? {};
    return clock.monotonic() < retryAt ? fault : null;
  }

  /** Refreshes, or joins the refresh in progress. */
  async #refresh(signal: AbortSignal): Promise<Secret> {
    const secret = await this.#refreshing.join(signal, (task) =>
      this.#refreshOnce(task, (grant) => this.#isUsable(grant)),
    );
    if (this.#isRejected(secret)) {
      // Webex confirms the token that it rejected. Use it, but do not refresh at each request.
      this.#rejected = this.#rejected.filter((rejected) => !rejected.equals(secret));
      this.#sameTokenUntil = this.#options.clock.monotonic() + SAME_TOKEN_DELAY_MS;
    }
    return secret;
  }

  async #renewInBackground(due: Grant, signal: AbortSignal): Promise<void> {
    this.#schedule.recordStart();
    try {
      // Another process has renewed the grant if the token in the keychain is not the due one.
      const isDone = (grant: Grant): boolean =>
        this.#isUsable(grant) && !grant.accessToken.equals(due.accessToken);
      const secret = await this.#refreshing.join(signal, (task) => this.#refreshOnce(task, isDone));
      this.#schedule.recordSuccess(secret.equals(due.accessToken));
    } catch (error) {
      const fault = asFault(error);
      // The delay after a refusal is that of the refused grant.
      if (fault.code === "grantRefused") this.#schedule.recordRefusal();
      else this.#schedule.recordFailure(fault.retryAfterMs ?? 0);
      if (fault.code === "cancelled") return;
      this.#options.logger.warn(
        "The access token could not be renewed in advance. The current one is used while Webex accepts it.",
        { orgId: this.#options.orgId, ...faultFields(fault) },
      );
    }
  }

  /** `isDone`: whether a grant found in the keychain makes the refresh unnecessary. */
  async #refreshOnce(task: TaskContext, isDone: (grant: Grant) => boolean): Promise<Secret> {
    const current = await this.#rereadGrants(task.signal);
    const done = current.grants.find(isDone);
    if (done !== undefined) return done.accessToken;
    const refusal = this.#findRecentRefusal(current.newest, current.client);
    if (refusal !== null) throw refusal;
    if (this.#options.clock.monotonic() < this.#sameTokenUntil) throw sameTokenFault();
    this.#throwIfRateLimited();
    if (await this.#awaitTurn(task.signal)) return this.#refreshOnce(task, isDone);
    const awaited = this.#isKeychainAvailable
      ? await this.#concurrent.awaitEarlierRenewal(current, task.signal)
      : null;
    if (awaited !== null && isDone(awaited.newest)) return awaited.newest.accessToken;
    const due = awaited ?? current;
    try {
      return await this.#send(due, task);
    } catch (error) {
      const fault = asFault(error);
      if (fault.code !== "grantRefused") throw fault;
      // Only a lost refresh token is worth the wait, and only before the refusal is known.
      const isWorthWaiting =
        fault.data.error !== "invalid_client" &&
        this.#options.refusals.find(due.newest, due.client) === null;
      const latest = await this.#concurrent.findReplacement(due, isWorthWaiting, task.signal);
      if (latest === null) throw this.#recordRefusal(due, fault);
      if (isDone(latest.newest)) return latest.newest.accessToken;
      return await this.#send(latest, task).catch((error: unknown) => {
        throw this.#recordRefusal(latest, error);
      });
    }
  }

  /** By the last reading. One that hangs takes 3 s to fail, at every call. */
  get #isKeychainAvailable(): boolean {
    const { state } = this.#options.grantStore;
    return state.kind === "ready" && state.fault === null;
  }

  /** Returns whether it had to wait: everything may have changed meanwhile. */
  async #awaitTurn(signal: AbortSignal): Promise<boolean> {
    const { clock, pacing } = this.#options;
    for (let hasWaited = false; ; hasWaited = true) {
      const { newest, client } = this.#currentGrants();
      const delayMs = pacing.delayMs(newest, client);
      if (delayMs === 0) return hasWaited;
      await delay(clock, Math.min(delayMs, TURN_CHECK_MS), signal);
    }
  }

  async #rereadGrants(signal: AbortSignal): Promise<CurrentGrants> {
    await this.#options.grantStore.reload().catch(() => undefined);
    throwIfCancelled(signal);
    return this.#currentGrants();
  }

  async #send(current: CurrentGrants, task: TaskContext): Promise<Secret> {
    if (this.#isKeychainAvailable) await this.#concurrent.announce();
    /** Until the new tokens are stored, others wait for them instead of reporting a refusal. */
    let isUnsaved = false;
    try {
      throwIfCancelled(task.signal);
      const { refreshed, outcome } = await this.#renew(current, task);
      isUnsaved = outcome !== "stored";
      return refreshed.accessToken;
    } finally {
      if (!isUnsaved) await this.#concurrent.end();
    }
  }

  async #renew(
    { newest, client, oauth }: CurrentGrants,
    task: TaskContext,
  ): Promise<{ readonly refreshed: Grant; readonly outcome: "stored" | "unsaved" }> {
    const { grantStore, refusals, pacing, clock, logger, orgId } = this.#options;
    let tokens: TokenResponse;
    pacing.recordSent(newest, client);
    try {
      tokens = await task.shield((signal) => oauth.refresh(client, newest.refreshToken, signal));
    } catch (error) {
      const fault = asFault(error);
      if (fault.code === "rateLimited") this.#recordRateLimit(fault);
      throw task.signal.aborted ? cancelled() : fault;
    }
    pacing.recordRenewed(orgId);
    const refreshed = applyRefresh(newest, tokens, clock.now());
    const outcome = await grantStore.storeRefreshed(newest, refreshed);
    refusals.clear(orgId);
    if (outcome === "stored") logger.info("The access token was renewed.", { orgId });
    else
      logger.warn(
        "The renewed token could not be stored in the keychain yet. It stays in memory, and the worker tries again.",
        { orgId },
      );
    return { refreshed, outcome };
  }

  #recordRateLimit(fault: Fault): void {
    const delayMs = Math.max(RATE_LIMIT_DELAY_MS, fault.retryAfterMs ?? 0);
    this.#rateLimit = { fault, until: this.#options.clock.monotonic() + delayMs };
  }

  #throwIfRateLimited(): void {
    if (this.#rateLimit === null) return;
    const { fault, until } = this.#rateLimit;
    const retryAfterMs = until - this.#options.clock.monotonic();
    if (retryAfterMs <= 0) return;
    const { code, message } = fault;
    throw new Fault(code, message, { ...causeDetails(fault), retryAfterMs });
  }

  /** Records the refusal if `error` is one. Returns the fault to throw. */
  #recordRefusal({ newest: grant, client }: CurrentGrants, error: unknown): Fault {
    const cause = asFault(error);
    if (cause.code !== "grantRefused") return cause;
    const { logger, grantStore, refusals, clock, orgId } = this.#options;
    // The response to another process may take longer than the wait for it.
    if (refusals.find(grant, client) === null) grantStore.expectChange();
    const fault = refreshRefused(orgId, cause);
    logger.debug(fault.message, { orgId, ...faultFields(cause) });
    refusals.record({ grant, client, fault, refusedAt: clock.monotonic() });
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
  readonly #options: TokenSourceOptions;
  #token: Secret | null = null;
  #leadMs = 0;
  #notBefore = -Infinity;
  #refreshTokenNotBefore = -Infinity;
  /** Whether the delay is the worker's own, and not demanded by Webex. */
  #hasFailed = false;

  constructor(options: TokenSourceOptions) {
    this.#options = options;
  }

  /** Whether a grant with a usable access token should be renewed now. */
  isDue(grant: Grant): boolean {
    this.#trackToken(grant);
    const { accessTokenExpiresAt, refreshTokenExpiresAt } = grant;
    const monotonic = this.#options.clock.monotonic();
    if (monotonic < this.#notBefore) return false;
    const now = this.#options.clock.now();
    if (accessTokenExpiresAt !== null && accessTokenExpiresAt - now <= this.#leadMs) return true;
    return (
      refreshTokenExpiresAt !== null &&
      refreshTokenExpiresAt - now <= REFRESH_LEAD_MS &&
      monotonic >= this.#refreshTokenNotBefore
    );
  }

  /** Unless the attempt fails, a refresh token close to its expiry is not used again for a day. */
  recordStart(): void {
    this.#refreshTokenNotBefore = this.#options.clock.monotonic() + DAY_MS;
  }

  recordSuccess(isSameToken: boolean): void {
    this.#hasFailed = false;
    this.#notBefore = isSameToken
      ? this.#options.clock.monotonic() + SAME_TOKEN_RENEWAL_DELAY_MS
      : -Infinity;
  }

  recordRefusal(): void {
    this.#hasFailed = false;
    this.#notBefore = -Infinity;
    this.#refreshTokenNotBefore = -Infinity;
  }

  /** `retryAfterMs`: the delay that Webex demanded, or 0. */
  recordFailure(retryAfterMs: number): void {
    this.#hasFailed = retryAfterMs === 0;
    this.#notBefore = this.#options.clock.monotonic() + Math.max(FAILURE_DELAY_MS, retryAfterMs);
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
    const left = grant.accessTokenExpiresAt - this.#options.clock.now();
    // The jitter keeps the nodes of a cluster, which share a grant, from refreshing it together.
    this.#leadMs =
      Math.min(ACCESS_LEAD_MS, left / 10) * (0.8 + 0.4 * this.#options.random.random());
  }
}
