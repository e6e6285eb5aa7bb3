import { Fault } from "../faults/fault.js";
import { type Disposer, Emitter } from "../faults/emitter.js";
import type { Secret } from "../faults/secret.js";
import type { Clock } from "../ports/clock.js";
import type { Logger } from "../ports/logger.js";
import type { OAuthClient, TokenAnswer } from "../webex/oauth-api.js";
import type { AuthorizationChange, AuthorizationEvents, AuthorizationService, ImportedGrant } from "./authorization-service.js";
import { type Counterpart, reasonToEnd, type WebexService } from "./counterpart.js";
import type { AuthorizationSettings } from "./effective-client.js";
import { effectiveClient, originOf } from "./effective-client.js";
import type { Flow, FlowMethod, FlowView } from "./flow.js";
import { FlowSlot } from "./flow-slot.js";
import type { Authorization, Grant } from "./grant.js";
import { REQUIRED_SCOPES } from "./grant.js";
import { GrantImports } from "./grant-import.js";
import { grantRefused, proveIdentity } from "./grant-proof.js";
import type { GrantRefusals } from "./grant-refusals.js";
import { lostGrant, misfit, toAuthorization } from "./grant-standing.js";
import { expiry } from "./lifetime.js";
import { revokeAtWebex } from "./revocation.js";
import { throwIfCancelled } from "./single-flight.js";
import type { GrantVault } from "./vault.js";
import { nameless } from "./vault-records.js";

export interface AuthorizationsParts {
  readonly vault: GrantVault;
  readonly refusals: GrantRefusals;
  readonly settings: () => AuthorizationSettings;
  /** The service that the settings name now. */
  readonly webex: () => WebexService;
  readonly flowFactory: (method: FlowMethod) => Flow;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** One organization's authorization with what keeps it from being used: `authorizationRequired`, `grantRefused` (dead), or nothing. */
export interface Standing {
  readonly orgId: string;
  readonly orgName: string;
  /** Null where the grant's record cannot be read. */
  readonly scopes: readonly string[] | null;
  readonly fault: Fault | null;
}

/** What the protocol and the command line may ask of authorization; the flows hand in their grants here (`completeGrant`). */
export class Authorizations implements AuthorizationService {
  readonly #parts: AuthorizationsParts;
  readonly events = new Emitter<AuthorizationEvents>();
  readonly #flows: FlowSlot;
  readonly #imports: GrantImports;
  #told = "";
  #disposers: Disposer[] = [];

  constructor(parts: AuthorizationsParts) {
    this.#parts = parts;
    this.#flows = new FlowSlot(parts.flowFactory, () => this.#tell());
    this.#imports = new GrantImports({ keep: (...asked) => this.#keep(...asked) });
  }

