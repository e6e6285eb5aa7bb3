import type { TokenResponse } from "../webex/oauth.js";
import type { Grant } from "./grant.js";
import { computeExpiry } from "./lifetime.js";

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
