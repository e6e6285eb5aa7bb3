import { Fault } from "../faults/fault.js";
import type { OAuthClient, IdentityApi, OAuthApi } from "../webex/oauth-api.js";

/** What `Presence.ini` says about authorization, now. */
export interface AuthorizationSettings {
  /** `WebexPresence.ClientId`; null or empty where it is not set. */
  readonly clientId: string | null;
  readonly apiUrl: string;
  readonly redirectPort: number;
}

/** The id of the integration in use: the settings' goes before the keychain's. Null where neither has one. */
export function effectiveClientId(
  settings: Pick<AuthorizationSettings, "clientId">,
  storedClient: OAuthClient | null,
): string | null {
  const configured = settings.clientId?.trim() ?? "";
  return configured === "" ? (storedClient?.clientId ?? null) : configured;
}

/** The integration in use with its secret, or the fault `clientNotConfigured`: none kept, or one kept for another id. */
export function effectiveClient(
  settings: Pick<AuthorizationSettings, "clientId">,
  storedClient: OAuthClient | null,
): OAuthClient {
  if (storedClient === null) {
    throw new Fault(
      "clientNotConfigured",
      "The Webex integration's client id and secret are not in the keychain: Webex cannot be asked.",
      {
        hint: 'Keep them with the command "ucx-webex-presence secret client", in the account that the worker runs under.',
      },
    );
  }
  if (effectiveClientId(settings, storedClient) !== storedClient.clientId) {
    throw new Fault(
      "clientNotConfigured",
      "The client secret in the keychain belongs to another client id than WebexPresence.ClientId.",
      {
        hint: 'Keep the id and its secret with the command "ucx-webex-presence secret client", or take WebexPresence.ClientId out of the settings.',
      },
    );
  }
  return storedClient;
}

export function originOf(apiUrl: string): string {
  return new URL(apiUrl).origin;
}

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
