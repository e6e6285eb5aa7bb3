import type { Secret } from "../faults/secret.js";
import type { TokenResponse } from "../webex/oauth-api.js";

/** The scopes asked for; nothing else is (contract: Webex). */
export const REQUIRED_SCOPES = [
  "spark-admin:people_read",
  "spark-admin:organizations_read",
] as const;

/** What an administrator's authorization gave us for one organization. Times are epoch milliseconds; null where Webex did not say. */
export interface Grant {
  readonly orgId: string;
  readonly orgName: string;
  /** Display name or e-mail of the administrator. */
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: number;
  /** The integration and the API origin this grant was given for: it is used with no other. */
  readonly clientId: string;
  readonly apiOrigin: string;
  readonly accessToken: Secret;
  readonly accessTokenExpiresAt: number | null;
  readonly refreshToken: Secret;
  readonly refreshTokenExpiresAt: number | null;
}

/** A grant as the host sees it: no token in it. Times are ISO 8601 UTC. */
export interface Authorization {
  readonly orgId: string;
  readonly orgName: string;
  readonly authorizedBy: string | null;
  readonly scopes: readonly string[];
  readonly grantedAt: string;
  readonly accessTokenExpiresAt: string | null;
  readonly refreshTokenExpiresAt: string | null;
  /** `required`: a person has to authorize again (dead grant, other client, other API origin). */
  readonly state: "valid" | "required";
}

/** Ten years. No token of Webex lives longer than 90 days: whoever names more names no lifetime that one could go by. */
export const MAX_LIFETIME_SECONDS = 315_360_000;

/** The last millisecond whose ISO 8601 text has a year of four digits: later ones are no times to many a reader, or to no one. */
const MAX_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** Epoch milliseconds; null where Webex gave no lifetime, or none that means anything: the token is used until it is refused. */
export function computeExpiry(seconds: number | null, now: number): number | null {
  return seconds !== null && seconds > 0 && seconds <= MAX_LIFETIME_SECONDS
    ? Math.floor(now + seconds * 1000)
    : null;
}

/** Whether epoch milliseconds that were stored can be shown as a time. */
export function isValidTime(time: number): boolean {
  return time >= 0 && time <= MAX_TIME;
}

/** The grant after a token answer: what Webex did not say stays as it was. `now`: epoch milliseconds. */
export function applyRefresh(grant: Grant, answer: TokenResponse, now: number): Grant {
  const isSameAccessToken = answer.accessToken.equals(grant.accessToken);
  const isSameRefreshToken = answer.refreshToken?.equals(grant.refreshToken) ?? true;
  return {
    ...grant,
    accessToken: answer.accessToken,
    accessTokenExpiresAt:
      computeExpiry(answer.expiresInSeconds, now) ??
      (isSameAccessToken ? grant.accessTokenExpiresAt : null),
    refreshToken: answer.refreshToken ?? grant.refreshToken,
    refreshTokenExpiresAt:
      computeExpiry(answer.refreshTokenExpiresInSeconds, now) ??
      (isSameRefreshToken ? grant.refreshTokenExpiresAt : null),
    scopes: answer.scopes ?? grant.scopes,
  };
}
