import { Emitter, type Disposer } from "../faults/emitter.js";
import { asFault, Fault, faultFields } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthClient, TokenResponse } from "../webex/oauth.js";
import {
  FlowSlot,
  type AuthorizationChange,
  type AuthorizationEvents,
  type Flow,
  type FlowMethod,
  type FlowView,
  type GrantSink,
} from "./flow.js";
import {
  fetchTokenOwner,
  GrantImporter,
  grantRefused,
  type ImportedGrant,
} from "./grant-import.js";
import {
  authorizationRequired,
  grantMismatch,
  type GrantRefusals,
  type GrantStatus,
} from "./grant-status.js";
import type { GrantStore } from "./grant-store.js";
import {
  computeExpiry,
  REQUIRED_SCOPES,
  toAuthorization,
  type Authorization,
  type Grant,
} from "./grant.js";
import { fallbackOrgName } from "./keychain-records.js";
import {
  effectiveClient,
  findCancelReason,
  originOf,
  type AuthorizationSettings,
  type OAuthContext,
  type WebexService,
} from "./oauth-context.js";
import { delay, throwIfCancelled } from "./shared-task.js";

const REVOKE_TIMEOUT_MS = 5_000;

/** What the protocol can do with authorizations. */
export type AuthorizationService = Pick<
  Authorizations,
  "events" | "setClient" | "setProxyPassword" | "import" | "list" | "revoke" | "begin" | "cancel"
>;

export interface AuthorizationsOptions {
  readonly grantStore: GrantStore;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  /**
   * Resolves when the settings have been read. Nothing is sent to Webex before, because it would go
   * to the default `ApiUrl` and bypass the proxy.
   */
  readonly settingsLoaded: Promise<void>;
  /** Returns the service that the current settings name. */
  readonly webex: () => WebexService;
  readonly createFlow: (method: FlowMethod) => Flow;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Manages the grants of all organizations, and the flow that obtains the next one. Each call that
 * returns a promise can also fail with a fault of the keychain.
 */
export class Authorizations implements GrantSink {
  readonly events = new Emitter<AuthorizationEvents>();
  readonly #options: AuthorizationsOptions;
  readonly #flows: FlowSlot;
  readonly #importer: GrantImporter;
  #lastNotified = "";
  #disposers: Disposer[] = [];

