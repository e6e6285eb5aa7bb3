import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Knobs } from "./knobs.js";
import type { SimulatedOrganization } from "./people-factory.js";

export const ADMIN_SCOPES: readonly string[] = [
  "spark-admin:people_read",
  "spark-admin:organizations_read",
];
const DEFAULT_REDIRECT_URI = "http://localhost:8467/oauth/callback";

/** A Full Admin, a partner's Full Admin, who has access to all organizations, or a regular user. */
export type Role = "fullAdmin" | "partnerAdmin" | "user";

export interface SimulatedGrant {
  readonly organization: SimulatedOrganization;
  readonly role: Role;
  readonly scopes: readonly string[];
  readonly clientId: string;
  /** Once false, access tokens of the grant get 401 and its refresh tokens get 400. */
  alive: boolean;
}

interface AccessToken {
  readonly token: string;
  readonly grant: SimulatedGrant;
  expiresAt: number;
}

interface RefreshToken {
  readonly grant: SimulatedGrant;
  expiresAt: number;
  latestAccess: AccessToken | null;
}

/** A successful response of the token endpoint (RFC 6749, section 5.1). */
export interface TokenResponse {
  readonly access_token: string;
  readonly expires_in: number;
  /** Without it, the previous refresh token stays valid. */
  readonly refresh_token?: string;
  readonly refresh_token_expires_in?: number;
  readonly token_type: "Bearer";
  readonly scope?: string;
}

type IssuedTokens = TokenResponse & RefreshTokenMembers;

interface RefreshTokenMembers {
  readonly refresh_token: string;
  readonly refresh_token_expires_in: number;
}

/** Issues tokens and records which grant each of them belongs to. */
export class TokenStore {
  /** Every token, code and client secret ever issued, for tests that search for leaks. */
  readonly issuedSecrets = new Set<string>();
  readonly #knobs: Readonly<Knobs>;
  readonly #now: () => number;
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #grants: SimulatedGrant[] = [];

  constructor(options: { readonly knobs: Readonly<Knobs>; readonly now: () => number }) {
    this.#knobs = options.knobs;
    this.#now = options.now;
  }

  /** Creates a random hexadecimal text and records it as a secret. */
  createSecret(bytes = 32): string {
    const secret = randomBytes(bytes).toString("hex");
    this.issuedSecrets.add(secret);
    return secret;
  }

  issue(grant: Omit<SimulatedGrant, "alive">): IssuedTokens {
    const activeGrant: SimulatedGrant = { ...grant, alive: true };
    this.#grants.push(activeGrant);
    const access = this.#newAccessToken(activeGrant);
    const refreshToken = this.#newRefreshToken(activeGrant, access);
    return { ...this.#tokenResponse(access, null), ...this.#refreshTokenMembers(refreshToken) };
  }

  /** Refreshes an access token; null if the refresh token is not valid. */
  refresh(refreshToken: string, clientId: string): TokenResponse | null {
    const { integrationBlocked, sameAccessToken, refreshTokenSeconds } = this.#knobs;
    const { refreshTokenInAnswer, rotateRefreshToken } = this.#knobs;
    const entry = this.#refreshTokens.get(refreshToken);
    const now = this.#now();
    if (!entry?.grant.alive || entry.grant.clientId !== clientId || entry.expiresAt <= now) {
      return null;
    }
    if (integrationBlocked) return null;
    const { latestAccess } = entry;
    const canReuse = sameAccessToken && latestAccess !== null && latestAccess.expiresAt > now;
    const access = canReuse ? latestAccess : this.#newAccessToken(entry.grant);
    entry.latestAccess = access;
    entry.expiresAt = now + refreshTokenSeconds * 1000;
    if (!rotateRefreshToken) {
      return this.#tokenResponse(access, refreshTokenInAnswer ? refreshToken : null);
    }
    this.#refreshTokens.delete(refreshToken);
    return this.#tokenResponse(access, this.#newRefreshToken(entry.grant, access));
  }

  /** The grant of a valid access token, or null. */
  findGrant(accessToken: string): SimulatedGrant | null {
    const entry = this.#accessTokens.get(accessToken);
    return entry?.grant.alive === true && entry.expiresAt > this.#now() ? entry.grant : null;
  }

  /** The organization of an access token, valid or not. */
  findOrganization(accessToken: string): SimulatedOrganization | null {
    return this.#accessTokens.get(accessToken)?.grant.organization ?? null;
  }

  /** RFC 7009: revoking a refresh token ends its grant; revoking an access token ends only that. */
  revoke(token: string): void {
    this.#accessTokens.delete(token);
    const entry = this.#refreshTokens.get(token);
    if (entry) entry.grant.alive = false;
  }

  /** Ends grants, as a changed password or a deactivated administrator does. */
  endGrants(matches: (grant: SimulatedGrant) => boolean): void {
    for (const grant of this.#grants.filter(matches)) grant.alive = false;
  }

  /** Expires access tokens now; their grants stay valid. */
  expireAccessTokens(matches: (grant: SimulatedGrant) => boolean): void {
    for (const entry of this.#accessTokens.values()) if (matches(entry.grant)) entry.expiresAt = 0;
  }

  countActiveGrants(matches: (grant: SimulatedGrant) => boolean): number {
    return this.#grants.filter((grant) => grant.alive && matches(grant)).length;
  }

  isRefreshTokenValid(refreshToken: string): boolean {
    const entry = this.#refreshTokens.get(refreshToken);
    return entry?.grant.alive === true && entry.expiresAt > this.#now();
  }

  #newAccessToken(grant: SimulatedGrant): AccessToken {
    const expiresAt = this.#now() + this.#knobs.accessTokenSeconds * 1000;
    const access = { token: this.#newToken(grant), grant, expiresAt };
    this.#accessTokens.set(access.token, access);
    return access;
  }

  #newRefreshToken(grant: SimulatedGrant, latestAccess: AccessToken): string {
    const expiresAt = this.#now() + this.#knobs.refreshTokenSeconds * 1000;
    const token = this.#newToken(grant);
    this.#refreshTokens.set(token, { grant, expiresAt, latestAccess });
    return token;
  }

  #newToken(grant: SimulatedGrant): string {
    const token = `${this.createSecret(36)}_PF84_${grant.organization.uuid}`;
    this.issuedSecrets.add(token);
    return token;
  }

  #refreshTokenMembers(refreshToken: string): RefreshTokenMembers {
    return {
      refresh_token: refreshToken,
      refresh_token_expires_in: this.#knobs.refreshTokenSeconds,
    };
  }