  /** Hears the vault from now on. */
  start(): void {
    if (this.#disposers.length > 0) return;
    this.#told = JSON.stringify(this.#change());
    this.#disposers = [
      this.#parts.vault.events.on("contentChanged", () => {
        this.#endWhatBelongsElsewhere();
        this.#tell();
      }),
      this.#parts.refusals.events.on("refusalChanged", () => this.#tell()),
    ];
  }

  async stop(): Promise<void> {
    for (const dispose of this.#disposers.splice(0)) dispose();
    await this.#flows.cancel();
  }

  /** The client id or the API address has changed: grants may have come to fit, or not to, and what is under way may be at the wrong place. */
  settingsChanged(): void {
    this.#endWhatBelongsElsewhere();
    this.#tell();
  }

  /** The integration in force now. Fault: `clientNotConfigured`. */
  client(): OAuthClient {
    return effectiveClient(this.#parts.settings(), this.#kept());
  }

  /** That integration and the service in force now, for something that begins. Fault: `clientNotConfigured`. */
  counterpart(): Counterpart {
    return { client: this.client(), ...this.#parts.webex() };
  }

  /** In the order of authorization, those without a readable record last; empty while the keychain was never read. */
  standings(): readonly Standing[] {
    const kept = this.#kept();
    const standings: Standing[] = this.#grants().map((grant) => ({
      orgId: grant.orgId,
      orgName: grant.orgName,
      scopes: grant.scopes,
      fault: misfit(grant, this.#parts.settings(), kept) ?? this.#parts.refusals.of(grant, kept)?.fault ?? null,
    }));
    for (const orgId of this.#lost()) standings.push({ orgId, orgName: nameless(orgId), scopes: null, fault: lostGrant(orgId) });
    return standings;
  }

  async setClient(clientId: string, clientSecret: Secret): Promise<void> {
    await this.#parts.vault.setClient({ clientId, clientSecret });
  }

  async setProxyPassword(password: Secret | null): Promise<void> {
    await this.#parts.vault.setProxyPassword(password);
  }

  async list(): Promise<readonly Authorization[]> {
    if (this.#parts.vault.state.kind !== "ready") await this.#parts.vault.reload();
    return this.#change().authorizations;
  }

  async import(given: ImportedGrant, signal: AbortSignal): Promise<Authorization> {
    // Before Webex is asked, because a refresh may use up the refresh token that the caller has.
    await this.#parts.vault.reload();
    throwIfCancelled(signal);
    return this.#imports.take(this.counterpart(), given, signal);
  }

  /**
   * Proves and keeps what a flow was given by its counterpart. Faults: `grantRefused`, `webexUnreachable`, `cancelled` and the
   * keychain's: with a transient one the answer is still good, and may be handed in again.
   */
  async completeGrant(counterpart: Counterpart, answer: TokenAnswer, signal: AbortSignal): Promise<Authorization> {
    throwIfCancelled(signal);
    if (answer.refreshToken === null) {
      throw grantRefused(
        null,
        "Webex gave no refresh token: check in the developer portal that the application is an integration.",
      );
    }
    return this.#keep(counterpart, answer, answer.refreshToken, signal);
  }

  async revoke(orgId: string, signal: AbortSignal): Promise<{ revokedAtWebex: boolean }> {
    await this.#parts.vault.reload();
    throwIfCancelled(signal);
    const grant = this.#grants().find((g) => g.orgId === orgId);
    if (grant === undefined && !this.#lost().includes(orgId)) {
      throw new Fault("unknownOrganization", "There is no authorization for this organization.", { data: { orgId } });
    }
    const { settings, webex, clock, logger } = this.#parts;
    const way = { oauth: webex().oauth, client: () => this.client(), clock, logger };
    const mayBeSent = grant !== undefined && misfit(grant, settings(), this.#kept()) === null;
    const revokedAtWebex = mayBeSent && (await revokeAtWebex(grant, way, signal));
    await this.#parts.vault.removeGrant(orgId);
    this.#parts.refusals.clear(orgId);
    logger.info("An authorization was revoked: the organization's presence is no longer read.", {
      orgId,
      revokedAtWebex,
    });
    return { revokedAtWebex };
  }

  async begin(method: FlowMethod, signal: AbortSignal): Promise<FlowView> {
    return this.#flows.begin(method, signal, async () => {
      await this.#parts.vault.reload();
      return this.counterpart();
    });
  }

  cancel(): Promise<void> {
    return this.#flows.cancel();
  }

  #endWhatBelongsElsewhere(): void {
    const settings = this.#parts.settings();
    const kept = this.#kept();
    this.#imports.keepTo(originOf(settings.apiUrl));
    this.#flows.endWhere((counterpart) => reasonToEnd(counterpart, settings, kept));
  }

  async #keep(counterpart: Counterpart, answer: TokenAnswer, refreshToken: Secret, signal: AbortSignal): Promise<Authorization> {
    const { vault, refusals, settings, clock } = this.#parts;
    const { client, apiOrigin, identity } = counterpart;
    const proven = await proveIdentity(identity, answer.accessToken, signal);
    throwIfCancelled(signal);
    const now = clock.now();
    const grant: Grant = {
      ...proven,
      scopes: answer.scopes ?? REQUIRED_SCOPES,
      grantedAt: now,
      clientId: client.clientId,
      apiOrigin,
      accessToken: answer.accessToken,
      accessTokenExpiresAt: expiry(answer.expiresInSeconds, now),
      refreshToken: answer.refreshToken ?? refreshToken,
      refreshTokenExpiresAt: expiry(answer.refreshTokenExpiresInSeconds, now),
    };
    await vault.storeGrant(grant);
    refusals.clear(grant.orgId);
    return toAuthorization(grant, settings(), this.#kept(), refusals);
  }

  #kept(): OAuthClient | null {
    const { state } = this.#parts.vault;
    return state.kind === "ready" ? state.client : null;
  }

  #grants(): readonly Grant[] {
    const { state } = this.#parts.vault;
    return state.kind === "ready" ? state.grants : [];
  }

  #lost(): readonly string[] {
    const { state } = this.#parts.vault;
    return state.kind === "ready" ? state.lost : [];
  }

  #change(): AuthorizationChange {
    const { settings, refusals } = this.#parts;
    const kept = this.#kept();
    return {
      authorizations: this.#grants().map((grant) => toAuthorization(grant, settings(), kept, refusals)),
      flow: this.#flows.view,
    };
  }

  #tell(): void {
    const change = this.#change();
    const text = JSON.stringify(change);
    if (text === this.#told) return;
    this.#told = text;
    this.events.emit("authorizationsChanged", change);
  }
}
