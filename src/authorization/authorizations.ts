import { Fault } from "../faults/fault.js";
import { type Disposer, Emitter } from "../faults/emitter.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthClient, TokenResponse } from "../webex/oauth.js";
import type {
  AuthorizationChange,
  AuthorizationEvents,
  AuthorizationService,
  ImportedGrant,
} from "./authorization-service.js";
import { type OAuthContext, findCancelReason, type WebexService } from "./oauth-context.js";
import type { AuthorizationSettings } from "./effective-client.js";
import { effectiveClient, originOf } from "./effective-client.js";
import type { Flow, FlowMethod, FlowView } from "./flow.js";
import { FlowSlot } from "./flow-slot.js";
import type { Authorization, Grant } from "./grant.js";
import { REQUIRED_SCOPES } from "./grant.js";
import { GrantImporter } from "./grant-import.js";
import { grantRefused, fetchTokenOwner } from "./grant-proof.js";
import type { GrantRefusals } from "./grant-refusals.js";
import { unreadableGrantFault, grantMismatch, toAuthorization } from "./grant-status.js";
import { computeExpiry } from "./lifetime.js";
import { revokeAtWebex } from "./revocation.js";
import { throwIfCancelled } from "./shared-task.js";
import type { GrantStore } from "./grant-store.js";
import { fallbackOrgName } from "./keychain-records.js";

export interface AuthorizationsOptions {
  readonly vault: GrantStore;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  /** The service that the settings name now. */
  readonly webex: () => WebexService;
  readonly createFlow: (method: FlowMethod) => Flow;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One organization's authorization with what keeps it from being used: `authorizationRequired`, `grantRefused` (dead), or nothing. */
export interface GrantStatus {
  readonly orgId: string;
  readonly orgName: string;
  /** Null where the grant's record cannot be read. */
  readonly scopes: readonly string[] | null;
  readonly fault: Fault | null;
}

/** What the protocol and the command line may ask of authorization; the flows hand in their grants here (`completeGrant`). */
export class Authorizations implements AuthorizationService {
  readonly #options: AuthorizationsOptions;
  readonly events = new Emitter<AuthorizationEvents>();
  readonly #flows: FlowSlot;
  readonly #imports: GrantImporter;
  #lastNotified = "";
  #disposers: Disposer[] = [];

