import type { Fault } from "../faults/fault.js";
import type { Secret } from "../faults/secret.js";
import type { TokenResponse } from "../webex/oauth.js";

/** The only scopes that the worker requests. */
export const REQUIRED_SCOPES = [
  "spark-admin:people_read",
  "spark-admin:organizations_read",
] as const;

/**
 * The tokens of one organization and where they came from. Times are milliseconds since the epoch,
 * or null if Webex did not report them.
 */
export interface Grant {
  readonly orgId: string;
  readonly orgName: string;
  /** Display name or e-mail address of the administrator. */
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: number;
  /** The integration and the API origin that the grant was issued for. It is used with no other. */
  readonly clientId: string;
  readonly apiOrigin: string;
  readonly accessToken: Secret;
  readonly accessTokenExpiresAt: number | null;
  readonly refreshToken: Secret;
  readonly refreshTokenExpiresAt: number | null;
}

/** A grant without its tokens, as the host sees it. Times are ISO 8601 in UTC. */
export interface Authorization {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: string;
  readonly accessTokenExpiresAt: string | null;
  readonly refreshTokenExpiresAt: string | null;
  /** `required`: refused by Webex, or issued for another client or API origin. */
  readonly state: "valid" | "required";
}

/** Ten years. A longer lifetime is meaningless: Webex issues no token for more than 90 days. */
export const MAX_LIFETIME_SECONDS = 315_360_000;

/** The last time whose ISO 8601 form has a four-digit year. Many parsers reject later ones. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * Converts a lifetime to milliseconds since the epoch. Returns null if Webex reported no usable
 * lifetime; such a token is used until Webex rejects it.
 */
export function computeExpiry(seconds: number | null, now: number): number | null {
  return seconds !== null && seconds > 0 && seconds <= MAX_LIFETIME_SECONDS
    ? Math.floor(now + seconds * 1000)
    : null;
}

/** Whether a stored number of milliseconds since the epoch can be shown as a date. */
export function isValidTime(time: number): boolean {
  return time >= 0 && time <= MAX_TIME;
}

/** Returns the grant as the host sees it. `fault` is what prevents its use, or null. */
export function toAuthorization(grant: Grant, fault: Fault | null): Authorization {
  return {
    orgId: grant.orgId,
    orgName: grant.orgName,
    authorizedBy: grant.authorizedBy,
    scopes: grant.scopes,
    grantedAt: new Date(grant.grantedAt).toISOString(),
    accessTokenExpiresAt: toIsoTime(grant.accessTokenExpiresAt),
    refreshTokenExpiresAt: toIsoTime(grant.refreshTokenExpiresAt),
    state: fault === null ? "valid" : "required",
  };
}

function toIsoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** Returns the grant with the refreshed tokens. What the response omits stays as it was. */
export function applyRefresh(grant: Grant, tokens: TokenResponse, now: number): Grant {
  const isSameAccessToken = tokens.accessToken.equals(grant.accessToken);
  const isSameRefreshToken = tokens.refreshToken?.equals(grant.refreshToken) ?? true;
  return {
    ...grant,
    accessToken: tokens.accessToken,
    accessTokenExpiresAt:
      computeExpiry(tokens.expiresInSeconds, now) ??
      (isSameAccessToken ? grant.accessTokenExpiresAt : null),
    refreshToken: tokens.refreshToken ?? grant.refreshToken,
    refreshTokenExpiresAt:
      computeExpiry(tokens.refreshTokenExpiresInSeconds, now) ??
      (isSameRefreshToken ? grant.refreshTokenExpiresAt : null),
    scopes: tokens.scopes ?? grant.scopes,
  };
}
