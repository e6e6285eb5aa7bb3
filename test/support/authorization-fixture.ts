import { Fault } from "../../src/faults/fault.js";
import { Secret } from "../../src/faults/secret.js";
import { originOf, type WebexService } from "../../src/authorization/oauth-context.js";
import { GrantRefusals } from "../../src/authorization/grant-status.js";
import type { Grant } from "../../src/authorization/grant.js";
import { REQUIRED_SCOPES } from "../../src/authorization/grant.js";
import { OrganizationTokenSource } from "../../src/authorization/token-source.js";
import { RenewalAnnouncements } from "../../src/authorization/renewal-announcements.js";
import { RenewalPacing } from "../../src/authorization/renewal-pacing.js";
import { GrantStore } from "../../src/authorization/grant-store.js";
import { MemoryStore } from "../../src/platform/secret-store.js";
import type { SecretStore } from "../../src/ports/secret-store.js";
import type {
  DeviceAuthorization,
  DeviceTokenPoll,
  OAuthApi,
  OAuthClient,
  TokenResponse,
} from "../../src/webex/oauth.js";
import type { IdentityApi } from "../../src/webex/identity.js";
import type { Me } from "../../src/webex/people.js";
import { FakeClock, SeededRandom } from "./clock-fake.js";
import { RecordingLogger } from "./logger-fake.js";

export const DAY = 86_400_000;
export const orgA = orgIdOf("11111111-aaaa-4aaa-8aaa-111111111111");
export const orgB = orgIdOf("22222222-bbbb-4bbb-8bbb-222222222222");
export const client: OAuthClient = {
  clientId: "client-1",
  clientSecret: new Secret("SECRET-client"),
};
export const neverAborted = new AbortController().signal;

export function orgIdOf(uuid: string): string {
  return Buffer.from(`ciscospark://us/ORGANIZATION/${uuid}`).toString("base64url");
}

export function grantOf(
  orgId: string,
  name: string,
  now: number,
  changes: Partial<Grant> = {},
): Grant {
  return {
    orgId,
    orgName: `Org ${name}`,
    authorizedBy: "Ada Admin",
    scopes: REQUIRED_SCOPES,
    grantedAt: now,
    clientId: client.clientId,
    apiOrigin: "https://webexapis.com",
    accessToken: new Secret(`SECRET-access-${name}`),
    accessTokenExpiresAt: now + 14 * DAY,
    refreshToken: new Secret(`SECRET-refresh-${name}`),
    refreshTokenExpiresAt: now + 90 * DAY,
    ...changes,
  };
}

export function tokenResponseOf(name: string, changes: Partial<TokenResponse> = {}): TokenResponse {
  return {
    accessToken: new Secret(`SECRET-access-${name}`),
    expiresInSeconds: 14 * 86_400,
    refreshToken: new Secret(`SECRET-refresh-${name}`),
    refreshTokenExpiresInSeconds: 90 * 86_400,
    scopes: REQUIRED_SCOPES,
    ...changes,
  };
}

/** A secret store that can become unavailable, and records its calls. */
export class SecretStoreFake implements SecretStore {
  readonly kind = "keychain";
  readonly inner: SecretStore;
  fault: Fault | null = null;
  /** Reads still work, as with a keychain that is full or read-only. */
  writesFail = false;
  /** Writes wait for this promise, except announcements of a renewal. */
  gate: Promise<void> = Promise.resolve();
  /** What a read waits for, as with a keychain that hangs. */
  readDelay: (() => Promise<void>) | null = null;
  readonly log: string[] = [];

  constructor(inner: SecretStore = new MemoryStore()) {
    this.inner = inner;
  }

  async get(account: string): Promise<string | null> {
    this.log.push(`get ${account}`);
    await this.readDelay?.();
    if (this.fault !== null) throw this.fault;
    return this.inner.get(account);
  }

  async set(account: string, value: string): Promise<void> {
    this.log.push(`set ${account}`);
    if (this.fault !== null) throw this.fault;
    if (this.writesFail) throw keychainLockedFault();
    if (!account.startsWith("renewal:")) await this.gate;
    return this.inner.set(account, value);
  }

  async delete(account: string): Promise<boolean> {
    this.log.push(`delete ${account}`);
    if (this.fault !== null) throw this.fault;
    return this.inner.delete(account);
  }
}

export function keychainLockedFault(): Fault {
  return new Fault("keychainLocked", "The keychain is locked.", { hint: "Unlock it." });
}

export function grantRefusedFault(status = 400): Fault {
  return new Fault("grantRefused", "Webex refused.", { status });
}

/**
 * The token endpoint. Each refresh has the next of `outcomes`; an unexpected one fails the test.
 */