  constructor(options: AuthorizationsOptions) {
    this.#options = options;
    this.#flows = new FlowSlot(options.createFlow, () => this.#notifyIfChanged());
    this.#imports = new GrantImporter({
      verifyAndStore: (...asked) => this.#verifyAndStore(...asked),
    });
  }

  /** Hears the vault from now on. */
  start(): void {
    if (this.#disposers.length > 0) return;
    this.#lastNotified = JSON.stringify(this.#snapshot());
    this.#disposers = [
      this.#options.vault.events.on("contentChanged", () => {
        this.#cancelMismatched();
        this.#notifyIfChanged();
      }),
      this.#options.refusals.events.on("refusalChanged", () => this.#notifyIfChanged()),
    ];
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#flows.cancel();
  }

  /** The client id or the API address has changed: grants may have come to fit, or not to, and what is under way may be at the wrong place. */
  handleSettingsChange(): void {
    this.#cancelMismatched();
    this.#notifyIfChanged();
  }

  /** The integration in force now. Fault: `clientNotConfigured`. */
  client(): OAuthClient {
    return effectiveClient(this.#options.settings(), this.#storedClient());
  }

  /** That integration and the service in force now, for something that begins. Fault: `clientNotConfigured`. */
  oauthContext(): OAuthContext {
    return { client: this.client(), ...this.#options.webex() };
  }

  /** In the order of authorization, those without a readable record last; empty while the keychain was never read. */
  grantStatuses(): readonly GrantStatus[] {
    const storedClient = this.#storedClient();
    const grantStatuses: GrantStatus[] = this.#grants().map((grant) => ({
      orgId: grant.orgId,
      orgName: grant.orgName,
      scopes: grant.scopes,
      fault:
        grantMismatch(grant, this.#options.settings(), storedClient) ??
        this.#options.refusals.find(grant, storedClient)?.fault ??
        null,
    }));
    for (const orgId of this.#unreadableOrgIds())
      grantStatuses.push({
        orgId,
        orgName: fallbackOrgName(orgId),
        scopes: null,
        fault: unreadableGrantFault(orgId),
      });
    return grantStatuses;
  }

  async setClient(clientId: string, clientSecret: Secret): Promise<void> {
    await this.#options.vault.setClient({ clientId, clientSecret });
  }

  async setProxyPassword(password: Secret | null): Promise<void> {
    await this.#options.vault.setProxyPassword(password);
  }

  async list(): Promise<readonly Authorization[]> {
    if (this.#options.vault.state.kind !== "ready") await this.#options.vault.reload();
    return this.#snapshot().authorizations;
  }

  async import(grant: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    // Before Webex is asked, because a refresh may use up the refresh token that the caller has.
    await this.#options.vault.reload();
    throwIfCancelled(signal);
    return this.#imports.import(this.oauthContext(), grant, signal);
  }

  /**
   * Proves and keeps what a flow was given by its counterpart. Faults: `grantRefused`, `webexUnreachable`, `cancelled` and the
   * keychain's: with a transient one the answer is still good, and may be handed in again.
   */
  async completeGrant(
    oauthContext: OAuthContext,
    answer: TokenResponse,
    signal: AbortSignal,
  ): Promise<Authorization> {
    throwIfCancelled(signal);
    if (answer.refreshToken === null) {
      throw grantRefused(
        null,
        "Webex gave no refresh token: check in the developer portal that the application is an integration.",
      );
    }
    return this.#verifyAndStore(oauthContext, answer, answer.refreshToken, signal);
  }

  async revoke(orgId: string, signal: AbortSignal): Promise<{ revokedAtWebex: boolean }> {
    await this.#options.vault.reload();
    throwIfCancelled(signal);
    const grant = this.#grants().find((g) => g.orgId === orgId);
    if (grant === undefined && !this.#unreadableOrgIds().includes(orgId)) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.", {
        data: { orgId },
      });
    }
    const { settings, webex, clock, logger } = this.#options;
    const options = { oauth: webex().oauth, client: () => this.client(), clock, logger };
    const canBeSent =
      grant !== undefined && grantMismatch(grant, settings(), this.#storedClient()) === null;
    const revokedAtWebex = canBeSent && (await revokeAtWebex(grant, options, signal));
    await this.#options.vault.removeGrant(orgId);
    this.#options.refusals.clear(orgId);
    logger.info("An authorization was revoked: the organization's presence is no longer read.", {
      orgId,
      revokedAtWebex,
    });
    return { revokedAtWebex };
  }

  async begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView> {
    return this.#flows.begin(method, signal, async () => {
      await this.#options.vault.reload();
      return this.oauthContext();
    });
  }

  cancel(): Promise<void> {
    return this.#flows.cancel();
  }

  #cancelMismatched(): void {
    const settings = this.#options.settings();
    const storedClient = this.#storedClient();
    this.#imports.cancelOtherOrigins(originOf(settings.apiUrl));
    this.#flows.cancelIf((oauthContext) => findCancelReason(oauthContext, settings, storedClient));
  }

  async #verifyAndStore(
    oauthContext: OAuthContext,
    answer: TokenResponse,
    refreshToken: Secret,
    signal: AbortSignal,
  ): Promise<Authorization> {
    const { vault, refusals, settings, clock } = this.#options;
    const { client, apiOrigin, identity } = oauthContext;
    const owner = await fetchTokenOwner(identity, answer.accessToken, signal);
    throwIfCancelled(signal);
    const now = clock.now();
    const grant: Grant = {
      ...owner,
      scopes: answer.scopes ?? REQUIRED_SCOPES,
      grantedAt: now,
      clientId: client.clientId,
      apiOrigin,
      accessToken: answer.accessToken,
      accessTokenExpiresAt: computeExpiry(answer.expiresInSeconds, now),
      refreshToken: answer.refreshToken ?? refreshToken,
      refreshTokenExpiresAt: computeExpiry(answer.refreshTokenExpiresInSeconds, now),
    };
    await vault.storeGrant(grant);
    refusals.clear(grant.orgId);
    return toAuthorization(grant, settings(), this.#storedClient(), refusals);
  }

  #storedClient(): OAuthClient | null {
    const { state } = this.#options.vault;
    return state.kind === "ready" ? state.client : null;
  }

  #grants(): readonly Grant[] {
    const { state } = this.#options.vault;
    return state.kind === "ready" ? state.grants : [];
  }

  #unreadableOrgIds(): readonly string[] {
    const { state } = this.#options.vault;
    return state.kind === "ready" ? state.unreadableOrgIds : [];
  }

  #snapshot(): AuthorizationChange {
    const { settings, refusals } = this.#options;
    const storedClient = this.#storedClient();
    return {
      authorizations: this.#grants().map((grant) =>
        toAuthorization(grant, settings(), storedClient, refusals),
      ),
      flow: this.#flows.view,
    };
  }

  #notifyIfChanged(): void {
    const change = this.#snapshot();
    const text = JSON.stringify(change);
    if (text === this.#lastNotified) return;
    this.#lastNotified = text;
    this.events.emit("authorizationsChanged", change);
  }
}