  constructor(options: AuthorizationsOptions) {
    this.#options = options;
    this.#flows = new FlowSlot({
      createFlow: options.createFlow,
      prepare: async () => {
        await options.grantStore.reload();
        return this.oauthContext();
      },
      onChange: () => this.#notifyIfChanged(),
    });
    this.#importer = new GrantImporter((...args) => this.completeGrant(...args));
  }

  start(): void {
    if (this.#disposers.length > 0) return;
    const { grantStore, refusals } = this.#options;
    this.#lastNotified = JSON.stringify(this.current());
    this.#disposers = [
      grantStore.events.on("contentChanged", () => this.reevaluate()),
      refusals.events.on("refusalChanged", () => this.#notifyIfChanged()),
    ];
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#flows.cancel();
  }

  /** Reevaluates the grants, and cancels what uses another client or API origin than now. */
  reevaluate(): void {
    const settings = this.#options.settings();
    const storedClient = this.#storedClient();
    this.#importer.cancelOtherOrigins(originOf(settings.apiUrl));
    this.#flows.cancelIf((context) => findCancelReason(context, settings, storedClient));
    this.#notifyIfChanged();
  }

  /** The integration's client ID and secret. Throws `clientNotConfigured`. */
  client(): OAuthClient {
    return effectiveClient(this.#options.settings(), this.#storedClient());
  }

  /** The client and the service to use now. Throws `clientNotConfigured`. */
  oauthContext(): OAuthContext {
    return { client: this.client(), ...this.#options.webex() };
  }

  /**
   * In the order of authorization, followed by the organizations whose record cannot be read. Empty
   * until the keychain has been read.
   */
  grantStatuses(): readonly GrantStatus[] {
    const { grants = [], unreadableOrgIds = [] } = this.#options.grantStore.content ?? {};
    const readable = grants.map((grant) => {
      const { orgId, orgName, scopes } = grant;
      return { orgId, orgName, scopes, fault: this.#findFault(grant) };
    });
    const unreadable = unreadableOrgIds.map((orgId) => {
      const fault = authorizationRequired(orgId, "unreadable");
      return { orgId, orgName: fallbackOrgName(orgId), scopes: null, fault };
    });
    return [...readable, ...unreadable];
  }

  async setClient(clientId: string, clientSecret: Secret): Promise<void> {
    await this.#options.grantStore.setClient({ clientId, clientSecret });
  }

  async setProxyPassword(password: Secret | null): Promise<void> {
    await this.#options.grantStore.setProxyPassword(password);
  }

  async list(): Promise<readonly Authorization[]> {
    const { grantStore, settingsLoaded } = this.#options;
    await settingsLoaded;
    if (grantStore.content === null) await grantStore.reload();
    return this.current().authorizations;
  }

  /** Verifies a grant and stores it. Faults as `completeGrant`, and `clientNotConfigured`. */
  async import(grant: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    await this.#options.settingsLoaded;
    // Check that the keychain is available first: a refresh may invalidate the caller's token.
    await this.#options.grantStore.reload();
    throwIfCancelled(signal);
    return this.#importer.import(this.oauthContext(), grant, signal);
  }

  /**
   * Faults: `grantRefused`, `webexUnreachable` and `cancelled`. After a transient one, the tokens
   * are still good and can be passed in again.
   */
  async completeGrant(
    { client, apiOrigin, identity }: OAuthContext,
    tokens: TokenResponse,
    signal: AbortSignal,
  ): Promise<Authorization> {
    throwIfCancelled(signal);
    const { accessToken, refreshToken } = tokens;
    if (refreshToken === null) {
      throw grantRefused(
        "Webex returned no refresh token. Check in the developer portal that the application is an integration.",
      );
    }
    const { grantStore, refusals, clock } = this.#options;
    // A server may send back the refresh token, too, although these requests do not contain it.
    const owner = await grantStore.verifying([accessToken, refreshToken], () =>
      fetchTokenOwner(identity, accessToken, signal),
    );
    throwIfCancelled(signal);
    const now = clock.now();
    const grant: Grant = {
      ...owner,
      scopes: tokens.scopes ?? REQUIRED_SCOPES,
      grantedAt: now,
      clientId: client.clientId,
      apiOrigin,
      accessToken,
      accessTokenExpiresAt: computeExpiry(tokens.expiresInSeconds, now),
      refreshToken,
      refreshTokenExpiresAt: computeExpiry(tokens.refreshTokenExpiresInSeconds, now),
    };
    await grantStore.storeGrant(grant);
    refusals.clear(grant.orgId);
    return toAuthorization(grant, this.#findFault(grant));
  }

  /** Deletes a grant, even if Webex does not revoke it. Fault: `unknownOrganization`. */
  async revoke(orgId: string, signal: AbortSignal): Promise<{ revokedAtWebex: boolean }> {
    const { grantStore, refusals, settingsLoaded, logger } = this.#options;
    await settingsLoaded;
    await grantStore.reload();
    throwIfCancelled(signal);
    const { grants = [], unreadableOrgIds = [] } = grantStore.content ?? {};
    const grant = grants.find((candidate) => candidate.orgId === orgId);
    if (grant === undefined && !unreadableOrgIds.includes(orgId)) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.", {
        data: { orgId },
      });
    }
    const canBeSent = grant !== undefined && this.#findMismatch(grant) === null;
    const revokedAtWebex = canBeSent && (await this.#revokeAtWebex(grant, signal));
    await grantStore.removeGrant(orgId);
    refusals.clear(orgId);
    logger.info("The authorization of an organization was revoked.", { orgId, revokedAtWebex });
    return { revokedAtWebex };
  }

  /**
   * Returns the open flow of this method, or starts one. Faults: `authorizationInProgress`,
   * `clientNotConfigured`, `redirectPortInUse`, `webexUnreachable`.
   */
  async begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView> {
    await this.#options.settingsLoaded;
    return this.#flows.begin(method, signal);
  }

  cancel(): Promise<void> {
    return this.#flows.cancel();
  }

  /** Best effort. Never rejects; returns whether Webex confirmed the revocation in time. */
  async #revokeAtWebex(grant: Grant, signal: AbortSignal): Promise<boolean> {
    const { webex, clock, logger } = this.#options;
    const end = new AbortController();
    const either = AbortSignal.any([signal, end.signal]);
    try {
      const revocation = webex().oauth.revoke(this.client(), grant.refreshToken, either);
      const timeout = delay(clock, REVOKE_TIMEOUT_MS, end.signal).then(() => {
        throw new Fault("webexUnreachable", "Webex did not respond in time.");
      });
      await Promise.race([revocation, timeout]);
      return true;
    } catch (error) {
      logger.warn(
        "Webex could not be notified that the authorization was revoked. Revoke it in Control Hub too.",
        { orgId: grant.orgId, ...faultFields(asFault(error)) },
      );
      return false;
    } finally {
      end.abort();
    }
  }

  #storedClient(): OAuthClient | null {
    return this.#options.grantStore.content?.client ?? null;
  }

  /** What prevents the use of a grant, or null. */
  #findFault(grant: Grant): Fault | null {
    const refusal = this.#options.refusals.find(grant, this.#storedClient());
    return this.#findMismatch(grant) ?? refusal?.fault ?? null;
  }

  #findMismatch(grant: Grant): Fault | null {
    return grantMismatch(grant, this.#options.settings(), this.#storedClient());
  }

  /** What the keychain was last read to hold, and the flow that is open or has just ended. */
  current(): AuthorizationChange {
    const grants = this.#options.grantStore.content?.grants ?? [];
    return {
      authorizations: grants.map((grant) => toAuthorization(grant, this.#findFault(grant))),
      flow: this.#flows.view,
    };
  }

  #notifyIfChanged(): void {
    const change = this.current();
    const key = JSON.stringify(change);
    if (key === this.#lastNotified) return;
    this.#lastNotified = key;
    this.events.emit("authorizationsChanged", change);
  }
}
