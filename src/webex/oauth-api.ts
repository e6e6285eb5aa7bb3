import type { Me } from "./people-api.js";
import type { Secret } from "../faults/secret.js";

/** The integration, as Webex knows it. */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: Secret;
}

/** A token endpoint's answer. Lifetimes are seconds from now; null where Webex did not say. */
export interface TokenResponse {
  readonly accessToken: Secret;
  readonly expiresInSeconds: number | null;
  /** null: keep the one you have. */
  readonly refreshToken: Secret | null;
  readonly refreshTokenExpiresInSeconds: number | null;
  /** null where Webex did not say. */
  readonly scopes: readonly string[] | null;
}

export interface DeviceAuthorization {
  readonly deviceCode: Secret;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | null;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

export type DeviceTokenPoll =
  | { readonly kind: "authorized"; readonly tokens: TokenResponse }
  | { readonly kind: "pending" }
  | { readonly kind: "slowDown" }
  | { readonly kind: "denied" }
  | { readonly kind: "expired" };

/** Where the OAuth endpoints are. */
export interface OAuthEndpoints {
  readonly authorize: string;
  readonly token: string;
  readonly deviceAuthorize: string;
  readonly deviceToken: string;
  readonly revoke: string;
}

/**
 * Webex's token endpoints. Faults: `grantRefused` (400/401: a person has to authorize again; `data.error` where Webex named one),
 * `rateLimited`, `webexError`, `webexUnreachable`, `cancelled`.
 */
export interface OAuthApi {
  /** The page where a person consents (RFC 6749 4.1.1 with PKCE, RFC 7636). */
  authorizeUrl(request: {
    clientId: string;
    redirectUri: string;
    scope: string;
    state: string;
    codeChallenge: string;
  }): string;
  exchangeCode(
    client: OAuthClient,
    grant: { code: Secret; redirectUri: string; codeVerifier: Secret },
    signal: AbortSignal,
  ): Promise<TokenResponse>;
  refresh(client: OAuthClient, refreshToken: Secret, signal: AbortSignal): Promise<TokenResponse>;
  /** Device flow, RFC 8628. */
  authorizeDevice(
    client: OAuthClient,
    scope: string,
    signal: AbortSignal,
  ): Promise<DeviceAuthorization>;
  pollDeviceToken(
    client: OAuthClient,
    deviceCode: Secret,
    signal: AbortSignal,
  ): Promise<DeviceTokenPoll>;
  /** RFC 7009. */
  revoke(client: OAuthClient, token: Secret, signal: AbortSignal): Promise<void>;
}

/** Who a token belongs to: the calls that prove it. Faults as `PeopleApi`. */
export interface IdentityApi {
  me(accessToken: Secret, signal: AbortSignal): Promise<Me>;
  organizationName(accessToken: Secret, orgId: string, signal: AbortSignal): Promise<string>;
  /** The organizations that the token sees: one for an administrator, several for a partner's. */
  organizations(
    accessToken: Secret,
    signal: AbortSignal,
  ): Promise<readonly { readonly orgId: string; readonly orgName: string }[]>;
}
