import type { OAuthEndpoints } from "./oauth-api.js";

const CISCO_ORIGIN = "https://webexapis.com";

/** The OAuth endpoints that belong to an `ApiUrl` (without a trailing slash). Cisco revokes at another host than it grants. */
export function webexEndpoints(apiUrl: string): OAuthEndpoints {
  const { origin } = new URL(apiUrl);
  const revokeOrigin = origin === CISCO_ORIGIN ? "https://idbroker.webex.com" : origin;
  return {
    authorize: `${apiUrl}/authorize`,
    token: `${apiUrl}/access_token`,
    deviceAuthorize: `${apiUrl}/device/authorize`,
    deviceToken: `${apiUrl}/device/token`,
    revoke: `${revokeOrigin}/idb/oauth2/v1/revoke`,
  };
}