  #tokenResponse(
    { grant, token, expiresAt }: AccessToken,
    refreshToken: string | null,
  ): TokenResponse {
    const { scopeMissing, scopeInAnswer } = this.#knobs;
    const hiddenScope = scopeMissing ? "spark-admin:people_read" : "";
    const scope = grant.scopes.filter((name) => name !== hiddenScope).join(" ");
    return {
      access_token: token,
      expires_in: Math.max(0, Math.floor((expiresAt - this.#now()) / 1000)),
      ...(refreshToken === null ? {} : this.#refreshTokenMembers(refreshToken)),
      token_type: "Bearer",
      ...(scopeInAnswer ? { scope } : {}),
    };
  }
}

/** An integration as registered at developer.webex.com. */
export interface SimulatedClient {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Compared literally, including the port. */
  readonly redirectUris: Set<string>;
  readonly scopes: ReadonlySet<string>;
}

export interface ClientOptions {
  /** Default: random. */
  readonly clientId?: string;
  /** Default: random. */
  readonly clientSecret?: string;
  /** Default: the worker's default redirect URI. */
  readonly redirectUris?: readonly string[];
  readonly scopes?: readonly string[];
}

export class ClientRegistry {
  readonly #clients = new Map<string, SimulatedClient>();
  readonly #tokens: TokenStore;

  constructor(tokens: TokenStore) {
    this.#tokens = tokens;
  }

  /** Registers an integration, or changes the given members of an existing one. */
  register(options: ClientOptions = {}): SimulatedClient {
    const existing = this.find(options.clientId ?? null);
    const client: SimulatedClient = {
      clientId: options.clientId ?? `C${randomBytes(32).toString("hex")}`,
      clientSecret: options.clientSecret ?? existing?.clientSecret ?? this.#tokens.createSecret(32),
      redirectUris: new Set(
        options.redirectUris ?? existing?.redirectUris ?? [DEFAULT_REDIRECT_URI],
      ),
      scopes: new Set(options.scopes ?? existing?.scopes ?? ADMIN_SCOPES),
    };
    this.#tokens.issuedSecrets.add(client.clientSecret);
    this.#clients.set(client.clientId, client);
    return client;
  }

  find(clientId: string | null): SimulatedClient | null {
    return clientId === null ? null : (this.#clients.get(clientId) ?? null);
  }

  /** The client with this id and secret, or null. */
  authenticate(clientId: string | null, clientSecret: string | null): SimulatedClient | null {
    const client = this.find(clientId);
    if (!client || clientSecret === null) return null;
    const actual = Buffer.from(clientSecret);
    const expected = Buffer.from(client.clientSecret);
    return actual.length === expected.length && timingSafeEqual(actual, expected) ? client : null;
  }
}
