import { asFault, Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Chance, Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthApi, OAuthClient, TokenAnswer } from "../webex/oauth-api.js";
import type { TokenSource } from "../webex/people-api.js";
import type { AuthorizationSettings } from "./effective-client.js";
import { effectiveClient } from "./effective-client.js";
import type { Grant } from "./grant.js";
import type { GrantRefusals } from "./grant-refusals.js";
import { misfit, noGrant } from "./grant-standing.js";
import { RenewalPlan } from "./renewal-plan.js";
import { afterRefresh } from "./renewed-grant.js";
import { cancelled, type Crew, SingleFlight, throwIfCancelled } from "./single-flight.js";
import type { GrantVault } from "./vault.js";

/** How long a refused grant is left alone, while neither the keychain nor the client has changed. */
const REFUSED_PAUSE_MS = 3_600_000;
/** How long a rejected token that Webex gave again is not asked for again. */
const SAME_TOKEN_PAUSE_MS = 60_000;
const MOST_REJECTED = 8;
/**
 * How long Webex may still answer a refresh that nobody waits for any more. With the time it takes to notice an edit of the settings,
 * everything has ended within the second of the contract.
 */
const LAST_ANSWER_MS = 500;

export interface TokenSourceParts {
  readonly orgId: string;
  readonly vault: GrantVault;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  readonly oauth: () => OAuthApi;
  readonly clock: Clock;
  readonly chance: Chance;
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
  readonly #parts: TokenSourceParts;
  readonly #plan: RenewalPlan;
  readonly #refreshing: SingleFlight<Secret>;
  /** Tokens that Webex has answered with 401 and not vouched for since; the last few. */
  #rejected: readonly Secret[] = [];
  #sameTokenUntil = -Infinity;
  /** The latest renewal ahead of time. It outlives the request that it was begun at. */
  #ahead = { controller: new AbortController(), over: Promise.resolve() };

  constructor(parts: TokenSourceParts) {
    this.#parts = parts;
    this.#plan = new RenewalPlan(parts.clock, parts.chance);
    this.#refreshing = new SingleFlight(parts.clock, LAST_ANSWER_MS);
  }

  /** Nobody wants tokens any more: a renewal ahead of time is called off. */
  callOff(): void {
    this.#ahead.controller.abort();
  }

  /** Resolves when nothing is under way any more of what was called off. */
  async settled(): Promise<void> {
    await this.#ahead.over;
    await this.#refreshing.ended();
  }

  async token(signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    await this.#ensureRead(signal);
    const { client, grants } = this.#usable();
    const working = grants.find((g) => this.#works(g));
    if (working === undefined) return this.#refresh(signal);
    const newest = grants.at(-1) ?? working;
    const refused = this.#freshRefusal(newest, client) !== null;
    // A grant that is held unsaved has just been renewed: first it has to be stored.
    if (grants.length === 1 && !refused && !this.#refreshing.busy && this.#plan.isDue(newest)) this.#beginAhead(newest);
    return working.accessToken;
  }

  async replace(rejected: Secret, signal: AbortSignal): Promise<Secret> {
    throwIfCancelled(signal);
    if (!this.#isRejected(rejected)) this.#rejected = [rejected, ...this.#rejected].slice(0, MOST_REJECTED);
    await this.#ensureRead(signal);
    const other = this.#usable().grants.find((g) => this.#works(g));
    return other === undefined ? this.#refresh(signal) : other.accessToken;
  }

  /** A renewal that failed on the old way to Webex is not put off any longer, unless Webex itself asked for it. */
  wayChanged(): void {
    this.#plan.tryFailedAgain();
  }

  async #ensureRead(signal: AbortSignal): Promise<void> {
    if (this.#parts.vault.state.kind === "ready") return;
    await this.#parts.vault.reload();
    throwIfCancelled(signal);
  }

  /** The stored grant, then the one held unsaved, if there is one; both given for the client and the origin in use, whose `oauth` it is. */
  #usable(): { client: OAuthClient; oauth: OAuthApi; grants: readonly Grant[] } {
    const { vault, settings, oauth, orgId } = this.#parts;
    const kept = vault.state.kind === "ready" ? vault.state.client : null;
    const client = effectiveClient(settings(), kept);
    const { stored, held } = vault.grantOf(orgId);
    if (stored === null) throw noGrant(orgId);
    const reason = misfit(stored, settings(), kept);
    if (reason !== null) throw reason;
    return { client, oauth: oauth(), grants: held === null ? [stored] : [stored, held] };
  }

  #works(grant: Grant): boolean {
    if (this.#isRejected(grant.accessToken)) return false;
    return grant.accessTokenExpiresAt === null || grant.accessTokenExpiresAt > this.#parts.clock.now();
  }

  #isRejected(token: Secret): boolean {
    return this.#rejected.some((r) => r.equals(token));
  }

  #freshRefusal(grant: Grant, client: OAuthClient): Fault | null {
    const refusal = this.#parts.refusals.of(grant, client);
    return refusal !== null && this.#parts.clock.monotonic() - refusal.at < REFUSED_PAUSE_MS ? refusal.fault : null;
  }