export class RefreshFake implements OAuthApi {
  readonly outcomes: (TokenResponse | Fault | Promise<TokenResponse>)[] = [];
  readonly refreshedWith: string[] = [];
  readonly revoked: string[] = [];
  readonly signals: AbortSignal[] = [];
  revocation: () => Promise<void> = () => Promise.resolve();

  async refresh(
    _client: OAuthClient,
    refreshToken: Secret,
    signal: AbortSignal,
  ): Promise<TokenResponse> {
    this.refreshedWith.push(refreshToken.reveal());
    this.signals.push(signal);
    const outcome =
      this.outcomes.shift() ?? new Fault("defect", "The test did not expect this refresh.");
    await Promise.resolve();
    if (outcome instanceof Fault) throw outcome;
    return outcome;
  }

  async revoke(_client: OAuthClient, token: Secret): Promise<void> {
    this.revoked.push(token.reveal());
    await this.revocation();
  }

  authorizeUrl(): string {
    throw new Error("Not implemented.");
  }
  exchangeCode(): Promise<TokenResponse> {
    throw new Error("Not implemented.");
  }
  authorizeDevice(): Promise<DeviceAuthorization> {
    throw new Error("Not implemented.");
  }
  pollDeviceToken(): Promise<DeviceTokenPoll> {
    throw new Error("Not implemented.");
  }
}

export class IdentityFake implements IdentityApi {
  readonly requests: string[] = [];
  /** The organization of each access token, or the fault that Webex responds with. */
  readonly owners = new Map<string, string | Fault>();
  name: string | Fault = "Acme";

  async me(accessToken: Secret): Promise<Me> {
    this.requests.push(accessToken.reveal());
    const owner =
      this.owners.get(accessToken.reveal()) ?? new Fault("unauthorized", "401", { status: 401 });
    if (owner instanceof Fault) throw owner;
    return {
      personId: "p",
      orgId: owner,
      displayName: "Ada Admin",
      email: null,
      sharesStatus: true,
      isFullAdmin: true,
    };
  }

  async organizationName(): Promise<string> {
    if (this.name instanceof Fault) throw this.name;
    return this.name;
  }

  /** The organizations that a token can list. */
  visibleOrganizations: readonly { orgId: string; orgName: string }[] | Fault = new Fault(
    "forbidden",
    "403",
    { status: 403 },
  );

  async organizations(): Promise<readonly { orgId: string; orgName: string }[]> {
    if (this.visibleOrganizations instanceof Fault) throw this.visibleOrganizations;
    return this.visibleOrganizations;
  }
}

/** The grant store of one process. Two harnesses with one secret store are two processes. */
export class AuthorizationHarness {
  readonly clock: FakeClock;
  readonly logger = new RecordingLogger();
  readonly store: SecretStoreFake;
  readonly grantStore: GrantStore;
  readonly renewals: RenewalAnnouncements;
  readonly oauth = new RefreshFake();
  readonly refusals = new GrantRefusals();
  readonly pacing: RenewalPacing;
  settings: {
    clientId: string | null;
    apiUrl: string;
    redirectPort: number;
    pollIntervalSeconds: number;
  } = {
    clientId: null,
    apiUrl: "https://webexapis.com/v1",
    redirectPort: 8467,
    pollIntervalSeconds: 5,
  };

  readonly #seed: number;

  constructor(store = new SecretStoreFake(), clock = new FakeClock(), seed = 1) {
    this.store = store;
    this.clock = clock;
    this.#seed = seed;
    this.grantStore = new GrantStore(store, clock, this.logger);
    this.renewals = new RenewalAnnouncements(store, clock);
    this.pacing = new RenewalPacing(clock, () => this.settings.pollIntervalSeconds * 1_000);
  }

  /** The service that the current settings name. */
  webex(identity: IdentityApi): WebexService {
    const { apiUrl } = this.settings;
    return { apiUrl, apiOrigin: originOf(apiUrl), oauth: this.oauth, identity };
  }

  tokenSource(orgId: string): OrganizationTokenSource {
    const { grantStore, renewals, refusals, pacing, clock, logger } = this;
    return new OrganizationTokenSource({
      ...{ orgId, grantStore, renewals, refusals, pacing, clock, logger },
      random: new SeededRandom(this.#seed),
      settings: () => this.settings,
      oauth: () => this.oauth,
    });
  }

  /** Another process with the same keychain. */
  async otherProcess(): Promise<AuthorizationHarness> {
    const harness = new AuthorizationHarness(
      new SecretStoreFake(this.store.inner),
      this.clock,
      this.#seed + 1,
    );
    await harness.grantStore.reload();
    return harness;
  }
}

export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const outcome: unknown = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (outcome instanceof Fault) return outcome;
  throw new Error("Expected a fault.", { cause: outcome });
}
