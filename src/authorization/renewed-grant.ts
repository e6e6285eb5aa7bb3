import type { TokenAnswer } from "../webex/oauth-api.js";
import type { Grant } from "./grant.js";
import { expiry } from "./lifetime.js";

/** The grant after a token answer: what Webex did not say stays as it was. `now`: epoch milliseconds. */
export function afterRefresh(grant: Grant, answer: TokenAnswer, now: number): Grant {
  const sameAccess = answer.accessToken.equals(grant.accessToken);
  const sameRefresh = answer.refreshToken?.equals(grant.refreshToken) ?? true;
  return {
    ...grant,
    accessToken: answer.accessToken,
    accessTokenExpiresAt: expiry(answer.expiresInSeconds, now) ?? (sameAccess ? grant.accessTokenExpiresAt : null),
    refreshToken: answer.refreshToken ?? grant.refreshToken,
    refreshTokenExpiresAt: expiry(answer.refreshTokenExpiresInSeconds, now) ?? (sameRefresh ? grant.refreshTokenExpiresAt : null),
    scopes: answer.scopes ?? grant.scopes,
  };
}