  /** A working token by a refresh, this caller's or one under way. */
  async #refresh(signal: AbortSignal): Promise<Secret> {
    const secret = await this.#refreshing.join(signal, (crew) => this.#run(crew, (g) => this.#works(g)));
    if (this.#isRejected(secret)) {
      // Webex vouches for the token that it rejected: it gets another chance, but is not asked about again at every request.
      this.#rejected = this.#rejected.filter((r) => !r.equals(secret));
      this.#sameTokenUntil = this.#parts.clock.monotonic() + SAME_TOKEN_PAUSE_MS;
    }
    return secret;
  }

  #beginAhead(grant: Grant): void {
    const controller = new AbortController();
    this.#ahead = { controller, over: this.#renewAhead(grant, controller.signal) };
  }

  async #renewAhead(grant: Grant, signal: AbortSignal): Promise<void> {
    const { logger, orgId } = this.#parts;
    this.#plan.began();
    try {
      // Done already if another process has renewed it: then the keychain holds other tokens than those that were due.
      const done = (g: Grant): boolean => this.#works(g) && !g.accessToken.equals(grant.accessToken);
      const secret = await this.#refreshing.join(signal, (crew) => this.#run(crew, done));
      this.#plan.succeeded(secret.equals(grant.accessToken));
    } catch (error) {
      const fault = asFault(error);
      this.#plan.failed(fault.retryAfterMs ?? 0);
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
  async #run(crew: Crew, done: (grant: Grant) => boolean): Promise<Secret> {
    const { vault, refusals, clock } = this.#parts;
    await vault.reload().catch(() => undefined);
    throwIfCancelled(crew.signal);
    const { client, oauth, grants } = this.#usable();
    const found = grants.find(done);
    if (found !== undefined) return found.accessToken;
    const newest = grants.at(-1);
    if (newest === undefined) throw noGrant(this.#parts.orgId);
    const refusal = this.#freshRefusal(newest, client);
    if (refusal !== null) throw refusal;
    if (clock.monotonic() < this.#sameTokenUntil) throw sameTokenAgain();
    try {
      return await this.#exchange({ grant: newest, client, oauth }, crew);
    } catch (error) {
      const fault = asFault(error);
      if (fault.code !== "grantRefused") throw fault;
      const second = await this.#newerThan(newest, crew.signal);
      if (second !== null && done(second.grant)) return second.grant.accessToken;
      if (second !== null) return await this.#exchange(second, crew, true);
      throw this.#dead(newest, client, fault, refusals);
    }
  }

  /** The keychain's grant, where it holds another refresh token than the one refused. */
  async #newerThan(refused: Grant, signal: AbortSignal): Promise<Renewal | null> {
    await this.#parts.vault.reload().catch(() => undefined);
    throwIfCancelled(signal);
    const { client, oauth, grants } = this.#usable();
    const newest = grants.at(-1);
    return newest === undefined || newest.refreshToken.equals(refused.refreshToken) ? null : { grant: newest, client, oauth };
  }

  async #exchange({ grant, client, oauth }: Renewal, crew: Crew, last = false): Promise<Secret> {
    const { vault, refusals, clock, logger, orgId } = this.#parts;
    let answer: TokenAnswer;
    try {
      answer = await crew.seeThrough((signal) => oauth.refresh(client, grant.refreshToken, signal));
    } catch (error) {
      const fault = crew.signal.aborted ? cancelled() : asFault(error);
      throw last && fault.code === "grantRefused" ? this.#dead(grant, client, fault, refusals) : fault;
    }
    const renewed = afterRefresh(grant, answer, clock.now());
    const kept = await vault.keepRefreshed(grant, renewed);
    refusals.clear(orgId);
    if (kept === "held")
      logger.warn("A renewed token could not be stored in the keychain yet: it is held in memory and tried again.", { orgId });
    else logger.info("The access token was renewed.", { orgId });
    return renewed.accessToken;
  }

  #dead(grant: Grant, client: OAuthClient, fault: Fault, refusals: GrantRefusals): Fault {
    // Then nobody has to authorize again: the grant is good, the integration's secret is not.
    const secretRefused = fault.data.error === "invalid_client";
    const refused = new Fault(
      "grantRefused",
      secretRefused
        ? "Webex does not take the integration's client id and secret: the organization's presence cannot be read."
        : "Webex no longer accepts the organization's authorization: its presence cannot be read.",
      {
        cause: fault,
        hint: secretRefused
          ? 'Keep the integration\'s present secret, as developer.webex.com gives it, with the command "ucx-webex-presence secret client" in the account that the worker runs under. The authorization itself is kept, and goes on then.'
          : "A Webex administrator of the organization has to authorize the integration again.",
        ...(fault.status === undefined ? {} : { status: fault.status }),
        ...(fault.trackingId === undefined ? {} : { trackingId: fault.trackingId }),
        data: { orgId: grant.orgId, secretRefused },
      },
    );
    this.#parts.logger.warn(refused.message, { orgId: grant.orgId, status: fault.status, trackingId: fault.trackingId });
    refusals.refuse(grant, client, refused, this.#parts.clock.monotonic());
    return refused;
  }
}

function sameTokenAgain(): Fault {
  return new Fault("unauthorized", "Webex rejects the organization's access token and gives no other one.", {
    hint: "If this goes on, a Webex administrator of the organization has to authorize the integration again.",
  });
}
