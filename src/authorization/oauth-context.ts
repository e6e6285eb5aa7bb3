import type { IdentityApi } from "../webex/identity.js";
import type { OAuthApi, OAuthClient } from "../webex/oauth.js";
import type { AuthorizationSettings } from "./effective-client.js";
import { effectiveClientId, originOf } from "./effective-client.js";

/** The service behind one `WebexPresence.ApiUrl`, as far as authorization asks it. */
export interface WebexService {
  readonly apiOrigin: string;
  readonly oauth: OAuthApi;
  readonly identity: IdentityApi;
}

/**
 * The integration and the service that a grant is asked of, taken together when the asking begins. Codes, tokens and the grant belong
 * to both, whatever the settings say by the time they arrive.
 */
export interface OAuthContext extends WebexService {
  readonly client: OAuthClient;
}

/**
 * What is another one now than it was for something given for this client and origin. Without any client id to compare with, the
 * client is missing, not another.
 */
export function findContextChange(
  issuedFor: { readonly clientId: string; readonly apiOrigin: string },
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): "client" | "apiOrigin" | null {
  const clientId = effectiveClientId(settings, storedClient);
  if (clientId !== null && clientId !== issuedFor.clientId) return "client";
  return issuedFor.apiOrigin === originOf(settings.apiUrl) ? null : "apiOrigin";
}

/** Why a flow is over that was begun with another counterpart than the settings name now; null while they name the same. */
export function findCancelReason(
  oauthContext: OAuthContext,
  settings: AuthorizationSettings,
  storedClient: OAuthClient | null,
): string | null {
  const { client, apiOrigin } = oauthContext;
  switch (findContextChange({ clientId: client.clientId, apiOrigin }, settings, storedClient)) {
    case "client":
      return "The Webex integration's client id was changed, so this authorization of the one before is over. It has to be begun again, and given to the integration that is in use now.";
    case "apiOrigin":
      return "WebexPresence.ApiUrl was changed, so this authorization at the address before is over. It has to be begun again, and given at the address that is set now.";
    case null:
      return null;
  }
}
