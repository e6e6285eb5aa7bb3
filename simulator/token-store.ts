import { randomBytes } from "node:crypto";
import type { Knobs } from "./knobs.js";
import type { SimulatedOrganization } from "./people-factory.js";

export const ADMIN_SCOPES: readonly string[] = [
  "spark-admin:people_read",
  "spark-admin:organizations_read",
];

/** Who authorized: a Full Admin, a partner's Full Admin (sees every organization), or a user without a role. */
export type Role = "fullAdmin" | "partnerAdmin" | "user";

export interface SimulatedGrant {
  readonly organization: SimulatedOrganization;
  readonly role: Role;
  readonly scopes: readonly string[];
  readonly clientId: string;
  /** Ended grants answer 401 to their access tokens and 400 to their refresh tokens. */
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

/** What the token endpoint answers. */
export interface TokenResponse {
  readonly access_token: string;
  readonly expires_in: number;
  readonly refresh_token: string;
  readonly refresh_token_expires_in: number;
  readonly token_type: "Bearer";
  readonly scope?: string;
}

/** Tokens and who they belong to. Everything secret that was ever given out stands in `issuedSecrets`, for tests that search for leaks. */
export class TokenStore {
  readonly issuedSecrets = new Set<string>();
  readonly #knobs: () => Readonly<Knobs>;
  readonly #now: () => number;
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  readonly #grants: SimulatedGrant[] = [];

  constructor(options: { readonly knobs: () => Readonly<Knobs>; readonly now: () => number }) {
    this.#knobs = options.knobs;
    this.#now = options.now;
  }

  /** A random text that counts as a secret. */
  createSecret(bytes = 32): string {
    const secret = randomBytes(bytes).toString("hex");
    this.issuedSecrets.add(secret);
    return secret;
  }

  issue(grant: Omit<SimulatedGrant, "alive">): TokenResponse {
    const activeGrant: SimulatedGrant = { ...grant, alive: true };
    this.#grants.push(activeGrant);
    const access = this.#newAccessToken(activeGrant);
    return this.#tokenResponse(access, this.#newRefreshToken(activeGrant, access));
  }

  /** New tokens for a refresh token; null = it is dead. */
  refresh(refreshToken: string, clientId: string): TokenResponse | null {
    const entry = this.#refreshTokens.get(refreshToken);
    const isInvalid =
      !entry?.grant.alive || entry.grant.clientId !== clientId || entry.expiresAt <= this.#now();
    if (isInvalid || this.#knobs().integrationBlocked) return null;
    const { latestAccess } = entry;
    const canReuse =
      this.#knobs().sameAccessToken &&
      latestAccess !== null &&
      latestAccess.expiresAt > this.#now();
    const access = canReuse ? latestAccess : this.#newAccessToken(entry.grant);
    entry.latestAccess = access;
    entry.expiresAt = this.#now() + this.#knobs().refreshTokenSeconds * 1000;
    if (!this.#knobs().rotateRefreshToken) return this.#tokenResponse(access, refreshToken);
    this.#refreshTokens.delete(refreshToken);
    return this.#tokenResponse(access, this.#newRefreshToken(entry.grant, access));
  }

  /** The grant of an access token that is good now, else null. */
  findGrant(accessToken: string): SimulatedGrant | null {
    const entry = this.#accessTokens.get(accessToken);
    return entry?.grant.alive === true && entry.expiresAt > this.#now() ? entry.grant : null;
  }

  /** The organization of a token, good or not: for the request log. */
  findOrganization(accessToken: string): SimulatedOrganization | null {
    return this.#accessTokens.get(accessToken)?.grant.organization ?? null;
  }

  /** RFC 7009: a refresh token takes its whole grant with it, an access token goes alone. */
  revoke(token: string): void {
    this.#accessTokens.delete(token);
    const entry = this.#refreshTokens.get(token);
    if (entry) entry.grant.alive = false;
  }

  /** Ends grants (a changed password, a deactivated administrator, a revoked integration). */
  endGrants(matches: (grant: SimulatedGrant) => boolean): void {
    for (const grant of this.#grants.filter(matches)) grant.alive = false;
  }

  /** Lets access tokens expire now; the grants live on. */
  expireAccessTokens(matches: (grant: SimulatedGrant) => boolean): void {
    for (const entry of this.#accessTokens.values()) if (matches(entry.grant)) entry.expiresAt = 0;
  }

  countActiveGrants(matches: (grant: SimulatedGrant) => boolean): number {
    return this.#grants.filter((grant) => grant.alive && matches(grant)).length;
  }

  /** Whether a refresh token would be taken now. */
  isRefreshTokenValid(refreshToken: string): boolean {
    const entry = this.#refreshTokens.get(refreshToken);
    return entry?.grant.alive === true && entry.expiresAt > this.#now();
  }

  #newAccessToken(grant: SimulatedGrant): AccessToken {
    const token = `${this.createSecret(36)}_PF84_${grant.organization.uuid}`;
    this.issuedSecrets.add(token);
    const access = {
      token,
      grant,
      expiresAt: this.#now() + this.#knobs().accessTokenSeconds * 1000,
    };
    this.#accessTokens.set(token, access);
    return access;
  }

  #newRefreshToken(grant: SimulatedGrant, access: AccessToken): string {
    const token = `${this.createSecret(36)}_PF84_${grant.organization.uuid}`;
    this.issuedSecrets.add(token);
    const expiresAt = this.#now() + this.#knobs().refreshTokenSeconds * 1000;
    this.#refreshTokens.set(token, { grant, expiresAt, latestAccess: access });
    return token;
  }

  #tokenResponse(access: AccessToken, refreshToken: string): TokenResponse {
    const { grant } = access;
    const hiddenScope = this.#knobs().scopeMissing ? "spark-admin:people_read" : "";
    return {
      access_token: access.token,
      expires_in: Math.max(0, Math.floor((access.expiresAt - this.#now()) / 1000)),
      refresh_token: refreshToken,
      refresh_token_expires_in: this.#knobs().refreshTokenSeconds,
      token_type: "Bearer",
      ...(this.#knobs().scopeInAnswer
        ? { scope: grant.scopes.filter((scope) => scope !== hiddenScope).join(" ") }
        : {}),
    };
  }
}
